//! The crates of the workspace and the layer each stands in.

use toml::{Table, Value};

use crate::tree::File;

/// Where a crate stands; arrows point from `server` down to `foundation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// `crates/foundation/kit`, the one place that touches clock, entropy and files.
    Kit,
    /// Any other crate of `crates/foundation`.
    Foundation,
    /// An engine or a service.
    System,
    /// The `backplane` binary.
    Server,
    /// The load generators.
    Bench,
    /// This crate.
    Tidy,
    /// Not below `crates`.
    Outside,
}

/// The layer that a path belongs to.
pub(crate) fn layer_of(path: &str) -> Layer {
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("crates"), Some("foundation"), Some("kit")) => Layer::Kit,
        (Some("crates"), Some("foundation"), _) => Layer::Foundation,
        (Some("crates"), Some("engines" | "services"), _) => Layer::System,
        (Some("crates"), Some("server"), _) => Layer::Server,
        (Some("crates"), Some("bench"), _) => Layer::Bench,
        (Some("crates"), Some("tidy"), _) => Layer::Tidy,
        _ => Layer::Outside,
    }
}

/// A package of the tree.
#[derive(Debug)]
pub(crate) struct Crate {
    /// The name of the package.
    pub(crate) name: String,
    /// The folder of its manifest, empty at the root.
    pub(crate) folder: String,
    /// Where it stands.
    pub(crate) layer: Layer,
    /// Files that a build starts from beside the usual `src/lib.rs` and `src/main.rs`.
    pub(crate) roots: Vec<String>,
    /// The names of its binaries, where the manifest gives them.
    pub(crate) binaries: Vec<String>,
}

/// Every package among the files, in the order of its manifest's path.
pub(crate) fn find(files: &[File]) -> Vec<Crate> {
    files.iter().filter(|file| file.name() == "Cargo.toml").filter_map(read).collect()
}

/// The manifest as a table; none if it is not TOML, which the build reports better.
pub(crate) fn manifest(file: &File) -> Option<Table> {
    file.text.parse().ok()
}

fn read(file: &File) -> Option<Crate> {
    let manifest = manifest(file)?;
    let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
    let mut roots = Vec::new();
    let mut binaries = Vec::new();
    for target in ["lib", "bin", "test", "bench", "example"] {
        let tables = match manifest.get(target) {
            Some(Value::Array(tables)) => tables.clone(),
            Some(table) => vec![table.clone()],
            None => Vec::new(),
        };
        for table in &tables {
            roots.extend(text_of(table, "path"));
            if target == "bin" {
                binaries.extend(text_of(table, "name"));
            }
        }
    }
    let build = manifest.get("package").and_then(|package| text_of(package, "build"));
    roots.extend(build);
    let folder = file.folder().to_owned();
    Some(Crate { name, layer: layer_of(&file.path), folder, roots, binaries })
}

fn text_of(table: &Value, key: &str) -> Option<String> {
    table.get(key)?.as_str().map(str::to_owned)
}
