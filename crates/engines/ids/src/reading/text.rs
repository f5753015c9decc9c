//! Ids that are text: UUID, ULID, KSUID, ObjectId.

use super::Reading;
use crate::digits::{BASE32, BASE62};
use crate::uuid::Uuid;

/// KSUID's epoch: 2014-05-13T16:53:20Z, in seconds since 1970.
const KSUID_EPOCH_S: u64 = 1_400_000_000;
/// The Gregorian epoch of UUID, 1582-10-15, before 1970 in units of 100 ns.
const GREGORIAN_100NS: u64 = 0x01b2_1dd2_1381_4000;

/// The readings of `text` as a format that is told by its length and characters.
pub fn read_text(text: &str) -> Vec<Reading> {
    let all = [uuid(text), ulid(text), ksuid(text), object_id(text)];
    all.into_iter().flatten().collect()
}

/// RFC 9562, section 5.
fn uuid(text: &str) -> Option<Reading> {
    let Uuid(bits) = Uuid::parse(text)?;
    let field = |shift: u32, bits_of: u32| (bits >> shift) as u64 & (u64::MAX >> (64 - bits_of));
    let reading = |format, time_ms, fields| Reading { format, time_ms, fields, plausible: true };
    if bits == 0 || bits == u128::MAX {
        let format = if bits == 0 { "uuid-nil" } else { "uuid-max" };
        return Some(Reading { plausible: false, ..reading(format, None, Vec::new()) });
    }
    if field(62, 2) != 0b10 {
        return Some(Reading { plausible: false, ..reading("uuid-other", None, Vec::new()) });
    }
    let gregorian_ms = |ticks: u64| ticks.checked_sub(GREGORIAN_100NS).map(|since| since / 10_000);
    let clock = || {
        vec![
            ("clock_sequence", field(48, 14).to_string()),
            ("node", format!("{:012x}", field(0, 48))),
        ]
    };
    Some(match field(76, 4) {
        1 => {
            let ticks = field(64, 12) << 48 | field(80, 16) << 32 | field(96, 32);
            reading("uuid-v1", gregorian_ms(ticks), clock())
        }
        2 => reading("uuid-v2", None, clock()),
        3 => reading("uuid-v3", None, Vec::new()),
        4 => reading("uuid-v4", None, Vec::new()),
        5 => reading("uuid-v5", None, Vec::new()),
        6 => {
            let ticks = field(80, 48) << 12 | field(64, 12);
            reading("uuid-v6", gregorian_ms(ticks), clock())
        }
        7 => reading(
            "uuid-v7",
            Some(field(80, 48)),
            vec![("random", format!("{:03x}{:016x}", field(64, 12), field(0, 62)))],
        ),
        8 => reading("uuid-v8", None, Vec::new()),
        _ => Reading { plausible: false, ..reading("uuid-other", None, Vec::new()) },
    })
}

/// github.com/ulid/spec: 10 characters of time, 16 of randomness; the first is 7 at most.
fn ulid(text: &str) -> Option<Reading> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    let bits = text.bytes().try_fold(0_u128, |bits, byte| {
        let digit = BASE32.value(byte.to_ascii_lowercase())?;
        Some(bits << 5 | u128::from(digit))
    })?;
    let random = bits & ((1 << 80) - 1);
    let fields = vec![("random", format!("{random:020x}"))];
    let time_ms = u64::try_from(bits >> 80).ok();
    Some(Reading { format: "ulid", time_ms, fields, plausible: true })
}

/// github.com/segmentio/ksuid: 4 bytes of seconds, 16 of payload, in 27 digits of base 62.
fn ksuid(text: &str) -> Option<Reading> {
    if text.len() != 27 {
        return None;
    }
    // 160 bits in 32-bit words, least significant first.
    let mut words = [0_u64; 5];
    for byte in text.bytes() {
        let mut carry = BASE62.value(byte)?;
        for word in &mut words {
            let sum = *word * BASE62.base() + carry;
            (*word, carry) = (sum & 0xffff_ffff, sum >> 32);
        }
        if carry != 0 {
            return None;
        }
    }
    let payload = format!("{:08x}{:08x}{:08x}{:08x}", words[3], words[2], words[1], words[0]);
    Some(Reading {
        format: "ksuid",
        time_ms: Some((KSUID_EPOCH_S + words[4]) * 1_000),
        fields: vec![("payload", payload)],
        plausible: true,
    })
}

/// MongoDB's: 4 bytes of seconds, 5 of randomness, 3 of a counter, in hexadecimal.
fn object_id(text: &str) -> Option<Reading> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() != 24 || !is_hex {
        return None;
    }
    let part = |range| u64::from_str_radix(&text[range], 16).ok();
    let fields =
        vec![("random", text[8..18].to_ascii_lowercase()), ("counter", part(18..24)?.to_string())];
    // The first were made by MongoDB in 2009.
    let seconds = part(0..8)?;
    let plausible = seconds >= 1_230_768_000;
    Some(Reading { format: "objectid", time_ms: Some(seconds * 1_000), fields, plausible })
}
