//! How long files and functions are, against the aims of the house. Printed, never asserted: the
//! limits that fail are those of the rule `sizes`.

use std::fmt;

use crate::reading::crates::{Layer, layer_of};
use crate::tree::{File, Tree};

/// Medians and 90th percentiles of the Rust code that ships.
#[derive(Debug)]
pub struct Statistics {
    files: Spread,
    functions: Spread,
}

/// The spread of a length in lines.
#[derive(Debug, PartialEq, Eq)]
struct Spread {
    count: usize,
    median: usize,
    ninety: usize,
    longest: usize,
}

impl Statistics {
    /// Measures every Rust file below `crates` that is no test; the tests inside a file are left
    /// out of its length.
    pub fn of(tree: &Tree) -> Statistics {
        let counted = |file: &&File| {
            file.path.ends_with(".rs") && !file.is_test() && layer_of(&file.path) != Layer::Outside
        };
        let files: Vec<&File> = tree.files.iter().filter(counted).collect();
        let lengths = files.iter().map(|file| {
            let total = file.text.lines().count();
            (1..=total).filter(|&line| !file.source.is_test_line(line)).count()
        });
        let functions = files.iter().flat_map(|file| {
            let shipped = file.source.functions.iter();
            shipped.filter(|found| !file.source.is_test_line(found.line)).map(|found| found.lines)
        });
        Statistics {
            files: Spread::of(lengths.collect()),
            functions: Spread::of(functions.collect()),
        }
    }
}

impl Spread {
    fn of(mut lengths: Vec<usize>) -> Spread {
        lengths.sort_unstable();
        let count = lengths.len();
        // Nearest rank: the smallest length that at least this share does not exceed.
        let rank = |percent: usize| {
            let index = (count * percent).div_ceil(100).saturating_sub(1);
            lengths.get(index).copied().unwrap_or(0)
        };
        Spread { count, median: rank(50), ninety: rank(90), longest: rank(100) }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Statistics { files, functions } = self;
        writeln!(out, "lines a file:     {files} (aims: median 150, p90 400)")?;
        writeln!(out, "lines a function: {functions} (aims: median 9, p90 35)")
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { count, median, ninety, longest } = self;
        write!(out, "median {median:3}, p90 {ninety:3}, longest {longest:3}, of {count:4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_a_sorted_list() {
        let spread = Spread::of((1..=10).rev().collect());
        assert_eq!(spread, Spread { count: 10, median: 5, ninety: 9, longest: 10 });
        assert_eq!(Spread::of(vec![]), Spread { count: 0, median: 0, ninety: 0, longest: 0 });
    }

    #[test]
    fn tests_are_not_measured() {
        let text = "fn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn b() {\n\n\n\n    }\n}\n";
        let tree = Tree::of_texts(&[
            ("crates/server/src/main.rs", text),
            ("crates/server/tests/x.rs", text),
        ]);
        let measured = Statistics::of(&tree);
        assert_eq!((measured.files.longest, measured.functions.longest), (2, 2));
        assert_eq!(measured.functions.count, 1);
    }
}
