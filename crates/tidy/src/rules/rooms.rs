//! A newcomer who knows one system crate knows all: each has a one-page `README.md`, a `src/lib.rs`
//! that begins with the map of the crate, and `tests/` through the front door. A crate that has no
//! code yet owes nothing.

use super::Remark;
use crate::reading::crates::{Layer, layer_of};
use crate::tree::{File, Tree};

pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Remark> {
    if layer_of(&file.path) != Layer::System || file.name() != "Cargo.toml" {
        return Vec::new();
    }
    let room = file.folder();
    let sources = format!("{room}/src");
    if !tree.below(&sources).any(|source| source.source.has_code()) {
        return Vec::new();
    }
    let mut missing = Vec::new();
    if !tree.has(&format!("{room}/README.md")) {
        missing.push("write README.md: what it is, a try-it-now, front doors, guarantees, limits");
    }
    if !tree.has(&format!("{room}/tests")) {
        missing.push("add tests/ that go through the front door");
    }
    let map = tree.file(&format!("{room}/src/lib.rs"));
    if !map.is_some_and(|map| map.text.starts_with("//!")) {
        missing.push("begin src/lib.rs with `//!` and the map of the crate");
    }
    missing.into_iter().map(|advice| Remark::new(1, advice)).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn a_room_has_its_page_map_and_tests() {
        expect![[r#"
            crates/services/bare/Cargo.toml:1: write README.md: what it is, a try-it-now, front doors, guarantees, limits
            crates/services/bare/Cargo.toml:1: add tests/ that go through the front door
            crates/services/bare/Cargo.toml:1: begin src/lib.rs with `//!` and the map of the crate
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[
                ("crates/services/bare/Cargo.toml", ""),
                ("crates/services/bare/src/lib.rs", "fn a() {}"),
                ("crates/services/full/Cargo.toml", ""),
                ("crates/services/full/README.md", ""),
                ("crates/services/full/src/lib.rs", "//! The map.\nfn a() {}"),
                ("crates/services/full/tests/a.rs", ""),
                ("crates/engines/planned/Cargo.toml", ""),
                ("crates/engines/planned/src/lib.rs", "//! Nothing yet.\n"),
            ],
        ));
    }
}
