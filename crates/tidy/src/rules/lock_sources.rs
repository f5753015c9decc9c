//! What is locked comes from the public registries, so that a build is the same on every machine: a
//! mirror's address in a lock file works on one machine only.

use super::Remark;
use crate::tree::{File, Tree};

const CARGO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";

pub(crate) fn check(file: &File, _tree: &Tree) -> Vec<Remark> {
    let (key, allowed) = match file.name() {
        "Cargo.lock" => ("source = \"", CARGO),
        "package-lock.json" => ("\"resolved\": \"http", NPM.trim_start_matches("http")),
        _ => return Vec::new(),
    };
    let mut remarks = Vec::new();
    for (index, text) in file.text.lines().enumerate() {
        let source = text.trim_start().strip_prefix(key);
        if source.is_some_and(|source| !source.starts_with(allowed)) {
            let advice = "lock from the public registry, not from a mirror or a fork";
            remarks.push(Remark::new(index + 1, advice));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn mirrors_and_forks_are_found() {
        let cargo = format!("source = \"{}\"\nsource = \"git+https://x.org/a\"\n", super::CARGO);
        let npm = "\"resolved\": \"https://registry.npmjs.org/a.tgz\",\n\
                   \"resolved\": \"http://mirror.example/a.tgz\",\n\"resolved\": \"../local\",\n";
        expect![[r#"
            Cargo.lock:2: lock from the public registry, not from a mirror or a fork
            web/package-lock.json:2: lock from the public registry, not from a mirror or a fork
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[("Cargo.lock", &cargo), ("web/package-lock.json", npm)],
        ));
    }
}
