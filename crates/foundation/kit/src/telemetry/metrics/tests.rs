//! What a scraper sees, and the figures computed from it.

use std::time::{Duration, Instant};

use expect_test::expect;
use proptest::prelude::*;

use super::{Histogram, LABEL_SETS_MAX, Metrics};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn business_metrics_are_exposed() {
    let metrics = Metrics::new();
    metrics.counter("backplane_links_created", "Links created").inc_by(3);
    metrics.counter("backplane_links_created", "Links created").inc();
    metrics.gauge("backplane_queue_depth", "Clicks waiting").set(-2);
    let clicks = metrics.counters("backplane_clicks", "Clicks", &["device", "country"]);
    clicks.with(&["phone", "a\"b\n\\"]).inc();
    expect![[r##"
        # HELP backplane_links_created Links created.
        # TYPE backplane_links_created counter
        backplane_links_created_total 4
        # HELP backplane_queue_depth Clicks waiting.
        # TYPE backplane_queue_depth gauge
        backplane_queue_depth -2
        # HELP backplane_clicks Clicks.
        # TYPE backplane_clicks counter
        backplane_clicks_total{device="phone",country="a\"b\n\\"} 1
        # EOF
    "##]]
    .assert_eq(&metrics.encode());
}

#[test]
fn red_is_exposed_per_route() {
    let metrics = Metrics::new();
    let route = metrics.red("shortener", "http").route("/{code}", "GET");
    route.record(302, Duration::from_micros(40));
    route.record(302, Duration::from_micros(2_000));
    route.record(500, Duration::from_secs(11));
    let text = metrics.encode();
    let labels = r#"system="shortener",door="http",route="/{code}",method="GET""#;
    for line in [
        "# TYPE backplane_requests counter".to_owned(),
        format!("backplane_requests_total{{{labels},status=\"3xx\"}} 2"),
        format!("backplane_requests_total{{{labels},status=\"5xx\"}} 1"),
        "# TYPE backplane_request_duration_seconds histogram".to_owned(),
        "# UNIT backplane_request_duration_seconds seconds".to_owned(),
        format!("backplane_request_duration_seconds_count{{{labels}}} 3"),
        format!("backplane_request_duration_seconds_sum{{{labels}}} 11.00204"),
        format!("backplane_request_duration_seconds_bucket{{le=\"0.00005\",{labels}}} 1"),
        format!("backplane_request_duration_seconds_bucket{{le=\"0.0025\",{labels}}} 2"),
        format!("backplane_request_duration_seconds_bucket{{le=\"10.0\",{labels}}} 2"),
        format!("backplane_request_duration_seconds_bucket{{le=\"+Inf\",{labels}}} 3"),
        "# EOF".to_owned(),
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_summary_counts_server_faults_alone_as_errors() {
    let red = Metrics::new().red("shortener", "http");
    let route = red.route("/{code}", "GET");
    (0..98).for_each(|_| route.record(200, ms(1)));
    route.record(404, ms(1));
    red.route("/links", "POST").record(503, ms(900));
    let summary = red.summary();
    assert_eq!((summary.requests, summary.errors), (100, 1));
    assert!((500..=1_000).contains(&summary.p50_us), "{summary:?}");
    assert!((500..=1_000).contains(&summary.p99_us), "{summary:?}");
}

#[test]
fn the_recent_window_moves() {
    let red = Metrics::new().red("shortener", "http");
    let route = red.route("/{code}", "GET");
    let start = Instant::now();
    let requests_at = |seconds: u64| {
        let (summary, span) = red.recent(start + Duration::from_secs(seconds));
        (summary.requests, span.as_secs_f64().round() as u64)
    };
    route.record(200, ms(1));
    assert_eq!(requests_at(2), (1, 2));
    assert_eq!(requests_at(10), (1, 10));
    route.record(200, ms(1));
    // The mark of the tenth second becomes the start of the window at the twentieth.
    assert_eq!(requests_at(20), (1, 10));
    assert_eq!(requests_at(29), (1, 19));
    assert_eq!(requests_at(30), (0, 10));
    // Nobody asks for an hour: one long answer, then short ones again.
    route.record(200, ms(1));
    assert_eq!(requests_at(3_630), (1, 3_600));
    assert_eq!(requests_at(3_632), (0, 2));
}

#[test]
fn label_sets_are_limited() {
    let metrics = Metrics::new();
    let users = metrics.counters("backplane_logins", "Logins", &["user"]);
    for i in 0..LABEL_SETS_MAX * 3 {
        users.with(&[&format!("u{i}")]).inc();
    }
    let text = metrics.encode();
    let sets = text.lines().filter(|l| l.starts_with("backplane_logins_total")).count();
    assert_eq!(sets, LABEL_SETS_MAX);
    assert!(text.contains("backplane_logins_total{user=\"other\"} 2001"), "{text}");
    let red = metrics.red("shortener", "http");
    for i in 0..LABEL_SETS_MAX + 50 {
        let name: &'static str = Box::leak(format!("/{i}").into_boxed_str());
        red.route(name, "GET").record(200, ms(1));
    }
    red.route("/", "BREW").record(418, ms(1));
    assert!(metrics.encode().contains("route=\"other\",method=\"other\",status=\"2xx\"} 50"));
}

#[test]
fn counters_kept_elsewhere_are_read_at_each_scrape_and_limited() {
    let metrics = Metrics::new();
    let kept = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let read = std::sync::Arc::clone(&kept);
    metrics.scraped_counters("backplane_rules", "Rules", &["rule"], move || {
        let rules = read.load(std::sync::atomic::Ordering::Relaxed);
        (0..rules).map(|number| (vec![format!("r{number}")], number + 1)).collect()
    });
    assert!(!metrics.encode().contains("backplane_rules"));
    kept.store(2, std::sync::atomic::Ordering::Relaxed);
    assert!(metrics.encode().contains("backplane_rules_total{rule=\"r1\"} 2"));
    kept.store(1_002, std::sync::atomic::Ordering::Relaxed);
    let text = metrics.encode();
    let sets = text.lines().filter(|line| line.starts_with("backplane_rules_total")).count();
    assert_eq!(sets, LABEL_SETS_MAX);
    // The last three of 1 to 1,002.
    assert!(text.contains("backplane_rules_total{rule=\"other\"} 3003"), "{text}");
    metrics.scraped_counters("backplane_rules", "Rules", &[], || vec![(Vec::new(), 7_000_000)]);
    assert!(!metrics.encode().contains(" 7000000"));
}

#[test]
fn two_kinds_of_one_name_do_not_break_the_exposition() {
    let metrics = Metrics::new();
    metrics.counter("backplane_x", "X").inc();
    metrics.gauge("backplane_x", "X").set(7);
    let text = metrics.encode();
    assert!(text.contains("backplane_x_total 1") && !text.contains('7'), "{text}");
}

proptest! {
    /// A quantile lies in the bucket of the duration it stands for.
    #[test]
    fn quantiles_stay_in_their_bucket(
        durations in proptest::collection::vec(0_u64..20_000_000, 1..200),
        per_mille in 1_u32..=1_000,
    ) {
        let histogram = Histogram::default();
        for us in &durations {
            histogram.record(Duration::from_micros(*us));
        }
        let mut sorted = durations.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * per_mille as usize).div_ceil(1_000);
        let exact = sorted[rank - 1].min(10_000_000);
        let bounds = super::BUCKET_BOUNDS_US;
        let upper = bounds.iter().copied().find(|b| *b >= exact).unwrap_or(10_000_000);
        let lower = bounds.iter().copied().rev().find(|b| *b < exact).unwrap_or(0);
        let estimate = histogram.snapshot().quantile_us(per_mille);
        prop_assert!((lower..=upper).contains(&estimate), "{lower} {estimate} {upper}");
        prop_assert_eq!(histogram.snapshot().count(), durations.len() as u64);
    }

    #[test]
    fn a_difference_and_its_start_make_the_whole(
        first in proptest::collection::vec(0_u64..1_000_000, 0..50),
        second in proptest::collection::vec(0_u64..1_000_000, 0..50),
    ) {
        let histogram = Histogram::default();
        first.iter().for_each(|us| histogram.record(Duration::from_micros(*us)));
        let earlier = histogram.snapshot();
        second.iter().for_each(|us| histogram.record(Duration::from_micros(*us)));
        let gained = histogram.snapshot().since(&earlier);
        prop_assert_eq!(gained.count(), second.len() as u64);
        prop_assert_eq!(gained.and(&earlier), histogram.snapshot());
    }
}
