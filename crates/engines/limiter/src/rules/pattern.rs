//! A value with `*` in it, each of which stands for any text.

/// The parts between the asterisks.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Box<str>>);

impl Pattern {
    /// None when there is no asterisk.
    pub(super) fn of(value: &str) -> Option<Self> {
        value.contains('*').then(|| Self(value.split('*').map(Box::from).collect()))
    }

    /// Whether all of `value` is matched. Takes time in proportion to its length and the parts.
    pub(super) fn matches(&self, value: &str) -> bool {
        let [first, middle @ .., last] = &self.0[..] else { return false };
        let Some(mut rest) = value.strip_prefix(&**first) else { return false };
        for part in middle {
            // The earliest place leaves the most for the parts that follow.
            let Some(at) = rest.find(&**part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(&**last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asterisks_stand_for_any_text() {
        for (pattern, value, matches) in [
            ("foo*", "foo", true),
            ("foo*", "foobar", true),
            ("foo*", "fo", false),
            ("/api*v1", "/api/x/v1", true),
            ("/api*v1", "/apiv", false),
            ("svc*ep*rpc", "svc-1-ep-2-rpc", true),
            ("svc*ep*rpc", "svc-rpc-ep", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(Pattern::of(pattern).unwrap().matches(value), matches, "{pattern} {value}");
        }
        assert!(Pattern::of("plain").is_none());
    }
}
