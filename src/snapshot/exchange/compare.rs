//! Planning: both trees are looked at, and nothing is changed.
//!
//! A message is compared by its id, not by its path: one that was read or
//! filed since is the same message elsewhere. What the restored tree has is
//! how it will be, but for mail under a live lease, which stays with its
//! holder; what it does not have stays, unless it was asked to go.

use std::collections::{HashMap, HashSet};

use super::plan::{FilePlan, JournalPlan, MailboxPlan, Plan, Selection, Source};
use super::staged::{self, JOURNAL, PLAIN, SPOOL, WORKSPACES};
use super::wanted::Wanted;
use super::{ExchangeError, Result, journal};
use crate::fsio::{Dir, FileBelow, parallel};
use crate::journal::Journal;
use crate::mailbox::{Brought, Item, Key, Mailbox, Step, Tree, attempts, contents};
use crate::model::{AgentName, MessageId, UniqueName};

/// Files of a mailbox that are never moved aside: folders need the one, and
/// the other tells of now.
const STAYING: [&str; 2] = [".gitignore", "status.yaml"];

type Counts = HashMap<MessageId, u32>;

/// What is looked at and where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// The root.
    pub root: &'a Dir,
    /// Its mailboxes.
    pub tree: &'a Tree,
    /// Its record of what happened.
    pub journal: &'a Journal,
}

/// Plans to bring the tree of `source` back; changes nothing.
///
/// # Errors
/// What is no restored tree, what in it is no plain file, what does not fit.
pub fn plan(live: Live<'_>, source: Source, selection: Selection, keep_newer: bool) -> Result<Plan> {
    let top = staged::open(&source.tree, live.root)?;
    let wanted = Wanted::new(&selection, live.root.path())?;
    let mut plan = empty(Source { tree: top.path().to_owned(), ..source }, selection.clone(), keep_newer);
    let agents = live.tree.agents()?;
    let restored = staged::mailboxes(&top, &agents)?;
    let removable = |_: &Key| !keep_newer && wanted.removes();
    if !keep_newer && wanted.removes() && !restored.is_empty() {
        // Who joined since has newer mail alone.
        for agent in agents.iter().filter(|a| wanted.agent(a) && restored.iter().all(|(b, _)| b != *a)) {
            plan.mailboxes.push(diff(&live.tree.mailbox(agent)?, Restored::default(), &wanted, &removable)?);
        }
    }
    let mut found = 0;
    // A mailbox that was asked for by its name alone, and was there, may have been empty.
    let by_name = selection.agent.is_some() && selection.path.is_none() && selection.message.is_none();
    let asked: Vec<_> = restored.into_iter().filter(|(agent, _)| wanted.agent(agent)).collect();
    let each: Vec<Result<_>> = parallel::map_large(&asked, |(agent, home)| {
        let prefix = format!("{WORKSPACES}/{agent}/");
        let mut restored = Restored::new(home.clone(), &|path| wanted.refuses(&format!("{prefix}{path}")))?;
        restored.items.retain(|item| wanted.takes(&prefix, item));
        let count = restored.items.len() + usize::from(by_name);
        // A mailbox that has gone is made by the exchange, not by its plan.
        let one = match agents.contains(agent) {
            true => diff(&live.tree.mailbox(agent)?, restored, &wanted, &removable)?,
            false => all_back(agent, &restored),
        };
        Ok((one, count))
    });
    for one in each {
        let (one, count) = one?;
        found += count;
        plan.mailboxes.push(one);
    }
    plan.mailboxes.sort_by(|a, b| a.agent.cmp(&b.agent));
    if selection.message.is_none() && selection.agent.is_none() {
        for folder in PLAIN {
            let restored = below(&top, folder, true, |path| wanted.path(path))?;
            if restored.is_empty() {
                continue;
            }
            found += restored.len();
            let there = below(live.root, folder, false, |path| wanted.path(path))?;
            file_steps(&mut plan.files, (&top, restored), (live.root, there), !keep_newer)?;
        }
    }
    if selection == Selection::default() {
        let restored = below(&top, SPOOL, true, |path| path.ends_with(".spool") && !path.contains("/."))?;
        let there = below(live.root, SPOOL, false, |_| true)?;
        // A letter that is there is being delivered; one that is not is delivered to whoever does not have it.
        let missing = restored.into_iter().filter(|r| there.iter().all(|t| t.path != r.path)).collect();
        file_steps(&mut plan.files, (&top, missing), (live.root, Vec::new()), false)?;
        if let Some(dir) = staged::folder(&top, JOURNAL)? {
            dir.files_below(&|_| true)?;
            plan.journal = journal::judge(live.journal, &dir)?;
        }
    } else if found == 0 {
        return Err(ExchangeError::NotThere(wanted.words()));
    }
    Ok(plan)
}

/// Plans to take an exchange back: what it put aside (`out`) comes, and what
/// it brought in the place of nothing goes aside, but for what is `left` of it.
/// Nothing else is touched.
pub(super) fn undo(live: Live<'_>, out: &Dir, source: Source, done: &Plan, left: &[String]) -> Result<Plan> {
    let left: HashSet<&str> = left.iter().map(String::as_str).collect();
    let came = |prefix: &str, step: &Step| {
        let bring = step.bring.as_ref().filter(|_| step.out.is_empty());
        bring.is_some_and(|bring| !left.contains(format!("{prefix}{}", bring.path).as_str()))
    };
    let mut plan = empty(source, done.selection.clone(), true);
    let everything = Selection::default();
    let wanted = Wanted::new(&everything, live.root.path())?;
    for before in &done.mailboxes {
        let prefix = format!("{WORKSPACES}/{}/", before.agent);
        let restored = match staged::folder(out, prefix.trim_end_matches('/'))? {
            Some(home) => Restored::new(home, &|_| false)?,
            None => Restored::default(),
        };
        let brought: HashSet<&Key> = before.steps.iter().filter(|s| came(&prefix, s)).map(|s| &s.key).collect();
        let mailbox = live.tree.mailbox(&before.agent)?;
        let mut one = diff(&mailbox, restored, &wanted, &|key| brought.contains(key))?;
        // What it did not touch is no concern of its undoing.
        one.kept.clear();
        plan.mailboxes.push(one);
    }
    let brought: HashSet<&str> = done
        .files
        .steps
        .iter()
        .filter(|s| came("", s))
        .filter_map(|s| s.bring.as_ref())
        .map(|b| b.path.as_str())
        .collect();
    for folder in PLAIN {
        let restored = below(out, folder, false, |_| true)?;
        let there = below(live.root, folder, false, |path| {
            brought.contains(path) || restored.iter().any(|found| found.path == path)
        })?;
        file_steps(&mut plan.files, (out, restored), (live.root, there), true)?;
    }
    Ok(plan)
}

const fn empty(source: Source, selection: Selection, keep_newer: bool) -> Plan {
    let files = FilePlan { steps: Vec::new(), unchanged: 0, kept: Vec::new() };
    Plan { source, selection, keep_newer, mailboxes: Vec::new(), files, journal: JournalPlan::Untouched }
}

/// A restored mailbox, as far as it was asked for.
#[derive(Default)]
struct Restored {
    home: Option<Dir>,
    items: Vec<Item>,
    counts: Counts,
}

impl Restored {
    fn new(home: Dir, refuses: &dyn Fn(&str) -> bool) -> Result<Self> {
        Ok(Self { items: contents(&home, refuses)?, counts: attempts(&home), home: Some(home) })
    }

    fn bring(&self, item: &Item) -> Brought {
        let attempts = item.key.id().and_then(|id| self.counts.get(&id).copied());
        let (from, path) = (item.path.clone(), item.target());
        Brought { from, path, size: item.size, mode: item.mode & 0o777, digest: None, attempts }
    }
}

/// A mailbox that is not there: all of it comes back.
fn all_back(agent: &AgentName, restored: &Restored) -> MailboxPlan {
    let mut one = MailboxPlan::new(agent.clone());
    let step = |item: &Item| Step { key: item.key.clone(), bring: Some(restored.bring(item)), out: Vec::new() };
    one.steps = restored.items.iter().map(step).collect();
    sort(&mut one.steps);
    one
}

fn diff(
    mailbox: &Mailbox,
    restored: Restored,
    wanted: &Wanted<'_>,
    removable: &dyn Fn(&Key) -> bool,
) -> Result<MailboxPlan> {
    let mut one = MailboxPlan::new(mailbox.agent().clone());
    let prefix = format!("{WORKSPACES}/{}/", mailbox.agent());
    let home = mailbox.home();
    let standing = contents(home, &|_| false)?;
    let mut bytes = (Digests::below(home), restored.home.as_ref().map(Digests::below));
    let by_key: HashMap<&Key, &Item> = standing.iter().map(|item| (&item.key, item)).collect();
    // Whoever sent nothing since has not sent what waited in the outbox either.
    let may_have_sent = newest_sent(&standing) > newest_sent(&restored.items);
    let leased = |item: &Item| match &item.key {
        Key::Received(id) if item.path.starts_with("inbox/claimed/") => mailbox.is_leased(*id),
        _ => Ok(false),
    };
    for item in &restored.items {
        let out = match by_key.get(&item.key) {
            None if item.path.starts_with("outbox/") && may_have_sent && !wanted.names_path() => {
                one.drafts.push(item.path.clone());
                continue;
            }
            None => Vec::new(),
            Some(there) if leased(there)? => {
                one.leased.push(there.path.clone());
                continue;
            }
            Some(there) if STAYING.contains(&there.path.as_str()) => {
                one.unchanged += 1;
                continue;
            }
            Some(there) if there.path == item.target() && same(&mut bytes, there, item) => {
                one.unchanged += 1;
                continue;
            }
            Some(there) => vec![there.path.clone()],
        };
        one.steps.push(Step { key: item.key.clone(), bring: Some(restored.bring(item)), out });
    }
    let known: HashSet<&Key> = restored.items.iter().map(|item| &item.key).collect();
    for item in standing.iter().filter(|item| !known.contains(&item.key) && wanted.takes(&prefix, item)) {
        let is_mail = item.key.id().is_some();
        if !removable(&item.key) || STAYING.contains(&item.path.as_str()) {
            one.kept.extend(is_mail.then(|| item.path.clone()));
        } else if leased(item)? {
            one.leased.push(item.path.clone());
        } else {
            one.steps.push(Step { key: item.key.clone(), bring: None, out: vec![item.path.clone()] });
        }
    }
    sort(&mut one.steps);
    Ok(one)
}

/// Whether two files of one path have the same bytes.
fn same((here, there): &mut (Digests<'_>, Option<Digests<'_>>), one: &Item, other: &Item) -> bool {
    let (Some(there), true) = (there, one.size == other.size) else { return false };
    // What cannot be read here is damaged, and is put aside.
    here.of(&one.path).is_ok_and(|is| there.of(&other.path).is_ok_and(|was| was == is))
}

/// Reads files below a folder; the one of the last file stays open, as
/// neighbours follow each other.
struct Digests<'a> {
    top: &'a Dir,
    last: Option<(String, Dir)>,
}

impl<'a> Digests<'a> {
    const fn below(top: &'a Dir) -> Self {
        Self { top, last: None }
    }

    fn of(&mut self, path: &str) -> Result<String> {
        let Some((folder, name)) = path.rsplit_once('/') else { return Ok(self.top.digest(path)?) };
        if let Some((_, dir)) = self.last.as_ref().filter(|(known, _)| known == folder) {
            return Ok(dir.digest(name)?);
        }
        let dir = self.top.below(folder)?;
        let digest = dir.digest(name);
        self.last = Some((folder.to_owned(), dir));
        Ok(digest?)
    }
}

/// The name of the newest message that was sent, as it sorts.
fn newest_sent(items: &[Item]) -> Option<UniqueName> {
    let sent = items.iter().filter(|item| matches!(item.key, Key::Sent(_)));
    sent.filter_map(|item| UniqueName::parse(item.path.rsplit('/').next()?).ok().map(|(name, _)| name)).max()
}

/// By folder: each is opened once.
fn sort(steps: &mut [Step]) {
    let path = |s: &Step| s.bring.as_ref().map_or_else(|| s.out.first().cloned(), |b| Some(b.path.clone()));
    steps.sort_by_cached_key(path);
}

/// The files below a folder of a root, by paths from the root.
fn below(top: &Dir, folder: &str, strict: bool, takes: impl Fn(&str) -> bool) -> Result<Vec<FileBelow>> {
    let Some(dir) = staged::folder(top, folder)? else { return Ok(Vec::new()) };
    let mut found = dir.files_below(&|path| strict && takes(&format!("{folder}/{path}")))?;
    found.iter_mut().for_each(|f| f.path = format!("{folder}/{}", f.path));
    found.retain(|f| takes(&f.path));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn file_steps(
    plan: &mut FilePlan,
    (top, restored): (&Dir, Vec<FileBelow>),
    (root, there): (&Dir, Vec<FileBelow>),
    remove: bool,
) -> Result<()> {
    let (mut here_is, mut there_was) = (Digests::below(root), Digests::below(top));
    let standing: HashMap<&str, &FileBelow> = there.iter().map(|found| (found.path.as_str(), found)).collect();
    for found in &restored {
        let out = match standing.get(found.path.as_str()) {
            Some(here)
                if here.stat.size == found.stat.size
                    && here.stat.mode & 0o111 == found.stat.mode & 0o111
                    && here_is.of(&found.path)? == there_was.of(&found.path)? =>
            {
                plan.unchanged += 1;
                continue;
            }
            Some(_) => vec![found.path.clone()],
            None => Vec::new(),
        };
        let bring = Brought {
            from: found.path.clone(),
            path: found.path.clone(),
            size: found.stat.size,
            mode: found.stat.mode & 0o777,
            digest: None,
            attempts: None,
        };
        plan.steps.push(Step { key: Key::File(found.path.clone()), bring: Some(bring), out });
    }
    let known: HashSet<&str> = restored.iter().map(|found| found.path.as_str()).collect();
    for found in there.iter().filter(|found| !known.contains(found.path.as_str())) {
        if remove {
            plan.steps.push(Step { key: Key::File(found.path.clone()), bring: None, out: vec![found.path.clone()] });
        } else {
            plan.kept.push(found.path.clone());
        }
    }
    Ok(())
}
