//! `telemetry::trace::TraceContext`: what is read is passed on as the same trace.

#![no_main]

use kit::telemetry::trace::TraceContext;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(context) = text.parse::<TraceContext>() else { return };
    let written = context.to_string();
    assert_eq!(written.len(), 55);
    assert_eq!(written.parse(), Ok(context));
    assert_eq!(written[3..52], text[3..52], "the ids stay");
});
