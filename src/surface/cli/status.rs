//! `cellphone status`: the daemon, its workers, and who waits for what.

use std::time::Duration;

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::model::Severity;
use crate::office::Office;
use crate::office::control::{self, ControlError};
use crate::office::status::{DaemonStatus, WatchMode, WorkerState};
use crate::office::watch::{Alarm, DrillStanding as Standing};
use crate::surface::render::{Column, Paint, Table, age, text};

/// How long the daemon may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {}

impl Run for StatusArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let daemon = control::daemon_status(office.root().state().path(), PATIENCE);
        let agents = waiting(&office);
        let trust = office.trust_summary();
        let alarms = office.alarms();
        // Scenarios that cannot be listed are a fault of the configuration, which is said by itself.
        let drills = office.standing_of_drills().unwrap_or_default();
        if cx.json() {
            let account = match &daemon {
                Ok(status) => {
                    let mut value = serde_json::to_value(status)?;
                    if let Some(map) = value.as_object_mut() {
                        map.insert("running".into(), true.into());
                    }
                    value
                }
                Err(e) => json!({ "running": false, "why": e.to_string() }),
            };
            let agents: Vec<_> =
                agents.iter().map(|(name, role, n)| json!({ "name": name, "role": role, "unread": n })).collect();
            return cx.write_json(&json!({
                "root": office.root().path(), "id": office.root().id(), "daemon": account, "agents": agents,
                "alarms": alarms.iter().map(alarm_json).collect::<Vec<_>>(),
                "drills": {
                    "last_passed": drills.iter().filter_map(|d| d.last_passed).max(),
                    "due": drills.iter().filter(|d| d.overdue.is_some()).map(|d| &d.scenario).collect::<Vec<_>>(),
                    "failed": failed(&drills).map(|d| &d.scenario).collect::<Vec<_>>(),
                },
                "trust": { "changed": trust.changed, "new": trust.new, "refused": trust.refused },
                "config": { "faults": office.faults().iter().map(ToString::to_string).collect::<Vec<_>>() },
            }));
        }
        let mut out = field(cx, Paint::Faint, "root", &office.root().path().display().to_string());
        match &daemon {
            Ok(status) => out += &daemon_text(cx, status),
            Err(ControlError::NotRunning(_)) => {
                let what = "does not run; mail is delivered all the same, windows do not ring";
                out += &field(cx, Paint::Warn, "daemon", what);
                out += "         cellphone up --detach\n";
            }
            Err(e) => out += &field(cx, Paint::Bad, "daemon", &e.to_string()),
        }
        if daemon.is_err() {
            // A daemon that runs has said so itself.
            for fault in office.faults() {
                out += &field(cx, Paint::Warn, "config", &fault.to_string());
            }
        }
        if let Some(why) = &trust.refused {
            out += &field(cx, Paint::Bad, "trust", why);
        }
        if !trust.changed.is_empty() {
            let files = text::count(trust.changed.len(), "file");
            let what = format!("{files} changed since approval; the approved copies are in force: cellphone trust");
            out += &field(cx, Paint::Warn, "trust", &what);
        }
        out += &alarms_text(cx, &alarms, daemon.is_ok());
        out += &drills_text(cx, &drills);
        out += "\n";
        let windows = daemon.as_ref().map(|d| d.windows.as_slice()).unwrap_or_default();
        let mut table = Table::new(&[
            Column::text("AGENT"),
            Column::text("ROLE"),
            Column::number("UNREAD"),
            Column::text("WINDOW"),
            Column::text("SEEN"),
            Column::flexible("LAST"),
        ]);
        for (name, role, unread) in &agents {
            let window = windows.iter().find(|w| w.agent.as_str() == name);
            let seen = window.and_then(|w| w.seen).map(|at| age::age(at, cx.now)).unwrap_or_default();
            table.painted(vec![
                (name.clone(), None),
                (role.clone(), None),
                (unread.to_string(), (*unread > 0).then_some(Paint::Strong)),
                (window.map(|w| w.state.clone()).unwrap_or_default(), None),
                (seen, Some(Paint::Faint)),
                (window.and_then(|w| w.note.clone()).unwrap_or_default(), Some(Paint::Faint)),
            ]);
        }
        cx.print(&(out + &table.render(cx.style)))
    }
}

/// What the detectors say stands: the word tells how bad it is, not its colour alone.
fn alarms_text(cx: &Context, alarms: &[Alarm], runs: bool) -> String {
    let mut out = String::new();
    for alarm in alarms {
        let seen = &alarm.seen;
        let paint = match seen.severity {
            Severity::Critical => Paint::Bad,
            Severity::Warning => Paint::Warn,
            Severity::Notice => Paint::Faint,
        };
        let since = age::age(alarm.since, cx.now);
        let known = if runs { "" } else { "; no daemon runs to see whether it is over" };
        let what = format!("{}: {} ({}), for {since}{known}", seen.severity.word(), seen.what, seen.path.display());
        out += &field(cx, paint, "alarm", &what);
        if let Some(runbook) = &seen.runbook {
            out += &format!("         cellphone drill plan {}\n", text::line(runbook));
        }
    }
    out
}

/// When a drill passed last, and what is due or failed.
fn drills_text(cx: &Context, all: &[Standing]) -> String {
    let last = all.iter().filter_map(|d| d.last_passed).max();
    let last = last.map_or_else(
        || "none passed yet".to_owned(),
        |at| match age::age(at, cx.now) {
            now if now == "now" => "the last one passed just now".to_owned(),
            age => format!("the last one passed {age} ago"),
        },
    );
    let due = all.iter().filter(|d| d.overdue.is_some()).count();
    let failed = failed(all).count();
    let what = match (failed, due) {
        (0, 0) => last,
        (0, due) => format!("amber: {last}; {due} due: cellphone drill run --due"),
        (failed, due) => format!("amber: {last}; {failed} failed, {due} due: cellphone drill history"),
    };
    field(cx, if failed + due > 0 { Paint::Warn } else { Paint::Faint }, "drills", &what)
}

fn failed(all: &[Standing]) -> impl Iterator<Item = &Standing> {
    all.iter().filter(|d| d.last.as_ref().is_some_and(|last| !last.passed))
}

fn alarm_json(alarm: &Alarm) -> serde_json::Value {
    json!({
        "detector": alarm.seen.detector, "severity": alarm.seen.severity, "subject": alarm.seen.subject,
        "what": alarm.seen.what, "path": alarm.seen.path, "runbook": alarm.seen.runbook,
        "since": alarm.since, "said": alarm.said,
    })
}

/// Everyone with what waits, counted in the folders themselves.
fn waiting(office: &Office) -> Vec<(String, String, usize)> {
    let unread = |name| office.count_unread(name).unwrap_or(0);
    office.roster().agents().iter().map(|a| (a.name.to_string(), a.role.to_string(), unread(&a.name))).collect()
}

/// A label and what belongs to it, broken between words.
fn field(cx: &Context, paint: Paint, label: &str, what: &str) -> String {
    let label = cx.paint(paint, &text::pad(label, 7, false));
    format!("{label}  {}\n", text::wrap(&text::line(what), cx.style.width, 9))
}

fn daemon_text(cx: &Context, s: &DaemonStatus) -> String {
    let faint = |label: &str, what: &str| field(cx, Paint::Faint, label, what);
    let since = age::age(s.started, cx.now);
    let mut out = faint("daemon", &format!("runs, process {}, version {}, for {since}", s.pid, s.version));
    let mode = match s.watch.mode {
        WatchMode::Starting => "is starting",
        WatchMode::Events => "by events of the file system",
        WatchMode::Polling => "by looking again and again",
    };
    let last = s.scan.last.map_or_else(|| "none yet".to_owned(), |at| age::age(at, cx.now));
    let boxes = text::count(s.watch.mailboxes, "mailbox");
    let (took, worst) = (s.scan.last_micros, s.scan.worst_micros);
    out += &faint("watch", &format!("{mode}; {boxes}; last scan {last}, {took} µs, worst {worst} µs"));
    let (scans, outboxes) = (text::count(s.queues.scans, "scan"), text::count(s.queues.outboxes, "outbox"));
    let ringing = text::count(s.queues.ringing, "window");
    out += &faint("queues", &format!("{scans}, {outboxes}, {ringing} ringing"));
    let workers: Vec<String> = s
        .workers
        .iter()
        .map(|w| match w.state {
            WorkerState::Running if w.restarts == 0 => w.name.clone(),
            WorkerState::Running => format!("{} (restarted {} times)", w.name, w.restarts),
            WorkerState::Waiting => format!("{} (failed: {})", w.name, w.last_error.as_deref().unwrap_or("no reason")),
            WorkerState::Ended => format!("{} (ended)", w.name),
        })
        .collect();
    out += &faint("workers", &workers.join(", "));
    out += &s.http.address.as_ref().map(|at| faint("page", &format!("{at} (cellphone open)"))).unwrap_or_default();
    let faults = [s.http.error.as_ref(), s.watch.warning.as_ref(), s.scan.error.as_ref(), s.config.error.as_ref()];
    for warning in faults.into_iter().flatten().chain(&s.warnings) {
        out += &field(cx, Paint::Warn, "warning", warning);
    }
    out
}
