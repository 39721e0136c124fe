//! `cellphone retention`: planned, shown, then applied.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::{Value, json};

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::model::Permission;
use crate::office::RetentionPlan;
use crate::surface::render::{Column, Paint, Table, text};

/// Arguments of `retention`.
#[derive(Debug, clap::Args)]
pub(super) struct RetentionArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// What would be archived or deleted; changes nothing
    Plan,
    /// Shows the plan, asks, and does exactly that
    Apply {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

impl Run for RetentionArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let plan = office.retention_plan()?;
        let steps = plan.mailboxes.iter().map(|(_, p)| p.steps.len()).sum::<usize>();
        let What::Apply { yes } = self.what else {
            return if cx.json() { cx.write_json(&plan_json(&plan)) } else { cx.print(&shown(cx, &plan, steps)) };
        };
        if !cx.json() {
            cx.print(&shown(cx, &plan, steps))?;
        }
        // Before the question: the answer would be in vain.
        office.may(Permission::Prune)?;
        if steps > 0 && !yes && !ask(cx)? {
            return Err(Failure::new(Code::Refused, "nothing was changed").hint("cellphone retention apply --yes"));
        }
        let done = office.retention_apply(&plan)?;
        if cx.json() {
            cx.write_json(&json!({ "applied": done.done, "failed": done.failed, "plan": plan_json(&plan) }))?;
        } else if steps > 0 {
            cx.say(&format!("Done: {}.", text::count(done.done, "message")))?;
        }
        if done.failed.is_empty() {
            return Ok(());
        }
        let left = text::count(done.failed.len(), "message");
        Err(Failure::new(Code::Failed, format!("{left} stayed where they were: {}", done.failed.join("; ")))
            .hint("cellphone doctor"))
    }
}

fn plan_json(plan: &RetentionPlan) -> Value {
    let steps = plan.mailboxes.iter().flat_map(|(agent, one)| {
        one.steps.iter().map(move |step| {
            json!({
                "agent": agent, "id": step.message.name.id(), "file": step.message.file,
                "bytes": step.bytes, "action": if step.delete { "delete" } else { "archive" },
            })
        })
    });
    steps.collect()
}

fn shown(cx: &Context, plan: &RetentionPlan, steps: usize) -> String {
    if steps == 0 {
        return "There is nothing to archive or delete.\n".to_owned();
    }
    let mut table = Table::new(&[
        Column::text("AGENT"),
        Column::text("ACTION"),
        Column::number("SIZE"),
        Column::flexible("MESSAGE"),
    ]);
    let mut freed = 0;
    for (agent, one) in &plan.mailboxes {
        for step in &one.steps {
            let action = if step.delete { ("delete", Some(Paint::Bad)) } else { ("archive", None) };
            freed += if step.delete { step.bytes } else { 0 };
            table.painted(vec![
                (agent.to_string(), None),
                (action.0.to_owned(), action.1),
                (text::bytes(step.bytes), None),
                (step.message.file.clone(), Some(Paint::Faint)),
            ]);
        }
    }
    format!("{}{}, {} freed\n", table.render(cx.style), text::count(steps, "message"), text::bytes(freed))
}

fn ask(cx: &Context) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    cx.print("Do exactly this? [y/N] ")?;
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|e| Failure::new(Code::Failed, format!("cannot read the answer: {e}")))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
