//! What an address may hold once its escapes are undone: UTF-8 without NUL. Anything else would
//! fail deep inside, in a store that cannot hold it, and read as our fault.

use super::Problem;

/// Refuses a path or query whose escapes (RFC 3986, 2.1) hide a NUL or what is not UTF-8; `part`
/// names it in the refusal.
///
/// # Errors
/// 400 that says which.
pub fn refuse_unclean(raw: &str, part: &'static str) -> Result<(), Problem> {
    if !raw.contains('%') {
        return Ok(());
    }
    let decoded = percent_decoded(raw.as_bytes());
    if decoded.contains(&0) {
        return Err(Problem::bad_request(format!("The {part} has a NUL character (%00).")));
    }
    match std::str::from_utf8(&decoded) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::bad_request(format!("The {part} is not UTF-8 once decoded."))),
    }
}

/// An escape that is none stays as it is, as browsers do (WHATWG URL, percent-decode).
fn percent_decoded(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => hex_pair(*high, *low),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_and_broken_utf8_are_refused_and_all_else_passes() {
        for clean in ["", "/a/b", "a=1&b=%20", "%C3%A9", "100%", "%zz", "%2", "%25%30%30"] {
            assert!(refuse_unclean(clean, "path").is_ok(), "{clean}");
        }
        for unclean in ["/a%00b", "%ff", "q=%C3", "%c3%28"] {
            let problem = refuse_unclean(unclean, "query").unwrap_err();
            assert_eq!(problem.status.as_u16(), 400, "{unclean}");
        }
    }
}
