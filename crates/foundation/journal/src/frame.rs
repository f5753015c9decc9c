//! How one record lies in a segment: a header of [`HEADER_BYTES`], the payload, zeros up to the
//! next multiple of [`ALIGN`].
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | CRC-32C over the payload, then the header from here on, then the run |
//! | 4 | 4 | the payload's length (28 bits) and, above it, a 1 |
//! | 8 | 8 | the sequence: of the journal's records this is the n-th, from 0 |
//! | 16 | 4 | how many records right before it were not known to be durable when it was written |
//! | 20 | 4 | the stream it belongs to; its meaning is the caller's |
//!
//! Numbers are little-endian. The run is a random number of the segment's, drawn whenever a file
//! is used for a new one, so what an earlier use left behind never reads as a record.
//!
//! Source: CRC-32C, RFC 3720 section 12.1 (Castagnoli).

/// Bytes in front of a payload.
pub const HEADER_BYTES: usize = 24;
/// Records begin at multiples of this.
pub const ALIGN: usize = 8;
/// The longest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = (1 << LENGTH_BITS) - 1;

const LENGTH_BITS: u32 = 28;
/// Above the length, so that zeros are no record.
const FORM: u32 = 1;

/// A record's header without its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the payload, up to [`PAYLOAD_BYTES_MAX`].
    pub length: usize,
    /// Its place among all records.
    pub sequence: u64,
    /// See the table above; a number too large for it counts as the largest.
    pub unflushed: u32,
    /// Whose it is.
    pub stream: u32,
}

impl Header {
    /// The header as it is written. `payload_crc` is [`checksum`] of the payload, made beforehand
    /// so that writers need not take turns for it.
    pub fn encode(&self, payload_crc: u32, run: u64) -> [u8; HEADER_BYTES] {
        let length = u32::try_from(self.length).unwrap_or(u32::MAX) & PAYLOAD_BYTES_MAX as u32;
        let mut bytes = [0; HEADER_BYTES];
        bytes[4..8].copy_from_slice(&(length | FORM << LENGTH_BITS).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.unflushed.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.stream.to_le_bytes());
        let crc = sealed(payload_crc, &bytes, run);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Bytes from this record's begin to the next one's.
    pub fn span(&self) -> usize {
        span(self.length)
    }
}

/// Bytes that a record with a payload of `length` takes.
pub fn span(length: usize) -> usize {
    (HEADER_BYTES + length).next_multiple_of(ALIGN)
}

/// The checksum of a payload on its own.
pub fn checksum(payload: &[u8]) -> u32 {
    crc32c::crc32c(payload)
}

/// As [`checksum`], of a payload in parts.
pub fn checksum_of(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

fn sealed(payload_crc: u32, header: &[u8; HEADER_BYTES], run: u64) -> u32 {
    let crc = crc32c::crc32c_append(payload_crc, &header[4..]);
    crc32c::crc32c_append(crc, &run.to_le_bytes())
}

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'b> {
    /// Its header.
    pub header: Header,
    /// What the caller gave.
    pub payload: &'b [u8],
}

/// The record at the begin of `bytes`, written in `run`. None: there is no whole one.
pub fn decode(bytes: &[u8], run: u64) -> Option<Record<'_>> {
    let head: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    let header = peek(head)?;
    let payload = bytes.get(HEADER_BYTES..HEADER_BYTES + header.length)?;
    let crc = sealed(checksum(payload), head, run);
    (crc.to_le_bytes() == head[..4]).then_some(Record { header, payload })
}

/// What a header says, its checksum not looked at. None: it is none.
pub fn peek(head: &[u8; HEADER_BYTES]) -> Option<Header> {
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let word = number(4);
    (word >> LENGTH_BITS == FORM).then(|| Header {
        length: (word & PAYLOAD_BYTES_MAX as u32) as usize,
        sequence: u64::from(number(8)) | u64::from(number(12)) << 32,
        unflushed: number(16),
        stream: number(20),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(header: &Header, payload: &[u8], run: u64) -> Vec<u8> {
        let mut bytes = header.encode(checksum(payload), run).to_vec();
        bytes.extend_from_slice(payload);
        bytes.resize(header.span(), 0);
        bytes
    }

    fn headers() -> impl Strategy<Value = (Header, Vec<u8>)> {
        let payloads = prop::collection::vec(any::<u8>(), 0..100);
        (any::<u64>(), any::<u32>(), any::<u32>(), payloads).prop_map(
            |(sequence, unflushed, stream, payload)| {
                let length = payload.len();
                (Header { length, sequence, unflushed, stream }, payload)
            },
        )
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written((header, payload) in headers(), run: u64) {
            let bytes = written(&header, &payload, run);
            prop_assert_eq!(bytes.len() % ALIGN, 0);
            prop_assert_eq!(decode(&bytes, run), Some(Record { header, payload: &payload }));
        }

        /// CRC-32C finds every single flip; what is past the payload is no part of the record.
        #[test]
        fn a_flipped_bit_or_another_run_makes_it_none(
            (header, payload) in headers(), run: u64, flip: prop::sample::Index, other: u64,
        ) {
            let mut bytes = written(&header, &payload, run);
            prop_assert!(run == other || decode(&bytes, other).is_none());
            let bit = flip.index((HEADER_BYTES + payload.len()) * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&bytes, run), None);
        }

        #[test]
        fn any_bytes_and_any_cut_are_no_panic(
            (header, payload) in headers(), cut: prop::sample::Index, junk: Vec<u8>,
        ) {
            let bytes = written(&header, &payload, 7);
            let whole = HEADER_BYTES + payload.len();
            prop_assert_eq!(decode(&bytes[..cut.index(whole)], 7), None);
            decode(&junk, 7);
        }
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(decode(&[0; 64], 0), None);
    }

    /// The stored form: a change of it makes every journal unreadable.
    #[test]
    fn the_form_is_this() {
        let header = Header { length: 5, sequence: 0x0102, unflushed: 3, stream: 9 };
        let bytes = written(&header, b"hello", 0xABCD);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected =
            ["05000010", "0201000000000000", "03000000", "09000000", "68656c6c6f", "000000"];
        assert_eq!(hex[8..], expected.concat());
    }
}
