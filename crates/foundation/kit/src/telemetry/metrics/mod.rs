//! Metrics in the OpenMetrics text format, over the `prometheus-client` crate.
//!
//! Recording costs a few relaxed atomic additions on handles resolved beforehand: no lock and no
//! allocation. Names are full (`backplane_links_created`) and without the suffixes `_total`,
//! `_bucket`, `_sum` and `_count`, which the format adds. Asking for a name again gives the same
//! metric, so every namespace of a system counts into one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

mod family;
mod latency;
mod red;
mod scraped;
#[cfg(test)]
mod tests;

pub use family::{CounterFamily, GaugeFamily};
pub use latency::{BUCKET_BOUNDS_US, Histogram, HistogramSnapshot};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;
pub use red::{Red, RedSnapshot, RedSummary, RouteRed};

/// The media type of what [`Metrics::encode`] returns.
pub const OPENMETRICS_CONTENT_TYPE: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Label sets a family may hold. What comes later is counted under labels all `other`, so that a
/// label taken from a request (a user's id) cannot exhaust memory. The family of [`Metrics::red`]
/// has one `other` a front door beyond the limit.
pub const LABEL_SETS_MAX: usize = 1_000;

/// The registry; clones are the same registry.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    registry: Mutex<Registry>,
    named: Mutex<HashMap<String, Named>>,
    reds: Mutex<Option<red::RedFamily>>,
}

#[derive(Debug, Clone)]
enum Named {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
    CounterFamily(CounterFamily),
    GaugeFamily(GaugeFamily),
    Scraped,
}

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Metrics::default()
    }

    /// A count that only grows.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        let metric = Counter::default();
        let register = |registry: &mut Registry| registry.register(name, help, metric.clone());
        match self.named(name, Named::Counter(metric.clone()), register) {
            Named::Counter(existing) => existing,
            _ => clash(name, metric),
        }
    }

    /// A value that goes up and down.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        let metric = Gauge::default();
        let register = |registry: &mut Registry| registry.register(name, help, metric.clone());
        match self.named(name, Named::Gauge(metric.clone()), register) {
            Named::Gauge(existing) => existing,
            _ => clash(name, metric),
        }
    }

    /// Durations in buckets of 50 microseconds to 10 seconds; name it `..._seconds`.
    #[must_use]
    pub fn histogram(&self, name: &str, help: &str) -> Histogram {
        let metric = Histogram::default();
        let register = |registry: &mut Registry| registry.register(name, help, metric.clone());
        match self.named(name, Named::Histogram(metric.clone()), register) {
            Named::Histogram(existing) => existing,
            _ => clash(name, metric),
        }
    }

    /// Counters told apart by labels, at most [`LABEL_SETS_MAX`].
    #[must_use]
    pub fn counters(&self, name: &str, help: &str, labels: &[&'static str]) -> CounterFamily {
        let family = CounterFamily::new(labels);
        let register = |registry: &mut Registry| registry.register(name, help, family.clone());
        match self.named(name, Named::CounterFamily(family.clone()), register) {
            Named::CounterFamily(existing) => existing,
            _ => clash(name, family),
        }
    }

    /// Gauges told apart by labels, at most [`LABEL_SETS_MAX`].
    #[must_use]
    pub fn gauges(&self, name: &str, help: &str, labels: &[&'static str]) -> GaugeFamily {
        let family = GaugeFamily::new(labels);
        let register = |registry: &mut Registry| registry.register(name, help, family.clone());
        match self.named(name, Named::GaugeFamily(family.clone()), register) {
            Named::GaugeFamily(existing) => existing,
            _ => clash(name, family),
        }
    }

    /// Counters that are kept elsewhere: `read` is asked at each scrape for the count of each set
    /// of label values, in the order in which they are shown. What is beyond [`LABEL_SETS_MAX`] is
    /// added up under labels all `other`.
    pub fn scraped_counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&'static str],
        read: impl Fn() -> Vec<(Vec<String>, u64)> + Send + Sync + 'static,
    ) {
        let mut scraped = Some(scraped::Scraped {
            name: name.to_owned(),
            help: help.to_owned(),
            labels: labels.to_vec(),
            read: Box::new(read),
        });
        self.named(name, Named::Scraped, |registry| {
            if let Some(scraped) = scraped.take() {
                registry.register_collector(Box::new(scraped));
            }
        });
        if scraped.is_some() {
            clash(name, ());
        }
    }

    /// Rate, errors and duration of one front door (`http`, `kafka`) of one system.
    #[must_use]
    pub fn red(&self, system: &str, door: &str) -> Red {
        self.red_family().door(system, door)
    }

    /// Every front door asked for so far, in the order of their names.
    #[must_use]
    pub fn reds(&self) -> Vec<Red> {
        self.red_family().doors()
    }

    /// Adds metrics that are computed at each scrape.
    pub fn collector(&self, collector: Box<dyn Collector>) {
        self.inner.registry.lock().register_collector(collector);
    }

    /// The whole registry as OpenMetrics text, closed by `# EOF`.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        // Writing to a string cannot fail; a collector that fails must not take the rest along.
        if text::encode(&mut out, &self.inner.registry.lock()).is_err() {
            tracing::error!("a metrics collector failed; the exposition is cut short");
        }
        out
    }

    fn red_family(&self) -> red::RedFamily {
        let mut reds = self.inner.reds.lock();
        let family = reds.get_or_insert_with(|| {
            let family = red::RedFamily::default();
            self.collector(Box::new(family.clone()));
            family
        });
        family.clone()
    }

    /// The metric of that name; `fresh`, registered, if there is none yet.
    fn named(&self, name: &str, fresh: Named, register: impl FnOnce(&mut Registry)) -> Named {
        let mut named = self.inner.named.lock();
        if let Some(existing) = named.get(name) {
            return existing.clone();
        }
        register(&mut self.inner.registry.lock());
        named.insert(name.to_owned(), fresh.clone());
        fresh
    }
}

/// A name used for two kinds is a mistake of ours that must not stop a server: the second kind
/// counts, but is not shown.
fn clash<M>(name: &str, unregistered: M) -> M {
    tracing::error!(metric = name, "one name for two kinds of metric; the second is not shown");
    unregistered
}
