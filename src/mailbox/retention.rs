//! Keeping a mailbox small: planned, shown, applied.
//!
//! Seen mail older than an age goes to the archive; an archive over its size
//! loses its oldest messages. What is unread, claimed or dead is never
//! touched.

use std::time::Duration;

use jiff::Timestamp;

use super::layout::{Mailbox, Place};
use super::scan::{Raw, Scanned, Which};
use super::{MailboxError, Result};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionRules {
    /// Seen mail older than this goes to the archive; `None`: never.
    pub archive_after: Option<Duration>,
    /// The archive's size in bytes; the oldest above it is deleted. `None`:
    /// no bound.
    pub archive_max_bytes: Option<u64>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedMove {
    /// Which message.
    pub message: Scanned,
    /// Its size in bytes.
    pub bytes: u64,
    /// True: it is deleted. False: it goes to the archive.
    pub delete: bool,
}

/// What [`Mailbox::apply`] will do, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<PlannedMove>,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Applied {
    /// The steps that were done, in order.
    pub done: Vec<PlannedMove>,
    /// The steps that could not be done, and why; their messages are where
    /// they were.
    pub failed: Vec<(PlannedMove, MailboxError)>,
}

impl Mailbox {
    /// Plans by the rules, at `now`.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn plan(&self, rules: &RetentionRules, now: Timestamp) -> Result<Plan> {
        let mut plan = Plan::default();
        if let Some(age) = rules.archive_after {
            let oldest = now - jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX);
            let old = self.scan(Which::Inbox, None)?;
            for message in old.into_iter().filter(|s| s.place == Place::Cur && s.name.accepted() < oldest) {
                let bytes = self.place(Place::Cur, "")?.stat(&message.file)?.map_or(0, |s| s.size);
                plan.steps.push(PlannedMove { message, bytes, delete: false });
            }
        }
        if let Some(most) = rules.archive_max_bytes {
            self.plan_deletions(most, &mut plan)?;
        }
        Ok(plan)
    }

    fn plan_deletions(&self, most: u64, plan: &mut Plan) -> Result<()> {
        let mut archived: Vec<Scanned> = self.scan_days(Place::Archive)?.into_iter().filter_map(Raw::read).collect();
        archived.sort_by(|a, b| a.name.cmp(&b.name));
        let mut sized = Vec::with_capacity(archived.len());
        for message in archived {
            let bytes = self.folder(&message)?.stat(&message.file)?.map_or(0, |s| s.size);
            sized.push((message, bytes));
        }
        let coming: u64 = plan.steps.iter().map(|s| s.bytes).sum();
        let mut total = coming + sized.iter().map(|(_, bytes)| bytes).sum::<u64>();
        for (message, bytes) in sized {
            if total <= most {
                break;
            }
            total -= bytes;
            plan.steps.push(PlannedMove { message, bytes, delete: true });
        }
        Ok(())
    }

    /// Does what the plan says. A message that was moved since is left alone,
    /// and one step that cannot be done (its name is taken in the archive)
    /// stops no other.
    #[must_use]
    pub fn apply(&self, plan: &Plan) -> Applied {
        let mut applied = Applied::default();
        for step in &plan.steps {
            match self.take_step(step) {
                Ok(true) => applied.done.push(step.clone()),
                Ok(false) => {}
                Err(e) => applied.failed.push((step.clone(), e)),
            }
        }
        applied
    }

    /// Whether there was something to do.
    fn take_step(&self, step: &PlannedMove) -> Result<bool> {
        let folder = self.folder(&step.message)?;
        if folder.stat(&step.message.file)?.is_none() {
            return Ok(false);
        }
        if !step.delete {
            self.archive(&step.message)?;
            return Ok(true);
        }
        let _lock = self.lock_exclusive()?;
        match folder.remove(&step.message.file) {
            Err(e) if e.is_not_found() => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }
}
