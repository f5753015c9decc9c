//! Every subcommand and `--flag` that a page gives to one of our binaries exists: pages are
//! compared with the source that declares the command line. A binary that declares none yet has
//! nothing to compare with, and [`not_applied`] says so.

use super::Remark;
use crate::reading::command_line::{self, CommandLine};
use crate::reading::crates::{Crate, Layer};
use crate::reading::markdown::{self, Piece};
use crate::reading::shell::{self, Command};
use crate::tree::{File, Tree};

pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Remark> {
    let is_page = file.name() == "README.md" || file.path.starts_with("docs/");
    if !is_page || !file.path.ends_with(".md") {
        return Vec::new();
    }
    let commands = commands_of(&file.text);
    let mut remarks = Vec::new();
    for (binary, of) in binaries(tree) {
        let used = commands.iter().filter(|command| names(command, binary));
        let Some(declared) = declared_by(of, tree) else { continue };
        for command in used {
            remarks.extend(objections(command, binary, &declared));
        }
    }
    remarks
}

/// The binaries with no command line to compare with, each with the reason.
pub(crate) fn not_applied(tree: &Tree) -> Vec<String> {
    binaries(tree)
        .filter(|(_, of)| declared_by(of, tree).is_none())
        .map(|(binary, of)| {
            format!("command-line: `{binary}` declares no command line in {}/src yet", of.folder)
        })
        .collect()
}

/// Those that ship: a fuzz target has no command line of ours.
fn binaries(tree: &Tree) -> impl Iterator<Item = (&str, &Crate)> {
    let shipped = tree.crates.iter().filter(|of| of.layer != Layer::Outside);
    shipped.flat_map(|of| of.binaries.iter().map(move |binary| (binary.as_str(), of)))
}

fn declared_by(of: &Crate, tree: &Tree) -> Option<CommandLine> {
    command_line::read(tree.below(&format!("{}/src", of.folder)))
}

/// The commands in the blocks of shell and in the spans of code of a page.
fn commands_of(page: &str) -> Vec<Command> {
    let blocks = markdown::blocks(page);
    let in_blocks = blocks.iter().filter(|block| matches!(block.language, "sh" | "console"));
    let mut commands: Vec<Command> = in_blocks.flat_map(shell::commands).collect();
    for span in markdown::code_spans(page) {
        // A table of alternatives, `new|list`, is not a pipe.
        let text = span.text.replace("\\|", "|").replace('|', "\u{1f}");
        let piece = Piece { line: span.line, text: &text };
        commands.extend(shell::commands_of_line(&piece));
    }
    commands
}

fn names(command: &Command, binary: &str) -> bool {
    command.words.first().is_some_and(|word| word.rsplit('/').next() == Some(binary))
}

fn objections(command: &Command, binary: &str, declared: &CommandLine) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let subcommand = command.words.get(1).filter(|word| is_plain(word));
    for name in subcommand.into_iter().flat_map(|word| word.split('\u{1f}')) {
        if !declared.subcommands.is_empty() && !declared.subcommands.contains(name) {
            let advice = format!("`{binary}` has no subcommand `{name}`");
            remarks.push(Remark::new(command.line, advice));
        }
    }
    for flag in command.words.iter().filter_map(|word| flag_in(word)) {
        if !declared.flags.contains(flag) {
            remarks.push(Remark::new(command.line, format!("`{binary}` has no flag `--{flag}`")));
        }
    }
    remarks
}

/// Whether a word can be a subcommand, as opposed to a flag, an optional part or a placeholder.
fn is_plain(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_lowercase())
        && word.chars().all(|letter| letter.is_ascii_lowercase() || "-\u{1f}".contains(letter))
}

fn flag_in(word: &str) -> Option<&str> {
    let flag = word.trim_start_matches('[').strip_prefix("--")?;
    let end = flag.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let name = &flag[..end.unwrap_or(flag.len())];
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::not_applied;
    use crate::testing::remarks;
    use crate::tree::Tree;

    const MANIFEST: &str = "[package]\nname = \"server\"\n[[bin]]\nname = \"backplane\"\n";
    const MAIN: &str = "
#[derive(Subcommand)]
enum Verb {
    Dev { #[arg(long)] only: String },
    Namespace,
}
";
    const PAGE: &str = "\
Say `backplane dev [--only a,b] [--gone]` or `backplane namespace new\\|list`.
`backplane dev|gone`, not `backplane <system>`.
```sh
./target/debug/backplane fly --only=x | grep --count y
```
";

    #[test]
    fn what_the_binary_does_not_take_is_found() {
        expect![[r#"
            README.md:4: `backplane` has no subcommand `fly`
            README.md:1: `backplane` has no flag `--gone`
            README.md:2: `backplane` has no subcommand `gone`
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[
                ("README.md", PAGE),
                ("crates/server/Cargo.toml", MANIFEST),
                ("crates/server/src/main.rs", MAIN),
            ],
        ));
    }

    #[test]
    fn a_binary_without_a_command_line_is_named_and_not_judged() {
        let texts = [
            ("README.md", PAGE),
            ("crates/server/Cargo.toml", MANIFEST),
            ("crates/server/src/main.rs", "fn main() {}"),
        ];
        assert_eq!(remarks(super::check, &texts), "");
        assert_eq!(
            not_applied(&Tree::of_texts(&texts)),
            ["command-line: `backplane` declares no command line in crates/server/src yet"]
        );
    }
}
