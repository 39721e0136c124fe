//! The drills there were, as their reports say: each a folder outside the root
//! that holds `report.json`.
//!
//! What lies there is read anew each time; there is no index that could be
//! wrong. A folder that cannot be read as a report is named and passed over,
//! never removed. What may go is decided by a pure function, and shown by
//! whoever removes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::outcome::Outcome;
use super::report::{self, JSON};
use crate::fsio::{self, Dir, FileKind};

/// Longest `report.json` that is read: 100,000 lost messages take 12 MB.
const MOST: u64 = 64 << 20;

/// What lies in the folder of reports.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The drills, the oldest first.
    pub runs: Vec<Run>,
    /// What could not be read.
    pub damaged: Vec<Damaged>,
}

/// One drill of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// What it yielded.
    pub outcome: Outcome,
}

/// A folder that is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Which.
    pub folder: PathBuf,
    /// Why, a sentence.
    pub why: String,
}

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The newest of each scenario.
    pub last: usize,
    /// Those that failed, for this long.
    pub failed: Duration,
}

impl History {
    /// Reads what lies in a folder; nothing, where there is none.
    ///
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub fn read(place: &Path) -> fsio::Result<Self> {
        let dir = match Dir::open(place) {
            Err(e) if e.is_not_found() => return Ok(Self::default()),
            other => other?,
        };
        let mut all = Self::default();
        let mut names = dir.names()?;
        names.sort();
        // With a dot in front: one that is being written, or was when the machine stopped.
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            let folder = place.join(name);
            match read_one(&dir, name) {
                Ok(Some(outcome)) => all.runs.push(Run { folder, outcome }),
                Ok(None) => {}
                Err(why) => all.damaged.push(Damaged { folder, why }),
            }
        }
        all.runs.sort_by(|a, b| (a.outcome.began, &a.outcome.id).cmp(&(b.outcome.began, &b.outcome.id)));
        Ok(all)
    }

    /// The runs of one scenario, the oldest first.
    pub fn of<'a>(&'a self, scenario: &'a str) -> impl DoubleEndedIterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.outcome.scenario == scenario)
    }

    /// The run that a word means: `latest`, an id or the beginning of one, or
    /// a scenario, whose last run it is.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<&Run> {
        if word == "latest" {
            return self.runs.last();
        }
        let by_id = self.runs.iter().find(|run| run.outcome.id == word);
        // Two that begin alike are told apart by more of the id, not by chance.
        let begins = || {
            let mut found = self.runs.iter().filter(|run| word.len() >= 8 && run.outcome.id.starts_with(word));
            found.next().filter(|_| found.next().is_none())
        };
        let last_of = || self.runs.iter().rev().find(|run| run.outcome.scenario == word);
        by_id.or_else(last_of).or_else(begins)
    }

    /// What may go: neither among the newest of its scenario nor failed
    /// lately.
    #[must_use]
    pub fn superfluous(&self, keep: Keep, now: Timestamp) -> Vec<&Run> {
        let failed = SignedDuration::try_from(keep.failed).unwrap_or(SignedDuration::MAX);
        let mut newer: BTreeMap<&str, usize> = BTreeMap::new();
        let mut out = Vec::new();
        for run in self.runs.iter().rev() {
            let seen = newer.entry(&run.outcome.scenario).or_default();
            *seen += 1;
            let fresh_failure = !run.outcome.passed && now.duration_since(run.outcome.began) <= failed;
            if *seen > keep.last && !fresh_failure {
                out.push(run);
            }
        }
        out.reverse();
        out
    }
}

/// Removes the reports that may go, and what writers left that did not come to
/// their end; nobody else may be writing. Gives the folders of the reports.
///
/// # Errors
/// The first that cannot be removed.
pub fn forget(place: &Path, history: &History, keep: Keep, now: Timestamp) -> fsio::Result<Vec<PathBuf>> {
    let gone: Vec<PathBuf> = history.superfluous(keep, now).into_iter().map(|run| run.folder.clone()).collect();
    for folder in &gone {
        fsio::remove_tree(folder)?;
    }
    let left_over = |name: &String| name.starts_with('.') && name.ends_with(report::UNFINISHED);
    for name in Dir::open(place)?.names()?.iter().filter(|name| left_over(name)) {
        fsio::remove_tree(&place.join(name))?;
    }
    Ok(gone)
}

fn read_one(dir: &Dir, name: &str) -> Result<Option<Outcome>, String> {
    match dir.stat(name).map_err(|e| e.to_string())? {
        Some(stat) if stat.kind == FileKind::Dir => {}
        // Another tool's file among them (`.DS_Store` has a dot) is no report and no damage.
        _ => return Ok(None),
    }
    let bytes = dir.child(name).and_then(|folder| folder.read(JSON, MOST)).map_err(|e| e.to_string())?;
    let outcome: Outcome = serde_json::from_slice(&bytes).map_err(|e| format!("{JSON} is no report: {e}"))?;
    if outcome.id != name || !report::is_id(&outcome.id) {
        return Err(format!("{JSON} says that it is {:?}, not of this folder", outcome.id));
    }
    Ok(Some(outcome))
}
