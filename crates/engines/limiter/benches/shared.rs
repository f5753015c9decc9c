//! Decisions in a shared store beside raw `INCR`, over as many connections and with as many under
//! way at once, in the same run:
//! `BACKPLANE_TEST_REDIS=redis://127.0.0.1:6379 cargo bench -p limiter --bench shared`.

#![allow(clippy::print_stdout, reason = "a benchmark tells what it measured")]
#![allow(missing_docs, clippy::expect_used, clippy::unwrap_used, reason = "a benchmark")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kit::clock::Clock;
use kit::entropy::Entropy;
use kit::sql::{Db, Durability, OpenOptions};
use kit::system::{Ctx, System};
use limiter::model::{Descriptor, Request};
use limiter::service::Limiter;
use limiter::{Limiters, Section};

/// Decisions under way at once.
const TASKS: usize = 64;
const CONNECTIONS: usize = 2;
const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;
const KEYS: u64 = 100_000;

fn main() {
    let Ok(store) = std::env::var("BACKPLANE_TEST_REDIS") else {
        println!("skipped: BACKPLANE_TEST_REDIS is not set");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        println!("{:<18}{:>12}{:>10}", "", "decisions/s", "of INCR");
        for algorithm in ["fixed_window", "gcra", "sliding_counter"] {
            let limiter = open(&store, folder.path(), algorithm).await;
            for _ in 0..ROUNDS {
                let incr = incr(&store).await;
                let ours = decisions(&limiter).await;
                println!("{algorithm:<18}{ours:>12.0}{:>10.2}", ours / incr);
            }
        }
    });
}

async fn open(store: &str, folder: &std::path::Path, algorithm: &str) -> Arc<Limiter> {
    let mut section: Section = toml::from_str(limiter::settings::DEFAULT).expect("settings");
    section.store = store.to_owned();
    section.store_connections = CONNECTIONS as u32;
    section.store_timeout_ms = 1_000;
    let system = Limiters::new(section.check().expect("settings"));
    let rules = folder.join(algorithm).join("rules");
    std::fs::create_dir_all(&rules).expect("a folder");
    let text = format!(
        "domain: d\ndescriptors:\n  - key: k\n    rate_limit: {{unit: day, requests_per_unit: \
         1000000, algorithm: {algorithm}}}\n"
    );
    std::fs::write(rules.join("a.yaml"), text).expect("a rule file");
    let path = folder.join(format!("{algorithm}.db"));
    let options =
        OpenOptions { path, migrations: Limiters::MIGRATIONS, durability: Durability::Buffered };
    let ctx = Ctx {
        namespace: algorithm.replace('_', "-").parse().expect("a name"),
        sql: Db::open_sqlite(&options).expect("a database"),
        clock: Clock::system(),
        entropy: Entropy::machine(),
        ids: kit::ids::Ids::absent(),
        dir: folder.join(algorithm),
        files: Default::default(),
        metrics: Default::default(),
        workers: Default::default(),
    };
    let opened = tokio::task::spawn_blocking(move || system.open(ctx)).await;
    opened.expect("no panic").expect("it opens")
}

async fn decisions(limiter: &Arc<Limiter>) -> f64 {
    let limiter = Arc::clone(limiter);
    rate(move |number| {
        let limiter = Arc::clone(&limiter);
        async move {
            let value = format!("key:{}", number % KEYS);
            let descriptor =
                Descriptor { entries: vec![("k", value.as_str())], ..Descriptor::default() };
            let request = Request { domain: "d", descriptors: vec![descriptor], hits: 1 };
            let ruling = limiter.decide(&request).await.expect("a request");
            assert!(ruling.statuses[0].answer.expect("limited").admitted);
        }
    })
    .await
}

async fn incr(store: &str) -> f64 {
    let client = redis::Client::open(store).expect("a URL");
    let mut lanes = Vec::new();
    for _ in 0..CONNECTIONS {
        lanes.push(client.get_multiplexed_async_connection().await.expect("a connection"));
    }
    rate(move |number| {
        let mut lane = lanes[number as usize % CONNECTIONS].clone();
        async move {
            let key = format!("incr:key:{}", number % KEYS);
            let mut command = redis::cmd("INCR");
            command.arg(key);
            let counted: i64 = command.query_async(&mut lane).await.expect("an answer");
            assert!(counted > 0);
        }
    })
    .await
}

/// How many calls a second [`TASKS`] tasks make together.
async fn rate<F: Future<Output = ()> + Send>(
    call: impl Fn(u64) -> F + Clone + Send + Sync + 'static,
) -> f64 {
    let (began, number) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (call, number) = (call.clone(), Arc::clone(&number));
            tokio::spawn(async move {
                while began.elapsed() < ROUND {
                    let next = number.fetch_add(1, Ordering::Relaxed);
                    call(next.wrapping_mul(0x9e37_79b9) >> 7).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    number.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}
