//! `click_chunk::read`: clicks that are read, and in order, write back to chunks that read alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shortener::click_chunk::{Chunker, read};

fuzz_target!(|bytes: &[u8]| {
    let Ok(clicks) = read(bytes) else { return };
    assert!(!clicks.is_empty());
    if !clicks.is_sorted_by_key(|click| click.link_id) {
        return;
    }
    let mut chunker = Chunker::default();
    let mut chunks: Vec<_> = clicks.iter().filter_map(|click| chunker.add(click)).collect();
    chunks.extend(chunker.finish());
    let again = chunks.iter().map(|chunk| read(&chunk.bytes)).collect::<Result<Vec<_>, _>>();
    let again = again.map(|parts| parts.concat());
    let Ok(again) = again else { panic!("what was written does not read back") };
    assert_eq!(format!("{again:?}"), format!("{clicks:?}"));
});
