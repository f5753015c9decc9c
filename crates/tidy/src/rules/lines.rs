//! Lines fit side by side: at most 100 columns of code, no blanks at their end, no tabs in Rust,
//! and a last line that ends. A link in a comment may be longer, and data is as it came: files of
//! data, and what a test expects in a string of several lines.

use super::{Remark, is_code, is_data};
use crate::tree::{File, Tree};

const COLUMNS_MAX: usize = 100;

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    let is_text = is_code(file)
        || [".md", ".toml", ".sql", ".css", ".html", ".yml", ".yaml"]
            .iter()
            .any(|ending| file.path.ends_with(ending));
    if !is_text || is_data(file) {
        return Vec::new();
    }
    let mut remarks = Vec::new();
    for (index, text) in file.text.lines().enumerate() {
        if is_expected_text(file, index + 1) {
            continue;
        }
        let mut remark = |advice: String| remarks.push(Remark::new(index + 1, advice));
        let columns = text.chars().count();
        if is_code(file) && columns > COLUMNS_MAX && !is_link_in_comment(text) {
            remark(format!("{columns} columns; break the line at {COLUMNS_MAX}"));
        }
        if text.ends_with([' ', '\t']) {
            remark("remove the blanks at the end of the line".to_owned());
        }
        if file.path.ends_with(".rs") && text.contains('\t') {
            remark("indent with spaces; write a tab in a string as `\\t`".to_owned());
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        let last = file.text.lines().count();
        remarks.push(Remark::new(last, "end the last line with a line feed"));
    }
    remarks
}

/// Whether a line of a test lies wholly inside a string.
fn is_expected_text(file: &File, line: usize) -> bool {
    let is_test = file.is_test() || file.source.is_test_line(line);
    is_test && file.source.is_inside_string(line)
}

fn is_link_in_comment(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(['#', '*']) && text.contains("://")
        || text.split_once("//").is_some_and(|(_, comment)| comment.contains("://"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn length_blanks_tabs_and_the_last_line() {
        let long = "x".repeat(101);
        let text = format!("{long}\n// https://{long}\nlet a = \"http://{long}\";\na \n\tb");
        let inside_test = format!("#[test]\nfn a() {{\n    let a = \"\n{long} \n\";\n}}\n");
        let texts = [
            ("a.rs", text.as_str()),
            ("a.md", text.as_str()),
            ("tests/data/a.rs", text.as_str()),
            ("run", "a\n"),
            ("b.rs", &inside_test),
        ];
        expect![[r#"
            a.rs:1: 101 columns; break the line at 100
            a.rs:3: 119 columns; break the line at 100
            a.rs:4: remove the blanks at the end of the line
            a.rs:5: indent with spaces; write a tab in a string as `\t`
            a.rs:5: end the last line with a line feed
            a.md:4: remove the blanks at the end of the line
            a.md:5: end the last line with a line feed
        "#]]
        .assert_eq(&remarks(super::check, &texts));
    }
}
