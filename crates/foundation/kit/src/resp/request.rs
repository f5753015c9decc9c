//! Bytes become commands. Nothing is copied: an argument is a range of the buffer.

use std::ops::Range;

use thiserror::Error;

/// A line of words, or the length of an array or bulk string, at most, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What one command may hold.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Arguments, the name included.
    pub args_max: usize,
    /// Bytes of one argument.
    pub bulk_bytes_max: usize,
    /// Bytes of the whole command.
    pub command_bytes_max: usize,
}

impl Default for RequestLimits {
    /// 1,024 arguments, 1 MiB each, 4 MiB in all.
    fn default() -> Self {
        Self { args_max: 1_024, bulk_bytes_max: 1 << 20, command_bytes_max: 4 << 20 }
    }
}

/// Why bytes are no command. The connection cannot go on: where the next one begins is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The count after `*` is no number, or over the limit.
    #[error("Protocol error: invalid multibulk length")]
    ArrayLength,
    /// An element of the array is no bulk string.
    #[error("Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    NotBulk(u8),
    /// The length after `$` is no number, or over the limit.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// A bulk string does not end where its length says.
    #[error("Protocol error: a bulk string must end with CRLF")]
    BulkEnd,
    /// The command is larger than the limit.
    #[error("Protocol error: too big command")]
    TooBig,
    /// A line has no end.
    #[error("Protocol error: too big inline request")]
    TooBigLine,
}

/// Reads the command that `bytes` begin with into `args`, and says how many bytes it takes; none
/// when it is not there to its end. An empty command has no arguments.
///
/// # Errors
/// [`RequestError`]; what stands in `args` then means nothing.
pub fn parse(
    bytes: &[u8],
    limits: &RequestLimits,
    args: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, RequestError> {
    args.clear();
    match bytes.first() {
        None => Ok(None),
        Some(b'*') => parse_array(bytes, limits, args),
        Some(_) => parse_words(bytes, limits, args),
    }
}

fn parse_array(
    bytes: &[u8],
    limits: &RequestLimits,
    args: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, RequestError> {
    let Some((count, mut at)) = length(bytes, 1).map_err(|_| RequestError::ArrayLength)? else {
        return Ok(None);
    };
    // A count below zero is an absent array, which Redis takes as an empty command.
    let count = usize::try_from(count).unwrap_or(0);
    if count > limits.args_max {
        return Err(RequestError::ArrayLength);
    }
    for _ in 0..count {
        match bytes.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(RequestError::NotBulk(*other)),
        }
        let Some((bulk_bytes, start)) = length(bytes, at + 1)? else { return Ok(None) };
        let bulk_bytes = usize::try_from(bulk_bytes).map_err(|_| RequestError::BulkLength)?;
        if bulk_bytes > limits.bulk_bytes_max {
            return Err(RequestError::BulkLength);
        }
        let end = start + bulk_bytes;
        if end > limits.command_bytes_max {
            return Err(RequestError::TooBig);
        }
        let Some(after) = bytes.get(end..end + 2) else { return Ok(None) };
        if after != b"\r\n" {
            return Err(RequestError::BulkEnd);
        }
        args.push(start..end);
        at = end + 2;
    }
    Ok(Some(at))
}

/// The number from `start` to the line's end, and where the next line begins.
fn length(bytes: &[u8], start: usize) -> Result<Option<(i64, usize)>, RequestError> {
    // 20 digits and a sign hold any number there is.
    const DIGITS_MAX: usize = 21;
    let rest = &bytes[start..];
    let Some(end) = rest.iter().take(DIGITS_MAX + 1).position(|byte| *byte == b'\r') else {
        return if rest.len() > DIGITS_MAX { Err(RequestError::BulkLength) } else { Ok(None) };
    };
    match rest.get(end + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(RequestError::BulkLength),
    }
    let number = integer(&rest[..end]).ok_or(RequestError::BulkLength)?;
    Ok(Some((number, start + end + 2)))
}

/// A decimal number as Redis writes and takes it: no plus sign, no space.
pub fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// What a person types into `telnet`: words between spaces.
fn parse_words(
    bytes: &[u8],
    limits: &RequestLimits,
    args: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, RequestError> {
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() >= LINE_BYTES_MAX {
            Err(RequestError::TooBigLine)
        } else {
            Ok(None)
        };
    };
    let mut start = None;
    for (at, byte) in bytes[..=end].iter().enumerate() {
        match (start, byte.is_ascii_whitespace()) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                if args.len() == limits.args_max {
                    return Err(RequestError::TooBig);
                }
                args.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    Ok(Some(end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: RequestLimits =
        RequestLimits { args_max: 4, bulk_bytes_max: 16, command_bytes_max: 64 };

    type Words = Vec<Vec<u8>>;

    fn read(bytes: &[u8]) -> Result<Option<(Words, usize)>, RequestError> {
        let mut args = Vec::new();
        let used = parse(bytes, &LIMITS, &mut args)?;
        let words = args.into_iter().map(|range| bytes[range].to_vec()).collect();
        Ok(used.map(|used| (words, used)))
    }

    fn words(words: &[&str]) -> Words {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_command_is_an_array_or_a_line() {
        let array = b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*1\r\n";
        assert_eq!(read(array), Ok(Some((words(&["INCR", "a"]), 21))));
        assert_eq!(read(b"INCR  a \r\nPING\r\n"), Ok(Some((words(&["INCR", "a"]), 10))));
        assert_eq!(read(b"PING\n"), Ok(Some((words(&["PING"]), 5))));
        assert_eq!(read(b"\r\n"), Ok(Some((words(&[]), 2))));
        assert_eq!(read(b"*0\r\n"), Ok(Some((words(&[]), 4))));
        assert_eq!(read(b"*-1\r\n"), Ok(Some((words(&[]), 5))));
        assert_eq!(read(b"*1\r\n$0\r\n\r\n"), Ok(Some((words(&[""]), 10))));
    }

    #[test]
    fn what_cannot_be_a_command_is_refused_at_once() {
        use RequestError::*;
        for (bytes, refusal) in [
            (&b"*a\r\n"[..], ArrayLength),
            (b"*5\r\n", ArrayLength),
            (b"*+1\r\n", ArrayLength),
            (b"*1111111111111111111111111", ArrayLength),
            (b"*1\r\n:1\r\n", NotBulk(b':')),
            (b"*1\r\n$-1\r\n", BulkLength),
            (b"*1\r\n$17\r\n", BulkLength),
            (b"*1\r\n$1\rx", BulkLength),
            (b"*1\r\n$1\r\nabc", BulkEnd),
            (b"a b c d e\r\n", TooBig),
            (b"*4\r\n$16\r\n0123456789abcdef\r\n$16\r\n0123456789abcdef\r\n$16\r\n", TooBig),
        ] {
            assert_eq!(read(bytes), Err(refusal), "{}", bytes.escape_ascii());
        }
        assert_eq!(read(&[b'a'; LINE_BYTES_MAX]), Err(TooBigLine));
    }

    proptest! {
        /// However the bytes arrive: nothing before the end, then the same command.
        #[test]
        fn a_command_is_read_once_it_is_whole(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..4),
            after in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let mut bytes = format!("*{}\r\n", sent.len()).into_bytes();
            for word in &sent {
                bytes.extend(format!("${}\r\n", word.len()).into_bytes());
                bytes.extend(word);
                bytes.extend(b"\r\n");
            }
            let whole = bytes.len();
            for cut in 0..whole {
                prop_assert_eq!(read(&bytes[..cut]), Ok(None));
            }
            bytes.extend(after);
            prop_assert_eq!(read(&bytes), Ok(Some((sent, whole))));
        }

        #[test]
        fn hostile_bytes_are_read_or_refused(
            bytes in prop::collection::vec(prop::sample::select(b"*$:\r\n0123-a ".to_vec()), 0..64),
        ) {
            if let Ok(Some((_, used))) = read(&bytes) {
                prop_assert!(used <= bytes.len());
            }
        }
    }
}
