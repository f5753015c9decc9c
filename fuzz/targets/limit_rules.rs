//! `limiter::rules`: any text is read or refused with its line, and what is read can be asked.
//!
//! The first line is a domain, the second a key and a value with `=` between them, the rest the
//! file.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use limiter::rules::{Kind, RuleFile, RuleSet, Secret};
use limiter::table::{Charge, Table};

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\n');
    let domain = parts.next().unwrap_or_default();
    let entry = parts.next().unwrap_or_default().split_once('=').unwrap_or_default();
    let text = parts.next().unwrap_or_default();
    let file = RuleFile { name: "fuzz.yaml".to_owned(), text: text.to_owned() };
    let set = match RuleSet::read(&[file], Kind::FixedWindow, &HashMap::new()) {
        Ok(set) => set,
        Err(refusal) => {
            assert!(refusal.line >= 1 && refusal.line <= text.lines().count() + 1, "{refusal}");
            assert!(!refusal.reason.is_empty() && refusal.reason.len() < 500);
            return;
        }
    };
    let table = Table::new(1 << 20);
    if let Some(found) = set.find(domain, [entry], Secret([7; 16])) {
        assert!(set.rules().iter().any(|rule| rule.place == found.rule.place));
    }
    for (key, rule) in (1..).zip(set.rules()) {
        let Some(limit) = &rule.limit else { continue };
        let (algorithm, lease) = (&limit.algorithm, 1);
        let charge = Charge { algorithm, key, hits: 1, lease, shadow: false };
        let answer = table.decide(&charge, 1_800_000_000_000_000);
        assert_eq!(answer.admitted, limit.requests > 0, "{}", rule.place);
        assert!(answer.remaining <= limit.requests.max(limit.burst));
    }
});
