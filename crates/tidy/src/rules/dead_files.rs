//! Every Rust file below `src/` is reached by `mod` from a root of its crate; one that is not is
//! neither compiled nor tested.

use super::Remark;
use crate::reading::modules;
use crate::tree::{File, Tree};

pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Remark> {
    // Asked once a crate, at its manifest, so that the modules of a crate are followed once.
    let Some(of) = tree.crates.iter().find(|of| is_manifest(&file.path, &of.folder)) else {
        return Vec::new();
    };
    let reached = modules::reachable(tree, of);
    let sources = format!("{}/src", of.folder);
    tree.below(&sources)
        .filter(|source| source.path.ends_with(".rs") && !reached.contains(source.path.as_str()))
        .map(|dead| {
            let inside = &dead.path[of.folder.len() + 1..];
            Remark::new(1, format!("no `mod` reaches {inside}; declare it or delete it"))
        })
        .collect()
}

fn is_manifest(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder) == Some("/Cargo.toml")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn a_file_that_no_module_names_is_found() {
        let manifest =
            "[package]\nname = \"a\"\n[[bin]]\nname = \"odd\"\npath = \"src/odd_root.rs\"\n";
        expect![[r#"
            crates/a/Cargo.toml:1: no `mod` reaches src/b/lost.rs; declare it or delete it
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[
                ("crates/a/Cargo.toml", manifest),
                ("crates/a/src/lib.rs", "pub mod b; // mod lost;\n"),
                ("crates/a/src/b/mod.rs", "pub(crate) mod c;"),
                ("crates/a/src/b/c.rs", ""),
                ("crates/a/src/b/lost.rs", ""),
                ("crates/a/src/odd_root.rs", ""),
                ("crates/a/src/bin/tool.rs", "mod of_tool;"),
                ("crates/a/src/bin/of_tool.rs", ""),
                ("crates/a/tests/t.rs", ""),
            ],
        ));
    }
}
