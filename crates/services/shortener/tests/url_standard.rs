//! The long-URL check against the WHATWG URL standard's own test data.

use serde::Deserialize;
use shortener::target::{Target, TargetPolicy, TargetRefusal};

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    input: String,
    /// The serialisation; absent when the standard refuses the input.
    href: Option<String>,
}

fn cases() -> serde_json::Result<Vec<Case>> {
    serde_json::from_str(include_str!("data/urltestdata.json")).map(|file: File| file.cases)
}

/// Exactly the http and https URLs that are valid by the standard pass, except those with white
/// space or control characters inside, which the standard would strip and this service refuses.
#[test]
fn accepts_exactly_the_valid_http_urls() {
    let policy = TargetPolicy { allow_private_networks: true, ..TargetPolicy::default() };
    let mut accepted = 0;
    for case in cases().unwrap() {
        let input = case.input.as_str();
        let expected = case
            .href
            .as_deref()
            .filter(|href| href.starts_with("http:") || href.starts_with("https:"));
        match (Target::parse(input, &policy), expected) {
            (Ok(target), Some(href)) => {
                assert_eq!(target.normalised, href, "{input:?}");
                accepted += 1;
            }
            (Ok(target), None) => panic!("{input:?} must be refused, became {target:?}"),
            (Err(TargetRefusal::ForbiddenCharacter(_)), _) => {
                assert!(input.trim().contains(|c: char| c.is_whitespace() || c.is_control()));
            }
            (Err(refusal), Some(href)) => panic!("{input:?} is {href}, refused: {refusal}"),
            (Err(_), None) => {}
        }
    }
    // The data must not shrink unnoticed.
    assert!(accepted > 90, "only {accepted} URLs were accepted");
}

/// No input makes the check panic under the strict policy, and private hosts never pass it.
#[test]
fn the_strict_policy_lets_no_private_address_through() {
    let policy = TargetPolicy::default();
    for case in cases().unwrap() {
        let input = case.input.as_str();
        if let Ok(target) = Target::parse(input, &policy) {
            let host = target.host.as_str();
            assert!(host.contains('.') || host.starts_with("[2"), "{input:?} gave {host}");
            assert!(!host.starts_with("127.") && !host.starts_with("192.168."), "{input:?}");
        }
    }
}
