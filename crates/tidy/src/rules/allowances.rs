//! An allowance says why. `#[allow(...)]` and `#[expect(...)]` carry `reason = "..."`, tests too.

use super::Remark;
use crate::reading::words;
use crate::tree::{File, Tree};

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    let code = file.source.code();
    let mut remarks = Vec::new();
    for (hash, _) in code.match_indices('#') {
        let bracket = hash + if code[hash..].starts_with("#![") { 2 } else { 1 };
        let inside = code.get(bracket + 1..).unwrap_or_default();
        let is_allowance = inside.starts_with("allow(") || inside.starts_with("expect(");
        if !code[bracket..].starts_with('[') || !is_allowance {
            continue;
        }
        let end = words::after_closing(code, bracket).unwrap_or(code.len());
        if !words::has(&code[bracket..end], "reason") {
            let line = words::line_at(code, hash);
            remarks.push(Remark::new(line, "add `reason = \"...\"`, or fix what it silences"));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn an_allowance_without_reason_is_found() {
        let text = "#![allow(dead_code)]\n#[expect(a, reason = \"b\")]\nfn a() {}\n\
                    #[allow(\n    b,\n)]\nfn c() { x.expect(1) }\n";
        expect![[r#"
            a.rs:1: add `reason = "..."`, or fix what it silences
            a.rs:4: add `reason = "..."`, or fix what it silences
        "#]]
        .assert_eq(&remarks(super::check, &[("a.rs", text)]));
    }
}
