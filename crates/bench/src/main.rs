//! The `backplane-bench` binary: protocol-level load generators, ours and the peer's alike.
//!
//! ```text
//! main ── cli            the command line
//!   ├── shortener        links made and followed ── links, clicks
//!   ├── platform         the whole binary ── startup, rehearsal
//!   ├── telemetry        what watching costs ── overhead, outage, sink
//!   ├── ids              ids over RESP and HTTP ── redis
//!   ├── processes        one process and two on one database ── half_core
//!   ├── limiter          decisions ── drive, http, grpc, resp
//!   ├── queue            Kafka's protocol ── produce, consume, latency, groups
//!   └── generator        this generator beside wrk
//!         pair           target and peer in turn
//!         load ── http, reply, latency, pacer, traffic, random
//!         wrk, nginx, process, api, target, clock, error
//! report                 text and JSON
//! ```
//!
//! It knows the product only through its front doors: it depends on no other crate of the
//! workspace, sends load to loopback addresses only, and ends only processes it started.

mod api;
mod cli;
mod clicks;
mod clock;
mod error;
mod generator;
mod http;
mod ids;
mod latency;
mod limiter;
mod links;
mod load;
mod nginx;
mod pacer;
mod pair;
mod platform;
mod process;
mod processes;
mod queue;
mod random;
mod redis;
mod rehearsal;
mod reply;
mod report;
mod shortener;
mod startup;
mod target;
mod telemetry;
mod traffic;
mod wrk;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Measurement};
use crate::error::BenchError;
use crate::report::{Figures, Machine, Report};

/// Exit status of a run that has no figures; 1 is that of a run with wrong answers.
const NO_FIGURES: u8 = 2;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let json = match &command {
        Measurement::Shortener(args) => args.json,
        Measurement::Platform(args) => args.json,
        Measurement::Telemetry(args) => args.json,
        Measurement::Processes(args) => args.json,
        Measurement::Ids(args) => args.json,
        Measurement::Generator(args) => args.json,
        Measurement::Limiter(args) => args.json,
        Measurement::Queue(args) => args.json,
    };
    let machine = Machine::this();
    let report = match measure(&command) {
        Ok(figures) => Report::new(machine, figures),
        Err(error) => {
            // Nothing is left to be done if standard error is closed as well.
            let _ = writeln!(io::stderr(), "backplane-bench: {error}");
            return ExitCode::from(NO_FIGURES);
        }
    };
    let out = &mut io::stdout().lock();
    let written = if json { report.write_json(out) } else { report.write_text(out) };
    match (written, report.clean) {
        (Err(_), _) => ExitCode::from(NO_FIGURES),
        (Ok(()), false) => ExitCode::FAILURE,
        (Ok(()), true) => ExitCode::SUCCESS,
    }
}

fn measure(command: &Measurement) -> Result<Figures, BenchError> {
    Ok(match command {
        Measurement::Shortener(args) => Figures::Shortener(Box::new(shortener::run(args)?)),
        Measurement::Platform(args) => Figures::Platform(Box::new(platform::run(args)?)),
        Measurement::Telemetry(args) => Figures::Telemetry(Box::new(telemetry::run(args)?)),
        Measurement::Processes(args) => Figures::Processes(processes::run(args)?),
        Measurement::Ids(args) => Figures::Ids(Box::new(ids::run(args)?)),
        Measurement::Generator(args) => Figures::Generator(generator::run(args)?),
        Measurement::Limiter(args) => Figures::Limiter(limiter::run(args)?),
        Measurement::Queue(args) => Figures::Queue(Box::new(queue::run(args)?)),
    })
}
