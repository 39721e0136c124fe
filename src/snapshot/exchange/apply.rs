//! Doing what a plan says, finishing it after a crash, and taking it back.

use jiff::Timestamp;
use serde::Serialize;

use super::plan::{JournalPlan, MailboxPlan, Plan, Source};
use super::record::{self, Phase, Record};
use super::staged::{self, JOURNAL, WORKSPACES};
use super::{ExchangeError, Live, Result, compare};
use crate::fsio::{Dir, FileKind, Lock, Placed, place};
use crate::journal::Journal;
use crate::mailbox::{Clock, Exchanged, Step, Tree};
use crate::model::UniqueName;

/// The lock in `.cellphone/locks/` of whoever exchanges trees.
const LOCK: &str = "restore";

/// The exchanges of one root.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    root: &'a Dir,
    state: &'a Dir,
    tree: &'a Tree,
    journal: &'a Journal,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Its record.
    pub record: Record,
    /// What it did.
    pub plan: Plan,
    /// Lines of the live journal that were added to the one that came back.
    pub journal_lines: usize,
}

impl<'a> Exchange<'a> {
    /// For the root `root` with the machine-local state `state`.
    #[must_use]
    pub const fn new(root: &'a Dir, state: &'a Dir, tree: &'a Tree, journal: &'a Journal) -> Self {
        Self { root, state, tree, journal }
    }

    /// What is looked at to plan.
    #[must_use]
    pub const fn live(&self) -> Live<'a> {
        Live { root: self.root, tree: self.tree, journal: self.journal }
    }

    /// Does exactly what the plan says. When this returns, it is durable.
    ///
    /// # Errors
    /// [`ExchangeError::Busy`], [`ExchangeError::Unfinished`]; and whatever
    /// the disk says: before the phase *applying* nothing was changed, after
    /// it [`resume`](Self::resume) goes on.
    pub fn apply(&self, plan: Plan, at: Timestamp) -> Result<Applied> {
        let _lock = self.lock()?;
        if let Some((open, _)) = self.unfinished()? {
            return Err(ExchangeError::Unfinished(open.id));
        }
        record::sweep(self.state)?;
        let (mut record, dir) = record::begin(self.state, plan.source.clone(), at)?;
        match self.prepare(&mut record, &dir, plan) {
            Ok(plan) => self.go_on(record, &dir, plan),
            Err(e) => {
                // Best effort: the next one sweeps.
                let _ = record::remove(self.state, &record.id);
                Err(e)
            }
        }
    }

    /// Finishes the exchange that was begun, if one was.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn resume(&self) -> Result<Option<Applied>> {
        let _lock = self.lock()?;
        match self.unfinished()? {
            Some((record, dir)) => {
                let plan = record::load_plan(&dir)?;
                self.go_on(record, &dir, plan).map(Some)
            }
            None => {
                record::sweep(self.state)?;
                Ok(None)
            }
        }
    }

    /// The exchange that was begun and not finished, if one was.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn unfinished(&self) -> Result<Option<(Record, Dir)>> {
        Ok(record::all(self.state)?.into_iter().find(|(record, _)| record.phase == Phase::Applying))
    }

    /// Gives up the exchange that was begun and cannot be finished: it counts as
    /// done as far as it came, so that it can be taken back. What was still to
    /// come stays in its folder.
    ///
    /// # Errors
    /// When there is none, or its state cannot be written.
    pub fn abandon(&self) -> Result<Record> {
        let _lock = self.lock()?;
        let Some((mut record, dir)) = self.unfinished()? else {
            return Err(ExchangeError::NoRecord("no restore was interrupted".into()));
        };
        self.root.sync_file_system()?;
        record.phase = Phase::Done;
        record::save_left(&dir, &left(&dir)?)?;
        record::save(&dir, &record)?;
        Ok(record)
    }

    /// Every exchange whose aside tree is there, oldest first, with the bytes
    /// and files that lie aside.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn list(&self) -> Result<Vec<(Record, u64, usize)>> {
        let mut listed = Vec::new();
        for (record, dir) in record::all(self.state)? {
            let files = match staged::folder(&dir, "out")? {
                Some(out) => out.files_below(&|_| false)?,
                None => Vec::new(),
            };
            listed.push((record, files.iter().map(|f| f.stat.size).sum(), files.len()));
        }
        Ok(listed)
    }

    /// Removes the record of a finished exchange, and with it what it put
    /// aside.
    ///
    /// # Errors
    /// When there is none of that name, or it is not finished.
    pub fn forget(&self, id: &str) -> Result<()> {
        let _lock = self.lock()?;
        match record::all(self.state)?.into_iter().find(|(record, _)| record.id == id) {
            Some((record, _)) if record.phase == Phase::Done => record::remove(self.state, id),
            Some((record, _)) => Err(ExchangeError::Unfinished(record.id)),
            None => Err(ExchangeError::NoRecord(format!("no restore is called {id}"))),
        }
    }

    /// Plans to take back the newest finished exchange, or one by its name.
    /// What it did not touch stays as it is.
    ///
    /// # Errors
    /// When there is none.
    pub fn plan_undo(&self, id: Option<&str>) -> Result<Plan> {
        if let Some((open, _)) = self.unfinished()? {
            return Err(ExchangeError::Unfinished(open.id));
        }
        let done = record::all(self.state)?;
        let mut done = done.into_iter().filter(|(r, _)| r.phase == Phase::Done && id.is_none_or(|id| id == r.id));
        let Some((record, dir)) = done.next_back() else {
            return Err(ExchangeError::NoRecord("there is no restore to take back".into()));
        };
        let out = dir.child_or_create("out")?;
        let snapshot = record.source.snapshot;
        let source = Source { tree: out.path().to_owned(), snapshot, undoes: Some(record.id), spent: false };
        compare::undo(self.live(), &out, source, &record::load_plan(&dir)?, &record::load_left(&dir)?)
    }

    fn lock(&self) -> Result<Lock> {
        let locks = self.state.child_or_create("locks")?;
        Lock::try_exclusive(&locks, LOCK)?.ok_or(ExchangeError::Busy)
    }

    /// Puts everything that is to come beside the tree, makes the folders for
    /// it, and makes all of that durable. The tree's files are untouched.
    fn prepare(&self, record: &mut Record, dir: &Dir, mut plan: Plan) -> Result<Plan> {
        let source = Dir::open(&plan.source.tree)?;
        let (inn, out) = (dir.child_or_create("in")?, dir.child_or_create("out")?);
        let device = dir.own_stat()?.device;
        let how = |modes| Fetching { device, modes, moved: plan.source.spent };
        let (mail, files) = (how(false), how(true));
        for one in &mut plan.mailboxes {
            if one.steps.is_empty() {
                continue;
            }
            let mailbox = self.tree.mailbox(&one.agent)?;
            mailbox.complete_layout()?;
            let home = format!("{WORKSPACES}/{}", one.agent);
            // Under the name that it has there, which may differ in case.
            let from = if one.steps.iter().any(|s| s.bring.is_some()) { self.home_in(&source, &home)? } else { None };
            let inn = inn.below_or_create(&home)?;
            out.below_or_create(&home)?;
            for step in &mut one.steps {
                fetch(step, from.as_ref(), &inn, mailbox.home(), mail)?;
            }
        }
        for step in &mut plan.files.steps {
            fetch(step, Some(&source), &inn, self.root, files)?;
        }
        if matches!(plan.journal, JournalPlan::BroughtBack { .. }) {
            let from = source.below(JOURNAL)?;
            let to = inn.below_or_create(JOURNAL)?;
            for name in from.names()?.iter().filter(|n| n.ends_with(".jsonl")) {
                from.copy(name, &to, name)?;
            }
            out.below_or_create(JOURNAL)?;
        }
        dir.sync_file_system()?;
        record::save_plan(dir, &plan)?;
        record.phase = Phase::Applying;
        record::save(dir, record)?;
        Ok(plan)
    }

    fn home_in(&self, source: &Dir, home: &str) -> Result<Option<Dir>> {
        if let Some(dir) = staged::folder(source, home)? {
            return Ok(Some(dir));
        }
        let agents = self.tree.agents()?;
        let there = staged::mailboxes(source, &agents)?;
        Ok(there.into_iter().find(|(agent, _)| home.ends_with(&format!("/{agent}"))).map(|(_, dir)| dir))
    }

    /// Everything from the phase *applying* on; done again, it finishes.
    fn go_on(&self, mut record: Record, dir: &Dir, plan: Plan) -> Result<Applied> {
        let (inn, out) = (dir.child_or_create("in")?, dir.child_or_create("out")?);
        if let Some(newest) = newest_name(&plan) {
            Clock::new(self.tree).not_before(newest.accepted())?;
        }
        let mut done = Exchanged::default();
        // What fails holds up nothing else: the first failure is told when the rest is done.
        let mut failed = None;
        for one in plan.mailboxes.iter().filter(|one| !one.steps.is_empty()) {
            match self.exchange_one(one, &inn, &out) {
                Ok(exchanged) => done += exchanged,
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        for step in &plan.files.steps {
            match file_step(step, &inn, self.root, &out) {
                Ok(exchanged) => done += exchanged,
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        let mut journal_lines = 0;
        if matches!(plan.journal, JournalPlan::BroughtBack { .. }) {
            let inn = inn.below_or_create(".cellphone")?;
            journal_lines = self.journal.bring_back(&inn, &out.below_or_create(JOURNAL)?)?;
        }
        if let Some(e) = failed {
            return Err(e);
        }
        self.root.sync_file_system()?;
        record.phase = Phase::Done;
        record.done = Some(done);
        record::save_left(dir, &left(dir)?)?;
        record::save(dir, &record)?;
        crate::fsio::remove_tree(inn.path())?;
        Ok(Applied { record, plan, journal_lines })
    }

    fn exchange_one(&self, one: &MailboxPlan, inn: &Dir, out: &Dir) -> Result<Exchanged> {
        let home = format!("{WORKSPACES}/{}", one.agent);
        let (inn, out) = (inn.below_or_create(&home)?, out.below_or_create(&home)?);
        Ok(self.tree.mailbox(&one.agent)?.exchange(&one.steps, &inn, &out)?)
    }
}

/// How what comes back is fetched.
#[derive(Clone, Copy)]
struct Fetching {
    /// The file system of the root.
    device: u64,
    /// Whether a file keeps its mode; mail has one mode.
    modes: bool,
    /// Whether the restored tree is used up.
    moved: bool,
}

/// Puts what a step brings into `inn`, and sees to it that it has a folder to
/// go to.
fn fetch(step: &mut Step, from: Option<&Dir>, inn: &Dir, live: &Dir, how: Fetching) -> Result<()> {
    let split =
        |path: &str| path.rsplit_once('/').map_or((String::new(), path.to_owned()), |(a, b)| (a.into(), b.into()));
    for path in step.bring.iter().map(|b| &b.path).chain(&step.out) {
        let (folder, name): (String, String) = split(path);
        let room = live.below_or_create(&folder)?;
        if room.own_stat()?.device != how.device {
            return Err(staged::unfit(
                room.path(),
                "it is on another file system than .cellphone/; nothing was changed",
            ));
        }
        if room.stat(&name)?.is_some_and(|s| s.kind == FileKind::Dir) {
            let why = "it is a folder here and a file in the restored tree; nothing was changed";
            return Err(staged::unfit(&room.path().join(name), why));
        }
    }
    let Some(bring) = &mut step.bring else { return Ok(()) };
    let Some(from) = from else { return Err(ExchangeError::NotThere(bring.from.clone())) };
    let ((there, file), (folder, name)) = (split(&bring.from), split(&bring.path));
    let source = if there.is_empty() { from.clone() } else { from.below(&there)? };
    let target = inn.below_or_create(&folder)?;
    bring.digest = Some(if how.moved {
        // Half the work: the file is written once.
        source.rename(&file, &target, &name)?;
        target.digest(&name)?
    } else {
        source.copy(&file, &target, &name)?
    });
    // Nobody but the owner may write what a stranger may have made.
    let mode = if how.modes || bring.mode & 0o100 != 0 { 0o600 | bring.mode & 0o755 } else { 0o600 };
    let is = if how.moved { bring.mode } else { 0o600 };
    if is != mode {
        target.set_mode(&name, mode)?;
    }
    Ok(())
}

/// What lies prepared still, by paths from the root.
fn left(dir: &Dir) -> Result<Vec<String>> {
    let Some(inn) = staged::folder(dir, "in")? else { return Ok(Vec::new()) };
    Ok(inn.files_below(&|_| false)?.into_iter().map(|found| found.path).collect())
}

/// One file of configuration, hooks or spool.
fn file_step(step: &Step, inn: &Dir, root: &Dir, out: &Dir) -> Result<Exchanged> {
    let mut done = Exchanged::default();
    let open = |top: &Dir, path: &str| -> Result<(Dir, String)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((top.below_or_create(folder)?, name.to_owned()))
    };
    if let Some(bring) = &step.bring {
        let ((prepared, name), (live, _), (aside, _)) =
            (open(inn, &bring.path)?, open(root, &bring.path)?, open(out, &bring.path)?);
        let digest = bring.digest.as_deref().unwrap_or_default();
        match place((&prepared, &name), (&live, &name), (&aside, &free(&aside, &name)?), digest)? {
            Placed::New => done.brought = 1,
            Placed::Swapped => (done.brought, done.aside) = (1, 1),
            Placed::Same | Placed::Before => {}
        }
        return Ok(done);
    }
    for path in &step.out {
        let ((live, name), (aside, _)) = (open(root, path)?, open(out, path)?);
        match live.rename(&name, &aside, &free(&aside, &name)?) {
            Err(e) if e.is_not_found() => {}
            other => {
                other?;
                done.aside += 1;
            }
        }
    }
    Ok(done)
}

fn free(dir: &Dir, name: &str) -> Result<String> {
    let mut free = name.to_owned();
    let mut n = 1;
    while dir.stat(&free)?.is_some() {
        n += 1;
        free = format!("{name}.{n}");
    }
    Ok(free)
}

/// The newest name that comes back.
fn newest_name(plan: &Plan) -> Option<UniqueName> {
    let paths = plan.mailboxes.iter().flat_map(|m| &m.steps).filter_map(|s| s.bring.as_ref());
    paths.filter_map(|b| UniqueName::parse(b.path.rsplit('/').next()?).ok().map(|(name, _)| name)).max()
}
