//! Requests that carry a `traceparent`: a caller's decision to record is followed, so there is one
//! span for each of them, and its trace id tells which request it is of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::http::Reply;
use crate::traffic::{Traffic, Verdict};

/// The upper half of the trace ids of a run, apart from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) u64);

impl Mark {
    /// Of a trace id in hexadecimal, whether it is of this run.
    pub(super) fn is_of(self, trace_id: &str) -> bool {
        trace_id.get(..16).and_then(|half| u64::from_str_radix(half, 16).ok()) == Some(self.0)
    }
}

/// Traffic with a recorded trace for each request.
#[derive(Debug, Clone)]
pub(super) struct Traced<T> {
    /// What is sent.
    pub(super) inner: T,
    /// Whose traces they are.
    pub(super) mark: Mark,
    /// Requests that were answered, whatever the answer; shared by all connections.
    pub(super) answered: Arc<AtomicU64>,
}

impl<T: Traffic> Traffic for Traced<T> {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize> {
        let ticket = self.inner.next(request)?;
        let line_end = request.windows(2).position(|two| two == b"\r\n")? + 2;
        // Ids of all zeros are not allowed, and tickets begin at 0.
        let number = ticket as u64 + 1;
        let Mark(mark) = self.mark;
        let header = format!("traceparent: 00-{mark:016x}{number:016x}-{number:016x}-01\r\n");
        request.splice(line_end..line_end, header.into_bytes());
        Some(ticket)
    }

    fn judge(&mut self, ticket: usize, reply: &Reply<'_>) -> Verdict {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.inner.judge(ticket, reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::FixedRedirect;

    #[test]
    fn the_header_comes_after_the_request_line() {
        let inner = FixedRedirect { request: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec() };
        let answered = Arc::new(AtomicU64::new(0));
        let mut traced = Traced { inner, mark: Mark(0xabc), answered: Arc::clone(&answered) };
        let mut request = Vec::new();
        assert_eq!(traced.next(&mut request), Some(0));
        let text = String::from_utf8(request).expect("ASCII");
        assert_eq!(
            text,
            "GET / HTTP/1.1\r\ntraceparent: 00-0000000000000abc0000000000000001-\
             0000000000000001-01\r\nHost: a\r\n\r\n"
        );
        traced.judge(0, &Reply { status: 500, location: None, body: b"" });
        assert_eq!(answered.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_mark_knows_its_own() {
        assert!(Mark(0xabc).is_of("0000000000000abc0000000000000001"));
        assert!(!Mark(0xabc).is_of("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert!(!Mark(0xabc).is_of("abc"));
    }
}
