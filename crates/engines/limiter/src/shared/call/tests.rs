//! Calls of many requests on a real store; they run where BACKPLANE_TEST_REDIS names one.

use super::*;
use crate::concurrency::Concurrency;
use crate::fixed_window::FixedWindow;
use crate::gcra::Gcra;
use crate::leaking_bucket::LeakingBucket;
use crate::sliding_counter::{Rounding, SlidingCounter};
use crate::sliding_log::SlidingLog;
use crate::sub_windows::SubWindows;
use crate::token_bucket::IntervalBucket;

const DAY_S: u32 = 86_400;
const DAY_US: u64 = 86_400 * 1_000_000;

/// A store with keys of its own.
struct Store {
    connection: MultiplexedConnection,
    decider: Decider,
    prefix: String,
}

impl Store {
    async fn open() -> Option<Self> {
        let url = std::env::var("BACKPLANE_TEST_REDIS").ok()?;
        let client = redis::Client::open(url).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        let unique = format!("{}-{:?}", std::process::id(), std::time::Instant::now());
        let prefix = format!("test:{{{unique}}}:");
        Some(Self { connection, decider: Decider::new(unique), prefix })
    }

    /// Each of `requests` is what it charges.
    async fn call(&mut self, mode: Mode, requests: &[Vec<Charge<'_>>]) -> Vec<Option<Vec<Answer>>> {
        let asked: Vec<Asked> =
            requests.iter().map(|request| Asked::new(&self.prefix, request)).collect();
        self.decider.call(&mut self.connection, mode, &asked).await.unwrap()
    }

    async fn remaining(&mut self, charge: Charge<'_>) -> u32 {
        let looked = self.call(Mode::Look, &[vec![Charge { hits: 0, ..charge }]]).await;
        looked[0].as_ref().unwrap()[0].remaining
    }
}

fn charge(algorithm: &Algorithm, key: u64) -> Charge<'_> {
    Charge { algorithm, key, hits: 1, lease: key + 1, shadow: false }
}

fn algorithms() -> Vec<Algorithm> {
    let gcra = Gcra::new(5, 5, DAY_US).unwrap();
    let sliding = |rounding| SlidingCounter { limit: 5, length_s: DAY_S, rounding };
    vec![
        Algorithm::Deny,
        Algorithm::Gcra(gcra),
        Algorithm::LeakingBucket(LeakingBucket(gcra)),
        Algorithm::IntervalBucket(IntervalBucket { size: 5, refill: 5, interval_s: DAY_S }),
        Algorithm::FixedWindow(FixedWindow { limit: 5, length_s: DAY_S }),
        Algorithm::SlidingCounter(sliding(Rounding::Down)),
        Algorithm::SlidingCounter(sliding(Rounding::Up)),
        Algorithm::SubWindows(SubWindows { limit: 5, length_us: DAY_US, parts: 10 }),
        Algorithm::SlidingLog(SlidingLog { limit: 5, length_us: DAY_US, count_rejected: true }),
        Algorithm::SlidingLog(SlidingLog { limit: 5, length_us: DAY_US, count_rejected: false }),
        Algorithm::Concurrency(Concurrency { limit: 5, lease_us: DAY_US }),
    ]
}

/// Requests of one to three parts over every algorithm, few keys and many denials.
fn mixed(algorithms: &[Algorithm], count: u64) -> Vec<Vec<Charge<'_>>> {
    let mut state = 7_u64;
    let mut below = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    (0..count)
        .map(|number| {
            let mut parts: Vec<Charge<'_>> = Vec::new();
            for _ in 0..=below(3) {
                let at = below(algorithms.len());
                let key = (at * 2 + below(2)) as u64;
                if parts.iter().all(|part| part.key != key) {
                    let hits = [0, 1, 1, 1, 2, 6][below(6)];
                    let shadow = below(8) == 0;
                    parts.push(Charge {
                        hits,
                        lease: number + 1,
                        shadow,
                        ..charge(&algorithms[at], key)
                    });
                }
            }
            parts
        })
        .collect()
}

/// What does not go on with time.
fn timeless(answers: &[Option<Vec<Answer>>]) -> Vec<Vec<(bool, u32, bool)>> {
    let of_answer = |answer: &Answer| (answer.admitted, answer.remaining, answer.retry_us == NEVER);
    answers
        .iter()
        .map(|answers| answers.as_ref().unwrap().iter().map(of_answer).collect())
        .collect()
}

#[tokio::test]
async fn a_call_says_what_its_requests_would_be_told_one_by_one() {
    let (Some(mut together), Some(mut alone)) = (Store::open().await, Store::open().await) else {
        return;
    };
    let algorithms = algorithms();
    let requests = mixed(&algorithms, 400);
    let (mut by_call, mut by_request) = (Vec::new(), Vec::new());
    for requests in requests.chunks(40) {
        by_call.extend(together.call(Mode::Charge, requests).await);
    }
    for request in &requests {
        by_request.extend(alone.call(Mode::Charge, std::slice::from_ref(request)).await);
    }
    let by_call = timeless(&by_call);
    for (number, (one, other)) in by_call.iter().zip(timeless(&by_request)).enumerate() {
        assert_eq!(*one, other, "request {number}: {:?}", requests[number]);
    }
    let admitted = by_call.iter().flatten().filter(|(admitted, ..)| *admitted).count();
    let denied = by_call.iter().flatten().count() - admitted;
    assert!(admitted > 80 && denied > 80, "{admitted} admitted, {denied} denied");
}

#[tokio::test]
async fn what_is_denied_within_a_call_charges_nothing() {
    let Some(mut store) = Store::open().await else { return };
    let one = Algorithm::FixedWindow(FixedWindow { limit: 1, length_s: DAY_S });
    for (number, algorithm) in algorithms().iter().enumerate().skip(1) {
        let (key, gate) = (number as u64 * 2, number as u64 * 2 + 1);
        let both = |lease| vec![Charge { lease, ..charge(algorithm, key) }, charge(&one, gate)];
        let calls =
            [both(1), both(2), both(3), vec![Charge { lease: 4, ..charge(algorithm, key) }]];
        let answers = store.call(Mode::Charge, &calls).await;
        let admitted = |at: usize| answers[at].as_ref().unwrap().iter().all(|part| part.admitted);
        assert_eq!([0, 1, 2, 3].map(admitted), [true, false, false, true], "{algorithm:?}");
        assert_eq!(store.remaining(charge(algorithm, key)).await, 3, "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_decided_fails_alone_and_charges_nothing() {
    let Some(mut store) = Store::open().await else { return };
    let log =
        Algorithm::SlidingLog(SlidingLog { limit: 5, length_us: DAY_US, count_rejected: true });
    let window = Algorithm::FixedWindow(FixedWindow { limit: 5, length_s: DAY_S });
    let (broken, sound) = (charge(&log, 1), charge(&window, 2));
    let name = Terms::of(&log, false).key(&store.prefix, broken.key);
    let mut set = redis::cmd("SET");
    set.arg(name).arg("no sorted set").arg("EX").arg(60);
    set.query_async::<()>(&mut store.connection).await.unwrap();
    let requests = [vec![sound], vec![sound, broken], vec![broken, sound], vec![sound]];
    let answers = store.call(Mode::Charge, &requests).await;
    let remaining =
        |at: usize| answers[at].as_ref().map(|parts| parts.iter().map(|part| part.remaining).sum());
    assert_eq!([0, 1, 2, 3].map(remaining), [Some(4), None, None, Some(3)]);
    assert_eq!(store.remaining(sound).await, 3);
}

#[test]
fn another_window_counts_anew_and_another_limit_goes_on() {
    let key = |limit, length_s| {
        let window = Algorithm::FixedWindow(FixedWindow { limit, length_s });
        Terms::of(&window, false).key("", 1)
    };
    assert_ne!(key(5, 60), key(5, 3_600));
    assert_eq!(key(5, 60), key(9, 60));
}

#[test]
fn one_that_waits_in_a_queue_is_told_how_long() {
    let gcra = Gcra::new(5, 1, 1_000_000).unwrap();
    let (queue, bucket) = (Algorithm::LeakingBucket(LeakingBucket(gcra)), Algorithm::Gcra(gcra));
    let delay_us = |algorithm: &Algorithm, message: &[u8]| {
        let asked = Asked::new("", &[Charge { hits: 2, ..charge(algorithm, 1) }]);
        answers(&[asked], message)[0].as_ref().unwrap()[0].delay_us
    };
    let admitted = b"\x93\x01\xce\x00\x3d\x09\x00\x00";
    assert_eq!(delay_us(&queue, admitted), 2_000_000, "4 s until all have gone, 2 of them its own");
    assert_eq!(delay_us(&bucket, admitted), 0);
}
