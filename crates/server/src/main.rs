//! The `backplane` binary: the only crate that knows every system.
//!
//! - [`cli`]: the command line; [`commands`]: what each command does.
//! - [`settings`]: the configuration of all parts.
//! - [`house`]: the story of a start: state, credentials, systems, front doors.
//! - [`edge`]: the one HTTP address: console, APIs, short links.
//! - [`platform`]: the house's own API, under `/platform`.
//! - [`data_dir`]: who may use a data directory, and its format; [`backup`].
//!
//! No rule of a system lives here.
#![expect(
    unreachable_pub,
    reason = "a binary has no public items; `pub` marks what other modules use"
)]

mod backup;
mod cli;
mod client;
mod commands;
mod console;
mod data_dir;
mod edge;
mod house;
mod platform;
mod ready;
mod settings;
mod systems;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    kit::memory::bound_heaps();
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            // One line: which part, and what to do. Nobody is left to tell when this fails.
            let _ = writeln!(std::io::stderr(), "backplane: {refusal}");
            ExitCode::FAILURE
        }
    }
}
