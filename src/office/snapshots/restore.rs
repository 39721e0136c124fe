//! Bringing a restored tree back: planned, shown, applied; taken back again.
//!
//! The tree comes from a snapshot of ours or from a person who ran restic; how
//! it is exchanged with the live one is `snapshot::exchange`'s. Here is who
//! may, what the journal says of it, and that a running daemon looks again.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::mailbox::MailboxError;
pub use crate::mailbox::{Exchanged, Key, Step};
use crate::model::{AgentName, Event, EventKind, Permission};
use crate::office::control::{self, ControlError, Request};
use crate::office::{ErrorKind, Office, OfficeError, Result};
use crate::snapshot::exchange::{Applied, Exchange, ExchangeError, Source, plan};
pub use crate::snapshot::exchange::{
    FilePlan, JournalPlan, MailboxPlan, Phase, Plan as RestorePlan, Record as RestoreRecord, Selection,
};

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// What finishes a restore that was interrupted.
const RESUME: &str = "cellphone snapshot restore --resume";

/// Where the tree comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredFrom {
    /// The restored tree: a folder that holds a copy of a root, or one folder
    /// alone that does, however deep.
    pub tree: PathBuf,
    /// The snapshot it was restored from, where that is known.
    pub snapshot: Option<String>,
    /// Whether the tree was made for this alone, and may be used up.
    pub spent: bool,
}

/// What is to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRequest {
    /// From where.
    pub from: RestoredFrom,
    /// An agent, by name.
    pub agent: Option<String>,
    /// A path from the root.
    pub path: Option<String>,
    /// A message, by its id or a part of it.
    pub message: Option<String>,
    /// Whether mail that the restored tree does not have stays in the
    /// mailboxes; otherwise it goes aside.
    pub keep_newer: bool,
}

/// What the daemon said to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "daemon", content = "why", rename_all = "snake_case")]
pub enum DaemonTold {
    /// It looks at everything again.
    Told,
    /// There is none; the next one looks at everything when it starts.
    NotRunning,
    /// It did not answer; its own look now and then will find it.
    Silent(String),
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Its record, under which the old files lie aside.
    pub record: RestoreRecord,
    /// The plan that was done.
    pub plan: RestorePlan,
    /// Lines of the live journal that were added to the one that came back.
    pub journal_lines: usize,
    /// Where the old files are.
    pub aside: PathBuf,
    /// What the daemon said to it.
    #[serde(flatten)]
    pub daemon: DaemonTold,
    /// What came back, by path, and is used only once `cellphone trust`
    /// approves it.
    pub to_approve: Vec<String>,
}

/// A restore whose old files lie aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Aside {
    /// Its record.
    pub record: RestoreRecord,
    /// Where they are.
    pub path: PathBuf,
    /// How many.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl From<ExchangeError> for OfficeError {
    fn from(e: ExchangeError) -> Self {
        let text = e.to_string();
        match e {
            ExchangeError::Fs(e) | ExchangeError::Mailbox(MailboxError::Fs(e)) if e.is_refused() => {
                Self::new(ErrorKind::Refused, text)
                    .hint("nothing was changed; remove that entry from the restored tree, or restore another snapshot")
            }
            ExchangeError::Fs(e) => e.into(),
            ExchangeError::Mailbox(e) => e.into(),
            ExchangeError::Journal(e) => e.into(),
            ExchangeError::Unfit { .. } => Self::new(ErrorKind::Refused, text),
            ExchangeError::NoTree(_) => Self::new(ErrorKind::NotFound, text)
                .hint("restic restore SNAPSHOT --target DIR, then cellphone snapshot restore --staged DIR"),
            ExchangeError::NotThere(_) | ExchangeError::NoRecord(_) => {
                Self::new(ErrorKind::NotFound, text).hint("cellphone snapshot restore --list")
            }
            ExchangeError::Selection(_) => Self::new(ErrorKind::Usage, text),
            ExchangeError::Busy => Self::new(ErrorKind::TryAgain, text),
            ExchangeError::Unfinished(_) => Self::new(ErrorKind::Conflict, text).hint(RESUME),
            ExchangeError::Damaged { .. } => Self::new(ErrorKind::Failed, text)
                .hint("look at that folder; once it is moved away, restores go on without it"),
        }
    }
}

impl Office {
    /// Plans to bring a restored tree back, or a part of it; changes nothing.
    ///
    /// # Errors
    /// It is no such tree, holds what may not be taken over, or nothing of
    /// what was asked for.
    pub fn restore_plan(&self, request: RestoreRequest) -> Result<RestorePlan> {
        let exchange = self.exchange();
        if let Some((open, _)) = exchange.unfinished()? {
            return Err(ExchangeError::Unfinished(open.id).into());
        }
        let agent = request.agent.map(AgentName::new).transpose()?;
        let selection = Selection { agent, path: request.path, message: request.message };
        let tree = std::path::absolute(&request.from.tree).unwrap_or(request.from.tree);
        let source = Source { tree, snapshot: request.from.snapshot, undoes: None, spent: request.from.spent };
        Ok(plan(exchange.live(), source, selection, request.keep_newer)?)
    }

    /// Plans to take the newest restore back, or one by its name; changes
    /// nothing. What it did not touch, mail that arrived since above all,
    /// stays as it is.
    ///
    /// # Errors
    /// There is none.
    pub fn restore_undo_plan(&self, id: Option<&str>) -> Result<RestorePlan> {
        Ok(self.exchange().plan_undo(id)?)
    }

    /// Does exactly what the plan says. When this returns, it is durable, the
    /// journal says so, and a running daemon looks again.
    ///
    /// # Errors
    /// The actor may not, another restore is going on or unfinished, or the
    /// disk says no: then [`restore_resume`](Self::restore_resume) finishes.
    pub fn restore_apply(&self, plan: RestorePlan) -> Result<Restored> {
        self.may(Permission::Restore)?;
        let by = self.actor();
        self.ask_before("before-restore", &by, || {
            let agents: Vec<_> = plan.mailboxes.iter().filter(|m| !m.steps.is_empty()).map(|m| &m.agent).collect();
            json!({ "by": by, "agents": agents, "files": plan.files.steps.len() })
        })?;
        match self.exchange().apply(plan, self.now()) {
            Ok(applied) => Ok(self.restored(applied)),
            Err(e @ (ExchangeError::Unfinished(_) | ExchangeError::Busy)) => Err(e.into()),
            Err(e) => Err(self.unfinished_by(e)),
        }
    }

    /// Says in the journal that somebody wanted a part back and nothing of it
    /// was missing.
    ///
    /// # Errors
    /// The actor may not.
    pub fn restore_found_nothing(&self, plan: &RestorePlan) -> Result<()> {
        self.may(Permission::Restore)?;
        let mailboxes: Vec<&str> = plan.mailboxes.iter().map(|m| m.agent.as_str()).collect();
        let event = Event::new(self.now(), EventKind::Restored).with("mailboxes", mailboxes.join(","));
        self.note(&[event.with("by", self.actor()).with("brought", 0)]);
        Ok(())
    }

    /// Says of a failure that the restore was begun, if it was.
    fn unfinished_by(&self, e: ExchangeError) -> OfficeError {
        let begun = matches!(self.exchange().unfinished(), Ok(Some(_)));
        let e = OfficeError::from(e);
        if !begun {
            return e;
        }
        OfficeError::new(e.kind, format!("{}; the restore was begun and is not finished", e.message))
            .hint(format!("{RESUME} when that is mended, or --abandon, then --undo"))
    }

    /// Finishes a restore that was interrupted; `None` when none was.
    ///
    /// # Errors
    /// As [`restore_apply`](Self::restore_apply).
    pub fn restore_resume(&self) -> Result<Option<Restored>> {
        self.may(Permission::Restore)?;
        match self.exchange().resume() {
            Ok(applied) => Ok(applied.map(|applied| self.restored(applied))),
            Err(e @ ExchangeError::Busy) => Err(e.into()),
            Err(e) => Err(self.unfinished_by(e)),
        }
    }

    /// Gives up a restore that was interrupted and cannot be finished; as far as
    /// it came, it can be taken back.
    ///
    /// # Errors
    /// The actor may not, or none was interrupted.
    pub fn restore_abandon(&self) -> Result<RestoreRecord> {
        self.may(Permission::Restore)?;
        let record = self.exchange().abandon()?;
        let event = Event::new(self.now(), EventKind::Restored).with("restore", &record.id);
        self.note(&[event.with("abandoned", "as far as it came")]);
        Ok(record)
    }

    /// The restore that was begun and not finished, if one was.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn restore_unfinished(&self) -> Result<Option<RestoreRecord>> {
        Ok(self.exchange().unfinished()?.map(|(record, _)| record))
    }

    /// The restores whose old files lie aside, oldest first.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn restores(&self) -> Result<Vec<Aside>> {
        let listed = self.exchange().list()?;
        let aside = |(record, bytes, files): (RestoreRecord, u64, usize)| {
            let path = self.aside_of(&record);
            Aside { record, path, files, bytes }
        };
        Ok(listed.into_iter().filter(|(record, ..)| record.phase != Phase::Preparing).map(aside).collect())
    }

    /// Removes for good what a restore put aside.
    ///
    /// # Errors
    /// The actor may not, there is none, or it is not finished.
    pub fn restore_forget(&self, id: &str) -> Result<()> {
        self.may(Permission::Prune)?;
        self.exchange().forget(id)?;
        self.note(&[Event::new(self.now(), EventKind::Deleted).with("what", "files put aside").with("restore", id)]);
        Ok(())
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange::new(self.root().dir(), self.root().state(), &self.tree, &self.journal)
    }

    fn aside_of(&self, record: &RestoreRecord) -> PathBuf {
        self.root().state().path().join("restore").join(&record.id).join("out")
    }

    fn restored(&self, applied: Applied) -> Restored {
        let Applied { record, plan, journal_lines } = applied;
        let done = record.done.unwrap_or_default();
        let agents: Vec<&str> =
            plan.mailboxes.iter().filter(|m| !m.steps.is_empty()).map(|m| m.agent.as_str()).collect();
        // Also those in which everything was as it should be, or nothing was to be brought back.
        let mailboxes: Vec<&str> = plan.mailboxes.iter().map(|m| m.agent.as_str()).collect();
        let mut event = Event::new(Timestamp::now(), EventKind::Restored)
            .with("mailboxes", mailboxes.join(","))
            .with("restore", &record.id)
            .with("by", self.actor())
            .with("agents", agents.join(","))
            .with("brought", done.brought)
            .with("aside", done.aside)
            .with("kept", plan.mailboxes.iter().map(|m| m.kept.len()).sum::<usize>());
        match (&record.source.undoes, &record.source.snapshot) {
            (Some(undone), _) => event = event.with("undoes", undone),
            (None, Some(snapshot)) => event = event.with("snapshot", snapshot),
            (None, None) => event = event.with("tree", record.source.tree.display()),
        }
        if let JournalPlan::BroughtBack { why } = &plan.journal {
            event = event.with("journal", format!("brought back: {why}"));
        }
        self.note(&[event]);
        Restored {
            aside: self.aside_of(&record),
            daemon: self.tell_daemon(),
            to_approve: self.to_approve(&plan),
            record,
            plan,
            journal_lines,
        }
    }

    fn tell_daemon(&self) -> DaemonTold {
        match control::ask(self.root().state().path(), &Request::Rescan, PATIENCE) {
            Ok(_) => DaemonTold::Told,
            Err(ControlError::NotRunning(_) | ControlError::Platform) => DaemonTold::NotRunning,
            Err(e) => DaemonTold::Silent(e.to_string()),
        }
    }

    /// What came back and is not what was approved. A snapshot holds what
    /// agents wrote, so a restore approves nothing.
    fn to_approve(&self, plan: &RestorePlan) -> Vec<String> {
        use crate::config::trust::{TrustState, status};
        if plan.files.steps.is_empty() {
            return Vec::new();
        }
        let items = status(self.root()).unwrap_or_default();
        items.into_iter().filter(|item| item.state == TrustState::Changed).map(|item| item.path).collect()
    }
}
