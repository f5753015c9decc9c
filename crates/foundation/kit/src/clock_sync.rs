//! What the kernel knows of how well the machine's clock is kept, by NTP, PTP or a hypervisor.
#![allow(unsafe_code, reason = "the kernel tells it by a call of the C library alone")]

/// The state of the kernel's clock discipline.
///
/// Source: `adjtimex(2)`; RFC 5905 section 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSync {
    /// Whether something keeps the clock: false on a machine without a time service.
    pub kept: bool,
    /// How far the clock is to be moved yet, in microseconds, forward positive.
    pub offset_us: i64,
    /// How far from true time it may be at most, in microseconds, as the time service says.
    pub error_max_us: i64,
}

impl ClockSync {
    /// As the kernel says now; none where it does not tell.
    pub fn read() -> Option<Self> {
        #[cfg(target_os = "linux")]
        {
            // SAFETY: all zeros is a value of this type, a plain record of numbers.
            let mut state: libc::timex = unsafe { std::mem::zeroed() };
            // SAFETY: no mode is set, so the call writes what it knows into a record that lives
            // beyond it, and changes nothing of the clock.
            let told = unsafe { libc::adjtimex(&raw mut state) };
            (told >= 0).then_some(Self {
                kept: state.status & libc::STA_UNSYNC == 0,
                offset_us: match state.status & libc::STA_NANO {
                    0 => state.offset,
                    _ => state.offset / 1_000,
                },
                error_max_us: state.maxerror,
            })
        }
        #[cfg(not(target_os = "linux"))]
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::ClockSync;

    /// The kernel counts the error up to 16 s and no further.
    #[test]
    fn the_kernel_tells() {
        let sync = ClockSync::read().unwrap();
        assert!((0..=16_000_000).contains(&sync.error_max_us), "{sync:?}");
        assert!(sync.offset_us.abs() <= 500_000, "{sync:?}");
    }
}
