//! What basic operations take on this machine, beside the figures of 2010 that estimates use.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;

/// Each figure is the median of so many rounds.
const ROUNDS: usize = 9;

/// One operation and its cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// What is compared with, as the table of 2010 names it.
    pub operation: &'static str,
    /// What was done here.
    pub measured_as: &'static str,
    /// The figure of 2010, in nanoseconds; an order of magnitude.
    pub in_2010_ns: f64,
    /// Here and now, in nanoseconds; absent for what one machine cannot tell.
    pub here_ns: Option<f64>,
}

/// Measures for about a second. Files are made below `directory` and removed again.
///
/// # Errors
/// The directory cannot be written, or the loopback interface is not there.
pub fn measure(directory: &Path) -> io::Result<Vec<Measured>> {
    let [small_write, large_write] = disk(directory)?;
    let [round_trip, two_kilobytes] = loopback()?;
    let here = |operation, measured_as, in_2010_ns, here_ns| Measured {
        operation,
        measured_as,
        in_2010_ns,
        here_ns: Some(here_ns),
    };
    let absent = |operation, in_2010_ns| Measured {
        operation,
        measured_as: "not measured",
        in_2010_ns,
        here_ns: None,
    };
    Ok(vec![
        here("L1 cache reference", "dependent loads in 16 KB", 0.5, chase(16 << 10)),
        absent("Branch mispredict", 5.0),
        here("L2 cache reference", "dependent loads in 256 KB", 7.0, chase(256 << 10)),
        here("Mutex lock/unlock", "uncontended", 100.0, lock()),
        here("Main memory reference", "dependent loads in 64 MB", 100.0, chase(64 << 20)),
        here("Compress 1 KB (Zippy)", "1 KB of text with zlib, level 1", 1e4, compress()?),
        here("Send 2 KB over 1 Gbps", "2 KB and answer, loopback", 2e4, two_kilobytes),
        here("Read 1 MB from memory", "sum of 1 MB", 2.5e5, sum_megabyte()),
        here("Round trip in data centre", "1 byte and answer, loopback", 5e5, round_trip),
        here("Disk seek", "write 4 KB and flush to disk", 1e7, small_write),
        absent("Read 1 MB from network", 1e7),
        here("Read 1 MB from disk", "write 1 MB and flush to disk", 3e7, large_write),
        absent("Packet CA-Netherlands-CA", 1.5e8),
    ])
}

/// The figures as a table for a terminal.
#[must_use]
pub fn text(measured: &[Measured]) -> String {
    let mut out = format!("{:<27}{:>12}{:>12}  {}\n", "operation", "2010", "here", "measured as");
    for line in measured {
        let here = line.here_ns.map_or_else(|| "-".to_owned(), duration);
        let then = duration(line.in_2010_ns);
        let _ = writeln!(out, "{:<27}{then:>12}{here:>12}  {}", line.operation, line.measured_as);
    }
    out
}

fn duration(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.1} ns"),
        ..1e6 => format!("{:.1} us", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}

/// The median time of one of `count` operations that `round` does, in nanoseconds.
fn median_ns(count: u32, mut round: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let mut rounds = [0.0; ROUNDS];
    for time in &mut rounds {
        let start = Instant::now();
        round()?;
        *time = start.elapsed().as_secs_f64() * 1e9 / f64::from(count);
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[ROUNDS / 2])
}

/// Each load's address is the last load's value, so that neither compiler nor processor can run
/// ahead.
fn chase(bytes: usize) -> f64 {
    const LINE_WORDS: usize = 16;
    const LOADS: u32 = 100_000;
    let lines = u32::try_from(bytes / (4 * LINE_WORDS)).unwrap_or(u32::MAX);
    // A full-period generator modulo a power of two (Hull, Dobell 1962) visits every line once.
    let next = |line: u32| line.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % lines;
    let mut memory = vec![0_u32; lines as usize * LINE_WORDS];
    for line in 0..lines {
        memory[line as usize * LINE_WORDS] = next(line);
    }
    let mut at = 0;
    let time = median_ns(LOADS, || {
        for _ in 0..LOADS {
            at = memory[at as usize * LINE_WORDS];
        }
        black_box(at);
        Ok(())
    });
    time.unwrap_or(f64::NAN)
}

fn lock() -> f64 {
    const LOCKS: u32 = 100_000;
    let mutex = parking_lot::Mutex::new(0_u32);
    let time = median_ns(LOCKS, || {
        (0..LOCKS).for_each(|_| *black_box(&mutex).lock() += 1);
        Ok(())
    });
    time.unwrap_or(f64::NAN)
}

fn sum_megabyte() -> f64 {
    let memory = vec![1_u64; 64 << 17];
    let mut megabytes = memory.chunks_exact(1 << 17).cycle();
    let time = median_ns(1, || {
        black_box(megabytes.next().map(|megabyte| megabyte.iter().sum::<u64>()));
        Ok(())
    });
    time.unwrap_or(f64::NAN)
}

fn compress() -> io::Result<f64> {
    let line = "GET /links/4bf92f35 302 0.4 ms phone Berlin 2026-11-22T05:44:18Z\n";
    let text = line.repeat(16);
    median_ns(100, || {
        for _ in 0..100 {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&text.as_bytes()[..1_000])?;
            black_box(encoder.finish()?);
        }
        Ok(())
    })
}

/// Round trips of one byte and of 2 KB that one byte answers.
fn loopback() -> io::Result<[f64; 2]> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let answer = move |size: usize, count: usize, far: &mut TcpStream| -> io::Result<()> {
        let mut message = vec![0; size];
        for _ in 0..count {
            far.read_exact(&mut message)?;
            far.write_all(&[0])?;
        }
        Ok(())
    };
    const TRIPS: u32 = 200;
    let trips = TRIPS as usize * ROUNDS;
    let server = std::thread::spawn(move || {
        answer(1, trips, &mut far).and_then(|()| answer(2_000, trips, &mut far))
    });
    let mut times = [0.0; 2];
    for (time, size) in times.iter_mut().zip([1, 2_000]) {
        let message = vec![0; size];
        *time = median_ns(TRIPS, || {
            (0..TRIPS).try_for_each(|_| {
                near.write_all(&message)?;
                near.read_exact(&mut [0])
            })
        })?;
    }
    // The other end closes with this one, whatever happened to it.
    drop(near);
    let _ = server.join();
    Ok(times)
}

/// Flushed writes of 4 KB and of 1 MB: what a durable acknowledgement costs.
fn disk(directory: &Path) -> io::Result<[f64; 2]> {
    let path = directory.join(format!("latency-test-{}", std::process::id()));
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    let times = [4 << 10, 1 << 20].map(|size| {
        let block = vec![7; size];
        median_ns(1, || {
            file.write_all(&block)?;
            file.sync_data()
        })
    });
    std::fs::remove_file(&path)?;
    let [small, large] = times;
    Ok([small?, large?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_there_and_plausible() {
        let directory = tempfile::tempdir().unwrap();
        let measured = measure(directory.path()).unwrap();
        assert_eq!(measured.len(), 13);
        for line in &measured {
            let plausible = |ns: f64| ns > 0.0 && ns < 10e9;
            assert!(line.here_ns.is_none_or(plausible), "{line:?}");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let text = text(&measured);
        assert_eq!(text.lines().count(), 14);
        assert!(text.contains("L1 cache reference               0.5 ns"), "{text}");
        assert!(text.contains("30.0 ms"), "{text}");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(measure(Path::new("/proc/nowhere")).is_err());
    }
}
