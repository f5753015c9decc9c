//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Every backend a product needs, in one binary.
#[derive(Debug, Parser)]
#[command(name = "backplane", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything for development and tests: loopback only, published credentials.
    Dev(DevArgs),
    /// Start for production: durable and authenticated.
    Serve(ServeArgs),
    /// List the systems and their front doors.
    Systems,
    /// Print the configuration in force, or the commented defaults.
    Config(ConfigArgs),
    /// Check every file of a data directory that no process uses.
    CheckData(DataArgs),
    /// Make, list and revoke tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, list, fork, reset and drop namespaces of a running server.
    #[command(subcommand)]
    Namespace(NamespaceCommand),
    /// Copy a running server's state, or a data directory at rest, to a new directory.
    Backup(BackupArgs),
    /// Make a data directory from a backup.
    Restore(RestoreArgs),
    /// Work out capacity and availability on paper.
    #[command(subcommand)]
    Plan(PlanCommand),
}

#[derive(Debug, Args)]
pub struct DevArgs {
    /// Systems to start, separated by commas; all unless told.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Keep the state here instead of in a temporary directory.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Start from this backup.
    #[arg(long)]
    pub from: Option<PathBuf>,
    /// Documented ports, or any free ones.
    #[arg(long, value_enum, default_value_t = Ports::Default)]
    pub ports: Ports,
    /// Write addresses and credentials here as JSON once all is ready.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
    /// One setting, as section.key=value; may be repeated.
    #[arg(long = "set")]
    pub settings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ports {
    Default,
    Auto,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration file.
    #[arg(long)]
    pub config: PathBuf,
    /// Write addresses here as JSON once all is ready.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
    /// One setting, as section.key=value; may be repeated.
    #[arg(long = "set")]
    pub settings: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The commented defaults, fit to be a file.
    #[arg(long)]
    pub default: bool,
    /// A configuration file to read.
    #[arg(long)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data directory.
    #[arg(long)]
    pub data: PathBuf,
}

/// Which running server, and as whom.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// The edge of a running server.
    #[arg(long, env = "BACKPLANE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// An operator's token.
    #[arg(long, env = "BACKPLANE_TOKEN", default_value = "dev", hide_env_values = true)]
    pub token: String,
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; its text is printed once.
    New {
        /// For people.
        name: String,
        /// What it allows, such as shortener:write; may be repeated.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// Its namespace; yours unless told.
        #[arg(long)]
        namespace: Option<String>,
        /// Seconds until it expires; never unless told.
        #[arg(long)]
        expires_in: Option<u64>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List tokens.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Revoke a token by its id.
    Revoke {
        /// The id that the list shows.
        id: String,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Subcommand)]
pub enum NamespaceCommand {
    /// Make an empty namespace.
    New {
        /// 1 to 40 of a-z, 0-9 and -.
        name: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List namespaces.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Copy a namespace as it is now.
    Fork {
        /// What to copy.
        from: String,
        /// The copy's name.
        to: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Empty a namespace.
    Reset {
        /// Which.
        name: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Remove a namespace and all it holds.
    Drop {
        /// Which.
        name: String,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The directory to make.
    pub to: PathBuf,
    /// A data directory that no process uses; without it a running server is asked.
    #[arg(long)]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup.
    pub from: PathBuf,
    /// The data directory to make.
    #[arg(long)]
    pub data: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// How long a service may be down, from a percentage such as 99.99.
    Availability {
        /// Above 0 and at most 100.
        percent: f64,
    },
    /// Requests, storage, cache and servers, from assumptions.
    Capacity(CapacityArgs),
    /// Measure this machine beside the table of latencies that engineers know by heart.
    Latency,
}

#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// Users a day.
    #[arg(long)]
    pub daily_users: u64,
    /// Requests of a user in a day.
    #[arg(long)]
    pub requests_per_user: f64,
    /// Bytes stored for a request.
    #[arg(long)]
    pub bytes_per_request: f64,
    /// Years that they are kept.
    #[arg(long, default_value_t = 5.0)]
    pub years: f64,
}
