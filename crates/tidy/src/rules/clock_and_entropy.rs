//! The machine's clock and randomness are read in `kit` alone, so that time can be frozen and a
//! seed reproduces a failure. Tests and this crate are free, and the load generators measure with
//! the machine's own clock.

use super::Remark;
use crate::reading::crates::{Layer, layer_of};
use crate::reading::words;
use crate::tree::{File, Tree};

const CLOCK: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "chrono::",
    "time::sleep",
    "time::sleep_until",
    "time::interval",
    "time::interval_at",
    "thread::sleep",
];
const ENTROPY: &[&str] = &["rand::", "rand_core::", "OsRng", "getrandom", "fastrand::"];

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    if matches!(layer_of(&file.path), Layer::Kit | Layer::Bench | Layer::Tidy) {
        return Vec::new();
    }
    let mut remarks = Vec::new();
    for (line, code) in file.shipped_lines() {
        let used = |names: &[&'static str]| {
            names
                .iter()
                .copied()
                .find(|name| words::has(code, name))
                .or_else(|| imported(code, names))
        };
        if let Some(name) = used(CLOCK) {
            let advice = format!("`{name}` reads the machine's time; take it from `kit::clock`");
            remarks.push(Remark::new(line, advice));
        }
        if let Some(name) = used(ENTROPY) {
            let advice = format!("`{name}` reads the machine's entropy; take `kit::entropy`");
            remarks.push(Remark::new(line, advice));
        }
    }
    remarks
}

/// The name among several that `use tokio::time::{sleep, timeout};` brings in.
fn imported<'n>(code: &str, names: &[&'n str]) -> Option<&'n str> {
    let (_, list) = code.split_once("time::{")?;
    names
        .iter()
        .copied()
        .find(|name| name.strip_prefix("time::").is_some_and(|function| words::has(list, function)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    const TEXT: &str = "\
use tokio::time::{interval, timeout};
// SystemTime::now is explained here.
fn a() { let t = SystemTime::now(); strand::x(); }
fn b() { getrandom::fill(&mut x); }
#[cfg(test)]
mod tests { fn c() { Instant::now(); } }
";

    #[test]
    fn the_clock_and_entropy_are_found_where_they_ship() {
        expect![[r#"
            crates/engines/a/src/b.rs:1: `time::interval` reads the machine's time; take it from `kit::clock`
            crates/engines/a/src/b.rs:3: `SystemTime::now` reads the machine's time; take it from `kit::clock`
            crates/engines/a/src/b.rs:4: `getrandom` reads the machine's entropy; take `kit::entropy`
        "#]]
        .assert_eq(&remarks(super::check, &[("crates/engines/a/src/b.rs", TEXT)]));
    }

    #[test]
    fn kit_bench_and_tests_are_free() {
        let places =
            ["crates/foundation/kit/src/a.rs", "crates/bench/src/a.rs", "crates/server/tests/a.rs"];
        assert_eq!(remarks(super::check, &places.map(|place| (place, TEXT))), "");
    }
}
