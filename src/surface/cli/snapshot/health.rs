//! `cellphone snapshot health`: the targets, and what misses them.

use std::time::Duration;

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use crate::office::snapshots::{Health, RepositoryHealth};
use crate::surface::render::age::{age, span};
use crate::surface::render::{Column, Paint, Table, text};

pub(super) fn show(cx: &Context, health: &Health) -> Result<(), Failure> {
    if cx.json() {
        cx.write_json(health)?;
    } else {
        cx.print(&shown(cx, health))?;
    }
    if health.good {
        return Ok(());
    }
    let count = text::count(health.findings.len(), "target");
    Err(Failure::new(Code::TargetMissed, format!("{count} missed")).hint("cellphone snapshot health --json"))
}

fn shown(cx: &Context, health: &Health) -> String {
    let ago = |time| match age(time, cx.now) {
        now if now == "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    };
    let newest = health.newest.as_ref().map_or_else(
        || "none".to_owned(),
        |n| format!("{} ({}), {} old", &n.id[..n.id.len().min(8)], n.kind, span(Duration::from_secs(n.age_seconds))),
    );
    let check = health.last_check.as_ref().map_or_else(
        || "never".to_owned(),
        |c| format!("{}, {}", ago(c.time), if c.clean { "clean" } else { "damage was found" }),
    );
    let drill = health.last_drill.as_ref().map_or_else(
        || "never".to_owned(),
        |d| format!("{} ({}), {}", text::line(&d.scenario), if d.passed { "passed" } else { "failed" }, ago(d.time)),
    );
    let mut facts = Table::new(&[Column::text("WHAT"), Column::flexible("IS")]);
    for (what, is) in [
        ("newest snapshot", newest),
        ("wanted", format!("younger than {}", span(Duration::from_secs(health.age_target_seconds)))),
        ("last check", check),
        ("last restore", health.last_restore.map_or_else(|| "never".to_owned(), ago)),
        ("last drill", drill),
        ("last drill that passed", health.last_drill_passed.map_or_else(|| "never".to_owned(), ago)),
    ] {
        facts.painted(vec![(what.to_owned(), Some(Paint::Faint)), (is, None)]);
    }
    let mut out = facts.render(cx.style);
    out.push('\n');
    out += &repositories(cx, &health.repositories);
    out.push('\n');
    if health.good && health.remarks.is_empty() {
        out += &format!("{} every target is met\n", cx.paint(Paint::Good, "good:"));
    }
    for remark in &health.remarks {
        out += &format!("{} {}\n", cx.paint(Paint::Warn, "amber:"), text::line(remark));
    }
    for finding in &health.findings {
        out += &format!("{} {}\n", cx.paint(Paint::Bad, "missed:"), text::line(finding));
    }
    out
}

fn repositories(cx: &Context, all: &[RepositoryHealth]) -> String {
    let mut table = Table::new(&[
        Column::flexible("REPOSITORY"),
        Column::number("SNAPSHOTS"),
        Column::number("NEWEST"),
        Column::number("SIZE"),
        Column::number("IN 7 DAYS"),
        Column::number("FREE"),
    ]);
    for r in all {
        let paint = r.error.as_ref().map(|_| Paint::Bad);
        table.painted(vec![
            (r.repository.clone(), paint),
            (r.snapshots.to_string(), None),
            (r.newest.map_or_else(|| "-".to_owned(), |time| age(time, cx.now)), None),
            (text::bytes(r.bytes), None),
            (format!("+{}", text::bytes(r.grown_bytes)), None),
            (r.free_bytes.map_or_else(|| "-".to_owned(), text::bytes), None),
        ]);
    }
    table.render(cx.style)
}
