//! The settings that tests start from, and starting itself.

use super::metrics::Metrics;
use super::{DEFAULT_SETTINGS, TelemetrySettings, build};
use crate::config::{Layers, Section};

/// The defaults, quiet: no test writes to standard error.
pub(super) fn settings() -> TelemetrySettings {
    let section = Section { name: "telemetry", text: DEFAULT_SETTINGS };
    Layers::new(&[section]).unwrap().section("telemetry").unwrap()
}

#[test]
fn senseless_settings_are_refused_by_name() {
    let refused = |change: fn(&mut TelemetrySettings)| {
        let mut settings = settings();
        change(&mut settings);
        build(&settings, &Metrics::new()).map(drop).unwrap_err().to_string()
    };
    let levels = [
        refused(|s| s.log_levels = "inof".to_owned()),
        refused(|s| s.log_levels = "info,shortener=loud".to_owned()),
        refused(|s| s.log_levels = String::new()),
    ];
    assert!(levels.iter().all(|said| said.starts_with("telemetry.log_levels")), "{levels:?}");
    let endpoint = refused(|s| s.trace_endpoint = "ftp://c".to_owned());
    assert!(endpoint.starts_with("telemetry.trace_endpoint"), "{endpoint}");
    let roots = refused(|s| {
        s.trace_endpoint = "https://c".to_owned();
        s.trace_roots_path = "/nowhere/roots.pem".to_owned();
    });
    assert!(roots.starts_with("telemetry.trace_roots_path: cannot read"), "{roots}");
}
