use proptest::prelude::*;

use super::*;

fn click<'c>(link_id: i64, agent: Option<&'c str>) -> Click<'c> {
    Click {
        link_id,
        at_us: -7,
        referrer: Some("https://news.example"),
        agent,
        country: Country::from_header(Some("at")),
        visitor: u64::MAX,
        scan: true,
    }
}

fn cut<'c>(clicks: &[Click<'c>]) -> Vec<Chunk> {
    let mut chunker = Chunker::default();
    let mut chunks: Vec<Chunk> = clicks.iter().filter_map(|click| chunker.add(click)).collect();
    chunks.extend(chunker.finish());
    chunks
}

fn told(click: &Click<'_>) -> String {
    format!("{click:?}")
}

#[test]
fn a_chunk_has_the_form_that_is_written_down() {
    let chunks = cut(&[click(5, Some("curl/8")), click(6, None)]);
    let mut expected = vec![1, 2, 0, 20, 0];
    expected.extend(b"https://news.example");
    expected.extend([6, 0]);
    expected.extend(b"curl/8");
    for (link, agent) in [(5_i64, 2_u8), (6, 0)] {
        expected.extend(link.to_le_bytes());
        expected.extend((-7_i64).to_le_bytes());
        expected.extend([0xff; 8]);
        expected.extend([1, 0, agent, 0]);
        expected.extend(b"AT");
        expected.extend([1, 0]);
    }
    assert_eq!(chunks, [Chunk { first_link: 5, last_link: 6, bytes: expected }]);
    assert_eq!(cut(&[]), []);
}

#[test]
fn a_busy_link_goes_over_several_chunks() {
    let agents: Vec<String> = (0..300).map(|number| format!("agent {number}")).collect();
    let clicks: Vec<_> = agents.iter().map(|agent| click(9, Some(agent))).collect();
    let chunks = cut(&clicks);
    assert!(chunks.len() > 3);
    for chunk in &chunks {
        assert_eq!((chunk.first_link, chunk.last_link), (9, 9));
        assert!(chunk.bytes.len() <= CHUNK_BYTES_MAX);
    }
    let read_back: Vec<_> = chunks.iter().flat_map(|chunk| read(&chunk.bytes).unwrap()).collect();
    assert!(read_back.iter().map(told).eq(clicks.iter().map(told)));
}

#[test]
fn what_is_no_chunk_is_refused() {
    let whole = cut(&[click(5, Some("curl/8"))]).remove(0).bytes;
    for short in 1..whole.len() {
        assert!(read(&whole[..short]).is_err(), "{short}");
    }
    assert_eq!(read(&[]).unwrap_err(), ChunkError::Length);
    assert_eq!(read(&[2, 0, 0]).unwrap_err(), ChunkError::Version(2));
    let mut other_place = whole.clone();
    let place = whole.len() - 8;
    other_place[place] = 3;
    assert_eq!(read(&other_place).unwrap_err(), ChunkError::Text);
    let mut no_text = whole;
    no_text[5] = 0xff;
    assert_eq!(read(&no_text).unwrap_err(), ChunkError::Text);
}

proptest! {
    #[test]
    fn clicks_come_back_as_they_were_added(
        links in prop::collection::vec(
            (any::<i64>(), any::<i64>(), any::<u64>(), 0..9_usize), 0..400),
        texts in prop::collection::vec("\\PC{0,120}", 9),
        country in "[A-Z]{2}",
    ) {
        let mut links = links;
        links.sort_unstable();
        let clicks: Vec<Click<'_>> = links.iter().map(|(link_id, at_us, visitor, text)| Click {
            link_id: *link_id,
            at_us: *at_us,
            visitor: *visitor,
            referrer: texts.get(*text).map(String::as_str).filter(|_| visitor % 3 > 0),
            agent: texts.get(8 - *text).map(String::as_str).filter(|_| visitor % 5 > 0),
            country: Country::from_header(Some(&country)),
            scan: visitor % 2 == 0,
        }).collect();
        let chunks = cut(&clicks);
        let read_back: Vec<_> =
            chunks.iter().flat_map(|chunk| read(&chunk.bytes).unwrap()).collect();
        prop_assert!(read_back.iter().map(told).eq(clicks.iter().map(told)));
        for chunk in &chunks {
            let clicks = read(&chunk.bytes).unwrap();
            prop_assert_eq!(clicks.first().map(|click| click.link_id), Some(chunk.first_link));
            prop_assert_eq!(clicks.last().map(|click| click.link_id), Some(chunk.last_link));
            prop_assert!(chunk.bytes.len() <= CHUNK_BYTES_MAX);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let versioned: Vec<u8> = [1, 0, 0].into_iter().chain(bytes).collect();
        let _ = read(&versioned);
    }
}
