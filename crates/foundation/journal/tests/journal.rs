//! A journal on real files: what was acknowledged is there again, whatever became of the files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use journal::frame::{self, HEADER_BYTES};
use journal::segment::{HEAD_BYTES, Head, Name};
use journal::{Flush, Journal, JournalError, Lost, Options};
use kit::entropy::Entropy;
use kit::files::Files;
use std::sync::Arc;

type Records = Vec<(u64, u32, Vec<u8>)>;

fn options(folder: &Path) -> Options {
    let folder = folder.to_owned();
    Options { folder, flush: Flush::EveryBatch, segment_bytes_max: 256 << 10 }
}

fn try_open(folder: &Path, seed: u64) -> Result<(Journal, Records, Vec<Lost>), JournalError> {
    let mut records = Vec::new();
    let (journal, lost) = Journal::open(options(folder), Entropy::seeded(seed), &mut |record| {
        let header = record.header;
        records.push((header.sequence, header.stream, record.payload.to_vec()));
    })?;
    Ok((journal, records, lost))
}

fn open(folder: &Path, seed: u64) -> (Journal, Records) {
    let (journal, records, lost) = try_open(folder, seed).unwrap();
    assert_eq!(lost, []);
    (journal, records)
}

async fn append(journal: &Journal, stream: u32, payload: &[u8]) -> u64 {
    let room = journal.room(payload.len()).await.unwrap();
    journal.append(room, stream, &[payload]).unwrap()
}

/// Appends payloads one by one, each kept before the next.
async fn keep(journal: &Journal, payloads: &[&[u8]]) {
    for payload in payloads {
        let sequence = append(journal, 1, payload).await;
        journal.kept(sequence).await.unwrap();
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

#[tokio::test]
async fn records_are_there_again_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, records) = open(dir.path(), 1);
    assert_eq!(records, []);
    let mut expected = Records::new();
    for (number, length) in [0_usize, 1, 7, 8, 4_000, 70_000, 300_000, 3].into_iter().enumerate() {
        let (stream, payload) = (number as u32, vec![number as u8; length]);
        let sequence = append(&journal, stream, &payload).await;
        expected.push((sequence, stream, payload));
    }
    journal.kept(7).await.unwrap();
    drop(journal);
    let (journal, records) = open(dir.path(), 2);
    assert_eq!(records, expected);
    assert_eq!(append(&journal, 9, b"more").await, 8);
    journal.kept(8).await.unwrap();
    drop(journal);
    expected.push((8, 9, b"more".to_vec()));
    assert_eq!(open(dir.path(), 3).1, expected);
}

/// Many writers at once: each has its record kept, and few flushes serve them.
#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_get_sequences_without_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), 1);
    let writers = (0..64_u32).map(|stream| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for number in 0..50_u32 {
                let sequence = append(&journal, stream, &number.to_le_bytes()).await;
                journal.kept(sequence).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    drop(journal);
    let (_, records) = open(dir.path(), 2);
    assert_eq!(records.len(), 64 * 50);
    let mut next = [0_u32; 64];
    for (place, (sequence, stream, payload)) in records.iter().enumerate() {
        assert_eq!(*sequence, place as u64);
        let next = &mut next[*stream as usize];
        assert_eq!(payload, &next.to_le_bytes(), "a writer's own order");
        *next += 1;
    }
}

/// The end of the file is lost from any byte on: what was whole before it is there.
#[tokio::test]
async fn a_tail_that_is_cut_anywhere_ends_the_journal_there() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), 1);
    let payloads: [&[u8]; 4] = [b"one", b"twotwo", b"", b"three"];
    keep(&journal, &payloads).await;
    drop(journal);
    let ends: Vec<usize> = payloads
        .iter()
        .scan(HEAD_BYTES, |at, payload| {
            let end = *at + HEADER_BYTES + payload.len();
            *at += frame::span(payload.len());
            Some(end)
        })
        .collect();
    let tail = files(dir.path(), ".tail").remove(0);
    let whole = fs::read(&tail).unwrap();
    for cut in (0..HEAD_BYTES).step_by(500).chain(HEAD_BYTES..ends[3] + 8) {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join(tail.file_name().unwrap());
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = ends.iter().filter(|end| **end <= cut).count();
        let (journal, records) = open(there.path(), 2);
        assert_eq!(records.len(), kept, "cut at {cut}");
        // What comes next takes the place of what was lost, and stands for good.
        keep(&journal, &[b"new"]).await;
        drop(journal);
        let (_, again) = open(there.path(), 3);
        assert_eq!(again[..kept], records);
        assert_eq!(again[kept..], [(kept as u64, 1, b"new".to_vec())]);
    }
}

/// A bit flips: no record is ever read wrong, all others are kept, and what cannot be read is
/// named, unless it was of the last flush.
#[tokio::test]
async fn a_flipped_bit_costs_its_record_alone_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), 1);
    let payloads: Vec<Vec<u8>> = (0..12_u8).map(|number| vec![number; 9]).collect();
    let texts: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    keep(&journal, &texts).await;
    drop(journal);
    let (tail, span) = (files(dir.path(), ".tail").remove(0), frame::span(9));
    let whole = fs::read(&tail).unwrap();
    for byte in HEAD_BYTES..HEAD_BYTES + 12 * span {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join(tail.file_name().unwrap());
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        fs::write(&path, bytes).unwrap();
        let (_, records, lost) = try_open(there.path(), 2).unwrap();
        let (hit, within) = ((byte - HEAD_BYTES) / span, (byte - HEAD_BYTES) % span);
        let is_hit = |place: usize| place == hit && within < HEADER_BYTES + 9;
        let expected: Records = (0..12)
            .filter(|place| !is_hit(*place))
            .map(|place| (place as u64, 1, payloads[place].clone()))
            .collect();
        assert_eq!(records, expected, "byte {byte}");
        let hit = hit as u64;
        let told = within < HEADER_BYTES + 9 && hit < 11;
        let ranges: Vec<_> = lost.iter().map(|lost| (lost.from, lost.to)).collect();
        assert_eq!(ranges, if told { vec![(hit, hit + 1)] } else { vec![] }, "byte {byte}");
    }
}

/// Fills segments until there are `count` full ones.
async fn fill(folder: &Path, journal: &Journal, count: usize) {
    while files(folder, ".journal").len() < count {
        keep(journal, &[&[5; 20_000]]).await;
    }
}

#[tokio::test]
async fn damage_in_a_full_segment_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), 1);
    fill(dir.path(), &journal, 3).await;
    let next = journal.next_sequence();
    drop(journal);
    let full = files(dir.path(), ".journal");
    let second = fs::read(&full[1]).unwrap();
    // Its last record is the one that a cut would make a torn tail of.
    let head = u64::from_le_bytes(second[16..24].try_into().unwrap());
    let after = u64::from_le_bytes(fs::read(&full[2]).unwrap()[16..24].try_into().unwrap());
    let mut cut = second.clone();
    cut[HEAD_BYTES + (after - head - 1) as usize * frame::span(20_000)] ^= 1;
    fs::write(&full[1], cut).unwrap();
    let (_, records, lost) = try_open(dir.path(), 2).unwrap();
    assert_eq!(records.len() as u64, next - 1);
    assert_eq!((lost.len(), lost[0].from, lost[0].to), (1, after - 1, after));
    // Without it, or without its head, all of its records are missed and no other.
    for missing in [true, false] {
        match missing {
            true => fs::rename(&full[1], dir.path().join("away")).unwrap(),
            false => fs::write(&full[1], vec![0; second.len()]).unwrap(),
        }
        let (_, records, lost) = try_open(dir.path(), 3).unwrap();
        assert_eq!(records.len() as u64, next - (after - head));
        assert_eq!((lost.len(), lost[0].from, lost[0].to), (1, head, after));
    }
}

#[tokio::test]
async fn a_segment_of_another_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), 1);
    keep(&journal, &[b"one", b"two", b"three"]).await;
    drop(journal);
    let theirs = Head { number: 1, first: 1, run: 9 };
    fs::write(Name::Tail(1).path(dir.path()), theirs.encode()).unwrap();
    let refused = try_open(dir.path(), 2).err().unwrap();
    assert!(matches!(refused, JournalError::Overlap { first: 1, expected: 2, .. }), "{refused}");
}

/// Released segments become room for later ones, but not while a fork has them.
#[tokio::test]
async fn files_are_used_again_unless_they_are_shared() {
    let dir = tempfile::tempdir().unwrap();
    let (live, fork) = (dir.path().join("live"), dir.path().join("fork"));
    fs::create_dir(&live).unwrap();
    let (journal, _) = open(&live, 1);
    let store: Arc<dyn kit::files::Store> = Arc::new(journal.clone());
    let stores = Files::default();
    stores.register(&store);
    fill(&live, &journal, 2).await;
    let at_fork = journal.next_sequence();
    stores.snapshot(&live, &fork).unwrap();
    fill(&live, &journal, 4).await;
    let full = files(&live, ".journal").len();
    journal.release(journal.next_sequence()).unwrap();
    assert_eq!(files(&live, ".journal").len(), 0);
    assert!(full >= 4 && files(&live, ".new").len() <= 2);
    fill(&live, &journal, 2).await;
    drop((store, stores));
    let (_, records) = open(&fork, 2);
    assert_eq!(records.len() as u64, at_fork);
    let next = journal.next_sequence();
    drop(journal);
    let (_, records) = open(&live, 3);
    let last = records.last().unwrap().0;
    assert_eq!(last + 1, next);
    assert!(records[0].0 >= at_fork, "released ones are gone");
}

#[tokio::test]
async fn a_record_must_be_what_room_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), 1);
    assert!(matches!(journal.room(1 << 28).await, Err(JournalError::TooLong { .. })));
    let room = journal.room(3).await.unwrap();
    assert!(matches!(journal.append(room, 0, &[b"four"]), Err(JournalError::TooLong { .. })));
    keep(&journal, &[b"after it"]).await;
}

#[tokio::test]
async fn room_that_is_not_used_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), 1);
    for _ in 0..100 {
        drop(journal.room(4 << 20).await.unwrap());
    }
    let all = [journal.room(8 << 20).await.unwrap(), journal.room(7 << 20).await.unwrap()];
    let waiting = journal.room(8 << 20);
    tokio::pin!(waiting);
    let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx)));
    assert!(pending.await.is_pending(), "memory is bounded");
    drop(all);
    drop(waiting.await.unwrap());
}
