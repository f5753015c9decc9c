//! What the tests of rules share: a tree from a few lines, and findings as a short text.

use crate::rules::Remark;
use crate::tree::{File, Tree};

/// What one rule says of a small tree, a remark a line, for comparison with an expected text.
pub(crate) fn remarks(check: fn(&File, &Tree) -> Vec<Remark>, texts: &[(&str, &str)]) -> String {
    let tree = Tree::of_texts(texts);
    let mut lines = String::new();
    for file in &tree.files {
        for remark in check(file, &tree) {
            lines.push_str(&format!("{}:{}: {}\n", file.path, remark.line, remark.advice));
        }
    }
    lines
}
