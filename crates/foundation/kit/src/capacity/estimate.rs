//! From assumptions about users to requests, storage, cache and servers.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::quantity::{Quantity, Unit, about};

const SECONDS_A_DAY: u128 = 86_400;
/// Leap days are below the precision of any estimate.
const DAYS_A_YEAR: u128 = 365;

/// What is assumed, in whole units so that nothing is left to guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumptions {
    /// People who come at least once a month.
    pub monthly_users: u64,
    /// How many of 100 of them come on a day.
    pub daily_users_percent: u64,
    /// Writes (posts) of one daily user a day.
    pub writes_per_user_per_day: u64,
    /// Reads for each write; 0 leaves reads out.
    pub reads_per_write: u64,
    /// Peak load as a multiple of the average; 2 unless measured otherwise.
    pub peak_factor: u64,
    /// Bytes stored for each write.
    pub record_bytes: u64,
    /// How many of 100 writes carry media.
    pub media_percent: u64,
    /// Bytes of media such a write carries.
    pub media_bytes: u64,
    /// For how long everything is kept.
    pub retention_years: u64,
    /// How many of 100 bytes of a day's records are worth caching.
    pub cached_percent: u64,
    /// Memory above that, of 100, for growth.
    pub cache_spare_percent: u64,
    /// Requests a second that one server answers; 0 leaves servers out.
    pub requests_per_second_per_server: u64,
    /// Servers above what the peak needs, so that some may fail.
    pub spare_servers: u64,
}

/// What the assumptions come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// What was assumed.
    pub assumptions: Assumptions,
    /// The results, in the order they are asked for.
    pub quantities: Vec<Quantity>,
}

impl Assumptions {
    /// Writes of all users a day.
    fn writes_per_day(&self) -> u128 {
        let daily_users =
            u128::from(self.monthly_users) * u128::from(self.daily_users_percent) / 100;
        daily_users.saturating_mul(self.writes_per_user_per_day.into())
    }

    /// Calculates. Results beyond 2^64 are shown as that.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let writes = self.writes_per_day();
        let load =
            |name, per_day| Quantity::new(name, per_second(per_day), Unit::RequestsPerSecond);
        let write_load = load("average writes", writes);
        let reads = writes.saturating_mul(self.reads_per_write.into());
        let read_load = load("average reads", reads);
        let write_peak = self.peak("peak writes", writes, &write_load);
        let read_peak = self.peak("peak reads", reads, &read_load);
        let records = writes.saturating_mul(self.record_bytes.into());
        let media_writes = writes.saturating_mul(self.media_percent.into()) / 100;
        let media = media_writes.saturating_mul(self.media_bytes.into());
        let kept_days = DAYS_A_YEAR * u128::from(self.retention_years);
        let cached = records.saturating_mul(self.cached_percent.into()) / 100;
        let cache = cached.saturating_mul((100 + u128::from(self.cache_spare_percent)).max(100));
        let peak = u128::from(write_peak.value) + u128::from(read_peak.value);
        let mut quantities = vec![write_load, write_peak];
        if self.reads_per_write > 0 {
            quantities.extend([read_load, read_peak]);
        }
        quantities.extend([
            Quantity::new("records", records, Unit::BytesPerDay),
            Quantity::new("media", media, Unit::BytesPerDay),
            Quantity::new("records kept", records.saturating_mul(kept_days), Unit::Bytes),
            Quantity::new("media kept", media.saturating_mul(kept_days), Unit::Bytes),
            Quantity::new("cache", cache / 100, Unit::Bytes),
        ]);
        if self.requests_per_second_per_server > 0 {
            let needed = peak.div_ceil(self.requests_per_second_per_server.into());
            let servers = needed + u128::from(self.spare_servers);
            quantities.push(Quantity::new("servers", servers, Unit::Servers));
        }
        Estimate { assumptions: self.clone(), quantities }
    }

    /// The number to keep in mind is a multiple of the rounded average: round first.
    fn peak(&self, name: &'static str, per_day: u128, average: &Quantity) -> Quantity {
        let peak_per_day = per_day.saturating_mul(self.peak_factor.into());
        let load = per_second(peak_per_day);
        let kept_in_mind = about(average.about.saturating_mul(self.peak_factor));
        Quantity { about: kept_in_mind, ..Quantity::new(name, load, Unit::RequestsPerSecond) }
    }
}

fn per_second(per_day: u128) -> u128 {
    per_day.saturating_add(SECONDS_A_DAY / 2) / SECONDS_A_DAY
}

impl Estimate {
    /// The assumptions and then the results, a line each.
    #[must_use]
    pub fn text(&self) -> String {
        let a = &self.assumptions;
        let mut out = String::from("assumed:\n");
        let assumed = [
            (a.monthly_users, "monthly users"),
            (a.daily_users_percent, "% of them daily"),
            (a.writes_per_user_per_day, "writes a daily user and day"),
            (a.reads_per_write, "reads a write"),
            (a.peak_factor, "x average at peak"),
            (a.record_bytes, "bytes a record"),
            (a.media_percent, "% of writes with media"),
            (a.media_bytes, "bytes of media"),
            (a.retention_years, "years kept"),
            (a.cached_percent, "% of a day's records cached"),
            (a.cache_spare_percent, "% spare cache"),
            (a.requests_per_second_per_server, "requests/s a server"),
            (a.spare_servers, "spare servers"),
        ];
        for (value, what) in assumed {
            let _ = writeln!(out, "  {value} {what}");
        }
        out.push_str("comes to:\n");
        for quantity in &self.quantities {
            let _ = writeln!(out, "  {quantity}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// Reference workload 1: the microblog.
    fn microblog() -> Assumptions {
        Assumptions {
            monthly_users: 300_000_000,
            daily_users_percent: 50,
            writes_per_user_per_day: 2,
            reads_per_write: 0,
            peak_factor: 2,
            record_bytes: 64 + 140,
            media_percent: 10,
            media_bytes: 1_000_000,
            retention_years: 5,
            cached_percent: 20,
            cache_spare_percent: 25,
            requests_per_second_per_server: 1_000,
            spare_servers: 2,
        }
    }

    #[test]
    fn the_microblog_comes_to_what_the_requirement_says() {
        let estimate = microblog().estimate();
        expect![[r#"
            assumed:
              300000000 monthly users
              50 % of them daily
              2 writes a daily user and day
              0 reads a write
              2 x average at peak
              204 bytes a record
              10 % of writes with media
              1000000 bytes of media
              5 years kept
              20 % of a day's records cached
              25 % spare cache
              1000 requests/s a server
              2 spare servers
            comes to:
              average writes: 3,472 requests/s (about 3,500 requests/s)
              peak writes: 6,944 requests/s (about 7,000 requests/s)
              records: 61.2 GB/day (about 61 GB/day)
              media: 30 TB/day
              records kept: 111.69 TB (about 110 TB)
              media kept: 54.75 PB (about 55 PB)
              cache: 15.3 GB (about 15 GB)
              servers: 9 servers
        "#]]
        .assert_eq(&estimate.text());
        let json = serde_json::to_value(&estimate).unwrap();
        assert_eq!(json["quantities"][0]["value"], 3_472);
        assert_eq!(json["quantities"][0]["unit"], "requests/s");
    }

    #[test]
    fn reads_need_servers_too() {
        let assumptions = Assumptions { reads_per_write: 10, ..microblog() };
        let quantities = assumptions.estimate().quantities;
        let value = |name: &str| quantities.iter().find(|q| q.name == name).unwrap().value;
        assert_eq!(value("average reads"), 34_722);
        assert_eq!(value("servers"), (6_944_u64 + 69_444).div_ceil(1_000) + 2);
    }

    #[test]
    fn absurd_assumptions_do_not_overflow() {
        let all = u64::MAX;
        let absurd = Assumptions {
            monthly_users: all,
            daily_users_percent: all,
            writes_per_user_per_day: all,
            reads_per_write: all,
            peak_factor: all,
            record_bytes: all,
            media_percent: all,
            media_bytes: all,
            retention_years: all,
            cached_percent: all,
            cache_spare_percent: all,
            requests_per_second_per_server: 1,
            spare_servers: all,
        };
        let quantities = absurd.estimate().quantities;
        assert!(quantities.iter().any(|quantity| quantity.value == all));
    }
}
