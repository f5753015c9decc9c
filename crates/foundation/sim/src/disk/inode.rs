//! One file: what readers see, what a power loss leaves for certain, and the changes in between.
//!
//! Invariant: `cached` is `durable` with `pending` applied in order, unless a flush has failed:
//! then the pages that were not written count as clean, as on ext4, and the two part for good.

use crate::seed::Rng;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// What the page cache writes at once.
const PAGE_BYTES: usize = 4_096;

/// A change that no flush has made durable.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Box<[u8]> },
    Length(usize),
}

/// How a power loss treats the unflushed changes of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// None had reached the disk.
    Nothing,
    /// All had.
    Everything,
    /// Those up to one had, and of that one the first sectors.
    Prefix,
    /// Of each page a drawn state had, in whatever order.
    Pages,
    /// Of each sector.
    Sectors,
}

impl Fate {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        match rng.below(8) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 | 3 => Self::Prefix,
            4 | 5 => Self::Pages,
            _ => Self::Sectors,
        }
    }
}

/// A file's content.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Changes made so far: those that are pending are the last ones.
    changes: u64,
    /// A flush has failed since the last power loss.
    has_parted: bool,
}

impl Inode {
    pub(super) fn len(&self) -> usize {
        self.cached.len()
    }

    pub(super) fn read(&self, into: &mut [u8], at: u64) -> usize {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(self.cached.len());
        let count = into.len().min(self.cached.len() - at);
        into[..count].copy_from_slice(&self.cached[at..at + count]);
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: usize) {
        // What a start writes again is there already, and no power loss can tell.
        let is_at = |content: &[u8]| content.get(at..at + bytes.len()) == Some(bytes);
        if self.pending.is_empty() && is_at(&self.cached) && is_at(&self.durable) {
            return;
        }
        put(&mut self.cached, bytes, at);
        self.pending.push(Change::Write { at, bytes: bytes.into() });
        self.changes += 1;
    }

    pub(super) fn set_len(&mut self, bytes: usize) {
        self.cached.resize(bytes, 0);
        self.pending.push(Change::Length(bytes));
        self.changes += 1;
    }

    /// A mark for [`Inode::flush`]: what was changed until now.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Makes durable what was changed until `mark`; later changes stay as they are.
    pub(super) fn flush(&mut self, mark: u64) {
        let first = self.changes - self.pending.len() as u64;
        let count = usize::try_from(mark.saturating_sub(first)).unwrap_or(0);
        for change in self.pending.drain(..count.min(self.pending.len())) {
            apply(&mut self.durable, &change);
        }
    }

    /// A flush that fails: some of it reached the disk, and nothing will try again with the rest.
    pub(super) fn flush_and_fail(&mut self, rng: &mut Rng) {
        self.has_parted = true;
        self.settle(Fate::draw(rng), rng);
    }

    /// What is there after a power loss.
    pub(super) fn lose_power(&mut self, rng: &mut Rng) {
        let fate = Fate::draw(rng);
        if self.pending.is_empty() && !self.has_parted {
            return;
        }
        self.has_parted = false;
        self.settle(fate, rng);
        self.cached.clone_from(&self.durable);
    }

    /// Changes one bit of what is at rest.
    pub(super) fn flip(&mut self, at: usize, bit: u8) {
        for content in [&mut self.cached, &mut self.durable] {
            if let Some(byte) = content.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    pub(super) fn settle(&mut self, fate: Fate, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        let durable = &mut self.durable;
        match fate {
            Fate::Nothing => {}
            Fate::Everything => pending.iter().for_each(|change| apply(durable, change)),
            Fate::Prefix => {
                let whole = rng.below(pending.len() as u64 + 1) as usize;
                pending[..whole].iter().for_each(|change| apply(durable, change));
                if let Some(Change::Write { at, bytes }) = pending.get(whole) {
                    let sectors = bytes.len().div_ceil(SECTOR_BYTES) as u64;
                    let torn = edge(*at, rng.below(sectors + 1) as usize, SECTOR_BYTES);
                    put(durable, &bytes[..torn.min(bytes.len())], *at);
                }
            }
            Fate::Pages => keep_some(durable, &pending, PAGE_BYTES, rng),
            Fate::Sectors => keep_some(durable, &pending, SECTOR_BYTES, rng),
        }
    }
}

/// Bytes from `at` to the end of the `count`th unit that a write there touches.
fn edge(at: usize, count: usize, unit: usize) -> usize {
    match count {
        0 => 0,
        count => (at / unit + count) * unit - at,
    }
}

/// Each unit of each change is kept or not. Bytes beside a written range never change, and a file
/// may have grown by zeros whose content was not written yet.
fn keep_some(durable: &mut Vec<u8>, pending: &[Change], unit: usize, rng: &mut Rng) {
    let kept_of_eight = rng.within(1..=7);
    for change in pending {
        match change {
            Change::Length(bytes) => {
                if rng.chance(kept_of_eight, 8) {
                    durable.resize(*bytes, 0);
                }
            }
            Change::Write { at, bytes } => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = (from + edge(at + from, 1, unit)).min(bytes.len());
                    if rng.chance(kept_of_eight, 8) {
                        put(durable, &bytes[from..to], at + from);
                    } else if at + to > durable.len() && rng.chance(1, 4) {
                        durable.resize(at + to, 0);
                    }
                    from = to;
                }
            }
        }
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => put(content, bytes, *at),
        Change::Length(bytes) => content.resize(*bytes, 0),
    }
}

fn put(content: &mut Vec<u8>, bytes: &[u8], at: usize) {
    if bytes.is_empty() {
        return;
    }
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn file_of(byte: u8, bytes: usize) -> Inode {
        let mut file = Inode::default();
        file.write(&vec![byte; bytes], 0);
        file.flush(file.changes());
        file
    }

    #[test]
    fn what_was_flushed_stays_and_what_was_not_may_go() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..2_000 {
            let mut file = file_of(1, 4_096);
            file.write(&[2; 2_048], 1_024);
            file.lose_power(&mut Seed(seed).rng());
            assert_eq!(file.len(), 4_096);
            let mut content = [0; 4_096];
            file.read(&mut content, 0);
            assert!(content[..1_024].iter().chain(&content[3_072..]).all(|byte| *byte == 1));
            // A sector is written whole or not at all.
            for sector in content.chunks(512) {
                assert!(sector.iter().all(|byte| *byte == sector[0]));
            }
            outcomes.insert(content.chunks(512).map(|sector| sector[0]).collect::<Vec<_>>());
        }
        // Both ends, and tears in any order: 2^4 of the four sectors.
        assert_eq!(outcomes.len(), 16);
    }

    #[test]
    fn bytes_beside_a_written_range_never_change() {
        for seed in 0..100 {
            let mut file = file_of(1, 600);
            file.write(&[2; 100], 450);
            file.lose_power(&mut Seed(seed).rng());
            let mut content = [0; 600];
            file.read(&mut content, 0);
            assert!(content[..450].iter().chain(&content[550..]).all(|byte| *byte == 1));
        }
    }

    #[test]
    fn a_flush_covers_what_came_before_it_only() {
        let mut file = Inode::default();
        file.write(b"early", 0);
        let mark = file.changes();
        file.write(b"later", 5);
        file.flush(mark);
        file.settle(Fate::Nothing, &mut Seed(0).rng());
        assert_eq!(file.durable, b"early");
        assert_eq!(file.cached, b"earlylater");
    }

    #[test]
    fn after_a_failed_flush_another_one_does_not_help() {
        let mut lost = 0;
        for seed in 0..50 {
            let mut file = file_of(1, 1_024);
            file.write(&[2; 1_024], 0);
            file.flush_and_fail(&mut Seed(seed).rng());
            let mut content = [0; 1_024];
            file.read(&mut content, 0);
            assert_eq!(content, [2; 1_024], "readers see the page cache");
            file.flush(file.changes());
            file.lose_power(&mut Seed(seed).fork("loss").rng());
            file.read(&mut content, 0);
            lost += u32::from(content != [2; 1_024]);
        }
        assert!(lost > 20, "{lost}");
    }

    #[test]
    fn a_file_may_have_grown_without_its_content() {
        let grown = (0..100).any(|seed| {
            let mut file = Inode::default();
            file.write(&[7; 8_192], 0);
            file.lose_power(&mut Seed(seed).rng());
            file.durable.chunks(512).any(|sector| sector[0] == 0)
        });
        assert!(grown);
    }
}
