//! How long a namespace takes to create, and to fork when it is full.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;

use crate::api::Api;
use crate::cli::PlatformArgs;
use crate::clock;
use crate::error::BenchError;
use crate::links::{Creates, LongUrls, Made};
use crate::load::{self, Pace, Plan};
use crate::process::resident_bytes;
use crate::startup::{ReadyFile, Spread, Start, start_backplane};
use crate::target::{Call, Target};

/// What a long URL that fills a namespace has beyond its number; below the 2,048 that are allowed.
const PADDING_BYTES: usize = 1_900;
const FILL_CONNECTIONS: usize = 64;
const FILL_LIMIT: Duration = Duration::from_secs(300);
const FULL: &str = "bench-full";

/// What namespaces cost.
#[derive(Debug, Serialize)]
pub(crate) struct RehearsalFigures {
    /// From the request for a new namespace to its answer.
    pub(crate) create: Spread,
    /// Resident set with all of them created, and none used.
    pub(crate) resident_bytes: u64,
    /// Forks of a full one; `None` when left out.
    pub(crate) fork: Option<ForkFigures>,
}

/// What forks cost.
#[derive(Debug, Serialize)]
pub(crate) struct ForkFigures {
    /// Links in the namespace that is forked.
    pub(crate) links: usize,
    /// Bytes that these links added to the data directory.
    pub(crate) state_bytes: u64,
    /// From the request for a fork to its answer.
    pub(crate) fork: Spread,
    /// The first request to each fork, which finds a link of the original there.
    pub(crate) first_request: Spread,
}

/// Starts a server of its own and measures.
///
/// # Errors
/// When the server does not start or refuses a request.
pub(crate) fn run(args: &PlatformArgs) -> Result<RehearsalFigures, BenchError> {
    let directory = TempDir::new().map_err(BenchError::system("making a directory"))?;
    let data = directory.path().join("data");
    let start = Start {
        binary: &args.binary,
        directory: directory.path(),
        data: Some(&data),
        settings: &[],
    };
    let (running, ready, _) = start_backplane(&start)?;
    let platform = Platform { target: Target::parse(&ready.edge)?, ready };
    let runtime = load::runtime()?;
    let create = runtime.block_on(platform.create_many(args.namespaces))?;
    let resident_bytes = resident_bytes(running.pid())?;
    let fork = (args.forks > 0).then(|| {
        runtime.block_on(platform.create(FULL))?;
        let before = bytes_below(&data)?;
        let paths = platform.fill(args.fork_mb)?;
        let state_bytes = bytes_below(&data)?.saturating_sub(before);
        let (fork, first_request) = runtime.block_on(platform.fork_many(args.forks, &paths))?;
        Ok::<_, BenchError>(ForkFigures { links: paths.len(), state_bytes, fork, first_request })
    });
    let fork = fork.transpose()?;
    running.stop()?;
    Ok(RehearsalFigures { create, resident_bytes, fork })
}

/// A running server.
#[derive(Debug)]
struct Platform {
    target: Target,
    ready: ReadyFile,
}

impl Platform {
    async fn create_many(&self, count: u32) -> Result<Spread, BenchError> {
        let mut api = Api::open(&self.target).await?;
        let mut times = Vec::new();
        for number in 0..count {
            times.push(self.create_over(&mut api, &format!("bench-{number}")).await?);
        }
        Ok(Spread::of(&times))
    }

    async fn create(&self, name: &str) -> Result<Duration, BenchError> {
        self.create_over(&mut Api::open(&self.target).await?, name).await
    }

    async fn create_over(&self, api: &mut Api, name: &str) -> Result<Duration, BenchError> {
        let body = format!("{{\"name\":\"{name}\"}}");
        let path = "/platform/namespaces";
        let token = Some(self.ready.credentials.token.as_str());
        Ok(api.post(Call { path, token, body: &body }).await?.took)
    }

    /// Makes links until their long URLs have `megabytes`: the paths of their short URLs.
    fn fill(&self, megabytes: u32) -> Result<Vec<Box<str>>, BenchError> {
        let links = (megabytes as usize * 1_000_000).div_ceil(PADDING_BYTES);
        let made = Arc::new(Made::default());
        let creates = Creates {
            target: Arc::new(self.target.clone()),
            token: token_of(FULL),
            long_urls: LongUrls::padded(&clock::run_tag(), PADDING_BYTES),
            next: Arc::default(),
            limit: links,
            made: Some(Arc::clone(&made)),
        };
        let address = self.target.address;
        let plan = Plan { address, threads: 1, duration: FILL_LIMIT, pace: Pace::Closed };
        let shares = (0..FILL_CONNECTIONS).map(|_| Box::new(creates.clone()) as _).collect();
        let measured = load::run(plan, shares)?;
        let paths = made.take();
        if paths.len() == links {
            return Ok(paths);
        }
        Err(BenchError::Unexpected {
            what: format!("filling a namespace with {links} links, {} made", paths.len()),
            answer: measured.first_problem.unwrap_or_else(|| format!("{FILL_LIMIT:?} passed")),
        })
    }

    async fn fork_many(
        &self,
        forks: u32,
        paths: &[Box<str>],
    ) -> Result<(Spread, Spread), BenchError> {
        let mut api = Api::open(&self.target).await?;
        let operator = self.ready.credentials.token.as_str();
        let fork_path = format!("/platform/namespaces/{FULL}/fork");
        let code = paths.last().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let stats_path = format!("/shortener/shorturls/{code}/stats");
        let (mut fork, mut first_request) = (Vec::new(), Vec::new());
        for number in 0..forks {
            let name = format!("bench-fork-{number}");
            let body = format!("{{\"to\":\"{name}\"}}");
            let call = Call { path: &fork_path, token: Some(operator), body: &body };
            fork.push(api.post(call).await?.took);
            let found = api.get(&stats_path, Some(&token_of(&name))).await?;
            first_request.push(found.took);
        }
        Ok((Spread::of(&fork), Spread::of(&first_request)))
    }
}

/// The published token of a namespace of `backplane dev`.
fn token_of(namespace: &str) -> String {
    format!("dev-{namespace}")
}

/// The sizes of all files below a directory.
fn bytes_below(directory: &Path) -> Result<u64, BenchError> {
    let fail = || BenchError::system(format!("reading {}", directory.display()));
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).map_err(fail())? {
        let entry = entry.map_err(fail())?;
        // A file may vanish between the two calls, as SQLite's do.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_files_at_every_depth() {
        let directory = TempDir::new().expect("a temporary directory");
        std::fs::create_dir(directory.path().join("deep")).expect("new");
        std::fs::write(directory.path().join("a"), [0; 10]).expect("new");
        std::fs::write(directory.path().join("deep/b"), [0; 32]).expect("new");
        assert_eq!(bytes_below(directory.path()).expect("readable"), 42);
    }
}
