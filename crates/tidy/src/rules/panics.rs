//! Nothing that ships gives up by panic: no `.unwrap()`, and `.expect("...")` only where a proof
//! stands by it in `#[expect(clippy::expect_used, reason = "...")]`.

use super::Remark;
use crate::reading::words;
use crate::tree::{File, Tree};

/// How far above the call its proof may stand; an attribute of a function is nearer than its length
/// limit.
const PROOF_REACH_LINES: usize = 70;

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let proofs: Vec<usize> = file
        .source
        .code_lines()
        .filter(|(_, code)| words::has(code, "clippy::expect_used"))
        .map(|(line, _)| line)
        .collect();
    for (line, code) in file.shipped_lines() {
        if words::has(code, ".unwrap()") {
            remarks.push(Remark::new(line, "return an error instead of `.unwrap()`"));
        }
        let proven = proofs.iter().any(|&at| at <= line && line - at <= PROOF_REACH_LINES);
        if !proven && expects_with_message(code) {
            let advice = "return an error, or prove it: \
                          `#[expect(clippy::expect_used, reason = \"...\")]`";
            remarks.push(Remark::new(line, advice));
        }
    }
    remarks
}

/// Tells the `expect` of an `Option` or `Result` from a parser's own `expect(token)`.
fn expects_with_message(code: &str) -> bool {
    words::offsets_of(code, ".expect(").any(|at| {
        let argument = &code[at + ".expect(".len()..];
        argument.starts_with(['"', '&']) || argument.trim().is_empty()
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn panics_that_ship_are_found() {
        let text = "fn a() { b.unwrap(); c.expect(\"d\"); parser.expect(Token::Comma)?; }\n\
                    fn e() {\n    #[expect(clippy::expect_used, reason = \"f\")]\n    \
                    let g = h.expect(\"i\");\n}\n#[test]\nfn j() { k.unwrap() }\n";
        expect![[r#"
            a.rs:1: return an error instead of `.unwrap()`
            a.rs:1: return an error, or prove it: `#[expect(clippy::expect_used, reason = "...")]`
        "#]]
        .assert_eq(&remarks(super::check, &[("a.rs", text), ("tests/a.rs", text)]));
    }
}
