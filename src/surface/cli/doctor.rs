//! `cellphone doctor`: what is wrong, and with `--fix` its repair.

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::office::Office;
use crate::office::doctor::Effort;
use crate::surface::render::{Paint, text};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Repair what can be repaired
    #[arg(long)]
    fix: bool,
    /// Read every message and all data of every repository of snapshots
    #[arg(long, conflicts_with = "agents")]
    deep: bool,
    /// Only these mailboxes; otherwise everything
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,
}

impl Run for DoctorArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        // Whoever was named to act may be missing from a roster that is to be mended.
        let office = Office::open_for_repair(cx.globals.root.as_deref(), &cx.said)?;
        cx.warn_of(&office);
        let findings = match self.agents.as_slice() {
            [] => office.doctor(Effort { fix: self.fix, deep: self.deep })?,
            some => office.doctor_of(some, self.fix)?,
        };
        let open = findings.iter().filter(|f| !f.fixed).count();
        if cx.json() {
            let all: Vec<_> = findings
                .iter()
                .map(|f| {
                    json!({
                        "check": f.check, "what": f.what, "path": f.path, "fix": f.fix,
                        "fixed": f.fixed, "repairable": f.repairable, "detector": f.detector,
                        "runbook": f.runbook,
                    })
                })
                .collect();
            cx.write_json(&all)?;
            return if open == 0 { Ok(()) } else { Err(Failure::Silent(1)) };
        }
        if findings.is_empty() {
            return cx.say(&cx.paint(Paint::Good, "Nothing is wrong."));
        }
        let mut out = String::new();
        for f in &findings {
            let mark = if f.fixed { cx.paint(Paint::Good, "fixed") } else { cx.paint(Paint::Warn, "found") };
            out += &format!("{mark}  {}\n", text::line(&f.what));
            out += &format!("       {}\n", cx.paint(Paint::Faint, &text::line(&f.path.display().to_string())));
            if !f.fixed {
                out += &format!("       {}\n", text::line(&f.fix));
                if let Some(runbook) = &f.runbook {
                    out += &format!("       what to do: cellphone drill plan {}\n", text::line(runbook));
                }
            }
        }
        let repairable = findings.iter().filter(|f| !f.fixed && f.repairable).count();
        out += &format!("\n{}, {} repaired.\n", text::count(findings.len(), "finding"), findings.len() - open);
        if repairable > 0 && !self.fix {
            out += &format!("cellphone doctor --fix repairs {repairable} of them\n");
        }
        cx.print(&out)?;
        if open == 0 { Ok(()) } else { Err(Failure::Silent(1)) }
    }
}
