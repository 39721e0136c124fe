//! What becomes of a drill that ended: its report, who hears of it, and what
//! of the past is kept; and the past itself, for whoever asks.
//!
//! Reports lie outside the tree, where the disaster that they are about does
//! not reach them, beside the root's approved copies; `.cellphone/drills`
//! points there for people. The hook `drill` is run here with the whole
//! outcome on its standard input, not by the daemon with a line of the journal:
//! a drill needs no daemon.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::trust;
use crate::continuity::due::{self, Past};
use crate::continuity::history::{self, Keep};
use crate::continuity::report::{self, ReportError};
use crate::fsio::Dir;
use crate::hooks;
use crate::identity::NAMESPACE_REPORT;
use crate::model::{AgentName, Event, EventKind, Forgery, MessageId, Priority};

pub use crate::continuity::due::Standing;
pub use crate::continuity::history::{Damaged, History, Run};
pub use crate::continuity::outcome::Outcome;
pub use crate::continuity::report::{HTML, JSON, MARKDOWN, Met, SIGNATURE, Written, seconds, verdict};

/// The folder of reports, outside the tree; and what points there, in the
/// root's own state.
const FOLDER: &str = "drills";
/// Longest file of a report.
const MOST: u64 = 64 << 20;

/// What is known about who signed a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// Nobody did.
    Unsigned,
    /// Somebody, with a key that counted then, and these very bytes.
    By(AgentName),
    /// There is a signature, and it does not hold.
    Not(Forgery),
}

impl From<ReportError> for OfficeError {
    fn from(e: ReportError) -> Self {
        match e {
            ReportError::Fs(e) => e.into(),
            ReportError::Id(_) | ReportError::Json { .. } => Self::new(ErrorKind::Failed, e.to_string()),
        }
    }
}

impl Office {
    /// Where the reports are.
    ///
    /// # Errors
    /// That would be inside the tree: a drill that breaks it would take them.
    pub fn drill_folder(&self) -> Result<PathBuf> {
        let folder = self.root().outside().join(FOLDER);
        if trust::lies_inside(self.root()) {
            let what = format!("reports of drills would lie in the tree, in {}", folder.display());
            return Err(OfficeError::new(ErrorKind::Refused, what).hint("set XDG_STATE_HOME to a folder elsewhere"));
        }
        Ok(folder)
    }

    /// The drills there were.
    ///
    /// # Errors
    /// When the folder of reports cannot be listed.
    pub fn drill_history(&self) -> Result<History> {
        Ok(History::read(&self.drill_folder()?)?)
    }

    /// Writes the report of a drill that ended, tells whoever must hear of it,
    /// and lets go of reports that are old enough.
    ///
    /// # Errors
    /// The report or the message to the captain could not be written.
    pub fn drill_ended(&self, outcome: &Outcome) -> Result<Written> {
        let written = self.write_drill_report(outcome)?;
        self.tell_drill(outcome)?;
        Ok(written)
    }

    /// Writes the report alone.
    ///
    /// # Errors
    /// It could not be written; nothing of it is left then.
    pub fn write_drill_report(&self, outcome: &Outcome) -> Result<Written> {
        let place = self.drill_folder()?;
        let history = self.drill_history()?;
        let past: Vec<Outcome> = history.of(&outcome.scenario).map(|run| run.outcome.clone()).collect();
        let actor = self.actor();
        let signer = self.signer_of(&actor).unwrap_or_else(|e| {
            // The report matters more than who can be shown to have made it.
            tracing::warn!(error = %e, "the report of the drill is not signed");
            None
        });
        let signing = signer.as_deref().map(|signer| (&actor, signer));
        let written = report::write(&place, outcome, &past, self.root().path(), signing)?;
        if let Err(e) = self.root().state().point_to(FOLDER, &place) {
            tracing::warn!(error = %e, "nothing in the root points to the reports of drills");
        }
        let settings = &self.settings().drill;
        let last = usize::try_from(settings.keep_last).unwrap_or(usize::MAX);
        let keep = Keep { last: last.max(1), failed: settings.keep_failed };
        if let Err(e) = history::forget(&place, &self.drill_history()?, keep, self.now()) {
            tracing::warn!(error = %e, "old reports of drills were not removed");
        }
        Ok(written)
    }

    /// Says in the journal how a drill ended, runs the hook `drill` with the
    /// outcome, and when it failed writes to the captain.
    ///
    /// # Errors
    /// The message could not be sent.
    pub fn tell_drill(&self, outcome: &Outcome) -> Result<()> {
        let folder = self.drill_folder()?.join(&outcome.id);
        let figure = |n: Option<f64>| n.map_or_else(|| "none".to_owned(), |n| format!("{n:.3}"));
        self.note(&[Event::new(self.now(), EventKind::Drill)
            .with("drill", &outcome.id)
            .with("scenario", &outcome.scenario)
            .with("result", if outcome.passed { "passed" } else { "failed" })
            .with("score", outcome.score)
            .with("rto_seconds", figure(outcome.rto_seconds))
            .with("rpo_seconds", figure(outcome.rpo_seconds))
            .with("lost", outcome.lost.len())
            .with("report", folder.display())]);
        let told = if outcome.passed {
            Ok(())
        } else {
            let subject = format!("The drill {} failed", outcome.scenario);
            self.tell_whoever_leads(&subject, &report::notice(outcome, &folder), Priority::Normal)
        };
        let ran = hooks::run_noted(self.root(), self.settings(), "drill", || serde_json::to_vec(outcome));
        self.note(&ran.into_iter().collect::<Vec<_>>());
        told
    }

    /// The report that a word means: `latest`, an id or its beginning, or a
    /// scenario, whose last one it is.
    ///
    /// # Errors
    /// There is none.
    pub fn drill_report(&self, word: &str) -> Result<Run> {
        let history = self.drill_history()?;
        if let Some(run) = history.find(word) {
            return Ok(run.clone());
        }
        let damaged = history.damaged.iter().find(|d| d.folder.file_name().is_some_and(|n| n == word));
        let what = match damaged {
            Some(damaged) => format!("{} cannot be read: {}", damaged.folder.display(), damaged.why),
            None if history.runs.is_empty() => "there was no drill yet".to_owned(),
            None => {
                format!("no drill has the id {word:?}, or a beginning that is its alone, nor was this scenario drilled")
            }
        };
        let next = if history.runs.is_empty() { "cellphone drill run lost-disk" } else { "cellphone drill history" };
        Err(OfficeError::new(ErrorKind::NotFound, what).hint(next))
    }

    /// A file of a report, as it was written.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn drill_report_file(&self, run: &Run, name: &str) -> Result<Vec<u8>> {
        Ok(Dir::open(&run.folder)?.read(name, MOST)?)
    }

    /// Whether the signature of a report holds.
    ///
    /// # Errors
    /// The report or the approved signers cannot be read.
    pub fn drill_report_vouched(&self, run: &Run) -> Result<Vouched> {
        let dir = Dir::open(&run.folder)?;
        if dir.stat(SIGNATURE)?.is_none() {
            return Ok(Vouched::Unsigned);
        }
        let (json, armor) = (dir.read(JSON, MOST)?, dir.read(SIGNATURE, 1 << 16)?);
        let signers = self.keys.signers(self.root())?;
        let armor = String::from_utf8_lossy(&armor);
        Ok(match signers.who_signed(NAMESPACE_REPORT, &armor, &json, run.outcome.began) {
            Ok(who) => Vouched::By(who),
            Err(why) => Vouched::Not(why),
        })
    }

    /// How scenarios stand, each given with how often it must be drilled: the
    /// last drill, and when the next one must be.
    ///
    /// # Errors
    /// When the folder of reports cannot be listed.
    pub fn drill_standing(&self, scenarios: &[(String, Duration)]) -> Result<Vec<Standing>> {
        Ok(due::standing(scenarios, &self.drills_past()?, self.born(), self.now()))
    }

    /// Which of them must be drilled now, the longest overdue first.
    ///
    /// # Errors
    /// When the folder of reports cannot be listed.
    pub fn drills_due(&self, scenarios: &[(String, Duration)]) -> Result<Vec<Standing>> {
        Ok(due::due(scenarios, &self.drills_past()?, self.born(), self.now()))
    }

    fn drills_past(&self) -> Result<Vec<Past>> {
        Ok(self.drill_history()?.runs.iter().map(|run| Past::from(&run.outcome)).collect())
    }

    /// When the root was made: its id says so.
    fn born(&self) -> Timestamp {
        let id = self.root().id().to_ascii_uppercase().parse::<MessageId>();
        id.map_or(Timestamp::UNIX_EPOCH, |id| id.time())
    }
}
