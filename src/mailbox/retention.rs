//! Keeping a mailbox small: planned, shown, applied.
//!
//! Seen mail older than an age goes to the archive; an archive over its size
//! loses its oldest messages. What is unread, claimed or dead is never
//! touched.

use std::time::Duration;

use jiff::Timestamp;

use super::Result;
use super::layout::{Mailbox, Place};
use super::scan::{Raw, Scanned, Which};

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

    /// Does what the plan says; a message that was moved since is left alone.
    /// Gives how many steps were done.
    ///
    /// # Errors
    /// When the disk does not do it.
    pub fn apply(&self, plan: &Plan) -> Result<usize> {
        let mut done = 0;
        for step in &plan.steps {
            let folder = self.folder(&step.message)?;
            if folder.stat(&step.message.file)?.is_none() {
                continue;
            }
            if step.delete {
                folder.remove(&step.message.file)?;
            } else {
                self.archive(&step.message)?;
            }
            done += 1;
        }
        Ok(done)
    }
}
