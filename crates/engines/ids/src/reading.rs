//! What an id says when nobody knows who made it: every format that it can be, and how plausible
//! each is.
//!
//! A 64-bit number is an id of any of the numeric formats; only the time that it would have been
//! made at tells them apart. So a reading is plausible when its time lies between the format's
//! first use and tomorrow.

mod numeric;
mod text;

pub use numeric::NUMERIC;
pub use text::read_text;

/// One way to read an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The format, such as `discord`.
    pub format: &'static str,
    /// When it was made, in milliseconds since 1970; none when the format has no time.
    pub time_ms: Option<u64>,
    /// The other fields, by their names in the format.
    pub fields: Vec<(&'static str, String)>,
    /// Whether the time can be true.
    pub plausible: bool,
}

/// Milliseconds of a day: clocks of others may be ahead of ours.
const DAY_MS: u64 = 86_400_000;

/// All readings of `text` at `now_ms` since 1970, the plausible ones first.
pub fn read(text: &str, now_ms: u64) -> Vec<Reading> {
    let mut readings = read_text(text);
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(id) = text.parse::<u64>()
        && id <= i64::MAX as u64
    {
        readings.extend(NUMERIC.iter().map(|format| format.read(id)));
    }
    for reading in &mut readings {
        let in_time = |time_ms: u64| time_ms <= now_ms + DAY_MS;
        reading.plausible = reading.plausible && reading.time_ms.is_none_or(in_time);
    }
    readings.sort_by_key(|reading| !reading.plausible);
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_764_000_000_000;

    fn reading(text: &str, format: &str) -> Reading {
        let all = read(text, NOW_MS);
        let found = all.iter().find(|reading| reading.format == format);
        found.unwrap_or_else(|| panic!("{text} is no {format}: {all:?}")).clone()
    }

    fn fields(reading: &Reading) -> Vec<(&str, &str)> {
        reading.fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// Discord's documentation: docs.discord.com/developers/reference#snowflakes.
    #[test]
    fn the_example_of_discord() {
        let discord = reading("175928847299117063", "discord");
        assert_eq!(discord.time_ms, Some(1_462_015_105_796));
        assert_eq!(fields(&discord), [("worker", "1"), ("process", "0"), ("increment", "7")]);
        assert!(discord.plausible);
    }

    #[test]
    fn one_number_has_many_readings_and_time_tells_them_apart() {
        let twitter = reading("1227238262110117894", "snowflake");
        assert_eq!(twitter.time_ms, Some(1_581_431_377_328));
        assert_eq!(fields(&twitter), [("datacenter", "11"), ("machine", "22"), ("sequence", "6")]);
        let mastodon = reading("1227238262110117894", "mastodon");
        assert!(!mastodon.plausible, "that would be in the year 2563");
        assert!(read("1227238262110117894", NOW_MS)[0].plausible);
        // 2024-01-01T00:00:00Z in each.
        for (id, format) in [
            ("111677748019200000", "mastodon"),
            ("3270275158488645632", "instagram"),
            ("529448671641600000", "tsid"),
        ] {
            let read = reading(id, format);
            assert_eq!(read.time_ms, Some(1_704_067_200_000), "{format}");
            assert!(read.plausible, "{format}");
        }
    }

    #[test]
    fn the_vectors_of_rfc_9562() {
        // Appendix A and B: all made at 2022-02-22T14:22:22-05:00.
        let time_ms = Some(1_645_557_742_000);
        for (uuid, format) in [
            ("C232AB00-9414-11EC-B3C8-9F6BDECED846", "uuid-v1"),
            ("1EC9414C-232A-6B00-B3C8-9F6BDECED846", "uuid-v6"),
            ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "uuid-v7"),
        ] {
            let read = reading(uuid, format);
            assert_eq!(read.time_ms, time_ms, "{format}");
            assert!(read.plausible);
        }
        for (uuid, format) in [
            ("5df41881-3aed-3515-88a7-2f4a814cf09e", "uuid-v3"),
            ("919108f7-52d1-4320-9bac-f847db4148a8", "uuid-v4"),
            ("2ed6657d-e927-568b-95e1-2665a8aea6a2", "uuid-v5"),
            ("2489E9AD-2EE2-8E00-8EC9-32D5F69181C0", "uuid-v8"),
        ] {
            assert_eq!(reading(uuid, format).time_ms, None, "{format}");
        }
        assert!(read("017F22E2-79B0-7CC3-98C4-DC0C0C07398G", NOW_MS).is_empty());
        assert!(!reading("00000000-0000-0000-0000-000000000000", "uuid-nil").plausible);
    }

    #[test]
    fn text_formats() {
        // ulid/spec: the time part of its example.
        let ulid = reading("01ARZ3NDEKTSV4RRFFQ69G5FAV", "ulid");
        assert_eq!(ulid.time_ms, Some(1_469_922_850_259));
        // segmentio/ksuid, README: 0ujtsYcgvSTl8PAuAdqWYSMnLOv is 2017-10-09 21:00:47 -0700.
        let ksuid = reading("0ujtsYcgvSTl8PAuAdqWYSMnLOv", "ksuid");
        assert_eq!(ksuid.time_ms, Some(1_507_608_047_000));
        assert_eq!(fields(&ksuid), [("payload", "b5a1cd34b5f99d1154fb6853345c9735")]);
        // MongoDB manual, ObjectId.getTimestamp: 507f191e810c19729de860ea.
        let object_id = reading("507f191e810c19729de860ea", "objectid");
        assert_eq!(object_id.time_ms, Some(1_350_506_782_000));
    }

    #[test]
    fn what_is_no_id_has_no_reading() {
        for text in ["", "-1", "9223372036854775808", "hello", "81ARZ3NDEKTSV4RRFFQ69G5FAV"] {
            assert!(read(text, NOW_MS).is_empty(), "{text}: {:?}", read(text, NOW_MS));
        }
    }
}
