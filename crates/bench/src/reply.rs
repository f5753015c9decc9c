//! What an HTTP/1.1 server answered: where the head ends, how the body is delimited (RFC 9112 §6).
//! Pure: bytes in, ranges out.

use std::ops::Range;

use crate::http::HttpError;

/// More headers than any server under test sends.
const HEADERS_MAX: usize = 48;

/// The part of a head that a workload looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// Bytes of the head, the empty line included.
    pub(crate) len: usize,
    /// How the body ends.
    pub(crate) body: Framing,
    /// The server will close the connection after this answer.
    pub(crate) close: bool,
    /// Where in the head the value of `Location` stands.
    pub(crate) location: Option<Range<usize>>,
}

/// How a body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(usize),
    /// After the chunk of size 0.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// Reads a head from the start of `bytes`; `None` while it is incomplete.
///
/// # Errors
/// `HttpError::Malformed` for anything that is not HTTP/1.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(HttpError::Malformed(error.to_string())),
    };
    let status = response.code.unwrap_or_default();
    let mut head = Head {
        status,
        len,
        body: Framing::UntilClose,
        close: response.version == Some(0),
        location: None,
    };
    for header in response.headers.iter() {
        note_header(&mut head, header, bytes)?;
    }
    if status < 200 || status == 204 || status == 304 {
        head.body = Framing::Length(0);
    }
    Ok(Some(head))
}

fn note_header(
    head: &mut Head,
    header: &httparse::Header<'_>,
    bytes: &[u8],
) -> Result<(), HttpError> {
    let name = header.name;
    if name.eq_ignore_ascii_case("content-length") {
        // RFC 9112 §6.3: Transfer-Encoding overrides Content-Length.
        if head.body != Framing::Chunked {
            head.body = Framing::Length(parse_length(header.value)?);
        }
    } else if name.eq_ignore_ascii_case("transfer-encoding") {
        if !header.value.eq_ignore_ascii_case(b"chunked") {
            return Err(HttpError::Malformed("a transfer encoding other than chunked".to_owned()));
        }
        head.body = Framing::Chunked;
    } else if name.eq_ignore_ascii_case("connection") {
        head.close |= header.value.eq_ignore_ascii_case(b"close");
    } else if name.eq_ignore_ascii_case("location") {
        // httparse borrows from `bytes`, so the distance of the two starts is an index into it.
        let start = header.value.as_ptr().addr() - bytes.as_ptr().addr();
        head.location = Some(start..start + header.value.len());
    }
    Ok(())
}

fn parse_length(value: &[u8]) -> Result<usize, HttpError> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| HttpError::Malformed("a Content-Length that is no number".to_owned()))
}

/// Decodes a chunked body from the start of `bytes` into `body`: how many bytes it took, or `None`
/// while it is incomplete. Trailers are refused: no server under test sends them.
///
/// # Errors
/// `HttpError::Malformed` for a bad chunk size or a missing line end.
pub(crate) fn decode_chunked(bytes: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>, HttpError> {
    body.clear();
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        let (line, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(HttpError::Malformed("a chunk size that is no number".into())),
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = line.saturating_add(size).saturating_add(2);
        if rest.len() < end {
            return if size > crate::http::BUFFER_MAX_BYTES {
                Err(HttpError::TooLarge)
            } else {
                Ok(None)
            };
        }
        if &rest[end - 2..end] != b"\r\n" {
            return Err(HttpError::Malformed("a chunk or trailer without its line end".into()));
        }
        body.extend_from_slice(&rest[line..end - 2]);
        at += end;
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_redirect() {
        let bytes = b"HTTP/1.1 301 Moved\r\nLocation: https://example.com/\r\n\
                      content-length: 12\r\n\r\nhello, world";
        let head = parse_head(bytes).expect("valid").expect("complete");
        assert_eq!((head.status, head.body, head.close), (301, Framing::Length(12), false));
        assert_eq!(&bytes[head.location.expect("present")], b"https://example.com/");
        assert_eq!(&bytes[head.len..], b"hello, world");
    }

    #[test]
    fn a_head_is_incomplete_until_its_last_byte() {
        let bytes = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        for end in 0..bytes.len() {
            assert_eq!(parse_head(&bytes[..end]).expect("a prefix is no error"), None);
        }
        let head = parse_head(bytes).expect("valid").expect("complete");
        assert_eq!((head.body, head.close), (Framing::Length(0), true));
    }

    #[test]
    fn refuses_what_is_not_http() {
        for bytes in [
            &b"SSH-2.0-x\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            assert!(matches!(parse_head(bytes), Err(HttpError::Malformed(_))));
        }
    }

    #[test]
    fn chunked_overrides_a_length_in_either_order() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            let head = parse_head(bytes).expect("valid").expect("complete");
            assert_eq!(head.body, Framing::Chunked);
        }
    }

    #[test]
    fn decodes_chunks_once_all_are_there() {
        let bytes = b"5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\n\r\nnext";
        let mut body = Vec::new();
        let complete = bytes.len() - 4;
        for end in 0..complete {
            assert_eq!(decode_chunked(&bytes[..end], &mut body).expect("a prefix"), None);
        }
        assert_eq!(decode_chunked(bytes, &mut body).expect("valid"), Some(complete));
        assert_eq!(body, b"hello, world");
        assert!(decode_chunked(b"x\r\n", &mut body).is_err());
        assert!(decode_chunked(b"1\r\nabc", &mut body).is_err());
        assert!(matches!(decode_chunked(b"ffffffff\r\n", &mut body), Err(HttpError::TooLarge)));
    }
}
