use proptest::prelude::*;

use super::*;

/// The header, then device, browser and system.
const EXAMPLES: &str = include_str!("../../tests/data/user-agents.tsv");

#[test]
fn headers_in_use_are_told_apart() {
    for line in EXAMPLES.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let agent = Agent::parse(Some(fields[3]));
        assert_eq!([agent.device.as_str(), agent.browser, agent.os], fields[..3], "{}", fields[3]);
    }
}

#[test]
fn no_header_is_a_bots() {
    for header in [None, Some(""), Some("-"), Some("  ")] {
        assert!(Agent::parse(header).is_bot());
    }
}

#[test]
fn long_headers_are_cut_between_characters() {
    let long = "\u{e4}".repeat(400);
    assert_eq!(cut(&long).len(), 512);
    assert_eq!(cut(&format!("a{long}")).len(), 511);
    assert_eq!(Agent::parse(Some(&long)), Agent::UNKNOWN);
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(text in ".{0,600}") {
        let agent = Agent::parse(Some(&text));
        prop_assert_eq!(agent.is_bot(), agent.device == Device::Bot);
    }
}
