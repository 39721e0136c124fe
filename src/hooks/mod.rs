//! Running a person's programs when something happens.
//!
//! A hook is an executable `hooks/<event>`. What runs is its approved copy,
//! never the file in the tree: agents can write there. It gets the event as
//! JSON on standard input, a clean environment, the root as its folder, a
//! process group of its own and limited time; what it prints is kept up to a
//! limit, the rest is thrown away. A hook that fails changes nothing, but for
//! those of what is about to happen (`before-…`): such a one may refuse it, and
//! is taken to refuse it when it cannot be asked, because a guard that is
//! broken must not open the door. What a message says is never part of a
//! command line. `hooks/README.md` is for who writes them.

mod kept;
mod run;

use std::time::{Duration, Instant};

use crate::config::{ConfigError, Root, Settings, approved_hook, strict, trust};
use crate::journal::Record;
use crate::model::{Event, EventKind};

/// What a hook did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRun {
    /// The event it was run for.
    pub event: String,
    /// Its exit status; `None` when it was ended by a signal or by us.
    pub status: Option<i32>,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
    /// The beginning of what it printed, errors after output.
    pub output: String,
    /// How long it ran.
    pub took: Duration,
}

impl HookRun {
    /// Whether it ended by itself with status 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status == Some(0) && !self.timed_out
    }

    /// How it ended, in words.
    #[must_use]
    pub fn end(&self) -> String {
        match self.status {
            _ if self.timed_out => "its time was over".into(),
            Some(status) => format!("status {status}"),
            None => "a signal".into(),
        }
    }
}

/// What the guard says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is no guard, or it accepts.
    Accept,
    /// It refuses, with a reason for the sender.
    Refuse(String),
}

/// Why a hook could not be run.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// Its approved copy cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be started.
    #[error("hooks/{event} cannot be started: {source}; mend it and run `cellphone trust`, or remove it")]
    Start {
        /// The event.
        event: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What is about to happen, and may be refused: a message is accepted, a
/// snapshot is taken, a restore is applied.
pub const BEFORE: [&str; 3] = ["before-deliver", "before-snapshot", "before-restore"];

/// Whether a hook of this name would ever run: the events of the journal, with
/// `-` for `_`, but for what hooks did themselves.
#[must_use]
pub fn is_known(event: &str) -> bool {
    let kind = EventKind::from_word(&event.replace('-', "_"));
    BEFORE.contains(&event) || !event.contains('_') && kind.is_some_and(|kind| kind != EventKind::Hook)
}

/// Whether a hook for an event was approved. Costs one look at a name.
#[must_use]
pub fn exists(root: &Root, event: &str) -> bool {
    is_event(event) && trust::approved_path(root, &format!("hooks/{event}")).is_file()
}

/// Whether any hook was approved.
#[must_use]
pub fn any(root: &Root) -> bool {
    std::fs::read_dir(trust::approved_path(root, "hooks")).is_ok_and(|mut names| names.next().is_some())
}

/// Runs the approved hook of an event, if there is one, with `json` on its
/// standard input; waits for its end or the time limit.
///
/// # Errors
/// When it cannot be started.
pub fn run(root: &Root, settings: &Settings, event: &str, json: &[u8]) -> Result<Option<HookRun>, HookError> {
    if !exists(root, event) {
        return Ok(None);
    }
    strict::check(root, settings)?;
    let begun = Instant::now();
    let Some(program) = approved_hook(root, event)? else { return Ok(None) };
    let limit = usize::try_from(settings.hooks.output).unwrap_or(usize::MAX);
    let ended = run::run(&program, root, event, json, settings.hooks.timeout, limit)
        .map_err(|source| HookError::Start { event: event.to_owned(), source })?;
    let done = HookRun {
        event: event.to_owned(),
        status: ended.status,
        timed_out: ended.timed_out,
        output: String::from_utf8_lossy(&ended.output).into_owned(),
        took: begun.elapsed(),
    };
    kept::keep(root, settings, &done);
    Ok(Some(done))
}

/// Asks the hook of something that is about to happen, one of [`BEFORE`].
#[must_use]
pub fn before(root: &Root, settings: &Settings, event: &str, json: &[u8]) -> Verdict {
    match run(root, settings, event, json) {
        Ok(None) => Verdict::Accept,
        Ok(Some(done)) if done.succeeded() => Verdict::Accept,
        Ok(Some(done)) if done.timed_out => {
            Verdict::Refuse(format!("it gave no answer in {:.1} s", done.took.as_secs_f64()))
        }
        Ok(Some(done)) => Verdict::Refuse(reason(&done)),
        Err(e) => Verdict::Refuse(e.to_string()),
    }
}

/// Why it refused: the first line it printed, or how it ended.
fn reason(done: &HookRun) -> String {
    match first_line(done) {
        line if line.is_empty() => format!("it ended with {}", done.end()),
        line => line,
    }
}

/// The first line it printed, fit for a terminal and an error message.
fn first_line(done: &HookRun) -> String {
    let line = done.output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Runs the hook of each thing that happened, in order, and gives back what is
/// to be recorded about it. `delivered`, `dead`, `woken` and so on: the words
/// of the journal, with `-` for `_`. Costs nothing when no hook was approved.
/// The program gets the record as the journal has it.
#[must_use]
pub fn after(root: &Root, settings: &Settings, records: &[Record]) -> Vec<Event> {
    if records.is_empty() || !any(root) {
        return Vec::new();
    }
    let mut done = Vec::new();
    // What a hook did is recorded too; a hook on that would never end. That of a drill
    // was run by who ran the drill, with all of its outcome.
    let own = |record: &&Record| !matches!(record.event.event, EventKind::Hook | EventKind::Drill);
    for record in records.iter().filter(own) {
        let name = record.event.event.word().replace('_', "-");
        let json = || serde_json::to_vec(&record.event);
        let Some(note) = run_noted(root, settings, &name, json) else { continue };
        done.push(Event { id: record.event.id, agent: record.event.agent.clone(), ..note.with("about", record.seq) });
    }
    done
}

/// Runs the approved hook of something that happened, if there is one, and
/// gives what is to be recorded about it.
#[must_use]
pub fn run_noted(
    root: &Root,
    settings: &Settings,
    event: &str,
    json: impl FnOnce() -> serde_json::Result<Vec<u8>>,
) -> Option<Event> {
    if !exists(root, event) {
        return None;
    }
    let note = Event::new(jiff::Timestamp::now(), EventKind::Hook).with("hook", event);
    Some(match json() {
        Ok(json) => match run(root, settings, event, &json) {
            Ok(ran) => noted(note, &ran?),
            Err(e) => note.with("status", "not started").with("why", e),
        },
        Err(e) => note.with("status", "not started").with("why", e),
    })
}

/// How a hook ended, for the journal: the rest is in the log of hooks.
fn noted(note: Event, ran: &HookRun) -> Event {
    let status = match ran.status {
        _ if ran.timed_out => "timed out".into(),
        Some(status) => status.to_string(),
        None => "signal".into(),
    };
    let note = note.with("status", status).with("took_ms", ran.took.as_millis());
    match first_line(ran) {
        line if line.is_empty() => note,
        line => note.with("said", line),
    }
}

fn is_event(event: &str) -> bool {
    !event.is_empty() && event.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
