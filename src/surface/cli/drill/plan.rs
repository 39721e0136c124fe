//! `cellphone drill plan`: the recovery plan on paper.

use super::super::context::Context;
use super::super::failure::Failure;
use crate::office::Office;
use crate::office::drill_reports::seconds;
use crate::office::drills::{Plan, PlanStep};
use crate::surface::render::text;

/// Columns of a printed page.
const PAGE: usize = 78;

/// Arguments of `drill plan`.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// Which scenario; cellphone drill list names them
    scenario: String,
    /// Whom it happened to, where it is one agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// As Markdown
    #[arg(long)]
    markdown: bool,
}

impl PlanArgs {
    pub(super) fn run(self, cx: &Context, office: &Office) -> Result<(), Failure> {
        let plan = office.drill_plan(&self.scenario, self.agent.as_deref())?;
        if cx.json() {
            return cx.write_json(&plan);
        }
        cx.print(&if self.markdown { markdown(&plan) } else { page(&plan) })
    }
}

fn promise(plan: &Plan) -> String {
    let t = plan.targets;
    format!(
        "Back within {} (aimed at {}); at most {} of mail lost (aimed at {}).",
        seconds(t.rto_seconds),
        seconds(t.stretch_rto_seconds),
        seconds(t.rpo_seconds),
        seconds(t.stretch_rpo_seconds)
    )
}

fn systems(plan: &Plan) -> String {
    let all = plan.systems.iter().map(|system| format!("{} ({})", text::line(&system.name), system.tier.word()));
    all.collect::<Vec<_>>().join(", ")
}

/// What is to be looked at after a command, if not only that it succeeds.
fn check(step: &PlanStep) -> Option<String> {
    let codes = step.exits.iter().map(i32::to_string).collect::<Vec<_>>().join(" or ");
    match (&step.expect, codes.is_empty()) {
        (Some(words), _) => Some(format!("It must say: {}", text::line(words))),
        (None, false) => Some(format!("It may end with {codes}.")),
        (None, true) => None,
    }
}

fn page(plan: &Plan) -> String {
    let mut out = format!("RECOVERY PLAN  {}\n{}\n\n", text::line(&plan.scenario), text::line(&plan.title));
    for (name, said) in [("Affected", systems(plan)), ("Targets", promise(plan))] {
        let folded = text::wrap(&said, Some(PAGE - 10), 0);
        for (n, line) in folded.lines().enumerate() {
            out += &format!("{:<9} {line}\n", if n == 0 { name } else { "" });
        }
    }
    out += "\nSteps. Tick each when it is done, and note the time.\n";
    for (n, step) in plan.steps.iter().enumerate() {
        out += &format!("\n[ ] {:>2}  {}\n", n + 1, text::line(&step.title));
        for line in text::wrap(&text::line(&step.say), Some(PAGE - 8), 0).lines().filter(|line| !line.is_empty()) {
            out += &format!("        {line}\n");
        }
        if let Some(command) = &step.command {
            // Never folded: a command is copied as it stands.
            out += &format!("        $ {}\n", text::line(command));
        }
        if let Some(check) = check(step) {
            out += &format!("        {check}\n");
        }
    }
    if !plan.may_differ.is_empty() {
        out += "\nNeed not be as before:\n";
        for (path, why) in &plan.may_differ {
            out += &format!("    {}  {}\n", text::line(path), text::line(why));
        }
    }
    out + "\nThe password of the repositories stands on the recovery sheet\n(cellphone snapshot sheet), which is kept on paper, away from the machine.\n"
}

fn markdown(plan: &Plan) -> String {
    let mut out = format!("# Recovery plan: {}\n\n{}\n\n", text::line(&plan.scenario), text::line(&plan.title));
    out += &format!("- **Affected:** {}\n- **Targets:** {}\n\n## Steps\n\n", systems(plan), promise(plan));
    for step in &plan.steps {
        out += &format!("- [ ] **{}**", text::line(&step.title));
        if !step.say.trim().is_empty() {
            out += &format!("  \n  {}", text::line(&step.say));
        }
        out += "\n";
        if let Some(command) = &step.command {
            out += &format!("\n  ```sh\n  {}\n  ```\n", text::line(command));
        }
        if let Some(check) = check(step) {
            out += &format!("\n  {check}\n");
        }
    }
    out
}
