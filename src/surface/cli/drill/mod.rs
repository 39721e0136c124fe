//! `cellphone drill`: disasters rehearsed, and what they left.

mod history;
mod list;
mod live;
mod plan;
mod report;
mod run;

use super::Run;
use super::context::Context;
use super::failure::Failure;

pub(super) const EXAMPLES: &str = "cellphone drill list
cellphone drill run lost-disk
cellphone drill run --all
cellphone drill run lost-inbox --live
cellphone drill plan lost-host > plan.txt
cellphone drill report latest --open";

/// Arguments of `drill`.
#[derive(Debug, clap::Args)]
pub(super) struct DrillArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The scenarios: what breaks, how they stand, when the next drill is due
    List,
    /// Rehearse disasters, on a copy of this root or on the root itself
    Run(run::RunArgs),
    /// Take back a drill on the root itself that was cut short
    Back,
    /// The recovery plan with this root's own paths, to print and keep
    Plan(plan::PlanArgs),
    /// Write a commented scenario to begin from
    New {
        /// Its name: small letters, digits and -
        name: String,
    },
    /// The drills there were, newest last
    History(history::HistoryArgs),
    /// The report of a drill
    Report(report::ReportArgs),
}

impl Run for DrillArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        match self.what {
            What::List => list::list(cx, &office),
            What::Run(args) => args.run(cx, &office),
            What::Back => live::back(cx, &office),
            What::Plan(args) => args.run(cx, &office),
            What::New { name } => {
                let path = office.drill_new(&name)?;
                if cx.json() {
                    return cx.write_json(&serde_json::json!({ "path": path, "scenario": name }));
                }
                cx.say(&format!("Wrote {}", path.display()))?;
                let next = "Change it, then: cellphone trust config/continuity, and cellphone drill run";
                cx.say(&format!("{next} {name}"))
            }
            What::History(args) => args.run(cx, &office),
            What::Report(args) => args.run(cx, &office),
        }
    }
}
