//! Snapshots as tables and JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::context::Context;
use super::super::failure::Failure;
use crate::office::snapshots::{LastCheck, Snapshot, Taken};
use crate::surface::render::age::span;
use crate::surface::render::{Column, Paint, Table, age, text};

pub(super) fn created(cx: &Context, taken: &Taken) -> Result<(), Failure> {
    let c = &taken.created;
    if cx.json() {
        return cx.write_json(&json!({
            "id": c.id, "kind": c.kind.word(), "repository": taken.repository, "time": c.time,
            "files_new": c.files_new, "files_changed": c.files_changed, "files_unmodified": c.files_unmodified,
            "bytes": c.bytes, "bytes_added": c.bytes_added, "gone": c.gone, "seconds": c.seconds,
        }));
    }
    if c.gone > 0 {
        cx.note(&format!("{} deleted while the snapshot was taken", text::count(c.gone as usize, "message")));
    }
    let took = span(Duration::from_secs_f64(c.seconds.max(0.0)));
    let head = cx.paint(Paint::Good, &format!("Snapshot {}", &c.id[..8.min(c.id.len())]));
    let mut out = format!("{head} ({}) in {took}\n", c.kind);
    out += &format!("  {} new, {} changed, {} as before\n", c.files_new, c.files_changed, c.files_unmodified);
    let place = text::line(&taken.repository).into_owned();
    out += &format!("  {} in it, {} added to {place}\n", text::bytes(c.bytes), text::bytes(c.bytes_added));
    cx.print(&out)
}

fn as_json(s: &Snapshot) -> Value {
    json!({
        "id": s.id, "time": s.time, "kind": s.kind, "root": s.root, "parent": s.parent, "host": s.hostname,
        "paths": s.paths, "tags": s.tags, "agents": s.agents, "files": s.files, "bytes": s.bytes, "bytes_added": s.bytes_added,
        "files_new": s.counts.0, "files_changed": s.counts.1, "files_unmodified": s.counts.2, "seconds": s.seconds,
    })
}

/// What is known of a snapshot from the last check of its repository.
fn checked(s: &Snapshot, check: Option<&LastCheck>) -> (&'static str, Option<Paint>) {
    match check.filter(|check| check.time >= s.time) {
        Some(check) if check.clean => ("clean", Some(Paint::Good)),
        Some(_) => ("damage", Some(Paint::Bad)),
        None => ("not yet", Some(Paint::Faint)),
    }
}

pub(super) fn list(cx: &Context, all: &[Snapshot], root: &str, check: Option<&LastCheck>) -> Result<(), Failure> {
    if cx.json() {
        let list = all.iter().map(|s| {
            let mut json = as_json(s);
            json["checked"] = checked(s, check).0.replace(' ', "_").into();
            json
        });
        return cx.write_json(&list.collect::<Vec<_>>());
    }
    if all.is_empty() {
        return cx.say("No snapshots yet: cellphone snapshot create");
    }
    let mut table = Table::new(&[
        Column::text("SNAPSHOT"),
        Column::number("AGE"),
        Column::text("KIND"),
        Column::number("AGENTS"),
        Column::number("FILES"),
        Column::number("SIZE"),
        Column::number("ADDED"),
        Column::text("CHECKED"),
        Column::flexible("OF"),
    ]);
    for s in all {
        let state = checked(s, check);
        let kind = s.kind.map_or(("foreign", Some(Paint::Warn)), |k| (k.word(), None));
        let mine = s.root.as_deref() == Some(root);
        let of = if mine { "this root".to_owned() } else { format!("{} {}", s.hostname, s.paths.join(" ")) };
        table.painted(vec![
            (s.short().to_owned(), None),
            (age::age(s.time, cx.now), Some(Paint::Faint)),
            (kind.0.to_owned(), kind.1),
            (s.agents.map_or_else(|| "-".to_owned(), |n| n.to_string()), None),
            (s.files.to_string(), None),
            (text::bytes(s.bytes), None),
            (text::bytes(s.bytes_added), None),
            (state.0.to_owned(), state.1),
            (of, Some(Paint::Faint)),
        ]);
    }
    cx.print(&table.render(cx.style))
}

pub(super) fn one(cx: &Context, s: &Snapshot) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&as_json(s));
    }
    let mut table = Table::new(&[Column::text("WHAT"), Column::flexible("IS")]);
    let kind = s.kind.map_or("another program's", crate::office::snapshots::Kind::word);
    let counts = format!("{} new, {} changed, {} as before", s.counts.0, s.counts.1, s.counts.2);
    for (what, is) in [
        ("snapshot", s.id.clone()),
        ("time", format!("{:.0} ({})", s.time, age::age(s.time, cx.now))),
        ("kind", kind.to_owned()),
        ("compared with", s.parent.clone().unwrap_or_else(|| "nothing".into())),
        ("of", format!("{} {}", s.hostname, s.paths.join(" "))),
        ("root", s.root.clone().unwrap_or_default()),
        ("tags", s.tags.join(", ")),
        ("files", format!("{}: {counts}", s.files)),
        ("size", text::bytes(s.bytes)),
        ("added", text::bytes(s.bytes_added)),
        ("took", span(Duration::from_secs_f64(s.seconds.max(0.0)))),
    ] {
        table.row(&[what, &is]);
    }
    cx.print(&table.render(cx.style))
}
