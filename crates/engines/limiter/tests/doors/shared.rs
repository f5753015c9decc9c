//! Several instances on one store: A9, A10, A13, A22 and that both ways of counting agree. They run
//! where BACKPLANE_TEST_REDIS names a Redis 7 or Valkey, and where `redis-server` is installed.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use limiter::model::{Descriptor, Request, Verdict};
use limiter::service::Limiter;

use crate::support::{House, rule};

fn store() -> Option<String> {
    let store = std::env::var("BACKPLANE_TEST_REDIS").ok();
    if store.is_none() {
        eprintln!("skipped: BACKPLANE_TEST_REDIS is not set");
    }
    store
}

/// An instance that counts in the store under a name of its test.
async fn instance(store: &str, secret: &str, instances: u32) -> House {
    let (store, secret) = (store.to_owned(), secret.to_owned());
    House::at(Arc::new(tempfile::tempdir().unwrap()), move |section| {
        section.store = store;
        section.store_secret = secret;
        section.store_instances = instances;
        // A machine that is busy with other tests must not look like a store that is down.
        section.store_timeout_ms = 20_000;
    })
}

fn asked(value: &str) -> Request<'_> {
    let descriptor = Descriptor { entries: vec![("k", value)], ..Descriptor::default() };
    Request { domain: "d", descriptors: vec![descriptor], hits: 1 }
}

async fn passes(limiter: &Limiter, value: &str) -> bool {
    limiter.decide(&asked(value)).await.unwrap().verdict == Verdict::Ok
}

fn unique() -> String {
    format!("{}-{:?}", std::process::id(), Instant::now())
}

const ALGORITHMS: [&str; 8] = [
    "algorithm: fixed_window",
    "algorithm: sliding_counter",
    "algorithm: sliding_counter, buckets: 10",
    "algorithm: sliding_log",
    "algorithm: token_bucket",
    "algorithm: token_bucket, refill: interval",
    "algorithm: leaking_bucket",
    "algorithm: concurrency, lease_s: 3600",
];

/// A9, A10: many at once, round-robin over three instances, and exactly the limit passes.
#[tokio::test(flavor = "multi_thread")]
async fn three_instances_admit_one_limit() {
    let Some(store) = store() else { return };
    for algorithm in ALGORITHMS {
        let secret = unique();
        let mut limiters = Vec::new();
        let mut houses = Vec::new();
        for _ in 0..3 {
            let house = instance(&store, &secret, 3).await;
            let fields = format!("unit: day, requests_per_unit: 500, {algorithm}");
            house.rules("a.yaml", &rule(&fields)).await;
            limiters.push(house.limiter().await);
            houses.push(house);
        }
        let admitted = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|task| {
                let (limiters, admitted) = (limiters.clone(), Arc::clone(&admitted));
                tokio::spawn(async move {
                    for request in 0..20 {
                        let limiter = &limiters[(task + request) % 3];
                        let passed = passes(limiter, "ada").await;
                        admitted.fetch_add(u32::from(passed), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let failures =
            houses.iter().map(|house| house.metric("backplane_limiter_store_failures_total"));
        assert_eq!(failures.sum::<f64>(), 0.0, "{algorithm}: the store was not asked");
        assert_eq!(admitted.load(Ordering::Relaxed), 500, "{algorithm}");
    }
}

/// The store counts as the tables do: what is left, step by step, and what a denial does.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_counts_as_the_tables_do() {
    let Some(store) = store() else { return };
    for algorithm in ALGORITHMS {
        let shared = instance(&store, &unique(), 1).await;
        let own = House::open().await;
        own.clock().resume();
        for house in [&shared, &own] {
            let fields = format!("unit: day, requests_per_unit: 5, {algorithm}");
            house.rules("a.yaml", &rule(&fields)).await;
        }
        let (shared, own) = (shared.limiter().await, own.limiter().await);
        for hits in [1, 0, 3, 4, 1, 1, 0] {
            let request = Request { hits, ..asked("ada") };
            let [one, two] = [shared.decide(&request).await, own.decide(&request).await];
            let (one, two) = (one.unwrap(), two.unwrap());
            assert_eq!(one.verdict, two.verdict, "{algorithm} {hits}");
            let left =
                |ruling: &limiter::model::Ruling| ruling.statuses[0].answer.unwrap().remaining;
            assert_eq!(left(&one), left(&two), "{algorithm} {hits}");
            let wait = |ruling: &limiter::model::Ruling| {
                ruling.statuses[0].answer.unwrap().retry_us / 1_000_000
            };
            // A denial that is remembered is not asked about again, and tells at most a second.
            if hits == 4 {
                assert!(wait(&one).abs_diff(wait(&two)) <= 1, "{algorithm}: {one:?} {two:?}");
            }
        }
        shared.reset(&asked("ada")).await.unwrap();
        assert!(passes(&shared, "ada").await, "{algorithm}");
    }
}

/// A16 on the store: all or none.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_request_charges_nothing_in_the_store() {
    let Some(store) = store() else { return };
    for algorithm in ALGORITHMS {
        let house = instance(&store, &unique(), 1).await;
        let rules = format!(
            "domain: d\ndescriptors:\n  - key: k\n    rate_limit: {{unit: day, requests_per_unit: \
             5, {algorithm}}}\n  - key: all\n    rate_limit: {{unit: day, requests_per_unit: 1}}\n"
        );
        house.rules("a.yaml", &rules).await;
        let limiter = house.limiter().await;
        let mut both = asked("ada");
        both.descriptors.push(Descriptor { entries: vec![("all", "x")], ..Descriptor::default() });
        assert_eq!(limiter.decide(&both).await.unwrap().verdict, Verdict::Ok);
        for _ in 0..2 {
            assert_eq!(limiter.decide(&both).await.unwrap().verdict, Verdict::OverLimit);
        }
        let look = limiter.explain(&Request { hits: 0, ..asked("ada") }).await.unwrap();
        assert_eq!(look[0].answer.unwrap().remaining, 4, "{algorithm}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_to_the_store_is_there_again() {
    let Some(store) = store() else { return };
    for algorithm in ALGORITHMS {
        let house = instance(&store, &unique(), 1).await;
        let fields = format!("unit: day, requests_per_unit: 5, {algorithm}");
        house.rules("a.yaml", &rule(&fields)).await;
        let limiter = house.limiter().await;
        let remaining = async || {
            let look = limiter.explain(&Request { hits: 0, ..asked("ada") }).await.unwrap();
            look[0].answer.unwrap().remaining
        };
        let ruling = limiter.decide(&Request { hits: 3, ..asked("ada") }).await.unwrap();
        assert_eq!(remaining().await, 2, "{algorithm}");
        let back = Request { hits: 2, ..asked("ada") };
        limiter.give_back(&back, ruling.lease.unwrap_or(0)).await.unwrap();
        let whole_lease = algorithm.contains("concurrency");
        assert_eq!(remaining().await, if whole_lease { 5 } else { 4 }, "{algorithm}");
    }
}

/// A22 on a real store: three edges in soft mode stay within the overrun.
#[tokio::test(flavor = "multi_thread")]
async fn soft_mode_stays_within_its_overrun_and_asks_less() {
    let Some(store) = store() else { return };
    let secret = unique();
    let mut limiters = Vec::new();
    let mut houses = Vec::new();
    for _ in 0..3 {
        let house = instance(&store, &secret, 3).await;
        let fields = "unit: day, requests_per_unit: 600, mode: soft, overrun_percent: 10";
        house.rules("a.yaml", &rule(fields)).await;
        limiters.push(house.limiter().await);
        houses.push(house);
    }
    let mut admitted = 0;
    for request in 0..1_500 {
        admitted += u32::from(passes(&limiters[request % 3], "ada").await);
    }
    assert!((600..=660).contains(&admitted), "{admitted}");
}

/// A store of the test's own, that it may kill.
struct OwnStore {
    port: u16,
    child: Option<Child>,
}

impl OwnStore {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut store = Self { port, child: None };
        store.run().then_some(store)
    }

    fn run(&mut self) -> bool {
        let spawned = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--save", "", "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = spawned else { return false };
        self.child = Some(child);
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "the store does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for OwnStore {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A13: the store is killed under load. Requests go on, none waits longer than the timeout, the
/// alarm is raised; rules that fail closed refuse; after a restart the limits apply within 1 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_dies_is_survived_and_found_again() {
    let Some(mut store) = store().and_then(|_| OwnStore::start()) else { return };
    let url = format!("redis://127.0.0.1:{}", store.port);
    let house = House::at(Arc::new(tempfile::tempdir().unwrap()), move |section| {
        section.store = url;
        section.store_timeout_ms = 50;
    });
    let rules = "\
domain: d
descriptors:
  - key: k
    rate_limit: {unit: day, requests_per_unit: 100000}
  - key: login
    rate_limit: {unit: day, requests_per_unit: 100000, on_failure: closed}
  - key: few
    rate_limit: {unit: day, requests_per_unit: 3}
";
    house.rules("a.yaml", rules).await;
    let limiter = house.limiter().await;
    assert!(passes(&limiter, "ada").await);
    assert_eq!(house.metric("backplane_limiter_store_down"), 0.0);
    let of = |key: &'static str| {
        let descriptor = Descriptor { entries: vec![(key, "x")], ..Descriptor::default() };
        Request { domain: "d", descriptors: vec![descriptor], hits: 1 }
    };
    let is_ok = async |key| limiter.decide(&of(key)).await.unwrap().verdict == Verdict::Ok;
    store.kill();
    let mut longest = Duration::ZERO;
    for _ in 0..2_000 {
        let began = Instant::now();
        assert!(passes(&limiter, "ada").await, "fails open");
        longest = longest.max(began.elapsed());
    }
    assert!(longest < Duration::from_millis(500), "{longest:?}");
    assert_eq!(house.metric("backplane_limiter_store_down"), 1.0);
    assert!(!is_ok("login").await, "fails closed");
    let passed = [is_ok("few").await, is_ok("few").await, is_ok("few").await, is_ok("few").await];
    assert_eq!(passed, [true, true, true, false], "each instance by itself");
    assert!(store.run());
    let restarted = Instant::now();
    while !is_ok("login").await {
        assert!(restarted.elapsed() < Duration::from_secs(1), "not found again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(house.metric("backplane_limiter_store_down"), 0.0);
    let again = [is_ok("few").await, is_ok("few").await, is_ok("few").await, is_ok("few").await];
    assert_eq!(again, [true, true, true, false], "the limits of the store apply, from nothing");
}

/// A call that the store refuses fails the decisions in it by their rules, and none behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_store_refuses_fails_only_its_own_decisions() {
    let Some(store) = store().and_then(|_| OwnStore::start()) else { return };
    let url = format!("redis://127.0.0.1:{}", store.port);
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut allow = async |bytes: u64| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory").arg(bytes);
        command.query_async::<()>(&mut connection).await.unwrap();
    };
    let house = instance(&url, &unique(), 1).await;
    let rules = "\
domain: d
descriptors:
  - key: k
    rate_limit: {unit: day, requests_per_unit: 100000}
  - key: login
    rate_limit: {unit: day, requests_per_unit: 100000, on_failure: closed}
";
    house.rules("a.yaml", rules).await;
    let limiter = house.limiter().await;
    let decided = async || {
        let tasks: Vec<_> = (0..40)
            .map(|task| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    let key = if task % 2 == 0 { "k" } else { "login" };
                    let descriptor =
                        Descriptor { entries: vec![(key, "x")], ..Descriptor::default() };
                    let request = Request { domain: "d", descriptors: vec![descriptor], hits: 1 };
                    limiter.decide(&request).await.unwrap().verdict == Verdict::Ok
                })
            })
            .collect();
        let mut passed = 0;
        for task in tasks {
            passed += u32::from(task.await.unwrap());
        }
        passed
    };
    let failures = || house.metric("backplane_limiter_store_failures_total");
    assert_eq!((decided().await, failures()), (40, 0.0));
    allow(1).await;
    assert_eq!((decided().await, failures()), (20, 40.0), "open passes, closed does not");
    assert_eq!(house.metric("backplane_limiter_store_down"), 0.0, "it answers");
    allow(0).await;
    assert_eq!((decided().await, failures()), (40, 40.0));
}
