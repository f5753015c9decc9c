//! `base62::Base62`: a text that is read is the one way to write its number.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shortener::base62::{Alphabet, Base62, SPACE_OF_EIGHT, Width};

fuzz_target!(|text: &str| {
    for alphabet in [Alphabet::DigitsFirst, Alphabet::LettersFirst] {
        for width in [Width::Growing, Width::Seven] {
            let base62 = Base62 { alphabet, width };
            if let Ok(number) = base62.decode(text) {
                assert!(number < SPACE_OF_EIGHT);
                let code = base62.encode(number);
                assert_eq!(code.as_ref().map(|code| code.as_str()), Ok(text));
            }
        }
    }
    let number = text.bytes().fold(0_u64, |number, byte| number << 8 | u64::from(byte));
    let base62 = Base62 { alphabet: Alphabet::DigitsFirst, width: Width::Seven };
    match base62.encode(number) {
        Ok(code) => assert_eq!(base62.decode(code.as_str()), Ok(number)),
        Err(_) => assert!(number >= SPACE_OF_EIGHT),
    }
});
