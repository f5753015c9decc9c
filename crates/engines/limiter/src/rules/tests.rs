use std::collections::HashMap;

use super::*;
use crate::algorithm::Algorithm;

const SECRET: Secret = Secret([7; 16]);

fn file(name: &str, text: &str) -> RuleFile {
    RuleFile { name: name.to_owned(), text: text.to_owned() }
}

fn set(text: &str) -> RuleSet {
    RuleSet::read(&[file("a.yaml", text)], Kind::FixedWindow, &HashMap::new()).unwrap()
}

fn refused(text: &str) -> String {
    let files = [file("a.yaml", text)];
    RuleSet::read(&files, Kind::FixedWindow, &HashMap::new()).unwrap_err().to_string()
}

/// One rule whose `rate_limit` has these fields.
fn rule_with(fields: &str) -> String {
    format!("domain: d\ndescriptors:\n  - key: k\n    rate_limit: {{{fields}}}\n")
}

fn place(set: &RuleSet, domain: &str, entries: &[(&str, &str)]) -> Option<String> {
    set.find(domain, entries.iter().copied(), SECRET).map(|found| found.rule.place.clone())
}

/// The example of the origin, `examples/ratelimit/config/example.yaml`.
const EXAMPLE: &str = include_str!("../../tests/data/example.yaml");

#[test]
fn the_most_specific_rule_applies_where_the_descriptor_ends() {
    let set = set(EXAMPLE);
    let found = |entries: &[(&str, &str)]| place(&set, "rl", entries);
    assert_eq!(found(&[("foo", "x")]).as_deref(), Some("rl:/foo"));
    assert_eq!(found(&[("foo", "x"), ("bar", "y")]).as_deref(), Some("rl:/foo/bar"));
    assert_eq!(found(&[("foo", "x"), ("bar", "banned")]).as_deref(), Some("rl:/foo/bar=banned"));
    for none in [
        &[("source_cluster", "proxy")][..],
        &[("source_cluster", "other"), ("destination_cluster", "mock")],
        &[("foo", "x"), ("bar", "y"), ("more", "z")],
        &[("bar", "y")],
        &[],
    ] {
        assert_eq!(found(none), None, "{none:?}");
    }
    assert_eq!(place(&set, "other", &[("foo", "x")]), None);
    let unlimited = set.find("rl", [("qux", "x")], SECRET).unwrap();
    assert!(unlimited.rule.limit.is_none());
    let shadow = set.find("rl", [("foo", "x"), ("baz", "shady")], SECRET).unwrap();
    assert!(shadow.rule.manner.shadow);
}

#[test]
fn every_value_has_a_counter_of_its_own_unless_a_pattern_is_shared() {
    let set = set("\
domain: d
descriptors:
  - key: user
    rate_limit: {unit: minute, requests_per_unit: 1}
  - key: file
    value: test1
    rate_limit: {unit: minute, requests_per_unit: 50}
  - key: file
    value: test*
    share_threshold: true
    rate_limit: {unit: minute, requests_per_unit: 100}
  - key: path
    value: /api*v1
    rate_limit: {unit: minute, requests_per_unit: 1}
");
    let key = |key, value| set.find("d", [(key, value)], SECRET).unwrap().key;
    assert_ne!(key("user", "ada"), key("user", "bob"));
    assert_eq!(key("user", "ada"), key("user", "ada"));
    assert_eq!(key("file", "test2"), key("file", "test3"));
    assert_ne!(key("file", "test1"), key("file", "test2"));
    assert_ne!(key("path", "/api/1/v1"), key("path", "/api/2/v1"));
    let other = set.find("d", [("user", "ada")], Secret([8; 16])).unwrap().key;
    assert_ne!(other, key("user", "ada"));
}

#[test]
fn every_example_of_the_requirement_can_be_said() {
    let limits = [
        ("unit: second, requests_per_unit: 2", 2, 1),
        ("unit: day, requests_per_unit: 10", 10, 86_400),
        ("unit: week, requests_per_unit: 5", 5, 604_800),
        ("unit: hour, unit_multiplier: 3, requests_per_unit: 300", 300, 10_800),
        ("unit: second, unit_multiplier: 60, requests_per_unit: 300", 300, 60),
        ("unit: minute, requests_per_unit: 5", 5, 60),
        ("unit: second, requests_per_unit: 10000", 10_000, 1),
    ];
    for (fields, requests, period_s) in limits {
        let set = set(&rule_with(fields));
        let limit = set.rules()[0].limit.unwrap();
        assert_eq!((limit.requests, limit.period_s), (requests, period_s));
    }
}

#[test]
fn every_algorithm_can_be_chosen() {
    let of = |fields: &str| {
        let fields = format!("unit: minute, requests_per_unit: 6, {fields}");
        set(&rule_with(&fields)).rules()[0].limit.unwrap().algorithm
    };
    assert!(matches!(of("algorithm: fixed_window"), Algorithm::FixedWindow(_)));
    assert!(matches!(of("algorithm: gcra, burst: 9"), Algorithm::Gcra(_)));
    assert!(matches!(of("algorithm: token_bucket, bucket_size: 9"), Algorithm::Gcra(_)));
    let interval = of("algorithm: token_bucket, refill: interval, bucket_size: 9");
    assert!(matches!(interval, Algorithm::IntervalBucket(bucket) if bucket.size == 9));
    assert!(matches!(of("algorithm: leaking_bucket"), Algorithm::LeakingBucket(_)));
    assert!(matches!(of("algorithm: leaking_bucket, style: meter"), Algorithm::Gcra(_)));
    let log = of("algorithm: sliding_log, count_rejected: false");
    assert!(matches!(log, Algorithm::SlidingLog(log) if !log.count_rejected));
    let counter = of("algorithm: sliding_counter, rounding: up");
    assert!(matches!(counter, Algorithm::SlidingCounter(_)));
    assert!(matches!(of("algorithm: sliding_counter, buckets: 60"), Algorithm::SubWindows(_)));
    let leases = of("algorithm: concurrency, lease_s: 5");
    assert!(matches!(leases, Algorithm::Concurrency(rule) if rule.lease_us == 5_000_000));
    let none = set(&rule_with("unit: day, requests_per_unit: 0"));
    assert_eq!(none.rules()[0].limit.unwrap().algorithm, Algorithm::Deny);
}

/// F15: the whole file is refused, with its line and the reason.
#[test]
fn a_bad_file_is_refused_with_line_and_reason() {
    for (text, said) in [
        ("domain: [a]\n", "a.yaml, line 1: domain is to be a text or a number"),
        ("descriptors: []\n", "domain is missing"),
        ("domain: d\ndescriptor: []\n", "line 2: the file has no field \"descriptor\""),
        ("domain: d\ndescriptors:\n  - value: v\n", "line 3: the descriptor has no key"),
        ("domain: d\ndescriptors:\n  - key: k\n    rate_limits: {}\n", "line 4: a descriptor has"),
        (
            &rule_with("unit: fortnight, requests_per_unit: 1"),
            "line 4: unit: \"fortnight\" is none",
        ),
        (&rule_with("unit: day"), "requests_per_unit is missing"),
        (&rule_with("requests_per_unit: 1"), "unit is missing"),
        (&rule_with("unit: day, requests_per_unit: -1"), "\"-1\" is not a whole number"),
        (&rule_with("unit: day, requests_per_unit: 1, unit_multiplier: 0"), "unit_multiplier"),
        (&rule_with("unit: day, requests_per_unit: 1, burst: 2"), "has no burst"),
        (&rule_with("unit: day, requests_per_unit: 4000000000"), "counts to at most"),
        (&rule_with("unlimited: true, unit: day"), "unlimited stands beside a limit"),
        (&rule_with("unlimited: true, on_limit: queue"), "needs a limit"),
        (&rule_with("unit: day, requests_per_unit: 1, mode: soft, overrun_percent: 0"), "1 to 100"),
        (&rule_with("unit: day, requests_per_unit: 1, name: a, replaces: [{name: a}]"), "itself"),
        (&rule_with("unit: day, requests_per_unit: 1, replaces: [{}]"), "needs a name"),
        (
            &rule_with("unit: year, unit_multiplier: 99, requests_per_unit: 1, algorithm: gcra"),
            "36 years",
        ),
        ("domain: d\ndescriptors:\n  - key: a\n  - key: a\n", "line 4: d:/a stands here"),
    ] {
        let refusal = refused(text);
        assert!(refusal.starts_with("a.yaml, line ") && refusal.contains(said), "{refusal}");
    }
}

#[test]
fn files_of_one_domain_are_one_and_must_not_contradict() {
    let one = file("a.yaml", "domain: d\ndescriptors: [{key: a}]\n");
    let two = file("b.yaml", "domain: d\ndescriptors: [{key: b}]\n");
    let read = |files: &[RuleFile]| RuleSet::read(files, Kind::Gcra, &HashMap::new());
    assert!(read(&[one.clone(), two]).is_ok());
    let again = read(&[one.clone(), RuleFile { name: "c.yaml".to_owned(), ..one }]).unwrap_err();
    assert_eq!(again.file.as_deref(), Some("c.yaml"));
}

/// F15: the old rules stay; counts of a rule go on when it is changed.
#[test]
fn a_refused_change_leaves_the_rules_and_a_taken_one_the_counts() {
    let rules = Rules::new(Kind::FixedWindow);
    let first = file("a.yaml", &rule_with("unit: day, requests_per_unit: 5"));
    assert_eq!(rules.take(vec![first.clone()]), Ok(Change::Taken));
    assert_eq!(rules.take(vec![first]), Ok(Change::None));
    rules.load().rules()[0].counts.add(Outcome::Allowed, 3);
    let bad = file("a.yaml", &rule_with("unit: day"));
    assert!(rules.take(vec![bad.clone()]).is_err());
    assert!(rules.take(vec![bad]).is_err());
    assert_eq!(rules.load().rules()[0].limit.unwrap().requests, 5);
    let second = file("a.yaml", &rule_with("unit: day, requests_per_unit: 6"));
    assert_eq!(rules.take(vec![second]), Ok(Change::Taken));
    let rule = Arc::clone(&rules.load().rules()[0]);
    assert_eq!((rule.limit.unwrap().requests, rule.counts.tally().allowed), (6, 3));
}
