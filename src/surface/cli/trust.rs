//! `cellphone trust`: what in the tree may make the program do something.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::model::Permission;
use crate::office::setup::{TrustItem, TrustState};
use crate::surface::render::{Column, Paint, Table, text};

/// Arguments of `trust`.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// Approve without asking
    #[arg(long, short)]
    yes: bool,
}

impl Run for TrustArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let items = office.trust_status()?;
        let open: Vec<TrustItem> = items.iter().filter(|i| i.state != TrustState::Approved).cloned().collect();
        if cx.json() && !self.yes {
            return cx.write_json(&items.iter().map(item_json).collect::<Vec<_>>());
        }
        if !cx.json() {
            cx.print(&table(cx, &items))?;
        }
        if open.is_empty() {
            return if cx.json() { cx.write_json(&json!([])) } else { cx.say("All of it is approved.") };
        }
        // Before the question: the answer would be in vain.
        office.may(Permission::Trust)?;
        if !self.yes && !ask(cx, open.len())? {
            return Err(Failure::new(Code::Refused, "nothing was approved; the approved copies stay in force")
                .hint("cellphone trust --yes"));
        }
        let done = office.trust_approve(&open)?;
        if cx.json() {
            return cx.write_json(&done.iter().map(item_json).collect::<Vec<_>>());
        }
        cx.say(&format!("Approved: {}.", text::count(done.len(), "file")))
    }
}

fn item_json(item: &TrustItem) -> serde_json::Value {
    json!({ "path": item.path, "state": item.state.as_str(), "digest": item.digest })
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
