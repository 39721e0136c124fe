//! What is in a snapshot, what differs, what was restored.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::super::context::Context;
use super::super::failure::Failure;
use crate::office::snapshots::{Change, Difference, Restored, Shown};
use crate::surface::render::age::span;
use crate::surface::render::{Column, Paint, Table, text};

pub(super) fn entries(cx: &Context, all: &[Shown]) -> Result<(), Failure> {
    if cx.json() {
        let list = all.iter().map(|e| {
            json!({
                "path": e.path, "type": e.kind, "size": e.size, "modified": e.modified,
                "mode": format!("{:04o}", e.mode),
            })
        });
        return cx.write_json(&list.collect::<Vec<_>>());
    }
    let mut table = Table::new(&[Column::number("SIZE"), Column::text("CHANGED"), Column::flexible("PATH")]);
    for e in all {
        let slash = if e.kind == "dir" { "/" } else { "" };
        let size = if e.kind == "file" { text::bytes(e.size) } else { String::new() };
        let changed = e.modified.strftime("%Y-%m-%d %H:%M").to_string();
        table.painted(vec![
            (size, None),
            (changed, Some(Paint::Faint)),
            (format!("{}{slash}", e.path.display()), (e.kind == "dir").then_some(Paint::Strong)),
        ]);
    }
    cx.print(&table.render(cx.style))
}

pub(super) fn differences(cx: &Context, all: &[Difference]) -> Result<(), Failure> {
    if cx.json() {
        let list = all.iter().map(|d| json!({ "path": d.path, "change": d.change.word(), "from": d.from }));
        return cx.write_json(&list.collect::<Vec<_>>());
    }
    if all.is_empty() {
        return cx.say("Both hold the same.");
    }
    let mut table = Table::new(&[Column::text("CHANGE"), Column::flexible("PATH")]);
    for d in all {
        let paint = match d.change {
            Change::Added => Paint::Good,
            Change::Removed => Paint::Bad,
            Change::Changed | Change::Moved => Paint::Warn,
        };
        let from = d.from.as_ref().map(|from| format!(" (was {})", from.display())).unwrap_or_default();
        let path = format!("{}{from}", d.path.display());
        table.painted(vec![(d.change.word().to_owned(), Some(paint)), (path, None)]);
    }
    cx.print(&table.render(cx.style))
}

pub(super) fn restored(cx: &Context, done: &Restored, target: &Path) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&json!({
            "snapshot": done.snapshot.id, "time": done.snapshot.time, "target": target, "files": done.files,
            "bytes": done.bytes, "verified": true, "seconds": done.seconds,
        }));
    }
    let head = cx.paint(Paint::Good, &format!("Restored {}", text::count(done.files as usize, "file")));
    let took = span(Duration::from_secs_f64(done.seconds.max(0.0)));
    let place = text::line(&target.display().to_string()).into_owned();
    cx.print(&format!(
        "{head} ({}) of snapshot {} to {place} in {took}, all of them verified\n",
        text::bytes(done.bytes),
        done.snapshot.short()
    ))
}
