//! What a folder of segments holds, after whatever ended the process.
//!
//! | what is found | what it means |
//! |---|---|
//! | no segment | a new journal; its first record is 0 |
//! | the last segment has no head, or another number | a power loss before its first flush |
//! | no record follows in the last segment | the journal ends there |
//! | the same, but later records say that all before them was durable | damage |
//! | no record follows in another segment, before the next one begins | damage |
//! | a segment between others is missing, or has no head | damage |
//! | a segment begins before the one in front of it ends | it is of another journal: an error |
//!
//! Another segment's records are all durable, since it is flushed before the next one begins. With
//! damage, whatever can be read is given, and what cannot is told as [`Lost`].
//!
//! Damage in the records of the very last flush cannot be told from a write that was cut off.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use kit::disk::{self, File};

use crate::JournalError;
use crate::frame::Record;
use crate::scan::{FIRST_AT, Place, Scan};
use crate::segment::{HEAD_BYTES, Head, Name};

/// Records that were acknowledged and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub from: u64,
    /// The one behind the last.
    pub to: u64,
    /// Where they were.
    pub path: PathBuf,
    /// Where in the file, in bytes.
    pub at: u64,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, path, at } = self;
        write!(f, "records {from} to {} in {} at byte {at}", to - 1, path.display())
    }
}

/// A segment with records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: Name,
    pub(crate) head: Head,
    /// The sequence behind its last record.
    pub(crate) end: u64,
    /// Where that record ends.
    pub(crate) bytes: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of their numbers.
    pub(crate) segments: Vec<Segment>,
    /// Files without records.
    pub(crate) spares: Vec<PathBuf>,
    pub(crate) lost: Vec<Lost>,
}

/// Reads all records in `folder`, in order, and makes sure that what it gave to `each` is durable.
///
/// # Errors
/// [`JournalError::Overlap`], or the file system's own.
pub(crate) fn recover(
    folder: &Path,
    each: &mut dyn FnMut(&Record<'_>),
) -> Result<Found, JournalError> {
    let mut found = Found::default();
    let heads = heads(folder, &mut found.spares)?;
    let mut next = None;
    for (index, (name, head)) in heads.iter().enumerate() {
        let path = name.path(folder);
        let expected = next.unwrap_or(head.first);
        if head.first > expected {
            found.lost.push(Lost { from: expected, to: head.first, path: path.clone(), at: 0 });
        }
        let until = heads.get(index + 1).map(|(_, later)| later.first);
        let file = match until {
            Some(_) => File::open(&path)?,
            None => File::open_to_write(&path)?,
        };
        let mut walk = Walk::new(&path, *head, until);
        let durable = walk.run(&file, each)?;
        if let Some(first) = until.filter(|until| *until < durable) {
            let path = heads[index + 1].0.path(folder);
            return Err(JournalError::Overlap { path, first, expected: durable });
        }
        if until.is_none() {
            walk.make_durable(&file)?;
        }
        let (end, bytes) = (walk.next, walk.at);
        next = Some(end);
        found.lost.append(&mut walk.lost);
        found.segments.push(Segment { name: *name, head: *head, end, bytes });
    }
    if !heads.is_empty() {
        disk::flush_folder(folder)?;
    }
    Ok(found)
}

/// The segments of a folder in order; files without records are put to `spares`.
fn heads(folder: &Path, spares: &mut Vec<PathBuf>) -> io::Result<Vec<(Name, Head)>> {
    let mut names = Vec::new();
    for entry in disk::list(folder)? {
        match Name::of(&entry.path) {
            Some(Name::Spare(_)) => spares.push(entry.path),
            Some(name @ (Name::Tail(number) | Name::Sealed(number))) => names.push((number, name)),
            None => {}
        }
    }
    names.sort_unstable_by_key(|(number, _)| *number);
    let last = names.last().map(|(number, _)| *number);
    let mut heads = Vec::new();
    for (number, name) in names {
        let path = name.path(folder);
        match read_head(&path)?.filter(|head| head.number == number) {
            Some(head) => heads.push((name, head)),
            None if Some(number) == last => spares.push(path),
            // What it held is missed when the next one is read.
            None => tracing::error!(path = %path.display(), "a segment of the journal has no head"),
        }
    }
    Ok(heads)
}

fn read_head(path: &Path) -> io::Result<Option<Head>> {
    let mut block = [0; HEAD_BYTES];
    match File::open(path)?.read_exact_at(&mut block, 0) {
        Ok(()) => Ok(Head::decode(&block)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Up to which sequence all was durable, as the records from `at` on say; 0: there are none.
fn durable_at(scan: &mut Scan<'_>, at: u64) -> io::Result<u64> {
    let header = scan.record(at)?.map(|record| record.header);
    header.map_or(Ok(0), |header| scan.durable_from(Place { at, header }))
}

/// A way through one segment.
struct Walk {
    path: PathBuf,
    head: Head,
    /// Where the next segment begins; none: this is the last.
    until: Option<u64>,
    next: u64,
    at: u64,
    /// Places of records that no later one says were durable, first to last.
    unproven: VecDeque<(u64, u64)>,
    lost: Vec<Lost>,
}

impl Walk {
    fn new(path: &Path, head: Head, until: Option<u64>) -> Self {
        Self {
            path: path.to_owned(),
            head,
            until,
            next: head.first,
            at: FIRST_AT,
            unproven: VecDeque::new(),
            lost: Vec::new(),
        }
    }

    /// Gives up to which sequence the records that follow were durable: a write that was cut off
    /// leaves some behind the end, which were not.
    fn run(&mut self, file: &File, each: &mut dyn FnMut(&Record<'_>)) -> io::Result<u64> {
        let mut scan = Scan::new(file, self.head.run)?;
        while self.until != Some(self.next) {
            match scan.record(self.at)?.filter(|record| record.header.sequence == self.next) {
                Some(record) => {
                    let place = Place { at: self.at, header: record.header };
                    each(&record);
                    self.pass(place);
                }
                None => match self.cross(&mut scan)? {
                    Some(place) => self.at = place.at,
                    None => break,
                },
            }
        }
        match self.until {
            Some(until) if until == self.next => durable_at(&mut scan, self.at),
            _ => Ok(0),
        }
    }

    fn pass(&mut self, place: Place) {
        while self.unproven.front().is_some_and(|(sequence, _)| *sequence < place.durable()) {
            self.unproven.pop_front();
        }
        self.unproven.push_back((self.next, self.at));
        self.next += 1;
        self.at += place.header.span() as u64;
    }

    /// Where reading goes on behind a place without a record. None: nowhere in this segment.
    fn cross(&mut self, scan: &mut Scan<'_>) -> io::Result<Option<Place>> {
        let later = self.next..self.until.unwrap_or(u64::MAX);
        let place = scan.next(self.at, &later)?;
        let to = match (place, self.until) {
            (Some(place), None) if scan.durable_from(place)? <= self.next => {
                return Ok(None);
            }
            (Some(place), _) => place.header.sequence,
            (None, Some(until)) => until,
            (None, None) => return Ok(None),
        };
        if to > self.next {
            let (from, path, at) = (self.next, self.path.clone(), self.at);
            self.lost.push(Lost { from, to, path, at });
            self.next = to;
        }
        Ok(place)
    }

    /// Writes what may be in the system's memory only once more, and flushes it: a flush that
    /// failed before would not be made up for by one that finds nothing left to do.
    fn make_durable(&self, file: &File) -> io::Result<()> {
        let from = self.unproven.front().map_or(self.at, |(_, at)| *at);
        let to = self.at.min(file.len()?);
        let mut bytes = vec![0; to.saturating_sub(from) as usize];
        file.read_exact_at(&mut bytes, from)?;
        file.write_all_at(&bytes, from)?;
        file.write_all_at(&self.head.encode(), 0)?;
        file.sync_all()
    }
}
