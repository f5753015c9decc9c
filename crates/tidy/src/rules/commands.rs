//! A command that a README shows can be typed as it stands: the first word of each, in every `sh`
//! block, is a file of the tree, a binary of the tree, or a tool that readers have or that `./test`
//! installs.

use super::Remark;
use crate::reading::{markdown, shell};
use crate::tree::{File, Tree};

/// Tools and words of the shell that need no explanation.
const KNOWN: &[&str] = &[
    "apt",
    "apt-get",
    "aws",
    "bash",
    "cargo",
    "cat",
    "cd",
    "chmod",
    "cp",
    "curl",
    "diff",
    "docker",
    "do",
    "done",
    "echo",
    "else",
    "env",
    "exit",
    "export",
    "fi",
    "for",
    "git",
    "grep",
    "head",
    "if",
    "jq",
    "kcat",
    "kill",
    "ls",
    "mkdir",
    "mv",
    "nginx",
    "node",
    "npm",
    "npx",
    "openssl",
    "pip",
    "podman",
    "printf",
    "psql",
    "python3",
    "redis-cli",
    "rm",
    "rustup",
    "sed",
    "seq",
    "set",
    "sleep",
    "sort",
    "sqlite3",
    "ss",
    "sudo",
    "systemctl",
    "tail",
    "tar",
    "tee",
    "test",
    "then",
    "time",
    "trap",
    "true",
    "until",
    "wait",
    "wc",
    "while",
    "wrk",
    "xargs",
    "xdg-open",
];

pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Remark> {
    if file.name() != "README.md" {
        return Vec::new();
    }
    let blocks = markdown::blocks(&file.text);
    let commands = blocks.iter().filter(|block| block.language == "sh").flat_map(shell::commands);
    commands
        .filter_map(|command| {
            let word = command.words.first()?;
            let advice = format!("`{word}` is no file or binary of the tree, nor a known tool");
            (!can_be_typed(word, tree)).then(|| Remark::new(command.line, advice))
        })
        .collect()
}

fn can_be_typed(word: &str, tree: &Tree) -> bool {
    let path = word.trim_start_matches("./");
    KNOWN.contains(&word)
        || word.starts_with('$')
        || word.contains('/') && (tree.has(path) || tree.is_ignored(path))
        || tree.crates.iter().any(|of| of.binaries.iter().any(|binary| binary == word))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::testing::remarks;

    #[test]
    fn a_command_that_nobody_has_is_found() {
        let page = "```sh\n./run\n./gone | jq .\nbackplane dev &\nfrobnicate\n```\n\
                    ```text\nnothing\n```\n";
        let manifest = "[package]\nname = \"server\"\n[[bin]]\nname = \"backplane\"\n";
        expect![[r#"
            README.md:3: `./gone` is no file or binary of the tree, nor a known tool
            README.md:5: `frobnicate` is no file or binary of the tree, nor a known tool
        "#]]
        .assert_eq(&remarks(
            super::check,
            &[("README.md", page), ("run", ""), ("crates/server/Cargo.toml", manifest)],
        ));
    }
}
