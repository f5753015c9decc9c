//! Which files the modules of a crate reach, and which of those are only tests.

use std::collections::BTreeSet;

use super::crates::Crate;
use super::rust::is_test_attribute;
use super::words;
use crate::tree::{File, Tree};

/// A `mod name;` and where its file can be.
#[derive(Debug, PartialEq)]
struct Declared {
    candidates: Vec<String>,
    is_test: bool,
}

/// The Rust files that a crate's roots reach through `mod`.
pub(crate) fn reachable<'t>(tree: &'t Tree, of: &Crate) -> BTreeSet<&'t str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&File> =
        tree.below(&of.folder).filter(|file| is_root(&file.path, of)).collect();
    while let Some(file) = waiting.pop() {
        if !reached.insert(file.path.as_str()) {
            continue;
        }
        let declared = declared_in(file);
        let candidates = declared.iter().flat_map(|module| &module.candidates);
        waiting.extend(candidates.filter_map(|path| tree.file(path)));
    }
    reached
}

fn is_root(path: &str, of: &Crate) -> bool {
    let Some(inside) = path.strip_prefix(&format!("{}/", of.folder)) else { return false };
    matches!(inside, "src/lib.rs" | "src/main.rs" | "build.rs")
        || inside.strip_prefix("src/bin/").is_some_and(is_binary)
        || of.roots.iter().any(|root| root == inside)
}

fn is_binary(inside: &str) -> bool {
    inside.ends_with("/main.rs") || !inside.contains('/')
}

/// Marks the files that are compiled into tests only, and those that they declare.
pub(crate) fn mark_test_modules(files: &mut [File]) {
    let mut waiting: Vec<String> = Vec::new();
    for file in files.iter() {
        let whole = file.is_test();
        let declared = declared_in(file).into_iter().filter(|module| whole || module.is_test);
        waiting.extend(declared.flat_map(|module| module.candidates));
    }
    while let Some(path) = waiting.pop() {
        let Some(file) = files.iter_mut().find(|file| file.path == path) else { continue };
        if !file.source.only_test {
            file.source.only_test = true;
            waiting.extend(declared_in(file).into_iter().flat_map(|module| module.candidates));
        }
    }
}

fn declared_in(file: &File) -> Vec<Declared> {
    let code = file.source.code();
    words::offsets_of(code, "mod").filter_map(|offset| declared_at(file, code, offset)).collect()
}

fn declared_at(file: &File, code: &str, offset: usize) -> Option<Declared> {
    let after = code[offset + 3..].trim_start();
    let name = words::leading_name(after);
    if name.is_empty() || !after[name.len()..].trim_start().starts_with(';') {
        return None;
    }
    let before = attributes_before(code, offset);
    let is_test = before.attributes.iter().any(|attribute| is_test_attribute(attribute))
        || file.source.is_test_line(words::line_at(code, offset));
    let explicit = explicit_path(&file.text[before.start..offset]);
    let inside = enclosing_modules(code, offset);
    let candidates = match explicit {
        Some(path) => vec![joined(file.folder(), &path)],
        None => {
            let folder = joined(&folder_of_modules(file), &inside.join("/"));
            vec![joined(&folder, &format!("{name}.rs")), joined(&folder, &format!("{name}/mod.rs"))]
        }
    };
    Some(Declared { candidates, is_test })
}

struct Attributes<'c> {
    start: usize,
    attributes: Vec<&'c str>,
}

/// The attributes between the end of the item before and the word at `offset`.
fn attributes_before(code: &str, offset: usize) -> Attributes<'_> {
    // A brace or semicolon inside an attribute does not occur once strings are blanked.
    let start = code[..offset].rfind(['{', '}', ';']).map_or(0, |at| at + 1);
    let attributes = code[start..offset]
        .match_indices("#[")
        .filter_map(|(at, _)| {
            let end = words::after_closing(code, start + at + 1)?;
            code.get(start + at + 2..end - 1)
        })
        .collect();
    Attributes { start, attributes }
}

fn explicit_path(text: &str) -> Option<String> {
    let value = text.split_once("#[path")?.1.split('"').nth(1)?;
    Some(value.to_owned())
}

/// The names of the inline modules around an offset, outermost first.
fn enclosing_modules(code: &str, offset: usize) -> Vec<&str> {
    words::offsets_of(&code[..offset], "mod")
        .filter_map(|at| {
            let after = code[at + 3..].trim_start();
            let name = words::leading_name(after);
            let open = code.len() - after.len() + name.len() + blanks(&after[name.len()..]);
            let is_inline = !name.is_empty() && code[open..].starts_with('{');
            let encloses = is_inline && words::after_closing(code, open)? > offset;
            encloses.then_some(name)
        })
        .collect()
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The folder in which the modules declared by a file have theirs.
fn folder_of_modules(file: &File) -> String {
    let stem = file.name().trim_end_matches(".rs");
    let is_root_of_tests = file.folder().ends_with("/tests") || file.folder().ends_with("/benches");
    if matches!(stem, "lib" | "main" | "mod") || is_root_of_tests {
        return file.folder().to_owned();
    }
    joined(file.folder(), stem)
}

fn joined(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_tests_makes_its_files_tests() {
        let tree = Tree::of_texts(&[
            ("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod helpers;\n"),
            ("crates/a/src/b.rs", "#[cfg(test)]\nmod checks;\n"),
            ("crates/a/src/b/checks.rs", "mod deeper;"),
            ("crates/a/src/b/checks/deeper.rs", ""),
            ("crates/a/src/helpers.rs", ""),
        ]);
        let tests: Vec<&str> =
            tree.files.iter().filter(|file| file.is_test()).map(|file| &file.path[..]).collect();
        assert_eq!(
            tests,
            [
                "crates/a/src/b/checks.rs",
                "crates/a/src/b/checks/deeper.rs",
                "crates/a/src/helpers.rs"
            ]
        );
    }

    #[test]
    fn inline_modules_and_explicit_paths_are_followed() {
        let file = File::new(
            "crates/a/src/b.rs",
            "mod outer {\n    mod inner;\n}\n#[path = \"odd.rs\"]\nmod even;\n",
        );
        let candidates: Vec<String> =
            declared_in(&file).into_iter().flat_map(|module| module.candidates).collect();
        assert_eq!(
            candidates,
            [
                "crates/a/src/b/outer/inner.rs",
                "crates/a/src/b/outer/inner/mod.rs",
                "crates/a/src/odd.rs"
            ]
        );
    }
}
