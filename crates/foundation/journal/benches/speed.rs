//! What a flush costs here, and what many writers make of it.
//!
//! `cargo bench -p journal [--bench speed] [-- FOLDER]`: in a temporary folder, or in `FOLDER`,
//! whose file system is then what is measured.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use journal::{Flush, Journal, Options};
use kit::entropy::Entropy;

/// How long each line is measured.
const SPAN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let dir = match std::env::args().skip(1).find(|arg| !arg.starts_with('-')) {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    println!("{:34} {:>9} {:>10} {:>9} {:>9}", "", "MB/s", "flushes/s", "p50 ms", "p99 ms");
    for kib in [4, 64, 256, 1_024, 4_096] {
        raw(dir.path(), kib);
    }
    for (flush, name) in [(Flush::EveryBatch, "flushed"), (Flush::Never, "written")] {
        for (writers, bytes) in [(1, 1_024), (64, 1_024), (64, 16 << 10), (16, 256 << 10)] {
            let folder = dir.path().join(format!("{name}-{writers}-{bytes}"));
            std::fs::create_dir(&folder).unwrap();
            writers_at_once(&folder, (flush, name), writers, bytes).await;
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}

fn line(name: &str, bytes: u64, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let seconds = SPAN.as_secs_f64();
    println!(
        "{name:34} {:9.1} {:10.0} {:9.3} {:9.3}",
        bytes as f64 / seconds / 1e6,
        took.len() as f64 / seconds,
        at(50),
        at(99),
    );
}

/// Overwrites of a file that was written before, each flushed.
fn raw(folder: &Path, kib: usize) {
    let path = folder.join("raw");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
    let (block, blocks) = (vec![1; kib << 10], (64 << 10) / kib);
    for number in 0..blocks {
        file.write_all_at(&block, (number * block.len()) as u64).unwrap();
    }
    file.sync_all().unwrap();
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < SPAN {
        let at = took.len() % blocks * block.len();
        let started = Instant::now();
        file.write_all_at(&block, at as u64).unwrap();
        file.sync_data().unwrap();
        took.push(started.elapsed());
    }
    line(&format!("the disk itself, {kib} KiB a flush"), (took.len() * block.len()) as u64, took);
}

/// Writers that each wait for one record before the next. The rate is that of acknowledgements.
async fn writers_at_once(
    folder: &Path,
    (flush, name): (Flush, &str),
    writers: usize,
    bytes: usize,
) {
    let options = Options { folder: folder.to_owned(), flush, segment_bytes_max: 64 << 20 };
    let (journal, _) = Journal::open(options, Entropy::machine(), &mut |_| {}).unwrap();
    let began = Instant::now();
    let writer = || {
        let (journal, payload) = (journal.clone(), vec![7; bytes]);
        tokio::spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < SPAN {
                let started = Instant::now();
                let room = journal.room(payload.len()).await.unwrap();
                let sequence = journal.append(room, 0, &[&payload]).unwrap();
                journal.kept(sequence).await.unwrap();
                took.push(started.elapsed());
                if sequence % 1_024 == 0 {
                    let journal = journal.clone();
                    let release = move || journal.release(sequence);
                    tokio::task::spawn_blocking(release).await.unwrap().unwrap();
                }
            }
            took
        })
    };
    let tasks: Vec<_> = (0..writers).map(|_| writer()).collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let total = (took.len() * bytes) as u64;
    line(&format!("{name}, {writers} writers of {bytes} bytes"), total, took);
}
