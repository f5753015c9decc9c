//! Style and structure as a test: `cargo test -p tidy` reads every file git knows of and prints
//! each finding as `path:line: rule: what to do`.
//!
//! - [`tree`]: the files of the workspace, read once.
//! - `reading`: a file seen as its readers see it. A small lexer parts code from comments and
//!   strings; functions, modules, crates, shell blocks and command lines are found in what is left.
//! - [`rules`]: one rule a file, each a pure function of a file and the tree around it.
//! - [`statistics`]: how long files and functions are, against the aims of the house.
//!
//! It never runs a command of the tree, opens a connection or changes a file. It is no compiler: a
//! rule that needs types is a lint's job, and a rule that would often be wrong is left to review.

mod reading;
pub mod rules;
pub mod statistics;
#[cfg(test)]
mod testing;
pub mod tree;

use std::fmt;

use tree::Tree;

/// One thing to change, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the workspace, with `/` between its parts.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The rule that asks for the change.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

/// Every finding of every rule, in the order of the files.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree
        .files
        .iter()
        .flat_map(|file| rules::ALL.iter().flat_map(|rule| rule.findings(file, tree)))
        .collect();
    findings.sort();
    findings
}
