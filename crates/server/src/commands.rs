//! What each command does.

mod administer;
mod data;
mod plan;
mod start;

use std::io::{self, Write};

use thiserror::Error;

use crate::backup::BackupError;
use crate::cli::{Cli, Command};
use crate::client::CallError;
use crate::house::StartError;

/// A command that did not do what was asked: one line.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0}")]
    Refused(String),
    #[error("output: {0}")]
    Output(#[from] io::Error),
}

impl From<kit::config::ConfigError> for CommandError {
    fn from(error: kit::config::ConfigError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<crate::settings::SettingsError> for CommandError {
    fn from(error: crate::settings::SettingsError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<(), CommandError> {
    match cli.command {
        Command::Dev(args) => start::dev(args),
        Command::Serve(args) => start::serve(args),
        Command::Systems => data::systems(),
        Command::Config(args) => data::config(&args),
        Command::CheckData(args) => data::check(&args),
        Command::Token(command) => administer::token(command),
        Command::Namespace(command) => administer::namespace(command),
        Command::Backup(args) => data::backup(args),
        Command::Restore(args) => data::restore(&args),
        Command::Plan(command) => plan::run(command),
    }
}

/// Prints `text` and ends the line.
fn say(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    // Somebody who closed the pipe has seen enough.
    match writeln!(out, "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A runtime with a thread a core.
fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
