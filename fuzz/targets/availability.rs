//! `capacity::Availability` and `Assumptions`: more availability never allows more downtime, and
//! no assumption overflows.

#![no_main]

use kit::capacity::{Assumptions, Availability, about, round_input};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(availability) = text.parse::<Availability>() {
            let down = availability.downtime();
            assert!(down.per_day_ns <= 86_400_000_000_000);
            assert!(down.per_day_ns <= down.per_week_ns && down.per_week_ns <= down.per_month_ns);
            assert!(down.per_month_ns <= down.per_year_ns);
            assert!(!down.to_string().is_empty());
        }
        if let Ok(number) = text.trim().parse::<f64>() {
            let rounded = round_input(number);
            assert!(rounded == number || rounded.is_finite() && rounded > 0.0 || number.is_nan());
        }
        if let Ok(number) = text.trim().parse::<u64>() {
            let kept = about(number);
            assert!(kept.abs_diff(number) <= number / 20, "{number} is not about {kept}");
        }
    }
    if let Ok(assumptions) = serde_json::from_slice::<Assumptions>(bytes) {
        let estimate = assumptions.estimate();
        assert!(!estimate.quantities.is_empty());
        assert!(estimate.text().lines().count() > estimate.quantities.len());
    }
});
