//! `Journal::open` over a segment with damage in it: records come in order, none that is told as
//! lost, a second opening finds the same, and what is written then is there behind it.

#![no_main]

use std::path::Path;

use journal::frame::{self, Header};
use journal::segment::{Head, Name};
use journal::{Flush, Journal, Options};
use kit::entropy::Entropy;
use libfuzzer_sys::fuzz_target;

/// A segment with payloads of these lengths, and the sequence behind them.
fn segment(number: u64, first: u64, lengths: &[u8]) -> (Vec<u8>, u64) {
    let run = 7 + number;
    let mut file = Head { number, first, run }.encode().to_vec();
    let mut sequence = first;
    for length in lengths {
        let payload = vec![*length; usize::from(*length)];
        let unflushed = u32::from(*length) % 3;
        let header = Header { length: payload.len(), sequence, unflushed, stream: 1 };
        let from = file.len();
        file.extend_from_slice(&header.encode(frame::checksum(&payload), run));
        file.extend_from_slice(&payload);
        file.resize(from + header.span(), 0);
        sequence += 1;
    }
    (file, sequence)
}

fn fails<T, E: std::fmt::Display>(error: E) -> T {
    panic!("{error}")
}

type Records = Vec<(u64, Vec<u8>)>;

fn open(folder: &Path) -> Option<(Journal, Records, Vec<journal::Lost>)> {
    let (folder, mut records) = (folder.to_owned(), Records::new());
    let options = Options { folder, flush: Flush::Never, segment_bytes_max: 64 << 10 };
    let (journal, lost) = Journal::open(options, Entropy::seeded(1), &mut |record| {
        records.push((record.header.sequence, record.payload.to_vec()));
    })
    .ok()?;
    Some((journal, records, lost))
}

fuzz_target!(|input: &[u8]| {
    let (lengths, damage) = input.split_at(input.len() / 3);
    let (one, two) = lengths.split_at(lengths.len() / 2);
    let dir = tempfile::tempdir().unwrap_or_else(fails);
    let (first, next) = segment(0, 0, one);
    let (second, _) = segment(1, next, two);
    let mut files = [first, second];
    for change in damage.chunks_exact(4) {
        let file = &mut files[usize::from(change[0]) % 2];
        let at = usize::from(u16::from_le_bytes([change[1], change[2]])) % file.len();
        file[at] ^= change[3];
        if change[0] > 0xF0 {
            file.truncate(at.max(1));
        }
    }
    std::fs::write(Name::Sealed(0).path(dir.path()), &files[0]).unwrap_or_else(fails);
    std::fs::write(Name::Tail(1).path(dir.path()), &files[1]).unwrap_or_else(fails);
    let Some((journal, records, lost)) = open(dir.path()) else { return };
    assert!(records.windows(2).all(|two| two[0].0 < two[1].0));
    for lost in &lost {
        assert!(lost.from < lost.to, "{lost}");
        assert!(!records.iter().any(|(at, _)| (lost.from..lost.to).contains(at)), "{lost}");
    }
    drop(journal);
    let (journal, again, _) = open(dir.path()).unwrap_or_else(|| panic!("it was opened before"));
    assert_eq!(again, records);
    let next = journal.next_sequence();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap_or_else(fails);
    runtime.block_on(async {
        let room = journal.room(3).await.unwrap_or_else(fails);
        let sequence = journal.append(room, 1, &[b"new"]).unwrap_or_else(fails);
        assert_eq!(sequence, next);
        journal.kept(sequence).await.unwrap_or_else(fails);
    });
    drop(journal);
    let (_, last, _) = open(dir.path()).unwrap_or_else(|| panic!("it was opened before"));
    assert_eq!(last[..records.len()], records);
    assert_eq!(last[records.len()..], [(next, b"new".to_vec())]);
});
