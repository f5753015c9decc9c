//! Ids as text: what is read is written the same way, and no text of others breaks a reading.

#![no_main]

use ids::text::{Form, read_typed, write_typed};
use libfuzzer_sys::fuzz_target;

const FORMS: [Form; 5] = [Form::Decimal, Form::Hex, Form::Base32, Form::Base58, Form::Base62];
const NOW_MS: u64 = 1_764_000_000_000;

fuzz_target!(|text: &str| {
    for form in FORMS {
        if let Some(id) = form.read(text) {
            assert_eq!(form.read(&form.write(id)), Some(id));
        }
    }
    if let Ok(Some((kind, id))) = read_typed(text) {
        let written = write_typed(kind, id).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(read_typed(&written), Ok(Some(back)) if back == (kind, id)));
    }
    let readings = ids::reading::read(text, NOW_MS);
    assert!(readings.is_sorted_by_key(|reading| !reading.plausible));
});
