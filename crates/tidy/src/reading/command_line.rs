//! The subcommands and flags that a binary takes, read from the source that declares them to clap.
//!
//! Both of clap's ways are read: derived types (`#[derive(Subcommand)]`, `#[arg(long)]`) and the
//! builder (`Command::new("name")`, `.long("name")`). Names are not tied to their level: a flag
//! that belongs to one subcommand counts as known for all.

use std::collections::BTreeSet;

use super::words;
use crate::tree::File;

/// What may follow the name of a binary.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// The subcommands of every level.
    pub(crate) subcommands: BTreeSet<String>,
    /// The long flags, without their dashes.
    pub(crate) flags: BTreeSet<String>,
}

/// Reads the command line from the source of a binary; none where it declares none yet.
pub(crate) fn read<'t>(files: impl Iterator<Item = &'t File>) -> Option<CommandLine> {
    let mut found = CommandLine::default();
    for file in files.filter(|file| !file.is_test()) {
        read_derived(file, &mut found);
        read_built(file, &mut found);
    }
    if found == CommandLine::default() {
        return None;
    }
    found.subcommands.insert("help".to_owned());
    found.flags.extend(["help", "version"].map(str::to_owned));
    Some(found)
}

fn read_built(file: &File, found: &mut CommandLine) {
    found.subcommands.extend(arguments_of(file, "Command::new("));
    found.flags.extend(arguments_of(file, ".long("));
}

/// The string that follows each place of `call`.
fn arguments_of<'f>(file: &'f File, call: &'f str) -> impl Iterator<Item = String> + 'f {
    words::offsets_of(file.source.code(), call)
        .filter_map(move |offset| leading_string(&file.text[offset + call.len()..]))
}

fn leading_string(text: &str) -> Option<String> {
    text.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned)
}

fn read_derived(file: &File, found: &mut CommandLine) {
    let code = file.source.code();
    for (start, _) in code.match_indices("#[derive(") {
        let Some(end) = words::after_closing(code, start + 1) else { continue };
        let derive = &code[start..end];
        let Some(open) = code[end..].find('{').map(|at| end + at) else { continue };
        let Some(close) = words::after_closing(code, open) else { continue };
        let body = Body { text: &file.text[open + 1..close - 1], code: &code[open + 1..close - 1] };
        if words::has(derive, "Subcommand") {
            found.subcommands.extend(body.members().filter_map(|member| member.subcommand()));
        }
        if ["Subcommand", "Args", "Parser"].iter().any(|name| words::has(derive, name)) {
            found.flags.extend(body.long_flags());
        }
    }
}

/// The inside of a struct or enum, as text and with strings blanked.
struct Body<'f> {
    text: &'f str,
    code: &'f str,
}

/// A variant or field with its attributes.
struct Member<'f> {
    text: &'f str,
    code: &'f str,
}

impl<'f> Body<'f> {
    /// The parts between the commas of the outermost level.
    fn members(&self) -> impl Iterator<Item = Member<'f>> {
        let mut ends = Vec::new();
        let mut depth = 0_usize;
        for (offset, byte) in self.code.bytes().enumerate() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => ends.push(offset),
                _ => {}
            }
        }
        ends.push(self.code.len());
        let (text, code) = (self.text, self.code);
        let mut start = 0;
        ends.into_iter().map(move |end| {
            let member = Member { text: &text[start..end], code: &code[start..end] };
            start = (end + 1).min(code.len());
            member
        })
    }

    /// Every `#[arg(long)]` and `#[arg(long = "name")]`, in variants with fields too.
    fn long_flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        for (start, _) in self.code.match_indices("#[arg(") {
            let Some(end) = words::after_closing(self.code, start + 1) else { continue };
            let attribute = &self.code[start..end];
            let Some(long) = words::offsets_of(attribute, "long").next() else { continue };
            let after = self.text[start + long + 4..end].trim_start();
            let named = after.strip_prefix('=').and_then(leading_string);
            flags.extend(named.or_else(|| field_after(&self.code[end..])));
        }
        flags
    }
}

/// The name of the field after its attributes, as clap spells it.
fn field_after(code: &str) -> Option<String> {
    let mut rest = code.trim_start();
    while rest.starts_with("#[") {
        rest = rest[words::after_closing(rest, 1)?..].trim_start();
    }
    if let Some(visible) = rest.strip_prefix("pub") {
        let end = if visible.starts_with('(') { words::after_closing(visible, 0)? } else { 0 };
        rest = visible[end..].trim_start();
    }
    let name = words::leading_name(rest);
    (!name.is_empty()).then(|| name.replace('_', "-"))
}

impl Member<'_> {
    fn subcommand(&self) -> Option<String> {
        let explicit = self.code.find("#[command(").and_then(|start| {
            let end = words::after_closing(self.code, start + 1)?;
            let name = words::offsets_of(&self.code[start..end], "name").next()?;
            leading_string(self.text[start + name + 4..end].trim_start().strip_prefix('=')?)
        });
        explicit.or_else(|| field_after(self.code).map(|name| kebab(&name)))
    }
}

/// `CheckData` as `check-data`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let file = File::new("crates/server/src/main.rs", text);
        match read([file].iter()) {
            None => "none".to_owned(),
            Some(found) => format!(
                "{} / {}",
                Vec::from_iter(found.subcommands).join(" "),
                Vec::from_iter(found.flags).join(" ")
            ),
        }
    }

    #[test]
    fn derived_variants_and_fields_are_names() {
        let text = r#"
            #[derive(Debug, Subcommand)]
            enum Verb {
                /// Everything, at once.
                Dev(#[command(flatten)] DevArgs),
                #[command(name = "check-all", about = "x")]
                CheckData { #[arg(long, value_name = "DIR")] data_dir: PathBuf, plain: u8 },
            }
            #[derive(Args)]
            struct DevArgs {
                /// Where.
                #[arg(long = "ready-file")]
                pub ready: Option<PathBuf>,
                #[arg(short, long, default_value = "a, b")]
                pub(crate) only: String,
                name: String,
            }
            #[derive(Debug)]
            enum Other { NotACommand }
        "#;
        assert_eq!(shown(text), "check-all dev help / data-dir help only ready-file version");
    }

    #[test]
    fn built_commands_are_names() {
        let text = r#"Command::new("serve").arg(Arg::new("c").long("config"))"#;
        assert_eq!(shown(text), "help serve / config help version");
    }

    #[test]
    fn a_binary_without_a_command_line_is_told_apart_from_an_empty_one() {
        assert_eq!(shown("fn main() {}"), "none");
    }
}
