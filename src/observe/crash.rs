//! What is said when the program itself is at fault.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;

use crate::config::redact;

/// From now on a panic says what happened and where, without any secret; with
/// `RUST_BACKTRACE` also how it came to that.
pub fn tell_of_crashes() {
    std::panic::set_hook(Box::new(|info| {
        let text = account(info);
        // Nobody may be reading.
        let _ = std::io::stderr().write_all(redact(&text).as_bytes());
    }));
}

fn account(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let mut text =
        format!("cellphone: a fault of the program itself, thread {}: {info}\n", thread.name().unwrap_or("?"));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text += &format!("{trace}\n");
    }
    text
}
