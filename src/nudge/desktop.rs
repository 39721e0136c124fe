//! The channel `desktop`: a notification for a person, by the program the
//! desktop brings along. No shell; the text is an argument.

use std::time::Duration;

use super::command::{clean, run};
use super::notice::Notice;
use super::outcome::{Attempt, Outcome};

/// Shows the notice on the desktop.
#[must_use]
pub fn nudge(notice: &Notice, limit: Duration) -> Attempt {
    let (program, arguments) = argv(notice);
    let mut command = clean(program);
    command.args(arguments);
    Attempt::of(match run(command, Vec::new(), limit) {
        Ok(()) => Outcome::Delivered,
        Err(why) => Outcome::Failed(format!("desktop notification, {program}: {why}. {}", advice())),
    })
}

#[cfg(target_os = "macos")]
fn argv(notice: &Notice) -> (&'static str, Vec<String>) {
    // The text is handed over as an argument of `run`, not inside the script.
    let script = "on run argv\ndisplay notification (item 1 of argv) with title \"Cellphone\"\nend run";
    ("osascript", vec!["-e".to_owned(), script.to_owned(), notice.text()])
}

#[cfg(target_os = "macos")]
const fn advice() -> &'static str {
    "Allow notifications for your terminal in the system settings, or give this person another channel."
}

#[cfg(windows)]
fn argv(notice: &Notice) -> (&'static str, Vec<String>) {
    ("msg", vec!["*".to_owned(), notice.text()])
}

#[cfg(windows)]
const fn advice() -> &'static str {
    "`msg` is missing on Home editions: give this person another channel."
}

#[cfg(not(any(windows, target_os = "macos")))]
fn argv(notice: &Notice) -> (&'static str, Vec<String>) {
    let urgency = if notice.urgent > 0 { "critical" } else { "normal" };
    let words = ["--app-name=Cellphone", &format!("--urgency={urgency}"), "--", "Cellphone", &notice.text()];
    ("notify-send", words.map(str::to_owned).to_vec())
}

#[cfg(not(any(windows, target_os = "macos")))]
const fn advice() -> &'static str {
    "It needs notify-send (package libnotify-bin) and a running desktop session (DBUS_SESSION_BUS_ADDRESS)."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AgentName;

    #[test]
    fn the_text_is_one_argument_and_a_failure_advises() {
        let notice = Notice { agent: AgentName::new("Ann").unwrap(), new: 1, urgent: 1, from: vec![], ids: vec![] };
        let (_, arguments) = argv(&notice);
        assert!(arguments.contains(&notice.text()));
        assert!(!advice().is_empty());
    }
}
