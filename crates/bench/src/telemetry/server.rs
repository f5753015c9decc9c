//! A `backplane dev` with its state on disk, and what can be read of it while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::time::Duration;

use tempfile::TempDir;

use super::{REDIRECTS_A_CREATE, Shape};
use crate::api::Api;
use crate::clock;
use crate::error::BenchError;
use crate::links::{Choice, Creates, Link, Links, LongUrls, Made, Mixed, Redirects};
use crate::load::{self, Measured, Pace, Plan};
use crate::process::{Running, cpu_time};
use crate::random::{Popularity, Random};
use crate::startup::{Start, start_backplane};
use crate::target::Target;
use crate::traffic::Traffic;

/// Links that are followed.
const LINKS: u32 = 1_000;
/// Making them takes less than a second.
const PREPARE_LIMIT: Duration = Duration::from_secs(60);

/// How much telemetry a server has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kit {
    /// Access log at its default, and traces to a collector; this share of new ones is recorded.
    On {
        /// Where spans go.
        collector: SocketAddr,
        /// 0 to 1.
        ratio: f64,
    },
    /// Neither log nor traces.
    Off,
}

impl Kit {
    fn settings(self) -> Vec<String> {
        match self {
            Self::On { collector, ratio } => vec![
                "telemetry.log_levels=info".to_owned(),
                format!("telemetry.trace_endpoint=http://{collector}"),
                format!("telemetry.trace_ratio={ratio}"),
            ],
            Self::Off => {
                vec!["telemetry.log_levels=off".to_owned(), "telemetry.trace_endpoint=".to_owned()]
            }
        }
    }
}

/// A running server with links to follow.
#[derive(Debug)]
pub(super) struct Server {
    running: Running,
    target: Arc<Target>,
    token: String,
    links: Arc<Links>,
    next: Arc<AtomicUsize>,
    shape: Shape,
    /// Removed after the process ended, because fields drop in order.
    _directory: TempDir,
}

impl Server {
    /// Starts one and makes the links.
    ///
    /// # Errors
    /// When it does not start or refuses a create.
    pub(super) fn start(shape: &Shape, kit: Kit) -> Result<Self, BenchError> {
        let directory = TempDir::new().map_err(BenchError::system("making a directory"))?;
        let data = directory.path().join("data");
        let start = Start {
            binary: &shape.binary,
            directory: directory.path(),
            data: Some(&data),
            settings: &kit.settings(),
        };
        let (running, ready, _) = start_backplane(&start)?;
        let mut server = Self {
            running,
            target: Arc::new(Target::parse(&ready.edge)?),
            token: ready.credentials.token,
            links: Arc::new(Links { long_urls: LongUrls::new(&clock::run_tag()), links: vec![] }),
            next: Arc::default(),
            shape: shape.clone(),
            _directory: directory,
        };
        server.make_links()?;
        Ok(server)
    }

    fn make_links(&mut self) -> Result<(), BenchError> {
        let made = Arc::new(Made::default());
        let creates =
            Creates { limit: LINKS as usize, made: Some(Arc::clone(&made)), ..self.creates() };
        let shares = (0..self.shape.connections).map(|_| Box::new(creates.clone()) as _).collect();
        let plan = Plan { duration: PREPARE_LIMIT, ..self.plan(Pace::Closed) };
        let measured = load::run(plan, shares)?;
        let link = |path| Link { path, sent: AtomicU32::new(0), answered: AtomicU32::new(0) };
        let links: Vec<Link> = made.take().into_iter().map(link).collect();
        if links.len() != LINKS as usize {
            return Err(BenchError::Unexpected {
                what: format!("making {LINKS} links, {} made", links.len()),
                answer: measured.first_problem.unwrap_or_default(),
            });
        }
        // Every connection drew a number beyond the last, which no link has.
        self.next.store(LINKS as usize, std::sync::atomic::Ordering::Relaxed);
        self.links = Arc::new(Links { long_urls: self.links.long_urls.clone(), links });
        Ok(())
    }

    /// What makes new links.
    pub(super) fn creates(&self) -> Creates {
        Creates {
            target: Arc::clone(&self.target),
            token: self.token.clone(),
            long_urls: self.links.long_urls.clone(),
            next: Arc::clone(&self.next),
            limit: usize::MAX,
            made: None,
        }
    }

    /// Sends redirects and creates for one round; `creates` wraps or replaces the plain ones.
    ///
    /// # Errors
    /// As `load::run`.
    pub(super) fn load<C: Traffic + 'static>(
        &self,
        span: (Pace, Duration),
        creates: impl Fn(Creates) -> C,
    ) -> Result<Measured, BenchError> {
        let share = |number: usize| {
            let random = Random::new(1 + number as u64 * 7_919);
            let redirects = Redirects {
                target: Arc::clone(&self.target),
                links: Arc::clone(&self.links),
                choice: Choice::Drawn(Popularity::Uniform(LINKS), random),
                checked: true,
            };
            let since_create = number as u32 % REDIRECTS_A_CREATE;
            let creates = creates(self.creates());
            let redirects_a_create = REDIRECTS_A_CREATE;
            Box::new(Mixed { redirects, creates, redirects_a_create, since_create }) as _
        };
        let plan = Plan { duration: span.1, ..self.plan(span.0) };
        load::run(plan, (0..self.shape.connections).map(share).collect())
    }

    fn plan(&self, pace: Pace) -> Plan {
        let Shape { threads, seconds: duration, .. } = self.shape;
        Plan { address: self.target.address, threads, duration, pace }
    }

    /// The values of several counters or gauges; 0 for one that is not there.
    ///
    /// # Errors
    /// When the metrics are refused.
    pub(super) fn metrics<const N: usize>(&self, names: [&str; N]) -> Result<[u64; N], BenchError> {
        let text = load::runtime()?.block_on(async {
            Api::open(&self.target).await?.get("/metrics", Some(&self.token)).await
        })?;
        let text = String::from_utf8_lossy(&text.body).into_owned();
        Ok(names.map(|name| metric(&text, name).unwrap_or_default()))
    }

    /// The length of a round.
    pub(super) fn seconds(&self) -> Duration {
        self.shape.seconds
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// The processor time that it has taken so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn cpu_time(&self) -> Result<Duration, BenchError> {
        cpu_time(self.pid())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub(super) fn stop(self) -> Result<(), BenchError> {
        self.running.stop().map(drop)
    }
}

/// The value of a sample without labels.
fn metric(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_sample_by_its_whole_name() {
        let text = "# TYPE a counter\na_total_more 1\na_total 42\nb{x=\"y\"} 3\n";
        assert_eq!(metric(text, "a_total"), Some(42));
        assert_eq!(metric(text, "a"), None);
        assert_eq!(metric(text, "b"), None);
    }

    #[test]
    fn settings_name_the_collector() {
        let collector = SocketAddr::from(([127, 0, 0, 1], 4318));
        let on = Kit::On { collector, ratio: 0.1 }.settings();
        assert!(on.contains(&"telemetry.trace_endpoint=http://127.0.0.1:4318".to_owned()));
        assert!(on.contains(&"telemetry.trace_ratio=0.1".to_owned()));
        assert!(Kit::Off.settings().contains(&"telemetry.log_levels=off".to_owned()));
    }
}
