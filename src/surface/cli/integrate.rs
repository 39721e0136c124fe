//! `cellphone integrate`: an agent program reads its mail without asking.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::model::AgentName;
use crate::office::integrate::Integration;
use crate::surface::render::{Paint, diff, text};

pub(super) const EXAMPLES: &str = "cellphone integrate claude-code
cellphone integrate codex --dir ~/project --agent Agent-2 --yes
cellphone integrate gemini-cli --undo";

/// Arguments of `integrate`.
#[derive(Debug, clap::Args)]
pub(super) struct IntegrateArgs {
    /// claude-code, codex, gemini-cli, cursor or opencode
    program: String,
    /// Whose mailbox: named in the instruction, for programs that are not started by `run` or after `join`
    #[arg(long)]
    agent: Option<AgentName>,
    /// The project the agent works in; this folder when left out
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Take it back
    #[arg(long, conflicts_with = "agent")]
    undo: bool,
    /// Change the files without asking
    #[arg(long, short)]
    yes: bool,
}

impl Run for IntegrateArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from("."));
        let plan = if self.undo {
            office.plan_undo(&self.program, &dir)?
        } else {
            office.plan_integration(&self.program, &dir, self.agent.as_ref())?
        };
        if !cx.json() {
            cx.print(&shown(cx, &plan))?;
        }
        if plan.changes.is_empty() && !self.undo {
            return self.end(cx, &plan, false);
        }
        if !self.yes && (cx.json() || !asked(cx, plan.changes.len())?) {
            if cx.json() {
                return self.end(cx, &plan, false);
            }
            return Err(Failure::new(Code::Refused, "nothing was changed")
                .hint("look at the lines above; to have them: the same command with --yes"));
        }
        office.apply_integration(&plan)?;
        self.end(cx, &plan, true)
    }
}

impl IntegrateArgs {
    fn end(&self, cx: &Context, plan: &Integration, applied: bool) -> Result<(), Failure> {
        if cx.json() {
            let files: Vec<_> =
                plan.changes.iter().map(|c| json!({"path": c.path, "before": c.before, "after": c.after})).collect();
            return cx.write_json(&json!({
                "program": plan.program, "dir": plan.dir, "undo": self.undo, "applied": applied, "changes": files,
            }));
        }
        let dir = text::line(&plan.dir.display().to_string()).into_owned();
        match (applied, self.undo) {
            (false, _) => cx.say(&format!("{} is integrated in {dir} already.", plan.program)),
            (true, true) => cx.say(&format!("{} is as it was in {dir}.", plan.program)),
            (true, false) => {
                cx.say(&format!(
                    "{} is integrated in {dir}; begin a new conversation there. To take it back: the same with --undo.",
                    plan.program
                ))?;
                if plan.program == "codex" {
                    cx.say("Codex runs new hooks only after you looked at them: /hooks in it.")?;
                }
                Ok(())
            }
        }
    }
}

/// The lines that change, with what stands around them.
fn shown(cx: &Context, plan: &Integration) -> String {
    let mut out = String::new();
    for change in &plan.changes {
        let (before, after) =
            (change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default());
        let word = match (&change.before, &change.after) {
            (None, _) => " (new)",
            (_, None) => " (goes)",
            _ => "",
        };
        let name = text::line(&change.path.display().to_string()).into_owned();
        out += &format!("{}{word}\n", cx.paint(Paint::Strong, &name));
        out += &diff::shown(cx.style, before, after, usize::MAX).0;
    }
    out
}

fn asked(cx: &Context, files: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    cx.print(&format!("Change {}? [y/N] ", text::count(files, "file")))?;
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|e| Failure::new(Code::Failed, format!("cannot read the answer: {e}")))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
