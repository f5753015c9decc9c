//! Nothing half done stays behind: no `todo!`, `unimplemented!` or `dbg!`, no FIXME marks, and a
//! TODO only with its reason or issue in parentheses, as in `TODO(#12): ...`.

use super::{Remark, is_code};
use crate::reading::crates::{Layer, layer_of};
use crate::reading::words;
use crate::tree::{File, Tree};

const MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];
const MARKS: &[&str] = &["FIXME", "XXX"];

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    // This crate has to name what it looks for.
    if !is_code(file) || layer_of(&file.path) == Layer::Tidy {
        return Vec::new();
    }
    let mut remarks = Vec::new();
    for (line, code) in file.source.code_lines() {
        if let Some(name) = MACROS.iter().find(|name| words::has(code, name)) {
            remarks.push(Remark::new(line, format!("finish what `{name}` stands for")));
        }
    }
    if file.path.ends_with(".rs") {
        remarks.extend(file.source.comment_lines().filter_map(mark_in));
    } else {
        remarks
            .extend(file.text.lines().enumerate().filter_map(|(at, text)| mark_in((at + 1, text))));
    }
    remarks
}

fn mark_in((line, text): (usize, &str)) -> Option<Remark> {
    if let Some(mark) = MARKS.iter().find(|mark| words::has(text, mark)) {
        return Some(Remark::new(line, format!("settle the {mark} or file an issue")));
    }
    let bare = |at: usize| !text[at + 4..].starts_with('(') || text[at + 4..].starts_with("()");
    words::offsets_of(text, "TODO")
        .any(bare)
        .then(|| Remark::new(line, "give the TODO its reason or issue: `TODO(#12): ...`, or do it"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn macros_in_code_and_marks_in_comments() {
        let text = "fn a() { todo!() } // FIXME later\nlet s = \"XXX dbg!\";\n/// TODO(#12): fine\n\
                    // TODO: not fine\nlet todo = 1;\n";
        expect![[r##"
            crates/server/src/a.rs:1: finish what `todo!` stands for
            crates/server/src/a.rs:1: settle the FIXME or file an issue
            crates/server/src/a.rs:4: give the TODO its reason or issue: `TODO(#12): ...`, or do it
            run:1: settle the XXX or file an issue
        "##]]
        .assert_eq(&remarks(
            super::check,
            &[("crates/server/src/a.rs", text), ("run", "# XXX\nmktemp a.XXXXXX\n")],
        ));
    }
}
