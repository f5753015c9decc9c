//! What a workload is to the load loop: a source of request bytes and a judge of answers.

use crate::http::Reply;

/// How an answer compares with what the workload knows to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it must be.
    Right,
    /// The status promises what the answer does not keep, such as a redirect elsewhere. Fails the
    /// run.
    Wrong(String),
    /// A status that the workload did not ask for (429, 404, 500, ...). Fails the run.
    Refused(String),
}

/// One connection's share of a workload.
pub(crate) trait Traffic: Send {
    /// Writes the next request into the empty `request`, and returns a ticket that `judge` gets
    /// with the answer; `None` when there is nothing left to ask.
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize>;

    /// Judges the answer to the request that `ticket` was returned for.
    fn judge(&mut self, ticket: usize, reply: &Reply<'_>) -> Verdict;
}

/// Asks for one thing again and again and takes any redirect for an answer: what a server does that
/// returns a fixed 301.
#[derive(Debug, Clone)]
pub(crate) struct FixedRedirect {
    /// The bytes of the request.
    pub(crate) request: Vec<u8>,
}

impl Traffic for FixedRedirect {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize> {
        request.extend_from_slice(&self.request);
        Some(0)
    }

    fn judge(&mut self, _ticket: usize, reply: &Reply<'_>) -> Verdict {
        judge_redirect(reply)
    }
}

/// Right for any redirect that names a target.
pub(crate) fn judge_redirect(reply: &Reply<'_>) -> Verdict {
    if !matches!(reply.status, 301 | 302 | 307 | 308) {
        return refused(reply);
    }
    match reply.location {
        Some(_) => Verdict::Right,
        None => Verdict::Wrong(format!("{} without a Location", reply.status)),
    }
}

/// The status and the start of the body, for a message.
pub(crate) fn describe(reply: &Reply<'_>) -> String {
    const SHOWN_BYTES: usize = 300;
    let shown = &reply.body[..reply.body.len().min(SHOWN_BYTES)];
    format!("status {}: {}", reply.status, String::from_utf8_lossy(shown).trim())
}

/// The verdict on an unexpected status.
pub(crate) fn refused(reply: &Reply<'_>) -> Verdict {
    Verdict::Refused(describe(reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_redirect_with_a_target_is_right() {
        let reply = |status, location| Reply { status, location, body: b" gone \n" };
        assert_eq!(judge_redirect(&reply(301, Some(b"https://example.com/"))), Verdict::Right);
        assert!(matches!(judge_redirect(&reply(302, None)), Verdict::Wrong(_)));
        assert_eq!(
            judge_redirect(&reply(410, None)),
            Verdict::Refused("status 410: gone".to_owned())
        );
    }
}
