//! Mailboxes that are missing, or folders of one.
//!
//! The daemon makes them anew, so that mail goes on; this look comes first, and
//! says what was not there. What lay in a folder is gone with it, and that it
//! stands again brings nothing back: such an alarm is kept until a restore
//! brought that mailbox back, or somebody took note of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Guard, sighting};
use crate::continuity::alarms::{Alarm, Sighting};
use crate::model::{AgentName, Detector, Event, EventKind, Severity};
use crate::office::{Office, Result};

/// The subject of an alarm about all mailboxes at once, or most of them.
const ALL: &str = "all";
/// So many that lost something at once, and more than half, are one alarm.
const MANY: usize = 3;
/// Folders in which nothing lies that a snapshot could bring back.
const EMPTY: [&str; 1] = ["inbox/tmp"];
/// A removal of everything goes on for a moment: so often it is looked whether
/// it still does, at most, and this long apart.
const LOOKS: usize = 40;
const BETWEEN: Duration = Duration::from_millis(25);

/// So long after all went, what is seen of one is an echo of that.
const SETTLES: SignedDuration = SignedDuration::from_secs(10);

/// The folders that each misses; an empty name is the mailbox itself.
type Missing<'a> = BTreeMap<&'a AgentName, BTreeSet<String>>;

impl Office {
    /// Tells of what is missing; whether anything is.
    pub(super) fn watch_folders(&self, guard: &Guard, gone: &[PathBuf]) -> Result<bool> {
        let known = guard.told().mailboxes.clone();
        let roster: Vec<AgentName> = self.roster().agents().iter().map(|a| a.name.clone()).collect();
        let mut seen = self.missing_folders(&known, &roster, gone);
        if self.all_went_just_now() {
            seen.retain(|one| one.subject == ALL);
        }
        let misses = !seen.is_empty();
        self.report(guard, Detector::MissingMailbox, seen)?;
        // Whoever is no longer on the roster misses nothing.
        self.all_clear(guard, |alarm| {
            alarm.seen.detector == Detector::MissingMailbox
                && alarm.seen.subject != ALL
                && !roster.iter().any(|a| a.as_str() == alarm.seen.subject)
        })?;
        let whole: BTreeSet<AgentName> = roster
            .into_iter()
            .filter(|a| known.contains(a) || self.tree.missing(a).is_ok_and(|m| m.is_some_and(|m| m.is_empty())))
            .collect();
        let mut told = guard.told();
        if told.mailboxes != whole {
            told.mailboxes = whole;
            self.keep_told(&told)?;
        }
        Ok(misses)
    }

    /// After the folders were made: from now on they can be missing.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn guard_knows_mailboxes(&self, guard: &Guard) -> Result<()> {
        self.watch_folders(guard, &[]).map(drop)
    }

    /// Whether a mailbox of the roster misses a folder, or is missing.
    #[must_use]
    pub fn misses_folders(&self) -> bool {
        // One that cannot be looked at, a link say, is none that could be made.
        let misses = |agent: &AgentName| self.tree.missing(agent).is_ok_and(|m| m.is_none_or(|m| !m.is_empty()));
        self.roster().agents().iter().any(|agent| misses(&agent.name))
    }

    /// Whether the removal of all mailboxes was said a moment ago: a watcher
    /// sees their folders go, and come anew, in pieces.
    fn all_went_just_now(&self) -> bool {
        let said = |alarm: &Alarm| alarm.seen.detector == Detector::MissingMailbox && alarm.seen.subject == ALL;
        let recent = |alarm: &Alarm| self.now().duration_since(alarm.since) < SETTLES;
        self.alarms().iter().any(|alarm| said(alarm) && recent(alarm))
    }

    /// What is missing once nothing more goes: mailboxes are removed one after
    /// the other, others make anew what they need meanwhile, and one alarm about
    /// all of them says more than one for each.
    fn missing_folders(&self, known: &BTreeSet<AgentName>, roster: &[AgentName], gone: &[PathBuf]) -> Vec<Sighting> {
        let workspaces = self.root().path().join("agent_workspaces");
        let mine: Vec<&AgentName> = roster.iter().filter(|a| known.contains(*a)).collect();
        let count = mine.len();
        let mut missing = Missing::new();
        for look in 0..LOOKS {
            if count > 0 && (!self.tree.has_workspaces() || gone.contains(&workspaces)) {
                let what = format!("the folder of all mailboxes was removed, with the mailboxes of {count} agents");
                return vec![of_all(&workspaces, what)];
            }
            if !self.look_for_folders(&mine, gone, &mut missing) && (look > 0 || missing.is_empty()) {
                break;
            }
            std::thread::sleep(BETWEEN);
        }
        // Somebody may have made the folder of all anew before the first look, and some mailbox in it that was needed.
        let robbed = missing.values().filter(|folders| has_lost(folders)).count();
        if robbed >= MANY && robbed * 2 > count {
            let what = format!("the mailboxes of {robbed} of {count} agents, or folders of them, were removed at once");
            return vec![of_all(&workspaces, what)];
        }
        missing.into_iter().map(|(agent, folders)| one(&workspaces, agent, &folders)).collect()
    }

    /// Adds what is missing now to what was; whether that is more.
    fn look_for_folders<'a>(&self, mine: &[&'a AgentName], gone: &[PathBuf], missing: &mut Missing<'a>) -> bool {
        let workspaces = self.root().path().join("agent_workspaces");
        let mut more = false;
        for agent in mine {
            let home = workspaces.join(agent.as_str());
            let by_event = gone.iter().filter_map(|path| path.strip_prefix(&home).ok());
            // A folder below outbox/ is its owner's to remove.
            let by_event = by_event.filter_map(|path| path.to_str()).filter(|path| !path.starts_with("outbox/"));
            let mut all: BTreeSet<String> = by_event.map(str::to_owned).collect();
            match self.tree.missing(agent) {
                Ok(None) => drop(all.insert(String::new())),
                Ok(Some(folders)) => all.extend(folders.into_iter().map(str::to_owned)),
                // A link or a file in its place is said by whoever scans it.
                Err(_) => {}
            }
            if !all.is_empty() {
                let before = missing.entry(agent).or_default();
                let had = before.len();
                before.extend(all);
                more |= before.len() > had;
            }
        }
        more
    }
}

/// Whether anything lay in these folders that a snapshot could bring back.
fn has_lost(folders: &BTreeSet<String>) -> bool {
    folders.iter().any(|name| !EMPTY.contains(&name.as_str()))
}

fn of_all(workspaces: &std::path::Path, what: String) -> Sighting {
    let one = sighting(Detector::MissingMailbox, ALL, Severity::Critical, what, workspaces);
    Sighting { kept: true, ..one }
}

fn one(workspaces: &std::path::Path, agent: &AgentName, folders: &BTreeSet<String>) -> Sighting {
    let home = workspaces.join(agent.as_str());
    if folders.contains("") {
        let what = format!("the mailbox of {agent} was removed");
        let one = sighting(Detector::MissingMailbox, agent.as_str(), Severity::Critical, what, &home);
        return Sighting { kept: true, ..one };
    }
    let names: Vec<&str> = folders.iter().map(String::as_str).collect();
    let lost = has_lost(folders);
    let what = format!("folders of the mailbox of {agent} were removed: {}", names.join(", "));
    let severity = if lost { Severity::Critical } else { Severity::Notice };
    let path = if let [only] = names.as_slice() { home.join(only) } else { home };
    Sighting { kept: lost, ..sighting(Detector::MissingMailbox, agent.as_str(), severity, what, &path) }
}

/// Whether a restore brought a mailbox back, or found that nothing was to be
/// brought back to it.
pub(super) fn brought_back(event: &Event, subject: &str) -> bool {
    let restored = event.detail.get("mailboxes").filter(|_| event.event == EventKind::Restored);
    restored.is_some_and(|all| all.split(',').any(|one| one == subject || subject == ALL && !one.is_empty()))
}
