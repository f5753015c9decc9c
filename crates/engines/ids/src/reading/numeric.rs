//! Ids of 63 bits: time first, then fields.

use super::Reading;

/// A format of sections, most significant first after the time.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    name: &'static str,
    epoch_ms: u64,
    /// Milliseconds of one unit of its time.
    unit_ms: u64,
    /// Names and bits.
    sections: &'static [(&'static str, u32)],
    /// When the first was made, in milliseconds since 1970.
    since_ms: u64,
}

/// Every numeric format that is read.
///
/// Sources: twitter-archive/snowflake; Discord's developer reference; "Sharding & IDs at Instagram"
/// (2012); mastodon/lib/mastodon/snowflake.rb; sony/sonyflake (epoch 2014-09-01, 10 ms);
/// f4b6a3/tsid-creator (epoch 2020-01-01).
pub const NUMERIC: &[Format] = &[
    Format {
        name: "snowflake",
        epoch_ms: crate::layout::TWITTER_EPOCH_MS,
        unit_ms: 1,
        sections: &[("datacenter", 5), ("machine", 5), ("sequence", 12)],
        since_ms: crate::layout::TWITTER_EPOCH_MS,
    },
    Format {
        name: "discord",
        epoch_ms: 1_420_070_400_000,
        unit_ms: 1,
        sections: &[("worker", 5), ("process", 5), ("increment", 12)],
        since_ms: 1_420_070_400_000,
    },
    Format {
        name: "instagram",
        epoch_ms: 1_314_220_021_721,
        unit_ms: 1,
        sections: &[("shard", 13), ("sequence", 10)],
        since_ms: 1_314_220_021_721,
    },
    Format {
        name: "mastodon",
        epoch_ms: 0,
        unit_ms: 1,
        sections: &[("sequence", 16)],
        since_ms: 1_475_000_000_000,
    },
    Format {
        name: "sonyflake",
        epoch_ms: 1_409_529_600_000,
        unit_ms: 10,
        sections: &[("sequence", 8), ("machine", 16)],
        since_ms: 1_409_529_600_000 + 86_400_000,
    },
    Format {
        name: "tsid",
        epoch_ms: 1_577_836_800_000,
        unit_ms: 1,
        sections: &[("random", 22)],
        since_ms: 1_577_836_800_000 + 86_400_000,
    },
];

impl Format {
    /// `id` as this format has it.
    pub fn read(&self, id: u64) -> Reading {
        let mut below: u32 = self.sections.iter().map(|(_, bits)| bits).sum();
        let time_ms = self.epoch_ms.saturating_add((id >> below).saturating_mul(self.unit_ms));
        let fields = self.sections.iter().map(|(name, bits)| {
            below -= bits;
            (*name, (id >> below & ((1 << bits) - 1)).to_string())
        });
        Reading {
            format: self.name,
            fields: fields.collect(),
            plausible: time_ms >= self.since_ms,
            time_ms: Some(time_ms),
        }
    }
}
