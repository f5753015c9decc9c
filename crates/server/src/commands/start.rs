//! `dev` and `serve`.

use std::path::{Path, PathBuf};

use kit::auth::Mode;
use kit::telemetry::host::HostCollector;
use kit::telemetry::metrics::Metrics;
use kit::telemetry::{self, TelemetryGuard};
use tokio::signal::unix::{SignalKind, signal};

use super::{CommandError, runtime, say};
use crate::backup;
use crate::cli::{DevArgs, Ports, ServeArgs};
use crate::house::{House, Manner};
use crate::ready;
use crate::settings::{Settings, Sources, layered};
use crate::systems::{self, SYSTEMS};

/// Everything for development: temporary state unless told, loopback only, known credentials.
pub fn dev(args: DevArgs) -> Result<(), CommandError> {
    for name in &args.only {
        if systems::named(name).is_none() {
            let known = systems::names();
            return Err(CommandError::Refused(format!("--only {name}: the systems are {known}")));
        }
    }
    let temporary = TemporaryDir::unless(args.data.as_deref())?;
    let dir = args.data.clone().unwrap_or_else(|| temporary.path.join("data"));
    if let Some(from) = &args.from {
        backup::restore(from, &dir)?;
    }
    let mut defaults = vec!["telemetry.log_levels=warn".to_owned()];
    let dev_settings = SYSTEMS.iter().flat_map(|entry| entry.dev_settings);
    defaults.extend(dev_settings.map(|setting| (*setting).to_owned()));
    defaults.extend(dev_ports(|port| port));
    if args.data.is_none() {
        defaults.push("data.durability=buffered".to_owned());
    }
    let mut flags = vec![format!("data.dir={}", dir.display())];
    if args.ports == Ports::Auto {
        flags.push("edge.listen=127.0.0.1:0".to_owned());
        flags.extend(dev_ports(|_| 0));
    }
    flags.extend(args.settings.iter().cloned());
    let layers = layered(&Sources { file: None, defaults, flags })?;
    let settings = Settings { only: args.only.clone(), ..Settings::read(&layers)? };
    let manner = Manner { mode: Mode::Dev, open_all: args.data.is_some() || args.from.is_some() };
    run(&settings, manner, args.ready_file.as_deref())
}

/// Production: what is unsafe is refused by name.
pub fn serve(args: ServeArgs) -> Result<(), CommandError> {
    let sources =
        Sources { file: Some(&args.config), defaults: Vec::new(), flags: args.settings.clone() };
    let settings = Settings::read(&layered(&sources)?)?;
    if settings.data.durability != crate::settings::DurabilityName::Flush {
        return Err(CommandError::Refused(
            "data.durability = \"buffered\" could lose acknowledged writes; serve needs \"flush\""
                .to_owned(),
        ));
    }
    let manner = Manner { mode: Mode::Serve, open_all: true };
    run(&settings, manner, args.ready_file.as_deref())
}

fn dev_ports(port: fn(u16) -> u16) -> impl Iterator<Item = String> {
    let all = SYSTEMS.iter().flat_map(|entry| entry.dev_ports);
    all.map(move |(setting, usual)| format!("{setting}=127.0.0.1:{}", port(*usual)))
}

fn run(settings: &Settings, manner: Manner, ready_file: Option<&Path>) -> Result<(), CommandError> {
    let metrics = Metrics::new();
    metrics.collector(Box::new(HostCollector));
    let _telemetry: TelemetryGuard = telemetry::init(&settings.telemetry, &metrics)
        .map_err(|error| CommandError::Refused(error.to_string()))?;
    runtime()?.block_on(async {
        let mut stop = Signals::listen()?;
        let house = House::start(settings, manner, metrics).await?;
        let is_dev = manner.mode == Mode::Dev;
        announce(&house, is_dev, ready_file).await?;
        stop.wait(&house).await;
        house.stop().await;
        Ok(())
    })
}

async fn announce(
    house: &House,
    is_dev: bool,
    ready_file: Option<&Path>,
) -> Result<(), CommandError> {
    let document = ready::document(house, is_dev);
    if let Some(path) = ready_file {
        ready::write(path, &document).map_err(|error| {
            CommandError::Refused(format!("--ready-file {}: {error}", path.display()))
        })?;
    }
    let edge = document["edge"].as_str().unwrap_or_default();
    if is_dev {
        return say(&first_minute(edge));
    }
    say(&format!("backplane serves at {edge}"))?;
    match house.first_token().await? {
        Some(token) => say(&format!(
            "First operator's token, shown once: {}\nMake users or tokens with it, then revoke it.",
            token.expose()
        )),
        None => Ok(()),
    }
}

/// The first screen: where to look and a command that works when pasted.
fn first_minute(edge: &str) -> String {
    let url = "https://en.wikipedia.org/wiki/Systems_design";
    format!(
        "backplane {version} is ready (dev: loopback only, token \"dev\", `dev-NAME` for a \
         namespace of its own)\n\n\
         \x20 console     {edge}/\n\
         \x20 shortener   {edge}/shortener\n\
         \x20 ids         {edge}/ids\n\
         \x20 limiter     {edge}/limiter\n\
         \x20 OpenAPI     {edge}/openapi.json\n\
         \x20 metrics     {edge}/metrics\n\n\
         Make a short link:\n\
         \x20 curl -s {edge}/shortener/shorturl -H 'Authorization: Bearer dev' \
         -d '{{\"longUrl\":\"{url}\"}}'\n\n\
         Ctrl-C stops it.",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// What the operating system tells a server.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, CommandError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when it is time to stop; meanwhile certificates and keys are read again on SIGHUP.
    async fn wait(&mut self, house: &House) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
            house.reload();
        }
    }
}

/// A directory that goes with the process.
struct TemporaryDir {
    path: PathBuf,
}

impl TemporaryDir {
    /// Made unless a directory was named.
    fn unless(named: Option<&Path>) -> Result<Self, CommandError> {
        if named.is_some() {
            return Ok(Self { path: PathBuf::new() });
        }
        let name = format!("backplane-dev-{}", kit::entropy::Entropy::machine().text(12));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be removed is the operating system's to clean.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
