//! `http::Cursor`: a position comes back, and what is read is a position that was written.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kit::http::Cursor;
use libfuzzer_sys::fuzz_target;

type Position = (i64, String);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        comes_back(text);
        let position = (bytes.len() as i64, text.to_owned());
        if let Ok(cursor) = Cursor::encode(&position)
            && cursor.len() <= 2_048
        {
            assert_eq!(Cursor::decode::<Position>(&cursor).ok(), Some(position));
        }
    }
    // A checksum that is right, which no mutation finds by itself.
    let mut forged = bytes.to_vec();
    forged.extend_from_slice(&crc32fast::hash(bytes).to_be_bytes());
    comes_back(&URL_SAFE_NO_PAD.encode(forged));
});

fn comes_back(text: &str) {
    if let Ok(position) = Cursor::decode::<Position>(text) {
        let cursor = Cursor::encode(&position).unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(Cursor::decode::<Position>(&cursor).ok(), Some(position));
    }
}
