//! Rate, errors and duration a route: the first figures to look at when something is wrong.
//!
//! One family for all systems: `backplane_requests_total{system,door,route,method,status}` and
//! `backplane_request_duration_seconds{system,door,route,method}`. A route resolves its
//! [`RouteRed`] once; recording then is three relaxed additions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;
use serde::Serialize;

use super::LABEL_SETS_MAX;
use super::family::OTHER;
use super::latency::{Histogram, HistogramSnapshot};

/// Label values of a status by its first digit; the last is for what is no HTTP status.
const STATUS_CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", OTHER];
/// Where server faults are counted: these are the errors of the summary. A caller's mistake
/// (4xx) is no error of ours.
const SERVER_FAULT: usize = 4;

/// Methods that may be a label; a caller may send any other word.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];

/// The span of [`Red::recent`].
const WINDOW: Duration = Duration::from_secs(10);

/// One front door of one system. Clones are the same door.
#[derive(Debug, Clone)]
pub struct Red {
    door: Arc<Door>,
}

#[derive(Debug)]
struct Door {
    system: String,
    name: String,
    routes: RwLock<HashMap<(&'static str, &'static str), RouteRed>>,
    /// Routes of all doors of the family, for the limit.
    routes_of_all: Arc<AtomicUsize>,
    /// Snapshots that [`Red::recent`] compares with: older first.
    marks: Mutex<[(Instant, RedSnapshot); 2]>,
}

impl Red {
    /// The system's name.
    #[must_use]
    pub fn system(&self) -> &str {
        &self.door.system
    }

    /// The front door's name.
    #[must_use]
    pub fn door(&self) -> &str {
        &self.door.name
    }

    /// The handle of a route pattern (`/links/{code}`, never the path itself) and method. Finding
    /// one that exists takes a read lock; keep the handle where that matters.
    #[must_use]
    pub fn route(&self, route: &'static str, method: &str) -> RouteRed {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        if let Some(found) = self.door.routes.read().get(&(route, method)) {
            return found.clone();
        }
        let mut routes = self.door.routes.write();
        if let Some(found) = routes.get(&(route, method)) {
            return found.clone();
        }
        if self.door.routes_of_all.load(Ordering::Relaxed) >= LABEL_SETS_MAX {
            return routes.entry((OTHER, OTHER)).or_default().clone();
        }
        self.door.routes_of_all.fetch_add(1, Ordering::Relaxed);
        routes.entry((route, method)).or_default().clone()
    }

    /// As [`Red::route`] for a pattern whose text does not live as long as the program: a copy of
    /// each pattern is kept for good, at most [`LABEL_SETS_MAX`] of them.
    #[must_use]
    pub fn route_named(&self, route: &str, method: &str) -> RouteRed {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        if let Some(found) = self.door.routes.read().get(&(route, method)) {
            return found.clone();
        }
        if self.door.routes_of_all.load(Ordering::Relaxed) >= LABEL_SETS_MAX {
            return self.route(OTHER, OTHER);
        }
        self.route(Box::leak(Box::from(route)), method)
    }

    /// The counts of all routes together at this moment.
    #[must_use]
    pub fn snapshot(&self) -> RedSnapshot {
        let routes = self.door.routes.read();
        routes.values().fold(RedSnapshot::default(), |sum, route| sum.and(&route.snapshot()))
    }

    /// All routes together since the start of the process.
    #[must_use]
    pub fn summary(&self) -> RedSummary {
        self.snapshot().summary()
    }

    /// [`Red::recent`] at this moment.
    #[must_use]
    pub fn recent_now(&self) -> (RedSummary, Duration) {
        self.recent(Instant::now())
    }

    /// All routes together over about the last 10 s, and how long that was: since the mark that
    /// an earlier call left 10 to 20 s ago, or longer ago when nobody asked meanwhile.
    #[must_use]
    pub fn recent(&self, now: Instant) -> (RedSummary, Duration) {
        let current = self.snapshot();
        let mut marks = self.door.marks.lock();
        let [_, newer] = *marks;
        let age = now.saturating_duration_since(newer.0);
        if age >= WINDOW {
            marks[0] = newer;
            marks[1] = (now, current);
        }
        let (from, earlier) = marks[0];
        if age >= 3 * WINDOW {
            // Nobody looked for long: the next answer must not reach back as far as this one.
            marks[0] = marks[1];
        }
        (current.since(&earlier).summary(), now.saturating_duration_since(from))
    }
}

/// One route and method. Clones count into the same cells.
#[derive(Debug, Clone, Default)]
pub struct RouteRed {
    statuses: Arc<[AtomicU64; STATUS_CLASSES.len()]>,
    durations: Histogram,
}

impl RouteRed {
    /// Counts one answered request. A door that does not speak HTTP gives the nearest status.
    pub fn record(&self, status: u16, elapsed: Duration) {
        let class = match status {
            100..600 => usize::from(status / 100) - 1,
            _ => STATUS_CLASSES.len() - 1,
        };
        self.statuses[class].fetch_add(1, Ordering::Relaxed);
        self.durations.record(elapsed);
    }

    fn snapshot(&self) -> RedSnapshot {
        RedSnapshot {
            errors: self.statuses[SERVER_FAULT].load(Ordering::Relaxed),
            durations: self.durations.snapshot(),
        }
    }
}

/// Counts at one moment, or gained between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RedSnapshot {
    errors: u64,
    durations: HistogramSnapshot,
}

impl RedSnapshot {
    /// What was added since `earlier`, a snapshot of the same door.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        RedSnapshot {
            errors: self.errors.saturating_sub(earlier.errors),
            durations: self.durations.since(&earlier.durations),
        }
    }

    /// Both together, as for the doors of one system.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        RedSnapshot {
            errors: self.errors + other.errors,
            durations: self.durations.and(&other.durations),
        }
    }

    /// The figures people read.
    #[must_use]
    pub fn summary(&self) -> RedSummary {
        RedSummary {
            requests: self.durations.count(),
            errors: self.errors,
            p50_us: self.durations.quantile_us(500),
            p99_us: self.durations.quantile_us(990),
        }
    }
}

/// Requests, server faults (5xx) and the median and 99th percentile of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RedSummary {
    /// Requests answered.
    pub requests: u64,
    /// Those answered with a server fault.
    pub errors: u64,
    /// Median duration in microseconds, interpolated in its bucket.
    pub p50_us: u64,
    /// 99th percentile in microseconds, interpolated in its bucket.
    pub p99_us: u64,
}

/// All doors, as one collector.
#[derive(Debug, Clone, Default)]
pub(super) struct RedFamily {
    doors: Arc<Mutex<BTreeMap<(String, String), Red>>>,
    routes: Arc<AtomicUsize>,
}

impl RedFamily {
    pub(super) fn door(&self, system: &str, name: &str) -> Red {
        let key = (system.to_owned(), name.to_owned());
        let mut doors = self.doors.lock();
        let fresh = || Red {
            door: Arc::new(Door {
                system: system.to_owned(),
                name: name.to_owned(),
                routes: RwLock::default(),
                routes_of_all: Arc::clone(&self.routes),
                marks: Mutex::new([(Instant::now(), RedSnapshot::default()); 2]),
            }),
        };
        doors.entry(key).or_insert_with(fresh).clone()
    }

    pub(super) fn doors(&self) -> Vec<Red> {
        self.doors.lock().values().cloned().collect()
    }

    /// Calls `each` with the labels of every route, in a stable order.
    fn for_each_route(
        &self,
        mut each: impl FnMut(&[(&str, &str); 4], &RouteRed) -> Result<(), std::fmt::Error>,
    ) -> Result<(), std::fmt::Error> {
        for red in self.doors() {
            let routes = red.door.routes.read();
            let sorted: BTreeMap<_, _> = routes.iter().collect();
            for ((route, method), counts) in sorted {
                let (system, door) = (red.system(), red.door());
                let labels =
                    [("system", system), ("door", door), ("route", *route), ("method", *method)];
                each(&labels, counts)?;
            }
        }
        Ok(())
    }
}

impl Collector for RedFamily {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "Requests answered, by class of status";
        let kind = MetricType::Counter;
        let mut requests = encoder.encode_descriptor("backplane_requests", help, None, kind)?;
        self.for_each_route(|labels, route| {
            for (class, count) in STATUS_CLASSES.into_iter().zip(route.statuses.iter()) {
                let count = count.load(Ordering::Relaxed);
                if count == 0 {
                    continue;
                }
                let [system, door, route, method] = *labels;
                let labels = [system, door, route, method, ("status", class)];
                ConstCounter::new(count).encode(requests.encode_family(&labels)?)?;
            }
            Ok(())
        })?;
        let (help, kind) = ("Time from request to answer", MetricType::Histogram);
        let name = "backplane_request_duration";
        let unit = Unit::Seconds;
        let mut durations = encoder.encode_descriptor(name, help, Some(&unit), kind)?;
        self.for_each_route(|labels, route| {
            route.durations.snapshot().encode(durations.encode_family(labels)?)
        })
    }
}
