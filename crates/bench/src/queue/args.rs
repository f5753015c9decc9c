//! The command line of `queue`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum, value_parser};

use super::Window;
use crate::cli::{parse_count, parse_rounds};
use crate::error::BenchError;

/// Connections unless given.
const CONNECTIONS: usize = 4;
/// Load that is not measured, unless given, in seconds.
const WARM_UP_S: u64 = 2;
/// The same in `partitions`: Apache Kafka is busy with the files of a thousand new partitions for
/// some seconds.
const WARM_UP_OF_MANY_S: u64 = 10;
/// Partitions of a topic unless given.
const PARTITIONS: u32 = 6;
/// Partitions in `partitions`, unless given.
const MANY_PARTITIONS: u32 = 1_000;
/// Bytes of a batch unless given.
const BATCH_BYTES: u32 = 65_536;
/// Bytes of a batch in `partitions`, unless given: a thousand partitions share the producer's
/// buffer, so each batch is small.
const SMALL_BATCH_BYTES: u32 = 4_096;
/// Batches of one request in `partitions`, unless given: a producer sends what is due for several
/// partitions of a broker together.
const BATCHES_OF_MANY: u32 = 20;

/// Arguments of `queue`.
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// The broker, such as kafka://127.0.0.1:9092.
    #[arg(long, value_parser = parse_broker)]
    pub(crate) target: SocketAddr,
    /// Another broker to compare with.
    #[arg(long, value_parser = parse_broker)]
    pub(crate) peer: Option<SocketAddr>,
    /// What to measure.
    #[arg(long, value_enum, default_value_t = Mode::Produce)]
    pub(crate) mode: Mode,
    /// Connections that produce or consume; a thread each [default: 4; 1 in latency].
    #[arg(long, value_parser = parse_connections)]
    pub(crate) connections: Option<usize>,
    /// Partitions of the topic [default: 6; 1000 in partitions].
    #[arg(long, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) partitions: Option<u32>,
    /// Bytes of a record's value.
    #[arg(long, default_value = "1024", value_parser = value_parser!(u32).range(16..=900_000))]
    pub(crate) record_bytes: u32,
    /// Most bytes of a batch [default: 65536; 4096 in partitions].
    #[arg(long, value_parser = value_parser!(u32).range(128..=1_000_000))]
    pub(crate) batch_bytes: Option<u32>,
    /// Batches in a request, each for another partition [default: 1; 20 in partitions].
    #[arg(long, value_parser = value_parser!(u32).range(1..=1_000))]
    pub(crate) batches_per_request: Option<u32>,
    /// Unanswered requests on a connection that produces.
    #[arg(long, default_value = "5", value_parser = parse_connections)]
    pub(crate) in_flight: usize,
    /// Length of what a round measures; consume reads the backlog as often as fits, once at least.
    #[arg(long, default_value = "10", value_parser = value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Load before that, which is not measured [default: 2; 10 in partitions].
    #[arg(long, value_parser = value_parser!(u64).range(0..=600))]
    pub(crate) warm_up_seconds: Option<u64>,
    /// Rounds; with a peer, pairs of rounds in turn.
    #[arg(long, default_value = "3", value_parser = parse_rounds)]
    pub(crate) rounds: usize,
    /// Backlog of consume, in bytes of values: `64MiB`, `2GiB`.
    #[arg(long, default_value = "1GiB", value_parser = parse_bytes)]
    pub(crate) bytes: u64,
    /// Most bytes that a fetch asks of one partition.
    #[arg(long, default_value = "1MiB", value_parser = parse_bytes)]
    pub(crate) partition_bytes: u64,
    /// Records a second in latency.
    #[arg(long, default_value = "20000", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// How long the producer of latency waits for more records.
    #[arg(long, default_value = "1", value_parser = value_parser!(u64).range(0..=1_000))]
    pub(crate) linger_ms: u64,
    /// Consumer groups in groups; a connection and a thread each.
    #[arg(long, default_value = "200", value_parser = parse_groups)]
    pub(crate) groups: usize,
    /// Directory on the disk of the broker, for its own flush beside the latency.
    #[arg(long)]
    pub(crate) flush_dir: Option<PathBuf>,
    /// Process of the target: reports its CPU seconds a GB and its peak resident set.
    #[arg(long)]
    pub(crate) target_pid: Option<u32>,
    /// Process of the peer.
    #[arg(long)]
    pub(crate) peer_pid: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl QueueArgs {
    /// The window of a load that starts now.
    pub(crate) fn window(&self) -> Window {
        let is_many = self.mode == Mode::Partitions;
        let usual = if is_many { WARM_UP_OF_MANY_S } else { WARM_UP_S };
        Window::after(self.warm_up_seconds.unwrap_or(usual), self.seconds)
    }

    /// Connections that produce or consume.
    pub(crate) fn connections(&self) -> usize {
        // A rate is one producer's unless said otherwise: several would batch less.
        self.connections.unwrap_or(if self.mode == Mode::Latency { 1 } else { CONNECTIONS })
    }
}

/// What `queue` measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// How much a broker takes in.
    Produce,
    /// How fast it gives a backlog out.
    Consume,
    /// How long a record is under way.
    Latency,
    /// How much it takes in over many partitions.
    Partitions,
    /// How long an offset commit takes.
    Groups,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Produce => "produce",
            Self::Consume => "consume",
            Self::Latency => "latency",
            Self::Partitions => "partitions",
            Self::Groups => "groups",
        })
    }
}

/// How producers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Partitions of the topic.
    pub(crate) partitions: u32,
    /// Bytes of a record's value.
    pub(crate) record_bytes: u32,
    /// Records of a batch.
    pub(crate) batch_records: u32,
    /// Batches of a request, each for another partition.
    pub(crate) batches: u32,
}

/// A record beside its value, at most: length, attributes, two deltas, key, value's length,
/// headers.
const RECORD_OVERHEAD: u32 = 16;
/// A batch beside its records.
pub(crate) const BATCH_OVERHEAD: u32 = 61;

impl Shape {
    /// What the arguments give, and the mode where they say nothing.
    ///
    /// # Errors
    /// `BenchError::Usage` for a record that is larger than a batch, and for a request with more
    /// batches than there are partitions.
    pub(crate) fn of(args: &QueueArgs) -> Result<Self, BenchError> {
        let is_many = args.mode == Mode::Partitions;
        let usual = |few, many| if is_many { many } else { few };
        let partitions = args.partitions.unwrap_or(usual(PARTITIONS, MANY_PARTITIONS));
        let batch_bytes = args.batch_bytes.unwrap_or(usual(BATCH_BYTES, SMALL_BATCH_BYTES));
        let asked = args.batches_per_request;
        let batches = asked.unwrap_or(usual(1, BATCHES_OF_MANY.min(partitions)));
        let room = batch_bytes.saturating_sub(BATCH_OVERHEAD);
        let batch_records = room / (args.record_bytes + RECORD_OVERHEAD);
        if batch_records == 0 {
            let needed = args.record_bytes + RECORD_OVERHEAD + BATCH_OVERHEAD;
            let text = format!("a record takes a --batch-bytes of at least {needed}");
            return Err(BenchError::Usage(text));
        }
        if batches > partitions {
            let text =
                format!("--batches-per-request {batches} is more than {partitions} partitions");
            return Err(BenchError::Usage(text));
        }
        Ok(Self { partitions, record_bytes: args.record_bytes, batch_records, batches })
    }

    /// Bytes of values in a request.
    pub(crate) fn request_value_bytes(&self) -> u64 {
        u64::from(self.record_bytes) * self.request_records()
    }

    /// Records in a request.
    pub(crate) fn request_records(&self) -> u64 {
        u64::from(self.batch_records) * u64::from(self.batches)
    }
}

/// Load is generated on the machine it hurts, and nowhere else.
fn parse_broker(text: &str) -> Result<SocketAddr, String> {
    let authority = text.strip_prefix("kafka://").map(|rest| rest.trim_end_matches('/'));
    let address = authority.and_then(|authority| match authority.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse().ok(),
        None => authority.parse().ok(),
    });
    let address: SocketAddr = address.ok_or("give an address like kafka://127.0.0.1:9092")?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("not a loopback address; load is only sent to this machine".to_owned()),
    }
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err("give a whole number with its unit: 64KiB, 1MiB or 2GiB".to_owned()),
    };
    match number.parse::<u64>() {
        Ok(number) if (1..=1 << 20).contains(&number) => match number << shift {
            bytes if bytes <= 1 << 40 => Ok(bytes),
            _ => Err("at most 1024GiB".to_owned()),
        },
        _ => Err("give a number from 1 to 1048576 before the unit".to_owned()),
    }
}

fn parse_connections(text: &str) -> Result<usize, String> {
    parse_count(text, 256)
}

fn parse_groups(text: &str) -> Result<usize, String> {
    parse_count(text, 2_000)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: QueueArgs,
    }

    fn args(line: &str) -> QueueArgs {
        let words = format!("queue --target kafka://127.0.0.1:9092 {line}");
        Line::try_parse_from(words.split_whitespace()).expect(line).args
    }

    #[test]
    fn brokers_are_on_loopback() {
        let read = |text| parse_broker(text).map(|address| address.to_string());
        assert_eq!(read("kafka://127.0.0.1:9092"), Ok("127.0.0.1:9092".to_owned()));
        assert_eq!(read("kafka://localhost:1/"), Ok("127.0.0.1:1".to_owned()));
        assert_eq!(read("kafka://[::1]:9"), Ok("[::1]:9".to_owned()));
        assert!(read("kafka://10.0.0.1:9092").is_err_and(|e| e.contains("loopback")));
        for bad in ["127.0.0.1:9092", "http://127.0.0.1:1", "kafka://127.0.0.1", "kafka://a:1"] {
            assert!(read(bad).is_err_and(|e| e.contains("kafka://127.0.0.1:9092")), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(parse_bytes("64KiB"), Ok(65_536));
        assert_eq!(parse_bytes("2GiB"), Ok(2 << 30));
        for bad in ["1", "0MiB", "1MB", "-1MiB", "1.5GiB", "2000GiB", "9999999GiB", ""] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mode_has_its_usual_shape() {
        let shape = Shape::of(&args("")).expect("defaults");
        let usual = Shape { partitions: 6, record_bytes: 1_024, batch_records: 62, batches: 1 };
        assert_eq!(shape, Shape { batch_records: shape.batch_records, ..usual });
        assert!((62..=64).contains(&shape.batch_records), "{shape:?}");
        let many = Shape::of(&args("--mode partitions")).expect("defaults");
        assert_eq!((many.partitions, many.batches, many.batch_records), (1_000, 20, 3));
        let few = Shape::of(&args("--mode partitions --partitions 7")).expect("fewer than usual");
        assert_eq!((few.partitions, few.batches), (7, 7));
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        let refused = |line| Shape::of(&args(line)).expect_err(line).to_string();
        let text = refused("--record-bytes 5000 --batch-bytes 4096");
        assert_eq!(text, "a record takes a --batch-bytes of at least 5077");
        assert!(refused("--batches-per-request 7").contains("more than 6 partitions"));
    }
}
