//! `referrer::host`: a short host name of the letters that hosts have, whatever the header.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shortener::referrer::{DIRECT, MAX_HOST_LEN, OTHER, host};

fuzz_target!(|text: &str| {
    let found = host(Some(text));
    assert!(!found.is_empty() && found.len() <= MAX_HOST_LEN);
    let is_word = found == DIRECT || found == OTHER;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    assert!(is_word || found.bytes().all(is_host), "{found}");
    assert_eq!(found, found.to_ascii_lowercase());
    if !is_word && !found.starts_with("www.") && !found.ends_with('.') && !found.contains(':') {
        assert_eq!(host(Some(&format!("https://{found}/"))), found);
    }
});
