//! How many redirects the cache answers (Acceptance 19): visits to a million links, the n-th most
//! popular of which is visited 1/n as often as the first, with room for a tenth of their bytes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use shortener::hot::{Hot, HotLinks, Known, bytes_of};
use shortener::model::{Link, LinkState, Redirect};

use super::support::{at, noon};

const LINKS: usize = 1_000_000;
const WARMING: usize = 500_000;
const VISITS: usize = 1_000_000;

/// Sebastiano Vigna's splitmix64: the same visits in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// At least 0, below 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Sums of 1/n, from which a link is drawn by bisection.
fn sums() -> Vec<f64> {
    let mut sum = 0.0;
    let terms = (1..=LINKS).map(|rank| 1.0 / rank as f64);
    terms
        .map(|term| {
            sum += term;
            sum
        })
        .collect()
}

fn code_of(rank: usize) -> String {
    format!("{rank:07}")
}

/// Targets of 30 to 300 bytes, whatever their rank.
fn known(rank: usize, link: &mut Link) -> Known {
    let length = 30 + mixed(rank as u64) as usize % 271;
    link.long_url.clear();
    link.long_url.push_str("https://example.com/");
    link.long_url.extend(std::iter::repeat_n('a', length - link.long_url.len()));
    Known::Hot(Arc::new(Hot::new(link, Duration::from_secs(1)).unwrap()))
}

fn plain() -> Link {
    Link {
        id: 1,
        domain: String::new(),
        code: String::new(),
        long_url: String::new(),
        title: None,
        redirect: Redirect::Found,
        forward_query: false,
        created_by: String::new(),
        created_at: noon(),
        updated_at: noon(),
        valid_from: None,
        expires_at: None,
        last_used_at: noon(),
        max_visits: None,
        visits_left: None,
        password_hash: None,
        state: LinkState::Active,
        clicks: 0,
        shared: true,
        numbered: true,
        tags: Vec::new(),
    }
}

#[tokio::test]
async fn a_tenth_of_the_links_answers_three_quarters_of_the_visits() {
    let (mut link, sums) = (plain(), sums());
    let whole: u64 = (0..LINKS).map(|rank| bytes_of(&code_of(rank), &known(rank, &mut link))).sum();
    let cache = HotLinks::new(whole / 10);
    let mut numbers = Numbers(19);
    let (total, mut hits) = (sums[LINKS - 1], 0_u32);
    for visit in 0..WARMING + VISITS {
        let drawn = numbers.fraction() * total;
        let rank = sums.partition_point(|sum| *sum <= drawn);
        let code = code_of(rank);
        if cache.get(&code).is_some() {
            hits += u32::from(visit >= WARMING);
        } else {
            let load = async { Ok::<_, Infallible>(known(rank, &mut link)) };
            cache.get_or_load(&at(&code), load).await.unwrap();
        }
    }
    let ratio = f64::from(hits) / VISITS as f64;
    eprintln!("hit ratio {ratio:.3} in {} MiB of {} MiB", (whole / 10) >> 20, whole >> 20);
    assert!(ratio >= 0.75, "{ratio}");
}
