//! `Code`, `Alias` and `NamespaceName`: kept as given, within their letters and lengths.

#![no_main]

use kit::namespace::{NAME_BYTES_MAX, NamespaceName};
use libfuzzer_sys::fuzz_target;
use shortener::code::{Alias, Code, MAX_ALIAS_LEN, MAX_CODE_LEN, is_reserved};
use shortener::country::Country;
use shortener::qr::Colour;

fuzz_target!(|text: &str| {
    let code = Code::new(text);
    if let Ok(code) = code {
        assert_eq!(code.as_str(), text);
        assert!((1..=MAX_CODE_LEN).contains(&text.len()));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
    match Alias::new(text) {
        Ok(alias) => {
            assert_eq!(alias.as_str(), text);
            assert!((1..=MAX_ALIAS_LEN).contains(&text.len()) && !is_reserved(text));
            assert_eq!(alias.could_be_generated(), code.is_ok());
        }
        Err(_) => assert!(code.is_err() || is_reserved(text)),
    }
    if let Ok(name) = text.parse::<NamespaceName>() {
        assert_eq!(name.as_str(), text);
        assert!(text.len() <= NAME_BYTES_MAX && !text.contains(['/', '.', '_']));
    }
    if let Ok(colour) = Colour::parse(text) {
        assert_eq!(Colour::parse(&colour.to_hex()), Ok(colour));
    }
    let country = Country::from_header(Some(text));
    assert_eq!(Country::from_header(Some(country.as_str())), country);
});
