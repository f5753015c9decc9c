//! The command line. Every count and time has a bound, so no run goes on for ever.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::queue::QueueArgs;

/// Load generators over each system's own protocol, for Backplane and its peers alike.
///
/// Targets are loopback addresses only. Exit status: 0 all answers right, 1 wrong or missing
/// answers (the figures are printed all the same), 2 no figures.
#[derive(Debug, Parser)]
#[command(name = "backplane-bench", version)]
pub(crate) struct Cli {
    /// What to measure.
    #[command(subcommand)]
    pub(crate) command: Measurement,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Measurement {
    /// Short links: creates, redirects, memory.
    Shortener(ShortenerArgs),
    /// Start-up, idle memory, namespaces and forks of the whole binary.
    Platform(PlatformArgs),
    /// Telemetry on and off in turn, and an outage of its collector.
    Telemetry(TelemetryArgs),
    /// One process beside two on one PostgreSQL, half a core each.
    Processes(ProcessesArgs),
    /// Ids over RESP beside Redis, and over HTTP.
    Ids(IdsArgs),
    /// This generator beside wrk, over nginx's fixed 301: is the generator fast enough?
    Generator(GeneratorArgs),
    /// Rate limits: decisions over HTTP, gRPC and RESP.
    Limiter(LimiterArgs),
    /// Messages over Kafka's protocol: produce, consume, latency, partitions, groups.
    ///
    /// Both sides get the same requests: acks=all, no producer id, random values that no codec
    /// makes shorter. Topics have fresh names and are deleted at the end. A side is one broker
    /// without TLS and SASL; MB and GB are 10^6 and 10^9 bytes of values.
    ///
    /// produce     prepared requests, --in-flight on each connection; the end offsets have to
    ///             add up to what was acknowledged
    /// consume     a backlog of --bytes, written first and then read with every CRC checked
    /// latency     an open loop of --rate records a second, batched by --linger-ms, and a
    ///             consumer a partition with long polls: end to end from when each record was
    ///             due; --flush-dir measures the disk's own flush in the same seconds
    /// partitions  produce over 1,000 partitions in small batches
    /// groups      --groups consumer groups that commit each second; latency from when due
    ///
    /// A peer: start Apache Kafka on this machine and give its address and process id, as in
    /// --peer kafka://127.0.0.1:9092 --peer-pid PID. Rounds of both take turns.
    #[command(verbatim_doc_comment)]
    Queue(Box<QueueArgs>),
}

/// Arguments of `limiter`.
#[derive(Debug, Args)]
pub(crate) struct LimiterArgs {
    /// Which door.
    #[arg(long, value_enum, default_value_t = LimiterDoor::Resp)]
    pub(crate) door: LimiterDoor,
    /// Address of that door, such as 127.0.0.1:6380.
    #[arg(long, value_parser = parse_loopback)]
    pub(crate) target: SocketAddr,
    /// Address of the same door of a throttlecrab-server to compare with.
    #[arg(long, value_parser = parse_loopback)]
    pub(crate) peer: Option<SocketAddr>,
    /// Address of the target's edge, where the rule for http and grpc is put in force.
    #[arg(long, value_parser = parse_loopback)]
    pub(crate) rules_at: Option<SocketAddr>,
    /// Bearer token for http and grpc; it names the namespace.
    #[arg(long, default_value = "dev")]
    pub(crate) token: String,
    /// Connections.
    #[arg(long, default_value = "32", value_parser = parse_connections)]
    pub(crate) connections: usize,
    /// Decisions under way at once on a connection of grpc or resp.
    #[arg(long, default_value = "1", value_parser = parse_connections)]
    pub(crate) depth: usize,
    /// Threads of the generator.
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    pub(crate) threads: usize,
    /// Callers that are told apart.
    #[arg(long, default_value = "100000", value_parser = value_parser!(u32).range(1..=10_000_000))]
    pub(crate) keys: u32,
    /// Length of one round: `500ms`, `10s`, `2m`; at most 10m.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// Rounds; with a peer, pairs of rounds in turn.
    #[arg(long, default_value = "3", value_parser = parse_rounds)]
    pub(crate) rounds: usize,
    /// Open loop: decisions a second, or `half` for further rounds at half the rate that the
    /// target's rounds reached.
    #[arg(long, value_parser = parse_rate)]
    pub(crate) rate: Option<Rate>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A door of the limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimiterDoor {
    /// `POST /limiter/decide`.
    Http,
    /// Envoy's rate limit service.
    Grpc,
    /// `CL.THROTTLE`.
    Resp,
}

impl fmt::Display for LimiterDoor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Resp => "resp",
        })
    }
}

/// Arguments of `ids`.
#[derive(Debug, Args)]
pub(crate) struct IdsArgs {
    /// Address of the server's HTTP.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) target: String,
    /// Address of its RESP, on loopback.
    #[arg(long, default_value = "127.0.0.1:6381", value_parser = parse_loopback)]
    pub(crate) resp: SocketAddr,
    /// Bearer token; it names the namespace. Over RESP none is sent.
    #[arg(long, default_value = "dev-default")]
    pub(crate) token: String,
    /// Keep-alive connections over HTTP.
    #[arg(long, default_value = "64", value_parser = parse_connections)]
    pub(crate) connections: usize,
    /// Length of one round over HTTP.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// Commands of one round over RESP; four times as many in a pipeline.
    #[arg(long, default_value = "500000", value_parser = value_parser!(u64).range(1..=100_000_000))]
    pub(crate) commands: u64,
    /// Rounds; over RESP, pairs of rounds in turn with Redis.
    #[arg(long, default_value = "5", value_parser = parse_rounds)]
    pub(crate) rounds: usize,
    /// Print JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `shortener`.
#[derive(Debug, Args)]
pub(crate) struct ShortenerArgs {
    /// Address of the server, such as http://127.0.0.1:8080.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) target: String,
    /// What to compare with: `nginx` (started here, a fixed 301), `fixed:URL` (any server that
    /// redirects every path), or the URL of another server with the same API.
    #[arg(long, value_parser = parse_peer)]
    pub(crate) peer: Option<PeerChoice>,
    /// Bearer token for creates and statistics; it names the namespace.
    #[arg(long, default_value = "dev-default")]
    pub(crate) token: String,
    /// What to do.
    #[arg(long, value_enum, default_value_t = Workload::Redirect)]
    pub(crate) workload: Workload,
    /// What sends the load.
    #[arg(long, value_enum, default_value_t = Tool::Own)]
    pub(crate) tool: Tool,
    /// Keep-alive connections.
    #[arg(long, default_value = "64", value_parser = parse_connections)]
    pub(crate) connections: usize,
    /// Threads of the generator.
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    pub(crate) threads: usize,
    /// Length of one round: `500ms`, `10s`, `2m`; at most 10m.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// Rounds; with a peer, pairs of rounds in turn.
    #[arg(long, default_value = "3", value_parser = parse_rounds)]
    pub(crate) rounds: usize,
    /// Open loop: requests a second, or `half` for further rounds at half the rate that the
    /// target's rounds reached.
    #[arg(long, value_parser = parse_rate)]
    pub(crate) rate: Option<Rate>,
    /// Links to make and then follow.
    #[arg(long, default_value = "1000", value_parser = value_parser!(u32).range(1..=2_000_000))]
    pub(crate) links: u32,
    /// Check that every click was counted within a second of the last redirect.
    #[arg(long)]
    pub(crate) check_clicks: bool,
    /// Report the resident set of this process before and after.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Seed of the choice of links.
    #[arg(long, default_value = "1")]
    pub(crate) seed: u64,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `platform`.
#[derive(Debug, Args)]
pub(crate) struct PlatformArgs {
    /// The `backplane` binary.
    #[arg(long)]
    pub(crate) binary: PathBuf,
    /// The `pocketbase` binary to compare start-up and memory with.
    #[arg(long)]
    pub(crate) peer_binary: Option<PathBuf>,
    /// Starts of each.
    #[arg(long, default_value = "20", value_parser = parse_runs)]
    pub(crate) runs: usize,
    /// Namespaces to create; 0 leaves namespaces and forks out.
    #[arg(long, default_value = "200", value_parser = value_parser!(u32).range(0..=10_000))]
    pub(crate) namespaces: u32,
    /// Forks to make of a namespace with state; 0 leaves them out.
    #[arg(long, default_value = "10", value_parser = value_parser!(u32).range(0..=100))]
    pub(crate) forks: u32,
    /// Bytes of long URLs, in units of 1,000,000, to put into that namespace.
    #[arg(long, default_value = "100", value_parser = value_parser!(u32).range(1..=2_000))]
    pub(crate) fork_mb: u32,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `telemetry`.
#[derive(Debug, Args)]
pub(crate) struct TelemetryArgs {
    /// The `backplane` binary.
    #[arg(long)]
    pub(crate) binary: PathBuf,
    /// Length of one round, and of the load before and after an outage.
    #[arg(long, default_value = "10", value_parser = value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Pairs of rounds with telemetry on and off; 0 leaves them out.
    #[arg(long, default_value = "5", value_parser = parse_rounds_or_none)]
    pub(crate) rounds: usize,
    /// Requests a second of the open loops.
    #[arg(long, default_value = "10000", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// Stop the collector for this many seconds under load.
    #[arg(long, value_parser = value_parser!(u64).range(1..=3_600))]
    pub(crate) outage: Option<u64>,
    /// Keep-alive connections.
    #[arg(long, default_value = "64", value_parser = parse_connections)]
    pub(crate) connections: usize,
    /// Threads of the generator.
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    pub(crate) threads: usize,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `processes`.
#[derive(Debug, Args)]
pub(crate) struct ProcessesArgs {
    /// The `backplane` binary.
    #[arg(long)]
    pub(crate) binary: PathBuf,
    /// The PostgreSQL that both processes keep their state in, such as
    /// postgres://postgres@127.0.0.1:5432/bench. It is written to, and nothing is removed.
    #[arg(long)]
    pub(crate) sql: String,
    /// Length of one round.
    #[arg(long, default_value = "10", value_parser = value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Pairs of rounds, over two processes and over one.
    #[arg(long, default_value = "5", value_parser = parse_rounds)]
    pub(crate) rounds: usize,
    /// Links to make and then follow.
    #[arg(long, default_value = "1000", value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) links: u32,
    /// Keep-alive connections, shared by the processes of a round.
    #[arg(long, default_value = "64", value_parser = parse_connections)]
    pub(crate) connections: usize,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `generator`.
#[derive(Debug, Args)]
pub(crate) struct GeneratorArgs {
    /// Keep-alive connections.
    #[arg(long, default_value = "64", value_parser = parse_connections)]
    pub(crate) connections: usize,
    /// Threads of the generator and of wrk.
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    pub(crate) threads: usize,
    /// Length of one round: `500ms`, `10s`, `2m`; at most 10m.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// Pairs of rounds.
    #[arg(long, default_value = "5", value_parser = parse_rounds)]
    pub(crate) rounds: usize,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a connection of `shortener` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Follow links, all equally often.
    Redirect,
    /// Follow links, the k-th in proportion to 1/k.
    Zipf,
    /// Make links.
    Create,
    /// 100 redirects to one create.
    Mixed,
    /// Only report the resident set of --pid.
    Idle,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redirect => "redirect",
            Self::Zipf => "zipf",
            Self::Create => "create",
            Self::Mixed => "mixed",
            Self::Idle => "idle",
        })
    }
}

/// What sends the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// This generator, which checks every answer.
    Own,
    /// Debian's wrk, which checks statuses; targets are checked by one pass of our own afterwards.
    Wrk,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::Wrk => "wrk",
        })
    }
}

/// What a target is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PeerChoice {
    /// nginx with a fixed 301, started for the run.
    Nginx,
    /// A running server that redirects every path.
    Fixed(String),
    /// A running server with the same API.
    Same(String),
}

/// The rate of an open loop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// Requests a second.
    PerSecond(f64),
    /// Half of what closed loops reached.
    Half,
}

fn parse_peer(text: &str) -> Result<PeerChoice, String> {
    Ok(match text.split_once(':') {
        None if text == "nginx" => PeerChoice::Nginx,
        Some(("fixed", url)) => PeerChoice::Fixed(url.to_owned()),
        Some(("http" | "https", _)) => PeerChoice::Same(text.to_owned()),
        _ => return Err("give nginx, fixed:URL or a URL".to_owned()),
    })
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    if text == "half" {
        return Ok(Rate::Half);
    }
    match text.parse() {
        Ok(rate) if (1.0..=1e6).contains(&rate) => Ok(Rate::PerSecond(rate)),
        _ => Err("give requests a second from 1 to 1000000, or half".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err("give a whole number with its unit: 500ms, 10s or 2m".to_owned()),
    };
    let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale_ms));
    match ms {
        Some(ms) if (100..=600_000).contains(&ms) => Ok(Duration::from_millis(ms)),
        _ => Err("give a time from 100ms to 10m".to_owned()),
    }
}

/// Load is generated on the machine it hurts, and nowhere else.
fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "give an address like 127.0.0.1:6380")?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("not a loopback address; load is only sent to this machine".to_owned()),
    }
}

fn parse_connections(text: &str) -> Result<usize, String> {
    parse_count(text, 4_096)
}

fn parse_threads(text: &str) -> Result<usize, String> {
    parse_count(text, 64)
}

pub(crate) fn parse_rounds(text: &str) -> Result<usize, String> {
    parse_count(text, 100)
}

fn parse_rounds_or_none(text: &str) -> Result<usize, String> {
    if text == "0" { Ok(0) } else { parse_rounds(text) }
}

fn parse_runs(text: &str) -> Result<usize, String> {
    parse_count(text, 1_000)
}

pub(crate) fn parse_count(text: &str, max: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => Err(format!("give a number from 1 to {max}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_units_and_bounds() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["10", "10h", "99ms", "11m", "-1s", "1.5s", "", "s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_and_peers() {
        assert_eq!(parse_rate("half"), Ok(Rate::Half));
        assert_eq!(parse_rate("5000"), Ok(Rate::PerSecond(5_000.0)));
        assert!(["0", "NaN", "inf", "fast"].iter().all(|bad| parse_rate(bad).is_err()));
        assert_eq!(parse_peer("nginx"), Ok(PeerChoice::Nginx));
        let url = "http://127.0.0.1:1".to_owned();
        assert_eq!(parse_peer("fixed:http://127.0.0.1:1"), Ok(PeerChoice::Fixed(url.clone())));
        assert_eq!(parse_peer(&url), Ok(PeerChoice::Same(url)));
        assert!(parse_peer("apache").is_err());
    }

    #[test]
    fn counts_are_bounded() {
        assert_eq!(parse_connections("4096"), Ok(4_096));
        assert!(parse_connections("4097").is_err() && parse_threads("0").is_err());
    }
}
