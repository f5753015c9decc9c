//! The files of the workspace, read once and then only looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::Command;

use crate::reading::crates::{self, Crate};
use crate::reading::modules;
use crate::reading::rust::Source;

/// A text file of the tree. Its Rust reading is empty for every other language.
#[derive(Debug)]
pub struct File {
    /// The path from the root of the workspace, with `/` between its parts.
    pub path: String,
    /// The whole text.
    pub text: String,
    pub(crate) source: Source,
}

impl File {
    /// A file with its reading, as the rules see it.
    pub fn new(path: &str, text: &str) -> File {
        let source = if path.ends_with(".rs") { Source::read(text) } else { Source::default() };
        File { path: path.to_owned(), text: text.to_owned(), source }
    }

    /// The part of the path after the last `/`.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The part of the path before the last `/`, empty at the root.
    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Whether the whole file is test code: by its place, or by the `cfg(test)` of its module.
    pub(crate) fn is_test(&self) -> bool {
        self.source.only_test
            || self.name() == "tests.rs"
            || self.folder().split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
    }

    /// The lines of Rust code that ship, numbered from 1, without comments and string contents.
    pub(crate) fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let whole_is_test = self.is_test();
        self.source
            .code_lines()
            .filter(move |(line, _)| !whole_is_test && !self.source.is_test_line(*line))
    }
}

/// Every file of the tree that reads as text, and what can be told of them as a whole.
#[derive(Debug)]
pub struct Tree {
    /// The text files, by path.
    pub files: Vec<File>,
    paths: BTreeSet<String>,
    pub(crate) crates: Vec<Crate>,
}

impl Tree {
    /// Reads the files git knows of (tracked, or new and not ignored) below `root`. Where git does
    /// not answer, such as in an unpacked archive, every file is read that `.gitignore` lets be.
    ///
    /// # Errors
    /// When a folder or file cannot be read. A file that is not UTF-8 is known by its path only.
    pub fn read(root: &Path) -> io::Result<Tree> {
        let paths = match paths_from_git(root) {
            Some(paths) => paths,
            None => paths_from_walking(root)?,
        };
        let mut texts = BTreeMap::new();
        let mut present = BTreeSet::new();
        for path in paths {
            let bytes = match std::fs::read(root.join(&path)) {
                Ok(bytes) => bytes,
                // Git also lists what is deleted but not yet committed, and links to folders.
                Err(_) if !root.join(&path).is_file() => continue,
                Err(error) => return Err(error),
            };
            present.insert(path.clone());
            if let Ok(text) = String::from_utf8(bytes) {
                texts.insert(path, text);
            }
        }
        Ok(Tree::of(texts.iter().map(|(path, text)| File::new(path, text)).collect(), present))
    }

    /// A tree of these files and no others, for the tests of rules.
    pub fn of_texts(texts: &[(&str, &str)]) -> Tree {
        let files: Vec<File> = texts.iter().map(|(path, text)| File::new(path, text)).collect();
        let paths = files.iter().map(|file| file.path.clone()).collect();
        Tree::of(files, paths)
    }

    fn of(mut files: Vec<File>, paths: BTreeSet<String>) -> Tree {
        modules::mark_test_modules(&mut files);
        let crates = crates::find(&files);
        Tree { files, paths, crates }
    }

    /// The file at a path, if it reads as text.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or folder of this path is in the tree.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.paths.contains(path)
            || self.paths.range(folder.clone()..).next().is_some_and(|at| at.starts_with(&folder))
    }

    /// The files below a folder.
    pub(crate) fn below<'t>(&'t self, folder: &str) -> impl Iterator<Item = &'t File> {
        let prefix = format!("{folder}/");
        self.files.iter().filter(move |file| file.path.starts_with(&prefix))
    }

    /// Whether `.gitignore` names this path or a folder above it: something that is built, not
    /// kept.
    pub(crate) fn is_ignored(&self, path: &str) -> bool {
        let ignored = self.file(".gitignore").map_or("", |file| file.text.as_str());
        is_ignored_by(ignored, path)
    }
}

fn paths_from_git(root: &Path) -> Option<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let text = String::from_utf8(listed.stdout).ok()?;
    let paths: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
    (listed.status.success() && !paths.is_empty()).then_some(paths)
}

fn paths_from_walking(root: &Path) -> io::Result<Vec<String>> {
    let ignored = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = match (folder.as_str(), entry.file_name().to_string_lossy()) {
                (_, name) if name == ".git" => continue,
                ("", name) => name.into_owned(),
                (folder, name) => format!("{folder}/{name}"),
            };
            if is_ignored_by(&ignored, &path) {
                continue;
            }
            if entry.file_type()?.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    paths.sort();
    Ok(paths)
}

/// Understands the patterns this house uses: `/from/the/root`, `a_name`, `a_folder/`, `*.ending`.
fn is_ignored_by(gitignore: &str, path: &str) -> bool {
    gitignore.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).any(
        |pattern| {
            if let Some(ending) = pattern.strip_prefix('*') {
                return path.ends_with(ending);
            }
            let name = pattern.trim_end_matches('/');
            match name.strip_prefix('/') {
                Some(rooted) => path == rooted || path.starts_with(&format!("{rooted}/")),
                None => path.split('/').any(|part| part == name),
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_ignored_by_its_root_name_or_ending() {
        let gitignore = "# built\n/target\n/web/dist\n__pycache__/\n*.pyc\n";
        for path in ["target/debug/x", "web/dist", "tests/__pycache__/a.txt", "tests/a.pyc"] {
            assert!(is_ignored_by(gitignore, path), "{path}");
        }
        for path in ["crates/target/x.rs", "web/distance.ts", "tests/a.py"] {
            assert!(!is_ignored_by(gitignore, path), "{path}");
        }
    }

    #[test]
    fn a_tree_has_files_and_the_folders_above_them() {
        let tree = Tree::of_texts(&[("docs/guide/a.md", ""), ("docs.md", "")]);
        for (path, expected) in [("docs", true), ("docs/guide", true), ("doc", false)] {
            assert_eq!(tree.has(path), expected, "{path}");
        }
        assert_eq!(tree.below("docs").count(), 1);
    }

    #[test]
    fn walking_finds_what_git_would_list() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let walked = paths_from_walking(root).unwrap();
        assert!(walked.contains(&"src/tree.rs".to_owned()), "{walked:?}");
    }
}
