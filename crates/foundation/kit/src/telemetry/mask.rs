//! Keeps secrets out of logs and spans: by the name of a field, and by shape within any text.
//!
//! Shapes: `Bearer ...` and `Basic ...` credentials, our own `bp_...` tokens, JSON web tokens,
//! card numbers (13 to 19 digits that pass the Luhn check), passwords in URLs, and values that
//! follow a secret's name (`password=...`, `"token": "..."`, `Cookie: ...`). A secret with none
//! of these in free text cannot be told from other words; give secrets fields of their own.

use std::borrow::Cow;

/// What stands in a secret's place.
pub(super) const MASK: &str = "[masked]";

const SECRET_NAMES: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "cookie",
    "credential",
    "api_key",
    "apikey",
    "private_key",
];

/// Names whose value runs to the end of the line, as in a header.
const HEADER_NAMES: [&str; 4] = ["authorization", "cookie", "set-cookie", "proxy-authorization"];

/// Whether a field of this name holds a secret. Looked up for every field of every span, so it
/// allocates nothing.
pub(super) fn is_secret_name(name: &str) -> bool {
    // The names that every request has.
    if name.starts_with("http.") || name.starts_with("otel.") || name == "request_id" {
        return false;
    }
    let same = |(a, b): (&u8, u8)| a.to_ascii_lowercase() == b || (*a == b'-' && b == b'_');
    let is_at = |rest: &[u8], secret: &str| {
        rest.len() >= secret.len() && rest.iter().zip(secret.bytes()).all(same)
    };
    let bytes = name.as_bytes();
    let starts = (0..bytes.len()).map(|start| &bytes[start..]);
    let found = starts.into_iter().any(|rest| SECRET_NAMES.iter().any(|s| is_at(rest, s)));
    found && !name.ends_with("_file")
}

/// The text with everything that looks like a secret replaced.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some((start, end)) = next_secret(text, at) {
        out.push_str(&text[copied..start]);
        out.push_str(MASK);
        copied = end;
        at = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The first secret that starts at a word's beginning at or after byte `from`. All offsets lie
/// beside ASCII characters, so they are character boundaries.
fn next_secret(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|b| is_word(**b)).count();
        if let Some(secret) = secret_at(text, at, end) {
            return Some(secret);
        }
        at = end;
    }
    None
}

/// Whether the word at `start..end` is a secret or announces one.
fn secret_at(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let word = &text[start..end];
    if word.as_bytes()[0].is_ascii_digit() {
        return card_number(text.as_bytes(), start).map(|end| (start, end));
    }
    if let Some(own) = word.find("bp_").filter(|at| word.len() - at >= 8) {
        return Some((start + own, end));
    }
    if word.starts_with("eyJ") && text[end..].starts_with('.') {
        return Some((start, token_end(text, end)));
    }
    if word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic") {
        let value = end + text[end..].len() - text[end..].trim_start_matches(' ').len();
        let after = token_end(text, value);
        // "basic auth" is a phrase; a credential has some length.
        return (value > end && after - value >= 6).then_some((value, after));
    }
    if text[end..].starts_with("://") {
        return url_password(text, end + 3);
    }
    if is_secret_name(word) { named_value(text, word, end) } else { None }
}

/// `name=value`, `"name": "value"`, and `Name: value` for headers and passwords.
fn named_value(text: &str, name: &str, end: usize) -> Option<(usize, usize)> {
    let rest = &text[end..];
    let lower = name.to_ascii_lowercase();
    let header = HEADER_NAMES.contains(&lower.as_str());
    let quoted = rest.strip_prefix(['"', '\'']).or_else(|| rest.strip_prefix("\\\""));
    let colon = quoted.map(str::trim_start).and_then(|after| after.strip_prefix(':'));
    let bare = || rest.strip_prefix(':').filter(|_| header || lower.ends_with("password"));
    let value = rest.strip_prefix('=').or(colon).or_else(bare)?;
    let value = value.trim_start_matches([' ', '"', '\'', '\\']);
    let start = text.len() - value.len();
    let stop = |c: char| match c {
        '\n' | '\r' | '"' | '\'' => true,
        _ => !header && (c.is_whitespace() || matches!(c, '&' | ',' | ';' | '}' | ')' | ']')),
    };
    let length = value.find(stop).unwrap_or(value.len());
    // What is masked already must not grow a second mask.
    (length > 0 && !value.starts_with(MASK)).then_some((start, start + length))
}

/// The password of `user:password@` after `scheme://`.
fn url_password(text: &str, start: usize) -> Option<(usize, usize)> {
    let stop = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"');
    let authority = &text[start..];
    let authority = &authority[..authority.find(stop).unwrap_or(authority.len())];
    let (user, _) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let from = start + name.len() + 1;
    (!password.is_empty()).then_some((from, from + password.len()))
}

/// The end of a card number that starts at `start`: digits, in groups parted by single spaces
/// or hyphens.
fn card_number(bytes: &[u8], start: usize) -> Option<usize> {
    let mut digits = [0_u8; 20];
    let mut count = 0;
    let mut at = start;
    let mut end = start;
    while at < bytes.len() && count < digits.len() {
        match bytes[at] {
            digit @ b'0'..=b'9' => {
                digits[count] = digit - b'0';
                count += 1;
                end = at + 1;
            }
            b' ' | b'-' if end == at => {}
            _ => break,
        }
        at += 1;
    }
    (13..=19).rev().find(|length| *length <= count && count < 20 && luhn(&digits[..*length]))?;
    Some(end)
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let value = |(place, digit): (usize, &u8)| match (place % 2, u32::from(*digit) * 2) {
        (0, _) => u32::from(*digit),
        (_, doubled @ 10..) => doubled - 9,
        (_, doubled) => doubled,
    };
    digits.iter().rev().enumerate().map(value).sum::<u32>() % 10 == 0
}

fn token_end(text: &str, start: usize) -> usize {
    let inside = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=:".contains(b);
    start + text.as_bytes()[start..].iter().take_while(|b| inside(b)).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let cases = [
            ("Authorization: Bearer abc.def-123", "Authorization: [masked]"),
            ("got Bearer abcdef123 from x", "got Bearer [masked] from x"),
            ("use basic auth", "use basic auth"),
            ("token bp_live_0123456789abcdef was", "token [masked] was"),
            ("eyJhbGci.eyJzdWIi.c2ln!", "[masked]!"),
            ("card 4111 1111 1111 1111 paid", "card [masked] paid"),
            ("card 4111-1111-1111-1111.", "card [masked]."),
            ("id 4111111111111112", "id 4111111111111112"),
            ("5555555555554444", "[masked]"),
            ("at 1700000000000000 us", "at 1700000000000000 us"),
            ("postgres://me:hunter2@db/x", "postgres://me:[masked]@db/x"),
            ("http://db/x", "http://db/x"),
            ("?user=a&password=hunter2&x=1", "?user=a&password=[masked]&x=1"),
            (r#"{"access_token": "hunter2", "n": 1}"#, r#"{"access_token": "[masked]", "n": 1}"#),
            ("Cookie: a=b; c=d\nHost: x", "Cookie: [masked]\nHost: x"),
            ("token: not known", "token: not known"),
            ("password: hunter2", "password: [masked]"),
            ("grüße, 東京", "grüße, 東京"),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn names_of_secrets() {
        for name in ["password", "db_password", "X-Api-Key", "Set-Cookie", "authorization"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["user", "key", "token_file", "link"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_masked_without_panic(text in "\\PC{0,60}") {
            let once = masked(&text).into_owned();
            prop_assert!(once.len() <= text.len() + MASK.len() * (text.len() + 1));
        }

        #[test]
        fn a_planted_token_never_survives(
            before in "[ a-z=:\"]{0,20}",
            token in "bp_[A-Za-z0-9]{10,30}",
            after in "[ ,;\"]{1}[a-z ]{0,20}",
        ) {
            let text = format!("{before}{token}{after}");
            prop_assert!(!masked(&text).contains(&token), "{}", masked(&text));
        }
    }
}
