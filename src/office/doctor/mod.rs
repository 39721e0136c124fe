//! Finding what is wrong with a root, and with `fix` repairing it.
//!
//! Looks before it touches: without `fix` nothing is made, moved or removed.
//! A repair never deletes a message: what cannot stay where it is goes to
//! `dead/` with the reason. Works on a root whose configuration is broken,
//! since that is one of the things to find. Every check reads what other
//! processes change meanwhile, so a file that vanished between two looks is
//! no finding.

mod machine;
mod mailboxes;
mod watched;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::Serialize;

use super::Office;
use crate::fsio::{Dir, FsError, parallel};
use crate::mailbox::{MailboxError, Tree};
use crate::model::{AgentName, Detector, Event, EventKind};
use crate::post::PostError;
use mailboxes::Copies;

/// What sort of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A folder is missing.
    Folder,
    /// A file or folder may be read or written by whom it should not, or not by its owner.
    Mode,
    /// An unfinished file that nobody will finish.
    Temporary,
    /// A file that is no message, or stands where none belongs.
    Misplaced,
    /// A message that cannot be read.
    Unreadable,
    /// One id twice in a mailbox.
    Twice,
    /// A lease without its message.
    Lease,
    /// A letter that waits for delivery.
    Spool,
    /// The sender's copy is missing.
    Sent,
    /// The daemon's lock, socket and pid file.
    Daemon,
    /// Limits of the system.
    Watch,
    /// The record of what happened.
    Journal,
    /// Configuration, roster or approvals.
    Config,
    /// Another root stood here.
    Root,
    /// A restore that was begun and not finished.
    Restore,
    /// A drill on the tree itself that was cut short.
    Drill,
    /// A message of the archive or among the sent is not what its digest says.
    Damage,
    /// Snapshots are too old, damaged, strange or out of reach.
    Snapshots,
    /// A disk is nearly full.
    DiskSpace,
    /// An alarm of the daemon's detectors stands.
    Alarm,
    /// The check itself could not be made.
    Disk,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What sort of thing.
    pub check: Check,
    /// What is wrong, a sentence.
    pub what: String,
    /// Where.
    pub path: PathBuf,
    /// What `--fix` does about it, or what a person can do.
    pub fix: String,
    /// Whether it was repaired just now.
    pub fixed: bool,
    /// Whether `--fix` can repair it.
    pub repairable: bool,
    /// The detector of the daemon that looks for the same.
    pub detector: Option<Detector>,
    /// The scenario whose plan says what to do.
    pub runbook: Option<String>,
}

/// What a look may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Repair what can be repaired.
    pub fix: bool,
    /// Read every message and every repository.
    pub deep: bool,
}

impl Check {
    /// The detector of the daemon that looks for the same.
    const fn detector(self) -> Option<Detector> {
        match self {
            Self::Folder => Some(Detector::MissingMailbox),
            Self::Unreadable | Self::Damage => Some(Detector::Damage),
            Self::Journal => Some(Detector::JournalChain),
            Self::Config => Some(Detector::Configuration),
            Self::Root => Some(Detector::LostRoot),
            Self::Snapshots => Some(Detector::Snapshots),
            Self::DiskSpace => Some(Detector::DiskSpace),
            _ => None,
        }
    }
}

/// What the doctor needs to know of a root.
#[derive(Debug)]
pub struct Patient<'a> {
    /// The mailboxes.
    pub tree: &'a Tree,
    /// `.cellphone/`.
    pub state: &'a Dir,
    /// Who is on the roster.
    pub agents: &'a [AgentName],
    /// Age at which an unfinished file is left over.
    pub tmp_after: Duration,
}

/// Looks at everything; with `fix`, repairs what can be repaired.
#[must_use]
pub fn examine(patient: &Patient<'_>, fix: bool) -> Vec<Finding> {
    let mut chart = mailboxes(patient, fix);
    machine::examine(&mut chart, patient);
    chart.findings
}

fn mailboxes(patient: &Patient<'_>, fix: bool) -> Chart {
    let copies = Copies::default();
    let each = parallel::map_large(patient.agents, |agent| {
        let mut chart = Chart { fix, findings: Vec::new() };
        mailboxes::examine(&mut chart, patient, &copies, agent);
        chart.findings
    });
    Chart { fix, findings: each.into_iter().flatten().collect() }
}

impl Office {
    /// Looks at the whole root; with `fix`, repairs what can be repaired and
    /// records that.
    ///
    /// # Errors
    /// The configuration cannot be read after a drill was taken back; whatever else cannot be looked at is a finding.
    pub fn doctor(&self, effort: Effort) -> super::Result<Vec<Finding>> {
        let fix = effort.fix;
        let agents: Vec<AgentName> = self.roster().agents().iter().map(|agent| agent.name.clone()).collect();
        let patient = self.patient(&agents);
        let mut chart = Chart { fix, findings: Vec::new() };
        // Before anything else is mended: it brings back what would look as if it were for good.
        machine::drill(&mut chart, self);
        if chart.findings.iter().any(|finding| finding.fixed) {
            // Roster and settings were those of the drill.
            let anew = Self::open_with(Some(self.root().path()), Some(self.actor().as_str()), self.said())?;
            let mut findings = chart.findings;
            anew.note_repaired(&findings);
            findings.extend(anew.doctor(effort)?);
            return Ok(findings);
        }
        let mut findings = examine(&patient, fix);
        machine::restore(&mut chart, self);
        machine::journal(&mut chart, self);
        machine::configuration(&mut chart, self);
        machine::seat(&mut chart, self);
        machine::approvals(&mut chart, self);
        machine::keys(&mut chart, self);
        watched::examine(&mut chart, self, effort.deep);
        watched::alarms(&mut chart, self, |_| true);
        findings.append(&mut chart.findings);
        self.note_repaired(&findings);
        Ok(findings)
    }

    /// Looks at the mailboxes of some, and at the alarms about them; with `fix`,
    /// repairs what can be repaired and records that.
    ///
    /// # Errors
    /// One of them is not on the roster.
    pub fn doctor_of(&self, names: &[String], fix: bool) -> super::Result<Vec<Finding>> {
        let agents =
            names.iter().map(|name| super::on_roster(self.roster(), name)).collect::<super::Result<Vec<_>>>()?;
        let mut chart = mailboxes(&self.patient(&agents), fix);
        watched::alarms(&mut chart, self, |subject| agents.iter().any(|agent| agent.as_str() == subject));
        self.note_repaired(&chart.findings);
        Ok(chart.findings)
    }

    fn patient<'a>(&'a self, agents: &'a [AgentName]) -> Patient<'a> {
        let tmp_after = self.settings().retention.tmp_after;
        Patient { tree: &self.tree, state: self.root().state(), agents, tmp_after }
    }

    fn note_repaired(&self, findings: &[Finding]) {
        let fixed = findings.iter().filter(|finding| finding.fixed);
        let event = |finding: &Finding| {
            let event = Event::new(Timestamp::now(), EventKind::Repaired);
            event.with("what", &finding.what).with("path", finding.path.display())
        };
        self.note(&fixed.map(event).collect::<Vec<_>>());
    }

    /// Makes the folders that are missing in the mailboxes of the roster;
    /// gives the paths that were, for each mailbox.
    #[must_use]
    pub fn complete_layouts(&self) -> Vec<(AgentName, Result<Vec<String>, MailboxError>)> {
        let complete = |agent: &AgentName| self.tree.mailbox(agent).and_then(|mailbox| mailbox.complete_layout());
        self.roster().agents().iter().map(|agent| (agent.name.clone(), complete(&agent.name))).collect()
    }
}

/// Collects findings and decides whether to repair.
pub(super) struct Chart {
    fix: bool,
    findings: Vec<Finding>,
}

impl Chart {
    /// A finding that `repair` mends. A repair that fails stays a finding,
    /// with the reason.
    fn repairable(
        &mut self,
        check: Check,
        path: impl AsRef<Path>,
        what: impl Into<String>,
        fix: &str,
        repair: impl FnOnce() -> Result<(), Trouble>,
    ) {
        let (mut what, mut fixed) = (what.into(), false);
        if self.fix {
            match repair() {
                Ok(()) => fixed = true,
                Err(e) => what = format!("{what}; it could not be repaired: {}", e.0),
            }
        }
        self.findings.push(Finding {
            check,
            what,
            path: path.as_ref().to_owned(),
            fix: fix.to_owned(),
            fixed,
            repairable: true,
            detector: check.detector(),
            runbook: check.detector().and_then(Detector::runbook).map(str::to_owned),
        });
    }

    /// A finding for a person.
    fn told(&mut self, check: Check, path: impl AsRef<Path>, what: impl Into<String>, advice: impl Into<String>) {
        self.findings.push(Finding {
            check,
            what: what.into(),
            path: path.as_ref().to_owned(),
            fix: advice.into(),
            fixed: false,
            repairable: false,
            detector: check.detector(),
            runbook: check.detector().and_then(Detector::runbook).map(str::to_owned),
        });
    }

    /// Notes that a check could not be made. What has gone meanwhile is well.
    fn checked<T>(&mut self, path: &Path, result: Result<T, impl Into<Trouble>>) -> Option<T> {
        match result.map_err(Into::into) {
            Ok(value) => Some(value),
            Err(Trouble(_, true)) => None,
            Err(Trouble(why, false)) => {
                self.told(Check::Disk, path, why, "look at the disk and at the permissions");
                None
            }
        }
    }
}

/// Why something could not be done; true when the thing is not there.
pub(super) struct Trouble(String, bool);

impl From<FsError> for Trouble {
    fn from(e: FsError) -> Self {
        Self(e.to_string(), e.is_not_found())
    }
}

impl From<MailboxError> for Trouble {
    fn from(e: MailboxError) -> Self {
        match e {
            MailboxError::Fs(e) => e.into(),
            MailboxError::NotFound(..) => Self(e.to_string(), true),
            _ => Self(e.to_string(), false),
        }
    }
}

impl From<PostError> for Trouble {
    fn from(e: PostError) -> Self {
        match e {
            PostError::Mailbox(e) => e.into(),
            _ => Self(e.to_string(), false),
        }
    }
}

/// How long ago a file changed; zero for one from the future.
fn age(modified: Duration) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(modified)
}

/// Whether the writer of a temporary file (`CLOCK.PID.N.HINT`) is gone. Other
/// names do not tell, and count as alive until they are old.
fn writer_is_dead(name: &str) -> bool {
    let mut parts = name.trim_start_matches('.').split('.');
    let clock = parts.next().is_some_and(|c| u128::from_str_radix(c, 16).is_ok());
    let pid = parts.next().and_then(|pid| pid.parse::<u32>().ok());
    match (clock, pid) {
        (true, Some(pid)) => !is_alive(pid),
        _ => false,
    }
}

/// Whether a process of this number exists. Where that cannot be told, yes.
#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_pid: u32) -> bool {
    true
}

/// The names that occur more than once.
fn repeated<T: Ord + Clone>(all: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    all.filter(|one| !seen.insert(one.clone())).collect()
}

#[cfg(test)]
mod tests;
