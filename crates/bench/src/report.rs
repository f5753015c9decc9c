//! Figures as text for people and as JSON for programs. Both carry the machine, because a figure
//! without it says nothing.

use std::fs;
use std::io::{self, Write};

use serde::Serialize;

use crate::clicks::ClickCheck;
use crate::generator::GeneratorFigures;
use crate::ids::IdsFigures;
use crate::limiter::LimiterFigures;
use crate::load::Measured;
use crate::pair::{Paired, Side};
use crate::platform::PlatformFigures;
use crate::processes::ProcessesFigures;
use crate::queue::QueueFigures;
use crate::rehearsal::RehearsalFigures;
use crate::shortener::ShortenerFigures;
use crate::startup::{Spread, StartFigures};
use crate::telemetry::TelemetryFigures;

/// Above rounds that followed others.
const AT_HALF_RATE: &str = "open loop at half the target's rate, latency from when each was due:";

/// The machine that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Machine {
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Model name of the first.
    pub(crate) cpu: String,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Processes that wanted to run, over the minute before the measurement. On an idle machine it
    /// is near 0; above that, other work took part in every figure.
    pub(crate) load_average: f64,
}

impl Machine {
    /// This one, now; words that cannot be read are `unknown`, and a load average is 0.
    pub(crate) fn this() -> Self {
        let unknown = || "unknown".to_owned();
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        let load_average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: parse_cpu_model(&cpu_info).map_or_else(unknown, str::to_owned),
            kernel: kernel.map_or_else(|_| unknown(), |kernel| kernel.trim().to_owned()),
            load_average: parse_load_average(&load_average).unwrap_or_default(),
        }
    }
}

fn parse_cpu_model(cpu_info: &str) -> Option<&str> {
    let line = cpu_info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

fn parse_load_average(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

/// What a subcommand found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figures {
    /// Of `shortener`.
    Shortener(Box<ShortenerFigures>),
    /// Of `platform`.
    Platform(Box<PlatformFigures>),
    /// Of `telemetry`.
    Telemetry(Box<TelemetryFigures>),
    /// Of `processes`.
    Processes(ProcessesFigures),
    /// Of `ids`.
    Ids(Box<IdsFigures>),
    /// Of `generator`.
    Generator(GeneratorFigures),
    /// Of `limiter`.
    Limiter(LimiterFigures),
    /// Of `queue`.
    Queue(Box<QueueFigures>),
}

/// A whole report.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Where.
    pub(crate) machine: Machine,
    /// What.
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// No wrong, refused or missing answer anywhere.
    pub(crate) clean: bool,
}

impl Report {
    /// A report of what was found on `machine`.
    pub(crate) fn new(machine: Machine, figures: Figures) -> Self {
        let clean = match &figures {
            Figures::Shortener(figures) => figures.is_clean(),
            // A refused request is an error there, so figures are clean when they exist.
            Figures::Platform(_) => true,
            Figures::Telemetry(figures) => figures.is_clean(),
            Figures::Processes(figures) => figures.rounds.is_clean(),
            Figures::Ids(figures) => figures.is_clean(),
            Figures::Generator(figures) => figures.rounds.is_clean(),
            Figures::Limiter(figures) => figures.is_clean(),
            Figures::Queue(figures) => figures.is_clean(),
        };
        Self { machine, figures, clean }
    }

    /// Writes it as JSON, on several lines.
    ///
    /// # Errors
    /// As `out` gives them.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// As `out` gives them.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Machine { cores, cpu, kernel, load_average } = &self.machine;
        writeln!(out, "machine: {cores} cores, {cpu}, Linux {kernel}, load {load_average:.2}")?;
        match &self.figures {
            Figures::Shortener(figures) => write_shortener(out, figures)?,
            Figures::Platform(figures) => write_platform(out, figures)?,
            Figures::Telemetry(figures) => figures.write_text(out)?,
            Figures::Processes(figures) => figures.write_text(out)?,
            Figures::Ids(figures) => figures.write_text(out)?,
            Figures::Queue(figures) => figures.write_text(out)?,
            Figures::Generator(figures) => {
                let GeneratorFigures { connections, threads, rounds } = figures;
                writeln!(out, "generator: {connections} connections, {threads} threads")?;
                write_rounds(out, rounds)?;
            }
            Figures::Limiter(figures) => {
                let LimiterFigures { door, connections, depth, threads, keys, .. } = figures;
                let shape = format!("{connections} connections of {depth}, {threads} threads");
                writeln!(out, "limiter by {door}: {shape}, {keys} keys")?;
                write_rounds(out, &figures.rounds)?;
                if let Some(rounds) = &figures.at_half_rate {
                    writeln!(out, "{AT_HALF_RATE}")?;
                    write_rounds(out, rounds)?;
                }
            }
        }
        match self.clean {
            true => Ok(()),
            false => writeln!(out, "NOT CLEAN: answers were wrong, refused, missing or uncounted"),
        }
    }
}

fn write_shortener(out: &mut impl Write, figures: &ShortenerFigures) -> io::Result<()> {
    let ShortenerFigures { workload, tool, connections, threads, links, .. } = figures;
    writeln!(
        out,
        "shortener {workload}: {connections} connections, {threads} threads, {links} links, \
         tool {tool}"
    )?;
    if let Some(prepared) = &figures.prepared {
        let Measured { answers, requests_per_s, .. } = prepared;
        writeln!(out, "made {answers} links first, {requests_per_s:.0} a second")?;
    }
    if let Some(rounds) = &figures.rounds {
        write_rounds(out, rounds)?;
    }
    if let Some(rounds) = &figures.at_half_rate {
        writeln!(out, "{AT_HALF_RATE}")?;
        write_rounds(out, rounds)?;
    }
    if let Some(swept) = &figures.swept {
        let Measured { answers, wrong, .. } = swept;
        writeln!(out, "afterwards {answers} links were followed once, {wrong} led elsewhere")?;
    }
    if let Some(clicks) = &figures.clicks {
        write_clicks(out, clicks)?;
    }
    let resident =
        [("before", figures.resident_bytes_before), ("after", figures.resident_bytes_after)];
    for (when, bytes) in resident {
        if let Some(bytes) = bytes {
            writeln!(out, "resident set {when}: {:.1} MiB", mebibytes(bytes))?;
        }
    }
    Ok(())
}

fn write_clicks(out: &mut impl Write, clicks: &ClickCheck) -> io::Result<()> {
    let ClickCheck { links, answered, sent, counted, settled_after_ms } = clicks;
    write!(out, "clicks on {links} links: {answered} answered, {sent} sent, {counted} counted, ")?;
    match settled_after_ms {
        Some(ms) => writeln!(out, "right {ms:.0} ms after the last"),
        None => writeln!(out, "WRONG a second after the last"),
    }
}

/// Writes a table of rounds, and their ratios.
///
/// # Errors
/// As `out` gives them.
pub(crate) fn write_rounds(out: &mut impl Write, rounds: &Paired) -> io::Result<()> {
    writeln!(
        out,
        "{:<16}{:>12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>7}{:>8}{:>7}{:>7}",
        "side",
        "right/s",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "wrong",
        "refused",
        "failed",
        "unsent"
    )?;
    for number in 0..rounds.target.rounds.len() {
        write_row(out, &rounds.target.name, &rounds.target.rounds[number])?;
        if let Some(peer) = &rounds.peer {
            write_row(out, &peer.name, &peer.rounds[number])?;
        }
    }
    let Side { name, median_requests_per_s, .. } = &rounds.target;
    write!(out, "median: {name} {median_requests_per_s:.0}/s")?;
    if let (Some(peer), Some(ratio)) = (&rounds.peer, rounds.median_ratio) {
        let Side { name, median_requests_per_s, .. } = peer;
        let ratios: Vec<String> = rounds.ratios.iter().map(|r| format!("{r:.3}")).collect();
        write!(out, ", {name} {median_requests_per_s:.0}/s, ratio {ratio:.3}")?;
        write!(out, " (pairs {})", ratios.join(" "))?;
    }
    writeln!(out)
}

fn write_row(out: &mut impl Write, name: &str, measured: &Measured) -> io::Result<()> {
    let latency = measured.latency;
    write!(out, "{name:<16}{:>12.0}", measured.requests_per_s)?;
    for us in [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us] {
        write!(out, "{:>10.3}", us / 1e3)?;
    }
    let Measured { wrong, refused, failed, unsent, first_problem, .. } = measured;
    writeln!(out, "{wrong:>7}{refused:>8}{failed:>7}{unsent:>7}")?;
    if let Some(problem) = first_problem {
        writeln!(out, "  first problem: {problem}")?;
    }
    Ok(())
}

fn write_platform(out: &mut impl Write, figures: &PlatformFigures) -> io::Result<()> {
    write_start(out, &figures.target)?;
    if let Some(peer) = &figures.peer {
        write_start(out, peer)?;
    }
    if let Some(times) = figures.times_faster {
        writeln!(out, "ready {times:.2} times as fast as the peer (median of pairs)")?;
    }
    if let Some(RehearsalFigures { create, resident_bytes, fork }) = &figures.namespaces {
        write_spread(out, "namespace created", create)?;
        writeln!(out, "resident set with them: {:.1} MiB", mebibytes(*resident_bytes))?;
        if let Some(fork) = fork {
            let (links, mib) = (fork.links, mebibytes(fork.state_bytes));
            writeln!(out, "forking a namespace of {links} links, {mib:.1} MiB on disk:")?;
            write_spread(out, "fork", &fork.fork)?;
            write_spread(out, "first request to it", &fork.first_request)?;
        }
    }
    Ok(())
}

fn write_start(out: &mut impl Write, figures: &StartFigures) -> io::Result<()> {
    let name = figures.name;
    write_spread(out, &format!("{name}: exec to ready"), &figures.ready)?;
    write_spread(out, &format!("{name}: SIGTERM to end"), &figures.stop)?;
    let mib = mebibytes(figures.idle_resident_bytes);
    writeln!(out, "{name}: idle resident set {mib:.1} MiB")
}

fn write_spread(out: &mut impl Write, what: &str, spread: &Spread) -> io::Result<()> {
    let Spread { median_ms, p99_ms, min_ms, max_ms, runs } = spread;
    writeln!(
        out,
        "{what:<28} median {median_ms:.2} ms, p99 {p99_ms:.2}, min {min_ms:.2}, max {max_ms:.2}, \
         {runs} runs"
    )
}

/// Bytes in units of 2^20.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::{self, Contender};

    fn report(wrong: u64) -> Report {
        let measured = Measured { requests_per_s: 12_345.6, wrong, ..Measured::default() };
        let run = move || Ok(measured.clone());
        let own = Contender { name: "own", run: Box::new(run.clone()) };
        let wrk = Contender { name: "wrk", run: Box::new(run) };
        let rounds = pair::run(1, own, Some(wrk)).expect("no round fails");
        let figures = GeneratorFigures { connections: 64, threads: 1, rounds };
        Report::new(Machine::this(), Figures::Generator(figures))
    }

    #[test]
    fn text_has_the_machine_the_rates_and_the_ratio() {
        let mut text = Vec::new();
        report(0).write_text(&mut text).expect("memory");
        let text = String::from_utf8(text).expect("UTF-8");
        assert!(text.starts_with("machine: "), "{text}");
        let last = "median: own 12346/s, wrk 12346/s, ratio 1.000 (pairs 1.000)\n";
        assert!(text.ends_with(last), "{text}");
    }

    #[test]
    fn a_wrong_answer_makes_the_report_unclean_in_both_forms() {
        let (mut text, mut json) = (Vec::new(), Vec::new());
        report(1).write_text(&mut text).expect("memory");
        report(1).write_json(&mut json).expect("memory");
        assert!(String::from_utf8(text).expect("UTF-8").contains("NOT CLEAN"));
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json["clean"], false);
        assert_eq!(json["generator"]["rounds"]["target"]["rounds"][0]["wrong"], 1);
        assert_eq!(json["generator"]["rounds"]["target"]["rounds"][0]["p999_us"], 0.0);
        assert!(json["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0));
    }

    #[test]
    fn reads_the_cpu_model_and_the_load() {
        let info = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: fpu\n";
        assert_eq!(parse_cpu_model(info), Some("AMD EPYC"));
        assert_eq!(parse_cpu_model("processor: 0\n"), None);
        assert_eq!(parse_load_average("2.71 1.81 1.09 3/200 999\n"), Some(2.71));
    }
}
