//! How well a clock has to be kept to make ids by it: asked when a worker is claimed, so at every
//! start. Generators on clocks that disagree make ids that are not in order of time.

use kit::clock_sync::ClockSync;

use crate::model::IdError;

/// What is asked of the clock.
#[derive(Clone, Copy, Debug)]
pub struct ClockRule {
    /// See `clock_offset_max_ms`.
    pub offset_max_ms: u64,
    /// See `clock_kept_required`.
    pub kept_required: bool,
}

impl ClockRule {
    /// Judges what the kernel says; none: it says nothing. What a clock that nobody keeps is off by
    /// is not known, so its offset is not judged.
    ///
    /// # Errors
    /// [`IdError::ClockUnkept`].
    pub(crate) fn check(&self, sync: Option<ClockSync>) -> Result<(), IdError> {
        let Some(sync) = sync.filter(|sync| sync.kept) else {
            let unkept = "no time service keeps this machine's clock, and ids.clock_kept_required \
                          asks for one: start chrony or another NTP client";
            return match self.kept_required {
                true => Err(IdError::ClockUnkept(unkept.to_owned())),
                false => Ok(()),
            };
        };
        let off_us = sync.offset_us.unsigned_abs();
        if self.offset_max_ms > 0 && off_us > self.offset_max_ms.saturating_mul(1_000) {
            return Err(IdError::ClockUnkept(format!(
                "the clock is off by {off_us} us, more than ids.clock_offset_max_ms = {}; wait \
                 until the time service has moved it",
                self.offset_max_ms
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: ClockRule = ClockRule { offset_max_ms: 500, kept_required: false };

    fn kept(offset_us: i64) -> Option<ClockSync> {
        Some(ClockSync { kept: true, offset_us, error_max_us: 1_000 })
    }

    #[test]
    fn an_offset_is_bounded_both_ways() {
        for offset_us in [0, 500_000, -500_000] {
            assert!(RULE.check(kept(offset_us)).is_ok());
        }
        for offset_us in [500_001, -500_001, i64::MIN] {
            let refusal = RULE.check(kept(offset_us)).unwrap_err().to_string();
            assert!(refusal.contains("clock_offset_max_ms = 500"), "{refusal}");
        }
        assert!(ClockRule { offset_max_ms: 0, ..RULE }.check(kept(i64::MAX)).is_ok());
    }

    #[test]
    fn a_clock_that_nobody_keeps_is_refused_where_that_is_asked() {
        let unkept = kept(900_000).map(|sync| ClockSync { kept: false, ..sync });
        let strict = ClockRule { kept_required: true, ..RULE };
        for sync in [unkept, None] {
            assert!(RULE.check(sync).is_ok());
            let refusal = strict.check(sync).unwrap_err().to_string();
            assert!(refusal.contains("clock_kept_required"), "{refusal}");
        }
        assert!(strict.check(kept(0)).is_ok());
    }
}
