//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>): `traceparent` and `tracestate`.

use std::fmt;
use std::str::FromStr;

/// Entries and bytes of a `tracestate` that are passed on (sections 3.3.1.1 and 3.3.1.5).
const STATE_ENTRIES_MAX: usize = 32;
const STATE_BYTES_MAX: usize = 512;

/// Names one request through all services; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// Names one step of a trace; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

/// Where in which trace something happens, and whether the trace is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The present step.
    pub span_id: SpanId,
    /// Whether whoever began the trace records it; all services follow that decision.
    pub sampled: bool,
}

/// Why a `traceparent` was refused. The answer is always to begin a new trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed traceparent")]
pub struct MalformedTraceparent;

impl TraceId {
    /// `None` for zero, which the standard forbids.
    #[must_use]
    pub fn new(id: u128) -> Option<Self> {
        (id != 0).then_some(TraceId(id))
    }

    /// The 56 bits that sampling by ratio compares: the right-most ones, which must be random.
    pub(super) fn random_bits(self) -> u64 {
        u64::try_from(self.0 & 0x00ff_ffff_ffff_ffff).unwrap_or(0)
    }
}

impl SpanId {
    /// `None` for zero, which the standard forbids.
    #[must_use]
    pub fn new(id: u64) -> Option<Self> {
        (id != 0).then_some(SpanId(id))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The `traceparent` form of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Reads version 00 exactly; of a later version, the part that it shares with 00 (section 4.3).
impl FromStr for TraceContext {
    type Err = MalformedTraceparent;

    fn from_str(text: &str) -> Result<Self, MalformedTraceparent> {
        let bytes = text.as_bytes();
        let known = bytes.first_chunk::<55>().ok_or(MalformedTraceparent)?;
        let version = hex(&known[0..2])?;
        let dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        let length = match version {
            0xff => false,
            0 => bytes.len() == 55,
            _ => bytes.get(55).is_none_or(|next| *next == b'-'),
        };
        if !dashes || !length {
            return Err(MalformedTraceparent);
        }
        let trace_id = TraceId::new(hex(&known[3..35])?).ok_or(MalformedTraceparent)?;
        let span_id = u64::try_from(hex(&known[36..52])?).ok().and_then(SpanId::new);
        let span_id = span_id.ok_or(MalformedTraceparent)?;
        let sampled = hex(&known[53..55])? & 1 == 1;
        Ok(TraceContext { trace_id, span_id, sampled })
    }
}

/// Lower-case hexadecimal only, at most 32 digits.
fn hex(digits: &[u8]) -> Result<u128, MalformedTraceparent> {
    digits.iter().try_fold(0, |value: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(MalformedTraceparent),
        };
        Ok(value << 4 | u128::from(digit))
    })
}

/// Joins the `tracestate` headers of one request, to be passed on unread; `None` when they are
/// too many or too long, or hold what cannot be in a header.
pub(super) fn join_state<'a>(headers: impl Iterator<Item = &'a str>) -> Option<String> {
    let entries: Vec<&str> = headers.flat_map(|header| header.split(',')).map(str::trim).collect();
    let entries: Vec<&str> = entries.into_iter().filter(|entry| !entry.is_empty()).collect();
    let well_formed = entries.iter().all(|entry| {
        entry.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
            && entry.bytes().all(|b| (0x20..0x7f).contains(&b))
    });
    let joined = entries.join(",");
    let fits = entries.len() <= STATE_ENTRIES_MAX && joined.len() <= STATE_BYTES_MAX;
    (well_formed && fits && !entries.is_empty()).then_some(joined)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_standards_example() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id.to_string(), "00f067aa0ba902b7");
        assert!(context.sampled);
        assert_eq!(context.to_string(), EXAMPLE);
    }

    /// The cases of the published W3C test suite (`trace-context/test/test.py`).
    #[test]
    fn versions_flags_and_malformed_values() {
        let ids = "12345678901234567890123456789012-1234567890123456";
        let taken = [
            format!("00-{ids}-00"),
            format!("00-{ids}-ff"),
            format!("cc-{ids}-01"),
            format!("cc-{ids}-01-what-the-future-will-be-like"),
        ];
        for text in &taken {
            assert!(text.parse::<TraceContext>().is_ok(), "{text}");
        }
        let zero_trace = "00000000000000000000000000000000-1234567890123456";
        let zero_span = "12345678901234567890123456789012-0000000000000000";
        let refused = [
            String::new(),
            format!("ff-{ids}-01"),
            format!("00-{ids}-01-extra"),
            format!("00-{ids}-01."),
            format!("cc-{ids}-01.what-the-future-will-not-be-like"),
            format!("00-{ids}-1"),
            format!("00-{ids}-x1"),
            format!("0-{ids}-01"),
            format!(".0-{ids}-01"),
            format!("00-{zero_trace}-01"),
            format!("00-{zero_span}-01"),
            "00-1234567890123456789012345678901-1234567890123456-01".to_owned(),
            "00-123456789012345678901234567890ab-123456789012345X-01".to_owned(),
            "00-ABCDEF78901234567890123456789012-1234567890123456-01".to_owned(),
            "00_12345678901234567890123456789012_1234567890123456_01".to_owned(),
        ];
        for text in &refused {
            assert_eq!(text.parse::<TraceContext>(), Err(MalformedTraceparent), "{text}");
        }
    }

    #[test]
    fn states_are_joined_or_dropped() {
        let join = |headers: &[&str]| join_state(headers.iter().copied());
        assert_eq!(join(&["a=1, b=2", "c=3"]).unwrap(), "a=1,b=2,c=3");
        assert_eq!(join(&["a=1,,"]).unwrap(), "a=1");
        let long = format!("a={}", "x".repeat(600));
        let many = vec!["k=v"; 33];
        for bad in [vec![], vec![""], vec!["a"], vec!["=1"], vec!["a=\u{7f}"], vec![&long], many] {
            assert_eq!(join(&bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = text.parse::<TraceContext>();
        }

        #[test]
        fn near_misses_do_not_panic(at in 0_usize..56, with in "\\PC") {
            let mut text = EXAMPLE.to_owned();
            text.replace_range(at.min(55)..at.min(54) + 1, &with);
            let _ = text.parse::<TraceContext>();
        }

        #[test]
        fn what_is_written_reads_back(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let trace_id = TraceId::new(trace).unwrap();
            let context = TraceContext { trace_id, span_id: SpanId::new(span).unwrap(), sampled };
            prop_assert_eq!(context.to_string().parse(), Ok(context));
        }
    }
}
