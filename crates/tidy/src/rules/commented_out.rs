//! Code is deleted, not commented out; the history keeps it. Only whole lines of `//` that can
//! hardly be prose are found: they end like code and begin like a statement or an item.

use super::{Remark, is_code};
use crate::reading::words;
use crate::tree::{File, Tree};

const ITEMS: &[&str] = &[
    "pub ",
    "fn ",
    "async ",
    "impl ",
    "impl<",
    "struct ",
    "enum ",
    "trait ",
    "mod ",
    "if ",
    "for ",
    "while ",
    "loop ",
    "match ",
    "} else",
    "unsafe ",
    "function ",
    "export ",
    "class ",
    "#[",
];

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    if !is_code(file) {
        return Vec::new();
    }
    let commented: Vec<(usize, &str)> = match file.path.ends_with(".rs") {
        true => file.source.comment_lines().collect(),
        false => file.text.lines().enumerate().map(|(at, text)| (at + 1, text)).collect(),
    };
    let plain = commented.into_iter().filter_map(|(line, text)| {
        let said = text.trim_start().strip_prefix("//")?;
        (!said.starts_with(['/', '!'])).then(|| (line, said.trim()))
    });
    plain
        .filter(|(_, said)| is_like_code(said))
        .map(|(line, _)| Remark::new(line, "delete commented-out code; the history keeps it"))
        .collect()
}

fn is_like_code(said: &str) -> bool {
    if said.ends_with('{') {
        return ITEMS.iter().any(|item| said.starts_with(item)) || said.ends_with(") {");
    }
    let Some(statement) = said.strip_suffix(';') else { return said == "}" };
    is_binding(statement) || is_import(statement) || is_call(statement) || is_return(statement)
}

fn is_binding(statement: &str) -> bool {
    let starts =
        ["let ", "const ", "static ", "var "].iter().any(|word| statement.starts_with(word));
    starts && statement.contains(['=', ':'])
}

fn is_import(statement: &str) -> bool {
    let path = statement.strip_prefix("pub ").unwrap_or(statement);
    let path = path.strip_prefix("use ").or_else(|| path.strip_prefix("mod "));
    path.is_some_and(|path| !path.contains(' ') || path.contains("::{") || path.contains(" as "))
}

/// `a.b::c(...)` from the first letter to the last, perhaps awaited or asked with `?`.
fn is_call(statement: &str) -> bool {
    let called = statement.trim_end_matches('?').trim_end_matches(".await").trim_end_matches('?');
    let Some(open) = called.find('(') else { return false };
    let callee = &called[..open];
    let is_path = |letter| words::is_name(letter) || matches!(letter, '.' | ':' | '!' | '&' | '*');
    called.ends_with(')') && !callee.is_empty() && callee.chars().all(is_path)
}

fn is_return(statement: &str) -> bool {
    let value = statement.strip_prefix("return ");
    value.is_some_and(|value| value.contains(['(', '.', ':']) && !value.contains(' '))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::is_like_code;
    use crate::testing::remarks;

    #[test]
    fn prose_is_left_alone() {
        for said in [
            "let the writer go first;",
            "for a reader it is free; a writer waits;",
            "if it fails, the caller retries (see above);",
            "use of both is allowed;",
            "see `flush()`;",
            "return at once, without waiting;",
            "http://example.org/a(b);c",
        ] {
            assert!(!is_like_code(said), "{said}");
        }
    }

    #[test]
    fn statements_and_items_are_found() {
        for said in [
            "let a = b;",
            "use crate::b::{c, d};",
            "self.store.flush().await?;",
            "pub fn a() {",
            "if a == b {",
            "return Ok(a);",
            "}",
        ] {
            assert!(is_like_code(said), "{said}");
        }
    }

    #[test]
    fn documentation_may_show_code() {
        let text =
            "/// let a = b;\n//! let a = b;\nlet url = \"// let a = b;\";\n    // let a = b;\n";
        expect![[r#"
            a.rs:4: delete commented-out code; the history keeps it
        "#]]
        .assert_eq(&remarks(super::check, &[("a.rs", text)]));
    }
}
