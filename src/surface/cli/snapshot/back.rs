//! `cellphone snapshot restore`: the plan, and with `--yes` the deed.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use super::{look, progress};
use crate::model::AgentName;
use crate::office::Office;
use crate::office::snapshots::restore::{
    Aside, DaemonTold, JournalPlan, MailboxPlan, Phase, RestorePlan, RestoreRequest, Restored, RestoredFrom, Step,
};
use crate::office::snapshots::{Part, Selection, Wanted};
use crate::surface::render::{Column, Paint, Table, age, text};

/// Messages and files that are named one by one, for each mailbox.
const NAMED: usize = 5;

/// Arguments of `snapshot restore`.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Its id or the beginning of it, or `latest`
    #[arg(value_parser = super::wanted, default_value = "latest")]
    snapshot: Wanted,
    /// The newest one at this time or before it
    #[arg(long, value_name = "TIME", value_parser = |t: &str| t.parse::<Timestamp>().map_err(|e| e.to_string()))]
    at: Option<Timestamp>,
    /// Only this agent's mailbox
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Only what lies at or below this path of the root
    #[arg(long, value_name = "PATH", conflicts_with = "agent")]
    path: Option<String>,
    /// Only this message, by its id
    #[arg(long, value_name = "ID", conflicts_with_all = ["agent", "path"])]
    message: Option<String>,
    /// Write it into this folder, which is empty or not there, and change nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["staged", "yes", "discard_newer"])]
    target: Option<PathBuf>,
    /// From a folder with a restored copy of the root, for instance by `restic restore`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["snapshot", "at"])]
    staged: Option<PathBuf>,
    /// Keep what arrived after the snapshot in the mailboxes (this is the default)
    #[arg(long, conflicts_with = "discard_newer")]
    keep_newer: bool,
    /// Move aside what the snapshot does not have, too
    #[arg(long, conflicts_with = "message")]
    discard_newer: bool,
    /// Take the last restore back; mail that arrived since stays
    #[arg(long, group = "other", conflicts_with_all = FROM)]
    undo: bool,
    /// Finish a restore that was interrupted
    #[arg(long, group = "other", conflicts_with_all = FROM)]
    resume: bool,
    /// Give up a restore that was interrupted and cannot be finished; --undo takes back how far it came
    #[arg(long, group = "other", conflicts_with_all = FROM)]
    abandon: bool,
    /// List the restores whose old files lie aside
    #[arg(long, group = "other", conflicts_with_all = FROM)]
    list: bool,
    /// Remove for good what a restore put aside
    #[arg(long, value_name = "RESTORE", group = "other", conflicts_with_all = FROM)]
    forget: Option<String>,
    /// Do it; otherwise the plan is shown and nothing is changed
    #[arg(long, short)]
    yes: bool,
}

/// What says what is to come back: no restore begins beside an undo and its like.
const FROM: [&str; 8] = ["snapshot", "at", "agent", "path", "message", "target", "staged", "discard_newer"];

impl RestoreArgs {
    pub(super) fn run(self, cx: &Context, office: &Office, which: Option<&str>) -> Result<(), Failure> {
        if self.list {
            return list(cx, &office.restores()?);
        }
        if let Some(id) = &self.forget {
            return forget(cx, office, id, self.yes);
        }
        if self.abandon {
            let record = office.restore_abandon()?;
            if cx.json() {
                return cx.write_json(&json!({ "abandoned": record }));
            }
            return cx.say(&format!(
                "{} is given up. cellphone snapshot restore --undo takes back how far it came.",
                record.id
            ));
        }
        if self.resume {
            return match office.restore_resume()? {
                Some(done) => told(cx, &done),
                None if cx.json() => cx.write_json(&json!({ "applied": false })),
                None => cx.say("No restore was interrupted."),
            };
        }
        if self.undo {
            return self.decide(cx, office, office.restore_undo_plan(None)?);
        }
        if let Some(target) = &self.target {
            let selection = self.selection()?;
            let done = progress::watched(cx, |p| Ok(office.snapshot_restore_to(which, &selection, target, p)?))?;
            return look::restored(cx, &done, target);
        }
        // What is staged for the plan is removed with it.
        let staging;
        let from = match &self.staged {
            Some(tree) => RestoredFrom { tree: tree.clone(), snapshot: None, spent: false },
            None => {
                let selection = self.selection()?;
                staging = progress::watched(cx, |p| Ok(office.snapshot_stage(which, &selection, p)?))?;
                staging.from()
            }
        };
        let plan = office.restore_plan(RestoreRequest {
            from,
            agent: self.agent.clone(),
            path: self.path.clone(),
            message: self.message.clone(),
            keep_newer: !self.discard_newer,
        })?;
        self.decide(cx, office, plan)
    }

    /// Which snapshot, and what of it.
    fn selection(&self) -> Result<Selection, Failure> {
        let snapshot = match (self.at, &self.snapshot) {
            (Some(_), Wanted::Id(_)) => {
                return Err(Failure::usage("a snapshot is named by its id or by a time, not by both"));
            }
            (Some(at), _) => Wanted::At(at),
            (None, wanted) => wanted.clone(),
        };
        let part = match (&self.agent, &self.path, &self.message) {
            (Some(agent), ..) => Part::Agent(AgentName::new(agent).map_err(|e| Failure::usage(e.to_string()))?),
            (_, Some(path), _) => Part::Path(path.into()),
            (_, _, Some(id)) => Part::Message(id.parse().map_err(|why: String| {
                Failure::usage(why).hint("cellphone snapshot ls latest agent_workspaces names them all")
            })?),
            _ => Part::All,
        };
        Ok(Selection { snapshot, part })
    }

    /// Shows the plan, and does it when that was said.
    fn decide(&self, cx: &Context, office: &Office, plan: RestorePlan) -> Result<(), Failure> {
        if !cx.json() {
            cx.print(&shown(cx, &plan))?;
        }
        if self.yes && plan.is_empty() {
            // That nothing had to come back is an answer too, to an alarm about a mailbox say.
            office.restore_found_nothing(&plan)?;
        }
        if plan.is_empty() || !self.yes {
            if cx.json() {
                return cx.write_json(&json!({ "applied": false, "plan": plan }));
            }
            if !plan.is_empty() {
                cx.say("Nothing was changed. To do exactly this, add --yes.")?;
            }
            return Ok(());
        }
        told(cx, &office.restore_apply(plan)?)
    }
}

/// What was done, and what is to be known of it.
fn told(cx: &Context, done: &Restored) -> Result<(), Failure> {
    if cx.json() {
        let mut value = serde_json::to_value(done)?;
        if let Some(map) = value.as_object_mut() {
            map.insert("applied".into(), true.into());
        }
        return cx.write_json(&value);
    }
    let count = done.record.done.unwrap_or_default();
    let mut line = format!("Done: {} put in place, {} moved aside", count.brought, count.aside);
    if count.leased > 0 {
        line += &format!(", {} left to whoever works on them", count.leased);
    }
    cx.say(&format!("{line}."))?;
    cx.say(&format!("The old files are in {}", done.aside.display()))?;
    cx.say("To take it back: cellphone snapshot restore --undo --yes")?;
    if let DaemonTold::Silent(why) = &done.daemon {
        cx.note(&format!("the daemon was not told: {why}"));
    }
    if !done.to_approve.is_empty() {
        cx.note(&format!("not as approved, so the approved copies stay in force: {}", done.to_approve.join(", ")));
        cx.note("look at them, then run `cellphone trust`");
    }
    Ok(())
}

fn list(cx: &Context, asides: &[Aside]) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&asides);
    }
    if asides.is_empty() {
        return cx.say("No restore was made here, or what each put aside was removed.");
    }
    let mut table = Table::new(&[
        Column::text("RESTORE"),
        Column::text("AGE"),
        Column::text("STATE"),
        Column::number("FILES"),
        Column::number("SIZE"),
        Column::flexible("FROM"),
    ]);
    for aside in asides {
        let record = &aside.record;
        let state = if record.phase == Phase::Done { ("done", None) } else { ("unfinished", Some(Paint::Bad)) };
        let from = match &record.source.undoes {
            Some(id) => format!("undo of {id}"),
            None => record.source.snapshot.clone().unwrap_or_else(|| record.source.tree.display().to_string()),
        };
        table.painted(vec![
            (record.id.clone(), None),
            (age::age(record.at, cx.now), None),
            (state.0.to_owned(), state.1),
            (aside.files.to_string(), None),
            (text::bytes(aside.bytes), None),
            (from, Some(Paint::Faint)),
        ]);
    }
    cx.print(&table.render(cx.style))
}

fn forget(cx: &Context, office: &Office, id: &str, yes: bool) -> Result<(), Failure> {
    let Some(aside) = office.restores()?.into_iter().find(|aside| aside.record.id == id) else {
        return Err(Failure::new(Code::NotFound, format!("no restore is called {id}"))
            .hint("cellphone snapshot restore --list"));
    };
    if yes {
        office.restore_forget(id)?;
    }
    if cx.json() {
        return cx.write_json(&json!({ "applied": yes, "forget": aside }));
    }
    let (files, bytes) = (text::count(aside.files, "file"), text::bytes(aside.bytes));
    cx.say(&match yes {
        true => format!("Removed: {files}, {bytes}. That restore cannot be taken back any more."),
        false => {
            format!("{files}, {bytes} in {} would be removed for good. To do it, add --yes.", aside.path.display())
        }
    })
}

fn shown(cx: &Context, plan: &RestorePlan) -> String {
    let from = match (&plan.source.undoes, &plan.source.snapshot) {
        (Some(id), _) => format!("Taking back the restore {id}"),
        (None, Some(snapshot)) => format!("From the snapshot {}", snapshot.get(..8).unwrap_or(snapshot)),
        (None, None) => format!("From {}", plan.source.tree.display()),
    };
    let mut out = format!("{}\n", text::line(&from));
    let mut table = Table::new(&[
        Column::text("AGENT"),
        Column::number("BACK"),
        Column::number("CHANGED"),
        Column::number("ASIDE"),
        Column::number("NEWER, KEPT"),
        Column::number("LEASED"),
        Column::number("AS IT WAS"),
    ]);
    let (mut total, mut shown) = ([0; 6], 0);
    for one in &plan.mailboxes {
        let row = [one.back(), one.changed(), one.aside(), one.kept.len(), one.leased.len(), one.unchanged];
        total.iter_mut().zip(row).for_each(|(sum, n)| *sum += n);
        // One in which all is as it was has nothing to say.
        if row[..5].iter().any(|n| *n > 0) {
            shown += 1;
            table.row(&cells(one.agent.as_str(), row));
        }
    }
    if shown != 1 {
        table.row(&cells(&text::count(plan.mailboxes.len(), "mailbox"), total));
    }
    if !plan.mailboxes.is_empty() {
        out += &table.render(cx.style);
    }
    for one in &plan.mailboxes {
        out += &named(cx, one.agent.as_str(), &one.steps);
        out += &listed(cx, one);
    }
    out += &named(cx, "root", &plan.files.steps);
    match &plan.journal {
        JournalPlan::Untouched => {}
        JournalPlan::Kept { why } => out += &format!("The journal goes on: {}\n", text::line(why)),
        JournalPlan::BroughtBack { why } => out += &format!("The journal comes back: {}\n", text::line(why)),
    }
    if plan.is_empty() {
        out += "There is nothing to do: everything is as it was.\n";
    }
    out
}

fn cells(name: &str, numbers: [usize; 6]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(numbers.iter().map(ToString::to_string)).collect()
}

/// The first steps, by name.
fn named(cx: &Context, whose: &str, steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps.iter().take(NAMED) {
        let old = step.out.first().map(String::as_str);
        let (word, paint, what) = match (&step.bring, old) {
            (Some(bring), None) => ("back", Paint::Good, bring.path.clone()),
            (Some(bring), Some(old)) if old == bring.path => ("bytes", Paint::Warn, bring.path.clone()),
            (Some(bring), Some(old)) => ("moves", Paint::Warn, format!("{} (now {old})", bring.path)),
            (None, old) => ("aside", Paint::Bad, old.unwrap_or_default().to_owned()),
        };
        out += &format!("  {} {whose}: {}\n", cx.paint(paint, &text::pad(word, 5, false)), text::line(&what));
    }
    if steps.len() > NAMED {
        out += &format!("        {whose}: and {} more (all of them with --json)\n", steps.len() - NAMED);
    }
    out
}

/// What of a mailbox is left alone and a person may miss.
fn listed(cx: &Context, one: &MailboxPlan) -> String {
    let mut out = String::new();
    for path in &one.drafts {
        let why = "waited in the outbox and may have been sent since; name it with --path to have it back";
        out += &cx.paint(Paint::Faint, &format!("  left  {}: {} {why}\n", one.agent, text::line(path)));
    }
    out
}
