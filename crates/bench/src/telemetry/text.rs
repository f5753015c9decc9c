//! The figures of `telemetry` for people.

use std::io::{self, Write};

use super::TelemetryFigures;
use super::outage::{OutageFigures, Spans};
use super::overhead::OverheadFigures;
use crate::load::Measured;
use crate::report::{mebibytes, write_rounds};

impl TelemetryFigures {
    /// Writes them as text.
    ///
    /// # Errors
    /// As `out` gives them.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { connections, redirects_a_create, always_on, .. } = self;
        writeln!(
            out,
            "telemetry: {connections} connections, {redirects_a_create} redirects to a create; \
             always on: {always_on}"
        )?;
        for figures in [&self.open, &self.closed].into_iter().flatten() {
            write_overhead(out, figures)?;
        }
        self.outage.as_ref().map_or(Ok(()), |outage| write_outage(out, outage))
    }
}

fn write_overhead(out: &mut impl Write, figures: &OverheadFigures) -> io::Result<()> {
    match figures.rate_per_s {
        Some(rate) => writeln!(out, "open loop at {rate:.0} requests/s:")?,
        None => writeln!(out, "closed loop:")?,
    }
    write_rounds(out, &figures.rounds)?;
    write_list(out, "server CPU us a request, on ", &figures.cpu_us_on)?;
    write_list(out, "server CPU us a request, off", &figures.cpu_us_off)?;
    write_ratio(out, "CPU on/off", figures.cpu_ratio, &figures.cpu_ratios)?;
    write_ratio(out, "p99 on/off", figures.p99_ratio, &figures.p99_ratios)?;
    writeln!(out, "spans: {} received, {} dropped", figures.spans, figures.spans_dropped)
}

fn write_list(out: &mut impl Write, what: &str, values: &[f64]) -> io::Result<()> {
    let values: Vec<String> = values.iter().map(|value| format!("{value:.1}")).collect();
    writeln!(out, "{what}: {}", values.join(" "))
}

fn write_ratio(out: &mut impl Write, what: &str, median: f64, pairs: &[f64]) -> io::Result<()> {
    let pairs: Vec<String> = pairs.iter().map(|ratio| format!("{ratio:.3}")).collect();
    writeln!(out, "{what}: {median:.3} (pairs {})", pairs.join(" "))
}

fn write_outage(out: &mut impl Write, figures: &OutageFigures) -> io::Result<()> {
    writeln!(out, "collector stopped for {} s under load:", figures.seconds)?;
    let phases = [
        ("before", &figures.before, figures.resident_bytes_before),
        ("during", &figures.during, figures.resident_bytes_during),
        ("after", &figures.after, figures.resident_bytes_after),
    ];
    for (name, measured, resident) in phases {
        let Measured { requests_per_s, latency, unsent, first_problem, .. } = measured;
        let (p50, p99) = (latency.p50_us / 1e3, latency.p99_us / 1e3);
        let mib = mebibytes(resident);
        writeln!(
            out,
            "{name:<8}{requests_per_s:>8.0}/s, p50 {p50:.3} ms, p99 {p99:.3} ms, unsent {unsent}, \
             resident set {mib:.1} MiB"
        )?;
        if let Some(problem) = first_problem {
            writeln!(out, "  first problem: {problem}")?;
        }
    }
    let ratio = figures.during.latency.p99_us / figures.before.latency.p99_us.max(1.0);
    writeln!(out, "p99 during/before: {ratio:.3}")?;
    let Spans { recorded, received, sent, dropped, repeated, unaccounted } = figures.spans;
    writeln!(
        out,
        "spans: {recorded} recorded = {received} received + {dropped} dropped + {unaccounted} \
         unaccounted for; the server says {sent} sent; {repeated} came twice"
    )?;
    match figures.resumed_after_ms {
        Some(ms) => writeln!(out, "export resumed by itself {ms:.0} ms after the collector"),
        None => writeln!(out, "export did NOT resume"),
    }
}
