//! A page names only what is there. Paths between backticks and the targets of links, in every
//! README and below `docs/`, are looked up from the root and from the folder of the page. What is
//! built and not kept (`.gitignore`) may be named freely.

use super::Remark;
use crate::reading::markdown::{self, Piece};
use crate::tree::{File, Tree};

/// A span that begins so is meant as a path of this tree.
const BEGINNINGS: &[&str] = &[
    "crates/",
    "docs/",
    "tests/",
    "web/",
    "fuzz/",
    "src/",
    "migrations/",
    "benches/",
    ".ci/",
    "./",
];

pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Remark> {
    if !is_page(file) {
        return Vec::new();
    }
    let spans = markdown::code_spans(&file.text).into_iter().filter_map(|span| {
        let path = path_in_span(span.text)?;
        Some(Piece { line: span.line, text: path })
    });
    let links = markdown::link_targets(&file.text).into_iter().filter_map(|link| {
        let path = link.text.split('#').next().unwrap_or_default();
        let is_outside =
            path.contains("://") || path.starts_with("mailto:") || path.starts_with('/');
        (!path.is_empty() && !is_outside).then_some(Piece { line: link.line, text: path })
    });
    spans
        .chain(links)
        .filter(|named| !exists(named.text, file, tree))
        .map(|named| {
            let advice = format!("`{}` does not exist; name what is there", named.text);
            Remark::new(named.line, advice)
        })
        .collect()
}

fn is_page(file: &File) -> bool {
    let is_markdown = file.path.ends_with(".md");
    is_markdown && (file.path.starts_with("docs/") || file.name() == "README.md")
}

/// The path in a span such as `crates/a/src/b.rs:12` or `./run --help`; none if it is a pattern, a
/// placeholder or no path.
fn path_in_span(span: &str) -> Option<&str> {
    let first = span.split([' ', ':', '#']).next()?;
    let is_pattern = first.contains(['<', '{', '*', '$', '…', '|']) || first.contains("...");
    let is_path = BEGINNINGS.iter().any(|beginning| first.starts_with(beginning));
    (is_path && !is_pattern).then_some(first)
}

fn exists(named: &str, page: &File, tree: &Tree) -> bool {
    let places = ["", page.folder()];
    places
        .into_iter()
        .filter_map(|folder| resolved(folder, named))
        .any(|path| path.is_empty() || tree.has(&path) || tree.is_ignored(&path))
}

/// The path from the root that `named` means in a folder; none if it leaves the tree.
fn resolved(folder: &str, named: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn names_are_looked_up_from_the_root_and_the_page() {
        let page = "`crates/a/src/b.rs:12` `crates/gone/` `./run --fast` `src/b.rs` `cargo test`\n\
                    `crates/<name>/src` `web/dist` [a](../../docs/c.md#d) [e](gone.md)\n\
                    [f](https://example.org/gone.md) [g](#here)\n```sh\n`docs/gone`\n```\n";
        expect![[r#"
            crates/a/README.md:1: `crates/gone/` does not exist; name what is there
            crates/a/README.md:2: `gone.md` does not exist; name what is there
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[
                (".gitignore", "/web/dist\n"),
                ("run", ""),
                ("docs/c.md", ""),
                ("crates/a/README.md", page),
                ("crates/a/src/b.rs", ""),
            ],
        ));
    }
}
