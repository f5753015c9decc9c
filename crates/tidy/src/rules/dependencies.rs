//! Arrows point down only: `server → services → ports ← engines → foundation`. A system depends on
//! no other system, the foundation on none of them, and only `server` may name one. A version is
//! chosen once, in the workspace.

use toml::{Table, Value};

use super::Remark;
use crate::reading::crates::{self, Crate, Layer, layer_of};
use crate::tree::{File, Tree};

pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Remark> {
    let layer = layer_of(&file.path);
    if file.name() != "Cargo.toml" || layer == Layer::Outside {
        return Vec::new();
    }
    let Some(manifest) = crates::manifest(file) else { return Vec::new() };
    let mut remarks = Vec::new();
    for dependency in dependencies_of(&manifest) {
        let line = line_of(&file.text, &dependency);
        let of_the_house = tree.crates.iter().find(|other| other.name == dependency.package);
        if let Some(advice) = of_the_house.and_then(|other| objection(layer, other)) {
            remarks.push(Remark::new(line, advice));
        }
        if !dependency.of_workspace {
            let advice = format!(
                "say `{}.workspace = true` and choose its version in the root Cargo.toml",
                dependency.key
            );
            remarks.push(Remark::new(line, advice));
        }
    }
    remarks
}

/// Why a crate of one layer may not depend on another crate of the house.
fn objection(from: Layer, to: &Crate) -> Option<String> {
    let name = &to.name;
    match (from, to.layer) {
        (_, Layer::Bench | Layer::Tidy) => {
            Some(format!("drop `{name}`: it is a tool, and nothing builds on it"))
        }
        (_, Layer::Server) => Some(format!("drop `{name}`: it stands on top of everything")),
        (Layer::Server, _) => None,
        (Layer::System, Layer::System) => {
            Some(format!("drop `{name}`: systems meet through ports and events only"))
        }
        (_, Layer::System) => Some(format!("drop `{name}`: only `server` names systems")),
        _ => None,
    }
}

struct Dependency {
    section: String,
    key: String,
    package: String,
    of_workspace: bool,
}

fn dependencies_of(manifest: &Table) -> Vec<Dependency> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let per_target = targets.into_iter().flatten().filter_map(|(_, table)| table.as_table());
    let tables = std::iter::once(manifest).chain(per_target);
    let mut found = Vec::new();
    for table in tables {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(section).and_then(Value::as_table);
            found.extend(entries.into_iter().flatten().map(|(key, value)| Dependency {
                section: section.to_owned(),
                key: key.clone(),
                package: value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned(),
                of_workspace: value.get("workspace").and_then(Value::as_bool) == Some(true),
            }));
        }
    }
    found
}

/// The line of an entry; the first of its name below a header of its section.
fn line_of(text: &str, dependency: &Dependency) -> usize {
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let header = line.trim().trim_start_matches('[').trim_end_matches(']');
        if line.trim_start().starts_with('[') {
            inside = header.ends_with(&dependency.section);
            if header.ends_with(&format!("{}.{}", dependency.section, dependency.key)) {
                return index + 1;
            }
        }
        let rest = line.trim_start().strip_prefix(&dependency.key);
        if inside && rest.is_some_and(|rest| rest.starts_with(['.', ' ', '='])) {
            return index + 1;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    fn manifest(name: &str, dependencies: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}")
    }

    #[test]
    fn arrows_point_down_only() {
        let kit = manifest("kit", "queue.workspace = true\nserde = \"1\"\n");
        let queue = manifest("queue", "kit.workspace = true\n");
        let chat = manifest("chat", "[dev-dependencies]\nqueue.workspace = true\n");
        let server = manifest("server", "queue.workspace = true\nchat.workspace = true\n");
        let bench = manifest("bench", "q = { workspace = true, package = \"queue\" }\n");
        expect![[r#"
            crates/foundation/kit/Cargo.toml:4: drop `queue`: only `server` names systems
            crates/foundation/kit/Cargo.toml:5: say `serde.workspace = true` and choose its version in the root Cargo.toml
            crates/services/chat/Cargo.toml:5: drop `queue`: systems meet through ports and events only
            crates/bench/Cargo.toml:4: drop `queue`: only `server` names systems
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[
                ("crates/foundation/kit/Cargo.toml", &kit),
                ("crates/engines/queue/Cargo.toml", &queue),
                ("crates/services/chat/Cargo.toml", &chat),
                ("crates/server/Cargo.toml", &server),
                ("crates/bench/Cargo.toml", &bench),
            ],
        ));
    }
}
