//! The names in folders: what is seen, and what a power loss leaves.
//!
//! As in a journalling file system each operation is atomic and they take effect in order: a power
//! loss keeps those that touch a folder which was flushed since, and a drawn prefix of the others.
//! Flushing a file makes no name of it durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path};

use crate::seed::Rng;

/// The folder that is always there.
pub(super) const ROOT: u64 = 1;

type Names = BTreeMap<(u64, OsString), u64>;

/// One atomic change of names: each becomes an inode's, or nobody's.
#[derive(Clone, Debug)]
struct Operation {
    sets: Vec<((u64, OsString), Option<u64>)>,
    is_durable: bool,
}

/// All folders.
#[derive(Clone, Debug, Default)]
pub(super) struct Folders {
    cached: Names,
    durable: Names,
    pending: VecDeque<Operation>,
}

impl Folders {
    /// The inode called `path`.
    pub(super) fn find(&self, path: &Path) -> Option<u64> {
        let mut inode = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                inode = *self.cached.get(&(inode, name.to_owned()))?;
            }
        }
        Some(inode)
    }

    /// The folder that `path` lies in, and its name there.
    pub(super) fn place(&self, path: &Path) -> Option<(u64, OsString)> {
        let folder = self.find(path.parent()?)?;
        Some((folder, path.file_name()?.to_owned()))
    }

    /// The names in `folder`, in order.
    pub(super) fn list(&self, folder: u64) -> impl Iterator<Item = (&OsString, u64)> {
        self.cached
            .range((folder, OsString::new())..)
            .take_while(move |((of, _), _)| *of == folder)
            .map(|((_, name), inode)| (name, *inode))
    }

    /// How many names `inode` has.
    pub(super) fn links(&self, inode: u64) -> u64 {
        self.cached.values().filter(|named| **named == inode).count() as u64
    }

    /// Whether any name leads to `inode`, now or after a power loss.
    pub(super) fn may_have(&self, inode: u64) -> bool {
        let pending = self.pending.iter().flat_map(|operation| &operation.sets);
        self.cached.values().chain(self.durable.values()).any(|named| *named == inode)
            || pending.filter_map(|(_, named)| *named).any(|named| named == inode)
    }

    /// All inodes that a name leads to, now or after a power loss: one pass, for many questions.
    pub(super) fn all_that_may_have(&self) -> BTreeSet<u64> {
        let pending = self.pending.iter().flat_map(|operation| &operation.sets);
        let named = self.cached.values().chain(self.durable.values()).copied();
        named.chain(pending.filter_map(|(_, named)| *named)).collect()
    }

    /// Makes each place an inode's or nobody's, all at once.
    pub(super) fn set(&mut self, sets: Vec<((u64, OsString), Option<u64>)>) {
        apply(&mut self.cached, &sets);
        self.pending.push_back(Operation { sets, is_durable: false });
    }

    /// Makes durable what was done to the names of `folder`.
    pub(super) fn flush(&mut self, folder: u64) {
        for operation in &mut self.pending {
            operation.is_durable |= operation.sets.iter().any(|((of, _), _)| *of == folder);
        }
        while self.pending.front().is_some_and(|operation| operation.is_durable) {
            if let Some(operation) = self.pending.pop_front() {
                apply(&mut self.durable, &operation.sets);
            }
        }
    }

    /// What is there after a power loss.
    pub(super) fn lose_power(&mut self, rng: &mut Rng) {
        let kept = rng.below(self.pending.len() as u64 + 1) as usize;
        for (number, operation) in self.pending.drain(..).enumerate() {
            if operation.is_durable || number < kept {
                apply(&mut self.durable, &operation.sets);
            }
        }
        self.cached.clone_from(&self.durable);
    }
}

fn apply(names: &mut Names, sets: &[((u64, OsString), Option<u64>)]) {
    for (place, inode) in sets {
        match inode {
            Some(inode) => names.insert(place.clone(), *inode),
            None => names.remove(place),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn at(name: &str) -> (u64, OsString) {
        (ROOT, name.into())
    }

    #[test]
    fn names_are_lost_in_order_unless_their_folder_was_flushed() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut folders = Folders::default();
            folders.set(vec![(at("kept"), Some(2))]);
            folders.flush(ROOT);
            folders.set(vec![(at("x.new"), Some(3))]);
            folders.set(vec![(at("x.new"), None), (at("kept"), Some(3))]);
            folders.lose_power(&mut Seed(seed).rng());
            let names: Vec<_> =
                folders.list(ROOT).map(|(name, inode)| (name.clone(), inode)).collect();
            seen.insert(names);
        }
        let name = |name: &str, inode| (OsString::from(name), inode);
        let expected =
            [vec![name("kept", 2)], vec![name("kept", 2), name("x.new", 3)], vec![name("kept", 3)]];
        assert_eq!(seen, expected.into());
    }

    #[test]
    fn a_folder_whose_own_name_is_lost_takes_its_names_along() {
        let mut folders = Folders::default();
        folders.set(vec![(at("folder"), Some(2))]);
        folders.set(vec![((2, "file".into()), Some(3))]);
        folders.flush(2);
        let lost = (0..20).any(|seed| {
            let mut folders = folders.clone();
            folders.lose_power(&mut Seed(seed).rng());
            folders.find(Path::new("/folder/file")).is_none()
        });
        assert!(lost);
        folders.flush(ROOT);
        folders.lose_power(&mut Seed(0).rng());
        assert_eq!(folders.find(Path::new("/folder/file")), Some(3));
    }
}
