//! A system opens no file by itself. A file is either immutable or a tail registered with `kit`;
//! one that `kit` does not know of would be missing from every fork and backup.

use super::Remark;
use crate::reading::crates::{Layer, layer_of};
use crate::reading::words;
use crate::tree::{File, Tree};

const NAMES: &[&str] =
    &["std::fs", "tokio::fs", "fs::write", "File::create", "File::open", "OpenOptions"];

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    if layer_of(&file.path) != Layer::System {
        return Vec::new();
    }
    let mut remarks = Vec::new();
    for (line, code) in file.shipped_lines() {
        // Kit's own files are ones that it knows how to simulate; their store registers them.
        let code = code.replace("disk::File::", "");
        if let Some(name) = NAMES.iter().find(|name| words::has(&code, name)) {
            let advice = format!("`{name}` goes past kit; register the file with `kit::files`");
            remarks.push(Remark::new(line, advice));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn only_the_shipped_code_of_systems_is_bound() {
        let text = "use std::fs;\nfn a() { let f = File::create(path); }\n";
        expect![[r#"
            crates/services/a/src/b.rs:1: `std::fs` goes past kit; register the file with `kit::files`
            crates/services/a/src/b.rs:2: `File::create` goes past kit; register the file with `kit::files`
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[
                ("crates/services/a/src/b.rs", text),
                ("crates/services/a/tests/b.rs", text),
                ("crates/services/a/examples/b.rs", text),
                ("crates/server/src/b.rs", text),
            ],
        ));
    }
}
