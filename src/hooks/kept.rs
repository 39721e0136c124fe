//! What hooks printed, kept for whoever writes them: `.cellphone/hooks.log`,
//! bounded by the setting `hooks.log`.
//!
//! A run that printed nothing and went well leaves no line, so a quiet guard
//! costs a send nothing here.

use jiff::Timestamp;

use super::HookRun;
use crate::config::{Root, Settings};
use crate::model::time::rfc3339;

pub(super) const FILE: &str = "hooks.log";

/// Keeps what a run printed. A log that cannot be written stops no hook.
pub(super) fn keep(root: &Root, settings: &Settings, run: &HookRun) {
    if run.succeeded() && run.output.is_empty() {
        return;
    }
    let text = entry(Timestamp::now(), run);
    if let Err(e) = root.state().append_bounded(FILE, text.as_bytes(), settings.hooks.log) {
        tracing::warn!(hook = %run.event, error = %e, "what a hook printed was not kept");
    }
}

/// A heading, and the output indented below it, without control characters: a
/// hook may print what stood in a message.
fn entry(at: Timestamp, run: &HookRun) -> String {
    let mut out = format!("{} {}: {}, {} ms\n", rfc3339(at), run.event, run.end(), run.took.as_millis());
    for line in run.output.lines() {
        let line: String = line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        out.push_str(&format!("    {}\n", line.trim_end()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_entry_says_how_it_ended_and_what_it_printed() {
        let run = HookRun {
            event: "dead".into(),
            status: Some(3),
            timed_out: false,
            output: "one\n\u{1b}[2Jtwo\r\n".into(),
            took: Duration::from_millis(12),
        };
        let text = entry(Timestamp::UNIX_EPOCH, &run);
        assert_eq!(text, "1970-01-01T00:00:00.000000Z dead: status 3, 12 ms\n    one\n    \u{fffd}[2Jtwo\n");
    }
}
