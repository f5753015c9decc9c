//! `backplane-bench queue`: Kafka's protocol over plain connections, the same requests to our
//! broker and to a peer.

mod args;
mod batch;
mod broker;
mod consume;
mod flush;
mod groups;
mod latency;
mod produce;
mod reader;
mod tally;
mod topic;
mod wire;

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

pub(crate) use self::args::QueueArgs;
use self::args::{Mode, Shape};
use self::broker::Broker;
use self::consume::Backlog;
use self::tally::{Detail, Outcome, Tally};
use self::topic::Topic;
use crate::clock;
use crate::error::BenchError;
use crate::load::Measured;
use crate::pair::{self, Contender, Paired, median};
use crate::report::{mebibytes, write_rounds};

/// What a run found.
#[derive(Debug, Serialize)]
pub(crate) struct QueueFigures {
    /// What was measured.
    pub(crate) mode: String,
    /// How, in words.
    pub(crate) shape: String,
    /// What one right answer of the rounds is.
    pub(crate) answers_are: &'static str,
    /// The rounds.
    pub(crate) rounds: Paired,
    /// The target's rounds as those of a broker.
    pub(crate) target: Vec<Detail>,
    /// The peer's.
    pub(crate) peer: Vec<Detail>,
    /// The target's p99 over the peer's, the median of pairs: below 1, the target is faster.
    pub(crate) p99_ratio: Option<f64>,
}

/// The measured part of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Its start.
    pub(crate) from: Instant,
    /// Its end.
    pub(crate) until: Instant,
}

impl Window {
    /// One that starts when the warm-up is over.
    pub(crate) fn after(warm_up_s: u64, seconds: u64) -> Self {
        let from = clock::now() + Duration::from_secs(warm_up_s);
        Self { from, until: from + Duration::from_secs(seconds) }
    }

    /// Whether a moment is in it.
    pub(crate) fn contains(&self, moment: Instant) -> bool {
        (self.from..self.until).contains(&moment)
    }
}

/// Runs the rounds of the mode.
///
/// # Errors
/// Whatever keeps the figures from being measured.
pub(crate) fn run(args: &QueueArgs) -> Result<QueueFigures, BenchError> {
    let shape = Shape::of(args)?;
    let details = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let target = Side::new(args.target, args.target_pid, args)?;
    let peer = args.peer.map(|peer| Side::new(peer, args.peer_pid, args)).transpose()?;
    let target = target.contender("target", args, &details.0);
    let peer = peer.map(|peer| peer.contender("peer", args, &details.1));
    let rounds = pair::run(args.rounds, target, peer)?;
    Ok(QueueFigures {
        mode: args.mode.to_string(),
        shape: describe(args, &shape),
        answers_are: answers_are(args.mode),
        p99_ratio: p99_ratio(&rounds),
        rounds,
        target: details.0.into_inner(),
        peer: details.1.into_inner(),
    })
}

/// A broker and what its rounds share.
#[derive(Debug)]
struct Side {
    broker: Broker,
    kept: Kept,
}

/// What stays from one round to the next.
#[derive(Debug)]
enum Kept {
    /// Each round has a topic of its own, so that the disk has what it wrote back after it.
    Nothing,
    /// A thousand partitions would be deleted in the background of the next round.
    Topic(Topic),
    /// Every round reads it.
    Backlog(Backlog),
}

impl Side {
    fn new(address: SocketAddr, pid: Option<u32>, args: &QueueArgs) -> Result<Self, BenchError> {
        let broker = Broker { address, pid };
        // A wrong process id shows before the load instead of after it.
        broker.meter()?;
        let kept = match args.mode {
            Mode::Consume => Kept::Backlog(Backlog::write(&broker, args)?),
            Mode::Partitions => Kept::Topic(new_topic(&broker, args)?),
            Mode::Produce | Mode::Latency | Mode::Groups => Kept::Nothing,
        };
        Ok(Self { broker, kept })
    }

    fn contender<'a>(
        self,
        name: &'a str,
        args: &'a QueueArgs,
        details: &'a RefCell<Vec<Detail>>,
    ) -> Contender<'a> {
        let run = move || -> Result<Measured, BenchError> {
            let Outcome { measured, detail } = self.round(args)?;
            details.borrow_mut().push(detail);
            Ok(measured)
        };
        Contender { name, run: Box::new(run) }
    }

    fn round(&self, args: &QueueArgs) -> Result<Outcome, BenchError> {
        let broker = &self.broker;
        settle()?;
        match &self.kept {
            Kept::Backlog(backlog) => backlog.read(broker, args),
            Kept::Topic(topic) => produce::round(broker, args, topic),
            Kept::Nothing => {
                let topic = new_topic(broker, args)?;
                match args.mode {
                    Mode::Latency => latency::round(broker, args, &topic),
                    Mode::Groups => groups::round(broker, args, &topic),
                    _ => produce::round(broker, args, &topic),
                }
            }
        }
    }
}

/// Writes back what earlier rounds left in memory: a round that is held up by the writes of the
/// one before it measures the other side.
fn settle() -> Result<(), BenchError> {
    let synced = Command::new("sync").status();
    synced.map(|_| ()).map_err(BenchError::missing("sync", "coreutils"))
}

fn new_topic(broker: &Broker, args: &QueueArgs) -> Result<Topic, BenchError> {
    let partitions = Shape::of(args)?.partitions;
    Topic::create(&mut broker.connect()?, broker.address, partitions)
}

fn answers_are(mode: Mode) -> &'static str {
    match mode {
        Mode::Produce | Mode::Partitions => "acknowledged requests",
        Mode::Consume => "batches read, latency of fetches",
        Mode::Latency => "records read, latency from when each was due to be sent",
        Mode::Groups => "offset commits, latency from when each was due",
    }
}

fn describe(args: &QueueArgs, shape: &Shape) -> String {
    let Shape { partitions, record_bytes, batch_records, batches } = shape;
    if args.mode == Mode::Groups {
        return format!("{} groups, {partitions} partitions each, once a second", args.groups);
    }
    let batch = format!("{batch_records} records of {record_bytes} B a batch");
    let (connections, in_flight) = (args.connections(), args.in_flight);
    let text = format!("{connections} connections, {partitions} partitions");
    match args.mode {
        Mode::Latency => {
            let (rate, linger_ms) = (args.rate, args.linger_ms);
            format!("{text}, {rate} records/s, linger {linger_ms} ms, at most {batch}")
        }
        Mode::Consume => format!("{text}, {} B a partition and fetch", args.partition_bytes),
        _ => format!("{text}, {batch}, {batches} batches a request, {in_flight} in flight"),
    }
}

fn p99_ratio(rounds: &Paired) -> Option<f64> {
    let peer = rounds.peer.as_ref()?;
    let pairs = rounds.target.rounds.iter().zip(&peer.rounds);
    Some(median(pairs.map(|(own, other)| own.latency.p99_us / other.latency.p99_us).collect()))
}

/// The counts of all threads of a load.
pub(crate) fn join_all(threads: Vec<JoinHandle<Tally>>) -> Result<Tally, BenchError> {
    let mut total = Tally::new();
    for thread in threads {
        total.merge(thread.join().map_err(|_| BenchError::Thread)?);
    }
    Ok(total)
}

/// Sleeps until a moment, which may have passed.
pub(crate) fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(clock::now()));
}

impl QueueFigures {
    /// Every answer was right.
    pub(crate) fn is_clean(&self) -> bool {
        self.rounds.is_clean()
    }

    /// Writes them as text.
    ///
    /// # Errors
    /// As `out` gives them.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "queue {}: {}", self.mode, self.shape)?;
        writeln!(out, "right: {}", self.answers_are)?;
        write_rounds(out, &self.rounds)?;
        for number in 0..self.target.len() {
            write_detail(out, "target", &self.target[number])?;
            if let Some(peer) = self.peer.get(number) {
                write_detail(out, "peer", peer)?;
            }
        }
        let mb_per_s = |details: &[Detail]| median(details.iter().map(|d| d.mb_per_s).collect());
        let (own, other) = (mb_per_s(&self.target), mb_per_s(&self.peer));
        // Commits carry no values.
        if own > 0.0 {
            write!(out, "median: target {own:.1} MB/s")?;
            match other > 0.0 {
                true => writeln!(out, ", peer {other:.1} MB/s")?,
                false => writeln!(out)?,
            }
        }
        match self.p99_ratio {
            Some(ratio) => writeln!(out, "p99 ratio {ratio:.3} (median of pairs)"),
            None => Ok(()),
        }
    }
}

fn write_detail(out: &mut impl Write, name: &str, detail: &Detail) -> io::Result<()> {
    let mut parts = Vec::new();
    if detail.mb_per_s > 0.0 {
        parts.push(format!("{:.1} MB/s, {:.0} records/s", detail.mb_per_s, detail.records_per_s));
    }
    if let Some(cores) = detail.cores {
        let a_gb = detail.cpu_s_per_gb.map(|cpu| format!(", {cpu:.2} CPU s/GB"));
        parts.push(format!("broker {cores:.2} cores{}", a_gb.unwrap_or_default()));
    }
    if let Some(bytes) = detail.peak_resident_bytes {
        parts.push(format!("peak {:.1} MiB", mebibytes(bytes)));
    }
    if let Some(cores) = detail.generator_cores {
        parts.push(format!("generator {cores:.2} cores"));
    }
    let others = [("acknowledged", detail.acknowledgement), ("disk's flush", detail.flush)];
    for (what, latency) in others {
        if let Some(latency) = latency {
            let (p50, p99, p999) = (latency.p50_us, latency.p99_us, latency.p999_us);
            let [p50, p99, p999] = [p50, p99, p999].map(|us| us / 1e3);
            parts.push(format!("{what} p50 {p50:.3} ms, p99 {p99:.3}, p99.9 {p999:.3}"));
        }
    }
    writeln!(out, "{name:<16}{}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Percentiles;

    fn text_of(detail: &Detail) -> String {
        let mut text = Vec::new();
        write_detail(&mut text, "target", detail).expect("memory");
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn a_line_has_what_was_measured_and_nothing_else() {
        let flush = Percentiles { p50_us: 500.0, p99_us: 2_000.0, ..Percentiles::default() };
        let detail = Detail {
            mb_per_s: 100.0,
            records_per_s: 97_656.0,
            cpu_s_per_gb: Some(2.0),
            cores: Some(0.2),
            flush: Some(flush),
            ..Detail::default()
        };
        assert_eq!(
            text_of(&detail),
            "target          100.0 MB/s, 97656 records/s; broker 0.20 cores, 2.00 CPU s/GB; \
             disk's flush p50 0.500 ms, p99 2.000, p99.9 0.000\n"
        );
        let commits = Detail { generator_cores: Some(0.1), ..Detail::default() };
        assert_eq!(text_of(&commits), "target          generator 0.10 cores\n");
    }

    #[test]
    fn a_window_has_its_start_and_not_its_end() {
        let window = Window::after(1, 2);
        assert_eq!(window.until - window.from, Duration::from_secs(2));
        assert!(window.contains(window.from) && !window.contains(window.until));
    }
}
