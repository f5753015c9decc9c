//! The `[ids]` section of the configuration; `default.toml` says what each key means.

use serde::Deserialize;

use crate::clock_rule::ClockRule;
use crate::layout::{Layout, Widths, Worker};

/// The commented section with its defaults.
pub const DEFAULT: &str = include_str!("default.toml");

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml documents each key")]
pub struct Section {
    pub resp_listen: String,
    pub epoch_ms: u64,
    pub timestamp_bits: u32,
    pub datacenter_bits: u32,
    pub machine_bits: u32,
    pub sequence_bits: u32,
    pub datacenter: i64,
    pub machine: i64,
    pub clock_back_tolerance_ms: u64,
    pub clock_jump_max_ms: u64,
    pub clock_offset_max_ms: u64,
    pub clock_kept_required: bool,
    pub batch_max: u64,
    pub range_ahead_max_ms: u64,
    pub anonymous: bool,
}

/// The section as the service uses it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What ids are made of.
    pub layout: Layout,
    /// The place of this process; none: any that is free.
    pub worker: Option<Worker>,
    /// See `clock_back_tolerance_ms`.
    pub clock_back_tolerance_ms: u64,
    /// See `clock_jump_max_ms`.
    pub clock_jump_max_ms: u64,
    /// How well the clock has to be kept.
    pub clock_rule: ClockRule,
    /// See `batch_max`.
    pub batch_max: u64,
    /// See `range_ahead_max_ms`.
    pub range_ahead_max_ms: u64,
    /// See `anonymous`.
    pub anonymous: bool,
}

impl Section {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// One line that names the key, what it is, and what it may be.
    pub fn check(self) -> Result<Settings, String> {
        let widths = Widths {
            timestamp: self.timestamp_bits,
            datacenter: self.datacenter_bits,
            machine: self.machine_bits,
            sequence: self.sequence_bits,
        };
        let layout = Layout::new(self.epoch_ms, widths)
            .map_err(|error| format!("ids.timestamp_bits to ids.sequence_bits: {error}"))?;
        let worker = match (self.datacenter, self.machine) {
            (-1, -1) => None,
            (-1, _) | (_, -1) => {
                return Err(
                    "ids.datacenter and ids.machine go together: set both, or -1".to_owned()
                );
            }
            (datacenter, machine) => {
                let narrow = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
                let worker = Worker { datacenter: narrow(datacenter), machine: narrow(machine) };
                if !layout.holds(worker) {
                    return Err(format!(
                        "ids.datacenter = {datacenter}, ids.machine = {machine}: they do not fit \
                         ids.datacenter_bits and ids.machine_bits"
                    ));
                }
                Some(worker)
            }
        };
        for (key, value, max) in [
            ("batch_max", self.batch_max, 1_000_000),
            ("range_ahead_max_ms", self.range_ahead_max_ms, 3_600_000),
        ] {
            if !(1..=max).contains(&value) {
                return Err(format!("ids.{key} = {value}: use 1 to {max}"));
            }
        }
        Ok(Settings {
            layout,
            worker,
            clock_back_tolerance_ms: self.clock_back_tolerance_ms,
            clock_jump_max_ms: self.clock_jump_max_ms,
            clock_rule: ClockRule {
                offset_max_ms: self.clock_offset_max_ms,
                kept_required: self.clock_kept_required,
            },
            batch_max: self.batch_max,
            range_ahead_max_ms: self.range_ahead_max_ms,
            anonymous: self.anonymous,
        })
    }
}
