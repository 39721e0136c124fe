//! What keeps the swarm restorable: snapshots on a time line, and drills.

use axum::Router;
use axum::routing::get;

use super::super::Shared;
use super::super::sign_in::rendered;
use super::{PageAnswer, Shell, Visitor, ago, line};
use crate::model::time::{day, rfc3339};
use crate::office::drill_reports::seconds;
use crate::surface::render::text;

/// Rows at most.
const ROWS: usize = 200;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/snapshots", get(snapshots)).route("/drills", get(drills))
}

#[derive(askama::Template)]
#[template(path = "snapshots.html")]
struct SnapshotsPage {
    shell: Shell,
    findings: Vec<String>,
    days: Vec<Day>,
    newest: Option<String>,
}

struct Day {
    name: String,
    snapshots: Vec<Taken>,
}

struct Taken {
    id: String,
    date: String,
    time: String,
    kind: &'static str,
    files: u64,
    bytes: String,
    added: String,
}

async fn snapshots(visitor: Visitor) -> PageAnswer {
    let made = visitor.page("snapshots", true, move |office, around| {
        // A repository that cannot be opened is a finding, and no reason to show nothing.
        let (all, findings) = match office.snapshot_list(None) {
            Ok(all) => (all, Vec::new()),
            Err(e) => (Vec::new(), vec![line(&e.message)]),
        };
        let newest = all.last().map(|one| one.id.get(..8).unwrap_or(&one.id).to_owned());
        let mut days: Vec<Day> = Vec::new();
        for one in all.into_iter().rev().take(ROWS) {
            let (name, date) = (day(one.time), rfc3339(one.time));
            let taken = Taken {
                id: one.id.get(..8).unwrap_or(&one.id).to_owned(),
                time: date.get(11..16).unwrap_or_default().to_owned(),
                date,
                kind: one.kind.map_or("foreign", |kind| kind.word()),
                files: one.files,
                bytes: text::bytes(one.bytes),
                added: text::bytes(one.bytes_added),
            };
            match days.last_mut().filter(|day| day.name == name) {
                Some(day) => day.snapshots.push(taken),
                None => days.push(Day { name, snapshots: vec![taken] }),
            }
        }
        Ok(SnapshotsPage { shell: around.shell, findings, days, newest })
    });
    Ok(rendered(&made.await?)?)
}

#[derive(askama::Template)]
#[template(path = "drills.html")]
struct DrillsPage {
    shell: Shell,
    drills: Vec<Drill>,
}

struct Drill {
    date: String,
    age: String,
    scenario: String,
    result: &'static str,
    class: &'static str,
    rto: String,
    lost: usize,
    findings: String,
}

async fn drills(visitor: Visitor) -> PageAnswer {
    let made = visitor.page("drills", true, move |office, around| {
        let now = around.now;
        let runs = office.drill_history()?.runs.into_iter().rev().take(ROWS);
        let drills = runs.map(|run| {
            let o = run.outcome;
            Drill {
                date: rfc3339(o.began),
                age: ago(o.began, now),
                scenario: line(&o.scenario),
                result: if o.passed { "passed" } else { "failed" },
                class: if o.passed { "good-word" } else { "bad-word" },
                rto: o.rto_seconds.map_or_else(|| "never".to_owned(), seconds),
                lost: o.lost.len(),
                findings: o.findings.iter().map(|finding| line(&finding.what)).collect::<Vec<_>>().join("; "),
            }
        });
        Ok(DrillsPage { drills: drills.collect(), shell: around.shell })
    });
    Ok(rendered(&made.await?)?)
}
