//! A panic becomes one log entry, stack included.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;

/// Logs panics instead of printing them.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

/// One entry of severity ERROR.
pub(super) fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("a value that is no text");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        exception.r#type = "panic",
        exception.message = message,
        exception.stacktrace = %Backtrace::force_capture(),
        place,
        "a thread panicked"
    );
}
