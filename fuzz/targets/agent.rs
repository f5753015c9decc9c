//! `agent::Agent`: only the beginning counts, and the words shown are ours, never the visitor's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shortener::agent::{Agent, MAX_AGENT_LEN, cut};

fuzz_target!(|text: &str| {
    let agent = Agent::parse(Some(text));
    let beginning = cut(text.trim());
    assert!(beginning.len() <= MAX_AGENT_LEN && text.contains(beginning));
    assert_eq!(Agent::parse(Some(beginning)), agent);
    assert!(!agent.browser.is_empty() && !agent.os.is_empty());
    if text.trim().is_empty() {
        assert!(agent.is_bot());
    }
});
