//! A Rust file read once for all rules: its code, its comments, its functions, its tests.

use std::collections::BTreeSet;

use super::functions::{self, Function};
use super::lexer::{self, Parted};
use super::words;

/// The reading of a Rust file; empty for a file of another language.
#[derive(Debug, Default)]
pub(crate) struct Source {
    parted: Parted,
    lines_in_strings: BTreeSet<usize>,
    /// The functions in the order they begin.
    pub(crate) functions: Vec<Function>,
    /// Whether every line is test code, known from the module that declares this file.
    pub(crate) only_test: bool,
    test_lines: Vec<(usize, usize)>,
}

impl Source {
    /// Reads Rust text.
    pub(crate) fn read(text: &str) -> Source {
        let parted = lexer::part(text);
        let functions = functions::find(&parted.code);
        let test_lines = test_lines(&parted.code);
        let only_test = parted.code.contains("#![cfg(test)]");
        let lines_in_strings = lines_in_strings(text, &parted);
        Source { parted, lines_in_strings, functions, only_test, test_lines }
    }

    /// The text with comments and the contents of strings blanked.
    pub(crate) fn code(&self) -> &str {
        &self.parted.code
    }

    /// The lines of code, numbered from 1.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.parted.code)
    }

    /// The lines of comments, numbered from 1, blank where there is none.
    pub(crate) fn comment_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.parted.comments)
    }

    /// Whether a line belongs to a test or to a module of tests.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|&(first, last)| (first..=last).contains(&line))
    }

    /// Whether all of a line that is not blank lies inside a string.
    pub(crate) fn is_inside_string(&self, line: usize) -> bool {
        self.lines_in_strings.contains(&line)
    }

    /// Whether the file holds any code beside its comments.
    pub(crate) fn has_code(&self) -> bool {
        !self.parted.code.trim().is_empty()
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn lines_in_strings(text: &str, parted: &Parted) -> BTreeSet<usize> {
    let lines = numbered(text).zip(parted.code.lines().zip(parted.comments.lines()));
    let inside = lines.filter(|((_, text), (code, comment))| {
        !text.trim().is_empty() && code.trim().is_empty() && comment.trim().is_empty()
    });
    inside.map(|((line, _), _)| line).collect()
}

/// The first and last line of every item under `#[test]`, `#[cfg(test)]` and their kin.
fn test_lines(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("#[") {
        let Some(end) = words::after_closing(code, start + 1) else { continue };
        if !is_test_attribute(&code[start + 2..end - 1]) {
            continue;
        }
        let last = end_of_item(code, end);
        found.push((words::line_at(code, start), words::line_at(code, last)));
    }
    found
}

/// Whether the inside of an attribute makes its item a test or part of tests only.
pub(crate) fn is_test_attribute(attribute: &str) -> bool {
    let name = attribute.split('(').next().unwrap_or(attribute).trim();
    name == "test"
        || name.ends_with("::test")
        || name == "cfg" && words::has(attribute, "test") && !attribute.contains("not(test")
}

/// The offset of the last character of the item that starts after `from`.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(step) = code[at..].find(['{', ';', '(', '[']) {
        let open = at + step;
        match (code.as_bytes()[open], words::after_closing(code, open)) {
            (b';', _) => return open,
            (b'{', Some(end)) => return end - 1,
            (_, Some(end)) => at = end,
            (_, None) => break,
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_their_modules_are_known_by_their_lines() {
        let source = Source::read(
            "fn a() {}\n#[tokio::test(flavor = \"x\")]\nasync fn b(x: [u8; 2]) {\n}\nfn c() {}\n\
             #[cfg(not(test))]\nfn d() {}\n#[cfg(test)]\nmod tests {\n  fn e() {}\n}\n",
        );
        let lines: Vec<usize> = (1..=11).filter(|&line| source.is_test_line(line)).collect();
        assert_eq!(lines, [2, 3, 4, 8, 9, 10, 11]);
    }
}
