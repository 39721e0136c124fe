//! `cellphone trust`: what in the tree may make the program do something.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::model::Permission;
use crate::office::approval::TrustChange;
use crate::office::setup::{TrustItem, TrustState};
use crate::surface::render::{Column, Paint, Table, diff, text};

/// Lines of a change that are shown; all of them when the file is named.
const SHOWN: usize = 40;

pub(super) const EXAMPLES: &str = "cellphone trust
cellphone trust hooks/delivered config/agents.yaml
cellphone trust --yes";

/// Arguments of `trust`.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// Only these files, shown whole: paths from the root; a folder means what lies in it
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Approve without asking
    #[arg(long, short)]
    yes: bool,
}

impl Run for TrustArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let items = chosen(office.trust_status()?, &self.paths)?;
        let open: Vec<TrustItem> = items.iter().filter(|i| i.state != TrustState::Approved).cloned().collect();
        let changes = office.trust_changes(&open)?;
        if cx.json() && !self.yes {
            let change = |item: &TrustItem| changes.iter().find(|c| c.item == *item);
            return cx.write_json(&items.iter().map(|item| item_json(item, change(item))).collect::<Vec<_>>());
        }
        if !cx.json() {
            if let Some(why) = office.trust_summary().refused {
                cx.note(&why);
            }
            cx.print(&table(cx, &items))?;
            cx.print(&changes.iter().map(|c| shown(cx, c, self.paths.is_empty())).collect::<String>())?;
        }
        if open.is_empty() {
            return if cx.json() { cx.write_json(&json!([])) } else { cx.say("All of it is approved.") };
        }
        // Before the question: the answer would be in vain.
        office.may(Permission::Trust)?;
        if !self.yes && !ask(cx, open.len())? {
            return Err(Failure::new(Code::Refused, "nothing was approved; the approved copies stay in force")
                .hint("cellphone trust --yes, or some of it: cellphone trust PATH --yes"));
        }
        let done = office.trust_approve(&open)?;
        if cx.json() {
            return cx.write_json(&done.iter().map(|item| item_json(item, None)).collect::<Vec<_>>());
        }
        cx.say(&format!("Approved: {}.", text::count(done.len(), "file")))
    }
}

/// The items that paths mean; all of them without one.
fn chosen(items: Vec<TrustItem>, paths: &[String]) -> Result<Vec<TrustItem>, Failure> {
    let mut wanted = Vec::new();
    for path in paths {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let meant = |item: &&TrustItem| {
            item.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '#']))
        };
        let found: Vec<&TrustItem> = items.iter().filter(meant).collect();
        if found.is_empty() {
            return Err(Failure::new(Code::NotFound, format!("{path} is no file that is approved"))
                .hint("cellphone trust lists them all, by their paths from the root"));
        }
        wanted.extend(found.into_iter().cloned());
    }
    Ok(if paths.is_empty() { items } else { wanted })
}

fn item_json(item: &TrustItem, change: Option<&TrustChange>) -> serde_json::Value {
    let mut out = json!({ "path": item.path, "state": item.state.as_str(), "digest": item.digest });
    if let (Some(change), Some(map)) = (change, out.as_object_mut()) {
        map.insert("means".into(), json!(change.means));
        map.insert("as_shipped".into(), change.as_shipped.into());
        map.insert("diff".into(), if change.binary { serde_json::Value::Null } else { difference(change).into() });
    }
    out
}

fn sides(change: &TrustChange) -> (&str, &str) {
    (change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default())
}

fn difference(change: &TrustChange) -> String {
    let (before, after) = sides(change);
    diff::unified(before, after)
}

/// One change: what it would do, then its lines.
fn shown(cx: &Context, change: &TrustChange, short: bool) -> String {
    let mut out = format!("\n{}\n", cx.paint(Paint::Strong, &text::line(&change.item.path)));
    for line in &change.means {
        out += &format!("  {}\n", cx.paint(Paint::Warn, &text::wrap(&text::line(line), cx.style.width, 2)));
    }
    if change.binary {
        return out + &format!("  no text; sha256 {}\n", change.item.digest);
    }
    if change.as_shipped && short && change.before.is_none() {
        return out + "  as this version of cellphone brings it along\n";
    }
    let (before, after) = sides(change);
    if before == after {
        return out + "  the same as in the tree, but not what was approved: the copy itself was changed\n";
    }
    let limit = if short { SHOWN } else { usize::MAX };
    let (lines, more) = diff::shown(cx.style, before, after, limit);
    out += &lines;
    if more > 0 {
        let all = format!("… {} more; all of it: cellphone trust {}", text::count(more, "line"), change.item.path);
        out += &format!("  {}\n", cx.paint(Paint::Faint, &text::line(&all)));
    }
    out
}

fn table(cx: &Context, items: &[TrustItem]) -> String {
    let mut table = Table::new(&[Column::flexible("FILE"), Column::text("STATE"), Column::text("MEANS")]);
    for item in items {
        let (paint, means) = match item.state {
            TrustState::Approved => (None, ""),
            TrustState::Changed => (Some(Paint::Warn), "the approved copy is in force, not this"),
            TrustState::New => (Some(Paint::Warn), "without effect until approved"),
            TrustState::Missing => (Some(Paint::Warn), "gone; the approved copy is in force"),
        };
        table.painted(vec![
            (item.path.clone(), None),
            (item.state.as_str().to_owned(), paint),
            (means.to_owned(), Some(Paint::Faint)),
        ]);
    }
    table.render(cx.style)
}

fn ask(cx: &Context, n: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    cx.print(&format!("Approve {}? Have you read them? [y/N] ", text::count(n, "file")))?;
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|e| Failure::new(Code::Failed, format!("cannot read the answer: {e}")))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
