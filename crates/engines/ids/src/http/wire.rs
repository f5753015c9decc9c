//! What goes over the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use kit::clock::Timestamp;

use crate::layout::{Layout, Parts};
use crate::reading::Reading;
use crate::registry::WorkerRow;
use crate::service::Range;
use crate::ticket::Numbers;

fn one() -> u64 {
    1
}

fn seven() -> u8 {
    7
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct IdQuery {
    /// `decimal`, `hex`, `base32`, `base58` or `base62`.
    pub(super) form: Option<String>,
    /// Written in front, with a check character behind: `ord` gives `ord_...`.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub(super) kind: Option<String>,
    /// Whether it shows neither time nor place; it leads back here only.
    #[serde(default)]
    pub(super) public: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CountQuery {
    /// How many; 1 unless said.
    #[serde(default = "one")]
    pub(super) count: u64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UuidQuery {
    /// 4 or 7; 7 unless said.
    #[serde(default = "seven")]
    pub(super) version: u8,
    /// How many; 1 unless said.
    #[serde(default = "one")]
    pub(super) count: u64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DecodeQuery {
    /// Of an id of this namespace; decimal unless said.
    pub(super) form: Option<String>,
    /// Whether it is a public face.
    #[serde(default)]
    pub(super) public: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BoundsQuery {
    /// Milliseconds since 1970, or RFC 3339.
    pub(super) at: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct IdAnswer {
    /// The id, as text.
    #[schema(example = "1874244142495068202")]
    pub(super) id: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct IdsAnswer {
    /// As text, in order.
    pub(super) ids: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaseRequest {
    /// How many ids at least: whole milliseconds are leased.
    pub(super) count: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RangeAnswer {
    datacenter: u32,
    machine: u32,
    /// The first millisecond since 1970.
    from_ms: u64,
    /// The last millisecond.
    until_ms: u64,
    /// The first id. Its millisecond has `perMs` that follow one another.
    first: String,
    /// The first of a millisecond is this much larger than the first of the one before.
    ms_step: String,
    /// Ids of one millisecond.
    per_ms: u64,
    /// Ids in all.
    count: u64,
}

impl RangeAnswer {
    pub(super) fn of(range: Range, layout: &Layout) -> Self {
        let widths = layout.widths();
        let below_time = widths.datacenter + widths.machine + widths.sequence;
        Self {
            datacenter: range.worker.datacenter,
            machine: range.worker.machine,
            from_ms: range.from_ms,
            until_ms: range.until_ms,
            first: range.first.to_string(),
            ms_step: (1_u64 << below_time).to_string(),
            per_ms: layout.ids_a_ms(),
            count: range.count,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TicketRequest {
    /// The first number; 1 unless said.
    #[serde(default = "one")]
    pub(super) first: u64,
    /// From one number to the next; 1 unless said.
    #[serde(default = "one")]
    pub(super) step: u64,
    /// Numbers taken from the store at once; a crash loses what is left of them. 1 unless said.
    #[serde(default = "one")]
    pub(super) block: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TicketsAnswer {
    first: String,
    last: String,
    step: u64,
    count: u64,
}

impl TicketsAnswer {
    pub(super) fn of(numbers: Numbers) -> Self {
        Self {
            first: numbers.first.to_string(),
            last: numbers.last().to_string(),
            step: numbers.step,
            count: numbers.count,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct BoundsAnswer {
    /// The smallest id of the millisecond.
    pub(super) min: String,
    /// The largest.
    pub(super) max: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Decoded {
    /// As an id of this namespace; null when it cannot be one.
    own: Option<OwnReading>,
    /// As an id of others, the plausible readings first.
    readings: Vec<ReadingAnswer>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OwnReading {
    /// The id, behind its public face where it came as one.
    id: String,
    timestamp_ms: u64,
    /// The same, as RFC 3339.
    utc: String,
    datacenter: u32,
    machine: u32,
    sequence: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReadingAnswer {
    #[schema(example = "discord")]
    format: &'static str,
    timestamp_ms: Option<u64>,
    utc: Option<String>,
    fields: Vec<FieldAnswer>,
    /// Whether its time can be true.
    plausible: bool,
}

#[derive(Serialize, ToSchema)]
struct FieldAnswer {
    name: &'static str,
    value: String,
}

impl Decoded {
    pub(super) fn of(own: Option<(u64, Parts)>, readings: Vec<Reading>) -> Self {
        let own = own.map(|(id, parts)| OwnReading {
            id: id.to_string(),
            timestamp_ms: parts.time_ms,
            utc: utc(parts.time_ms),
            datacenter: parts.worker.datacenter,
            machine: parts.worker.machine,
            sequence: parts.sequence,
        });
        let readings = readings.into_iter().map(|reading| ReadingAnswer {
            format: reading.format,
            timestamp_ms: reading.time_ms,
            utc: reading.time_ms.map(utc),
            fields: reading
                .fields
                .into_iter()
                .map(|(name, value)| FieldAnswer { name, value })
                .collect(),
            plausible: reading.plausible,
        });
        Self { own, readings: readings.collect() }
    }
}

fn utc(time_ms: u64) -> String {
    Timestamp::from_micros(i64::try_from(time_ms).unwrap_or(i64::MAX).saturating_mul(1_000))
        .to_string()
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusAnswer {
    /// This process's place; null before its first id.
    pub(super) datacenter: Option<u32>,
    pub(super) machine: Option<u32>,
    /// Up to when it may make ids without asking the store.
    pub(super) granted_until_ms: Option<u64>,
    /// How far the machine's clock was set since then, in microseconds; forward positive.
    pub(super) clock_step_us: i64,
    /// Until the layout cannot express the time.
    pub(super) epoch_left_days: u64,
    pub(super) layout: LayoutAnswer,
    /// Every worker that was ever claimed.
    pub(super) workers: Vec<WorkerAnswer>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LayoutAnswer {
    epoch_ms: u64,
    timestamp_bits: u32,
    datacenter_bits: u32,
    machine_bits: u32,
    sequence_bits: u32,
}

impl From<&Layout> for LayoutAnswer {
    fn from(layout: &Layout) -> Self {
        let widths = layout.widths();
        Self {
            epoch_ms: layout.epoch_ms(),
            timestamp_bits: widths.timestamp,
            datacenter_bits: widths.datacenter,
            machine_bits: widths.machine,
            sequence_bits: widths.sequence,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkerAnswer {
    datacenter: u32,
    machine: u32,
    /// Up to when ids of it may have been made.
    issued_until_ms: u64,
    /// Until when nobody else claims it.
    #[schema(value_type = String, format = DateTime)]
    leased_until: Timestamp,
    /// How often it was claimed.
    claims: u64,
}

impl WorkerAnswer {
    pub(super) fn of(row: WorkerRow) -> Self {
        Self {
            datacenter: row.worker.datacenter,
            machine: row.worker.machine,
            issued_until_ms: row.issued_until_ms,
            leased_until: row.leased_until,
            claims: row.claims,
        }
    }
}
