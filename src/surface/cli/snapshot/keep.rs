//! Check, repair, forget, prune, copies, keys.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use serde_json::json;

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use super::progress;
use crate::model::Permission;
use crate::office::Office;
use crate::office::setup::parse_duration;
use crate::office::snapshots::{Checked, Depth, ForgetPlan};
use crate::surface::render::{Column, Paint, Table, age, text};

/// Arguments of `snapshot forget`.
#[derive(Debug, clap::Args)]
pub(super) struct ForgetArgs {
    /// Newest ones to keep; otherwise snapshot.keep_last, and so on
    #[arg(long, value_name = "N")]
    keep_last: Option<u32>,
    /// Hours of which to keep the newest
    #[arg(long, value_name = "N")]
    keep_hourly: Option<u32>,
    /// Days
    #[arg(long, value_name = "N")]
    keep_daily: Option<u32>,
    /// Weeks
    #[arg(long, value_name = "N")]
    keep_weekly: Option<u32>,
    /// Months
    #[arg(long, value_name = "N")]
    keep_monthly: Option<u32>,
    /// Keep all up to this age
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    keep_within: Option<std::time::Duration>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Arguments of `snapshot prune`.
#[derive(Debug, clap::Args)]
pub(super) struct PruneArgs {
    /// Remove at once what is marked first otherwise; only when nobody else writes there
    #[arg(long)]
    now: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// What `snapshot key` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum KeyWhat {
    /// Where the password is
    File,
    /// The keys of the repository
    List,
    /// Add a password, read from standard input
    Add,
    /// Take a key away
    Remove {
        /// Its id, or the beginning of it
        id: String,
    },
}

fn agreed(cx: &Context, yes: bool, again: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let mut line = String::new();
    if std::io::stdin().is_terminal() {
        cx.print("Do exactly this? [y/N] ")?;
        let read = std::io::stdin().lock().read_line(&mut line);
        read.map_err(|e| Failure::new(Code::Failed, format!("cannot read the answer: {e}")))?;
    }
    match line.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new(Code::Refused, "nothing was changed").hint(again.to_owned())),
    }
}

pub(super) fn check(
    cx: &Context,
    office: &Office,
    which: Option<&str>,
    all: bool,
    part: Option<f64>,
) -> Result<(), Failure> {
    let depth = if all { Depth::All } else { part.map_or(Depth::Structure, Depth::Subset) };
    let found = progress::watched(cx, |progress| Ok(office.snapshot_check(which, depth, progress)?))?;
    if cx.json() {
        cx.write_json(&check_json(&found))?;
    } else {
        cx.print(&shown(cx, &found))?;
    }
    if found.is_clean() {
        return Ok(());
    }
    let why = format!(
        "{} in the repository; {} lost",
        text::count(found.faults.len(), "fault"),
        text::count(found.lost.len(), "file")
    );
    Err(Failure::new(Code::Failed, why).hint("cellphone snapshot repair"))
}

fn check_json(found: &Checked) -> serde_json::Value {
    json!({
        "clean": found.is_clean(), "packs": found.packs, "packs_read": found.packs_read,
        "snapshots": found.snapshots, "unreferenced": found.unreferenced, "faults": found.faults,
        "lost": found.lost.iter().map(|l| json!({ "path": l.path, "snapshot": l.snapshot })).collect::<Vec<_>>(),
    })
}

fn shown(cx: &Context, found: &Checked) -> String {
    const MOST: usize = 20;
    let mut out = format!(
        "{}, {}, {} read\n",
        text::count(found.snapshots, "snapshot"),
        text::count(found.packs, "pack"),
        found.packs_read
    );
    if found.unreferenced > 0 {
        out += &format!(
            "{} left by an attempt that was cut off; prune removes them\n",
            text::count(found.unreferenced, "pack")
        );
    }
    for fault in &found.faults {
        out += &format!("{} {}\n", cx.paint(Paint::Bad, "damaged:"), text::line(fault));
    }
    for lost in found.lost.iter().take(MOST) {
        let path = lost.path.display().to_string();
        out += &format!("{} {} (snapshot {})\n", cx.paint(Paint::Bad, "lost:"), text::line(&path), lost.snapshot);
    }
    if found.lost.len() > MOST {
        out += &format!("… and {} more; --json names them all\n", found.lost.len() - MOST);
    }
    if found.is_clean() {
        out += &format!("{}\n", cx.paint(Paint::Good, "All of it is whole."));
    }
    out
}

pub(super) fn repair(cx: &Context, office: &Office, which: Option<&str>, yes: bool) -> Result<(), Failure> {
    let plan = progress::watched(cx, |progress| Ok(office.snapshot_repair_plan(which, progress)?))?;
    if !cx.json() {
        cx.print(&shown(cx, &plan.checked))?;
        if !plan.is_empty() {
            let (gone, found) = (text::count(plan.forgotten, "piece"), text::count(plan.found, "pack"));
            cx.say(&format!("A repair takes {gone} out of the index and puts {found} back into it."))?;
        }
    }
    if !plan.is_empty() {
        agreed(cx, yes, "cellphone snapshot repair --yes")?;
        office.snapshot_repair(which, &plan)?;
    }
    if cx.json() {
        return cx.write_json(&json!({
            "forgotten": plan.forgotten, "found": plan.found, "checked": check_json(&plan.checked),
        }));
    }
    let next = "Done. What live files still have is stored anew by: cellphone snapshot create --full";
    cx.say(if plan.is_empty() { "There is nothing to repair." } else { next })
}

impl ForgetArgs {
    pub(super) fn run(self, cx: &Context, office: &Office, which: Option<&str>) -> Result<(), Failure> {
        let mut rules = office.keep_rules();
        let given = [self.keep_last, self.keep_hourly, self.keep_daily, self.keep_weekly, self.keep_monthly];
        // Whoever names a rule means that one alone.
        if given.iter().any(Option::is_some) || self.keep_within.is_some() {
            rules.last = self.keep_last.unwrap_or(0);
            rules.hourly = self.keep_hourly.unwrap_or(0);
            rules.daily = self.keep_daily.unwrap_or(0);
            rules.weekly = self.keep_weekly.unwrap_or(0);
            rules.monthly = self.keep_monthly.unwrap_or(0);
            rules.within = self.keep_within.unwrap_or_default();
        }
        let plan = office.snapshot_forget_plan(which, &rules)?;
        let going = plan.going().count();
        if !cx.json() {
            cx.print(&forgetting(cx, &plan))?;
        }
        if going > 0 {
            office.may(Permission::Prune)?;
            agreed(cx, self.yes, "cellphone snapshot forget --yes")?;
            office.snapshot_forget(which, &plan)?;
        }
        if cx.json() {
            let one = |(s, why): &(crate::office::snapshots::Snapshot, Vec<&str>)| json!({ "id": s.id, "time": s.time, "kept": !why.is_empty(), "because": why });
            return cx.write_json(&plan.snapshots.iter().map(one).collect::<Vec<_>>());
        }
        let next = "Done. The space comes back with: cellphone snapshot prune";
        cx.say(if going == 0 { "There is nothing to forget." } else { next })
    }
}

fn forgetting(cx: &Context, plan: &ForgetPlan) -> String {
    let mut table = Table::new(&[
        Column::text("SNAPSHOT"),
        Column::number("AGE"),
        Column::text("KIND"),
        Column::text("STAYS"),
        Column::flexible("BECAUSE"),
    ]);
    for (s, why) in &plan.snapshots {
        let stays = if why.is_empty() { ("no", Some(Paint::Bad)) } else { ("yes", None) };
        table.painted(vec![
            (s.short().to_owned(), None),
            (age::age(s.time, cx.now), Some(Paint::Faint)),
            (s.kind.map(|k| k.word().to_owned()).unwrap_or_default(), None),
            (stays.0.to_owned(), stays.1),
            (why.join(", "), Some(Paint::Faint)),
        ]);
    }
    table.render(cx.style)
}

impl PruneArgs {
    pub(super) fn run(self, cx: &Context, office: &Office, which: Option<&str>) -> Result<(), Failure> {
        let plan = office.snapshot_prune_plan(which, self.now)?;
        let sizes = json!({
            "removed": plan.removed, "marked": plan.marked, "repacked": plan.repacked,
            "unreferenced_packs": plan.unreferenced,
        });
        if !cx.json() {
            let marked = if self.now { "removed with them" } else { "marked, to be removed by a prune after 23 h" };
            cx.print(&format!(
                "{} marked before are removed\n{} nobody needs are {marked}\n{} are written anew\n",
                text::bytes(plan.removed),
                text::bytes(plan.marked),
                text::bytes(plan.repacked)
            ))?;
        }
        office.may(Permission::Prune)?;
        agreed(cx, self.yes, "cellphone snapshot prune --yes")?;
        office.snapshot_prune(which, self.now, plan)?;
        if cx.json() { cx.write_json(&sizes) } else { cx.say("Done.") }
    }
}

pub(super) fn copy(cx: &Context, office: &Office) -> Result<(), Failure> {
    let done = office.snapshot_copy()?;
    if cx.json() {
        let list = done.iter().map(|(place, n)| json!({ "repository": place.to_string(), "snapshots": n }));
        return cx.write_json(&list.collect::<Vec<_>>());
    }
    if done.is_empty() {
        return cx.say("There is one repository only: cellphone config set snapshot.repositories default,/elsewhere");
    }
    for (place, n) in done {
        cx.say(&format!("{} copied to {}", text::count(n, "snapshot"), text::line(&place.to_string())))?;
    }
    Ok(())
}

impl KeyWhat {
    pub(super) fn run(self, cx: &Context, office: &Office, which: Option<&str>) -> Result<(), Failure> {
        match self {
            Self::File => {
                let secrets = office.snapshot_secrets()?;
                let path = secrets.password_file().ok_or_else(|| {
                    Failure::new(
                        Code::NotFound,
                        format!("the password is in no file; it is in {}", secrets.source().place()),
                    )
                })?;
                if cx.json() {
                    return cx.write_json(&json!({ "password_file": path, "there": path.is_file() }));
                }
                cx.say(&text::line(&path.display().to_string()))
            }
            Self::List => {
                let keys = office.snapshot_keys(which)?;
                if cx.json() {
                    let one = |k: &crate::office::snapshots::KeyInfo| json!({ "id": k.id, "user": k.user, "host": k.host, "created": k.created });
                    return cx.write_json(&keys.iter().map(one).collect::<Vec<_>>());
                }
                let mut table = Table::new(&[Column::text("KEY"), Column::text("BY"), Column::number("AGE")]);
                for k in keys {
                    let old = k.created.map(|at| age::age(at, cx.now)).unwrap_or_default();
                    table.row(&[&k.id[..8.min(k.id.len())], &format!("{}@{}", k.user, k.host), &old]);
                }
                cx.print(&table.render(cx.style))
            }
            Self::Add => {
                let mut text = String::new();
                let read = std::io::stdin().lock().take(16 * 1024).read_to_string(&mut text);
                read.map_err(|e| Failure::new(Code::Failed, format!("cannot read the password: {e}")))?;
                let id = office.snapshot_key_add(which, text.trim_end_matches(['\r', '\n']))?;
                if cx.json() { cx.write_json(&json!({ "id": id })) } else { cx.say(&format!("Added: {}", &id[..8])) }
            }
            Self::Remove { id } => {
                let id = office.snapshot_key_remove(which, &id)?;
                if cx.json() { cx.write_json(&json!({ "id": id })) } else { cx.say(&format!("Removed: {}", &id[..8])) }
            }
        }
    }
}
