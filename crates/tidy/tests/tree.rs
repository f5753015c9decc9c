//! The tree this crate stands in keeps every rule.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tidy::statistics::Statistics;
use tidy::tree::Tree;

#[test]
fn the_tree_is_tidy() -> io::Result<()> {
    let tree = Tree::read(&root())?;
    assert!(tree.files.len() > 20, "only {} files read; is this the root?", tree.files.len());
    let findings = tidy::check(&tree);

    // Written past the capture of the test runner: figures that are seen get looked after.
    let mut out = io::stdout().lock();
    writeln!(out, "\n{} files, {} rules", tree.files.len(), tidy::rules::ALL.len())?;
    write!(out, "{}", Statistics::of(&tree))?;
    for reason in tidy::rules::not_applied(&tree) {
        writeln!(out, "not applied: {reason}")?;
    }
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    assert!(findings.is_empty(), "{} findings, listed above", findings.len());
    Ok(())
}

/// The root of the workspace, two folders above this crate.
fn root() -> PathBuf {
    // At run time first, so that a copied tree is judged and not the one it was built in.
    let manifest =
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&manifest).join("../..")
}
