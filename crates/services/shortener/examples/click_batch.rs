//! Measures the aggregation of clicks: `cargo run --release -p shortener --example click_batch`.

use std::io::Write;
use std::time::Instant;

use shortener::click_batch::{Aggregator, Click};
use shortener::country::Country;

const CLICKS: u32 = 2_000_000;
/// Clicks a batch: what some 100 ms bring at full load.
const BATCH: u32 = 10_000;

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
     Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "curl/8.5.0",
];

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    for links in [1u64, 100, 10_000] {
        let mut aggregator = Aggregator::default();
        let mut checksum = 0;
        let start = Instant::now();
        for number in 0..CLICKS {
            let mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            aggregator.add(&Click {
                link_id: i64::try_from(mixed % links).unwrap_or_default(),
                at_us: 1_700_000_000_000_000 + i64::from(number),
                referrer: Some("https://news.example.org/some/page"),
                agent: Some(AGENTS[(mixed >> 60) as usize % AGENTS.len()]),
                country: Country::from_header(Some("DE")),
                visitor: mixed,
                scan: false,
            });
            if number % BATCH == BATCH - 1 {
                checksum += aggregator.take().clicks;
            }
        }
        let ns = start.elapsed().as_nanos() / u128::from(CLICKS);
        writeln!(out, "{links:>6} links: {ns} ns a click ({checksum} clicks)")?;
    }
    Ok(())
}
