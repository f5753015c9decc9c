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
        /// Above 0 and at most 100, with at most six decimals.
        percent: String,
    },
    /// Requests, storage, cache and servers, from assumptions.
    Capacity(CapacityArgs),
    /// Measure this machine beside the table of latencies that engineers know by heart.
    Latency,
}

/// Assumptions; what is not told is left out of the estimate.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// People who come at least once a month.
    #[arg(long)]
    pub monthly_users: u64,
    /// How many of 100 of them come on a day.
    #[arg(long, default_value_t = 50)]
    pub daily_users_percent: u64,
    /// Writes of one daily user a day.
    #[arg(long, default_value_t = 1)]
    pub writes_per_user: u64,
    /// Reads for each write.
    #[arg(long, default_value_t = 10)]
    pub reads_per_write: u64,
    /// Peak load as a multiple of the average.
    #[arg(long, default_value_t = 2)]
    pub peak_factor: u64,
    /// Bytes stored for each write.
    #[arg(long, default_value_t = 1_000)]
    pub record_bytes: u64,
    /// How many of 100 writes carry media.
    #[arg(long, default_value_t = 0)]
    pub media_percent: u64,
    /// Bytes of media such a write carries.
    #[arg(long, default_value_t = 0)]
    pub media_bytes: u64,
    /// Years that everything is kept.
    #[arg(long, default_value_t = 5)]
    pub retention_years: u64,
    /// How many of 100 bytes of a day's records are worth caching.
    #[arg(long, default_value_t = 20)]
    pub cached_percent: u64,
    /// Requests a second that one server answers; 0 leaves servers out.
    #[arg(long, default_value_t = 0)]
    pub server_rate: u64,
}
