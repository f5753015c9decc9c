//! One rule a file. Each is a pure function of a file and the tree around it, and each header says
//! what the rule asks for and why.

mod allowances;
mod clock_and_entropy;
mod command_line;
mod commands;
mod commented_out;
mod dead_files;
mod dead_names;
mod dependencies;
mod files_past_kit;
mod leftovers;
mod lines;
mod lock_sources;
mod machine;
mod panics;
mod rooms;
mod sizes;

use crate::Finding;
use crate::tree::{File, Tree};

/// A rule by its name.
#[derive(Debug)]
pub struct Rule {
    /// The name that findings carry.
    pub name: &'static str,
    check: fn(&File, &Tree) -> Vec<Remark>,
}

/// What a rule says of one line of the file it was given.
#[derive(Debug)]
pub(crate) struct Remark {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// What is wrong and what to do.
    pub(crate) advice: String,
}

impl Remark {
    pub(crate) fn new(line: usize, advice: impl Into<String>) -> Remark {
        Remark { line, advice: advice.into() }
    }
}

impl Rule {
    /// What this rule finds in one file.
    pub fn findings(&self, file: &File, tree: &Tree) -> Vec<Finding> {
        let finding = |Remark { line, advice }| Finding {
            path: file.path.clone(),
            line,
            rule: self.name,
            advice,
        };
        (self.check)(file, tree).into_iter().map(finding).collect()
    }
}

/// Every rule there is.
pub const ALL: &[Rule] = &[
    Rule { name: "allowances", check: allowances::check },
    Rule { name: "clock-and-entropy", check: clock_and_entropy::check },
    Rule { name: "command-line", check: command_line::check },
    Rule { name: "commands", check: commands::check },
    Rule { name: "commented-out", check: commented_out::check },
    Rule { name: "dead-files", check: dead_files::check },
    Rule { name: "dead-names", check: dead_names::check },
    Rule { name: "dependencies", check: dependencies::check },
    Rule { name: "files-past-kit", check: files_past_kit::check },
    Rule { name: "leftovers", check: leftovers::check },
    Rule { name: "lines", check: lines::check },
    Rule { name: "lock-sources", check: lock_sources::check },
    Rule { name: "machine", check: machine::check },
    Rule { name: "panics", check: panics::check },
    Rule { name: "rooms", check: rooms::check },
    Rule { name: "sizes", check: sizes::check },
];

/// Why a rule, or a part of it, has nothing to compare with in this tree; printed beside the result
/// so that nobody takes silence for approval.
pub fn not_applied(tree: &Tree) -> Vec<String> {
    command_line::not_applied(tree)
}

/// Whether a file holds code of ours in a language this house writes, scripts without ending too.
pub(crate) fn is_code(file: &File) -> bool {
    let ending = file.name().rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "rs" | "ts" | "tsx" | "py" | "sh") || is_script(&file.path)
}

fn is_script(path: &str) -> bool {
    matches!(path, "run" | "test" | ".ci/run")
}

/// Whether a file is data of tests, kept byte for byte as it came.
pub(crate) fn is_data(file: &File) -> bool {
    let is_folder_of_data =
        |part| matches!(part, "data" | "test_data" | "fixtures" | "snapshots" | "vectors");
    file.folder().split('/').any(is_folder_of_data)
}
