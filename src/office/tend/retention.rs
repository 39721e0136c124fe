//! Keeping mailboxes small, by the settings: planned, then applied.

use std::time::Duration;

use super::super::{Office, Result};
use super::TendReport;
use crate::mailbox::{Applied, Plan, RetentionRules};
use crate::model::{AgentName, Event, EventKind, Permission};

/// How long the keys of sent letters are remembered.
const KEYS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What retention would do, mailbox by mailbox.
#[derive(Debug, Clone, Default)]
pub struct RetentionPlan {
    /// Mailboxes in which there is something to do.
    pub mailboxes: Vec<(AgentName, Plan)>,
}

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionDone {
    /// How many messages were archived or deleted.
    pub done: usize,
    /// What could not be, each with the reason; it is where it was.
    pub failed: Vec<String>,
}

impl Office {
    /// Plans what retention would do now; changes nothing. A mailbox that
    /// cannot be read has no plan, and the log says so.
    ///
    /// # Errors
    /// When no mailbox can be read.
    pub fn retention_plan(&self) -> Result<RetentionPlan> {
        let mut report = TendReport::default();
        let plan = self.plan_all(&mut report);
        match report.fault {
            Some(why) if plan.mailboxes.is_empty() => {
                Err(super::super::OfficeError::new(super::super::ErrorKind::Failed, why).hint("cellphone doctor"))
            }
            Some(why) => {
                tracing::warn!(why, "retention passes over it");
                Ok(plan)
            }
            None => Ok(plan),
        }
    }

    fn plan_all(&self, report: &mut TendReport) -> RetentionPlan {
        let set = &self.settings().retention;
        let rules = RetentionRules {
            archive_after: Some(set.archive_after).filter(|d| !d.is_zero()),
            archive_max_bytes: Some(set.max_bytes).filter(|b| *b > 0),
        };
        let mut plan = RetentionPlan::default();
        self.in_each(report, |_, mailbox| {
            let one = mailbox.plan(&rules, self.now())?;
            if !one.steps.is_empty() {
                plan.mailboxes.push((mailbox.agent().clone(), one));
            }
            Ok(())
        });
        plan
    }

    /// Does exactly what the plan says, as far as it can be done. Keys of
    /// letters older than 30 days are forgotten on the way.
    ///
    /// # Errors
    /// The actor may not, or the keys cannot be read.
    pub fn retention_apply(&self, plan: &RetentionPlan) -> Result<RetentionDone> {
        self.may(Permission::Prune)?;
        self.apply_all(plan)
    }

    /// Plans and applies, as the settings say: the daemon's own step, whoever
    /// started it.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn retain(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        let plan = self.plan_all(&mut report);
        let done = self.apply_all(&plan)?;
        report.done = done.done;
        if let Some(why) = done.failed.first() {
            report.failed("retention", why);
        }
        Ok(report)
    }

    fn apply_all(&self, plan: &RetentionPlan) -> Result<RetentionDone> {
        let mut all = RetentionDone::default();
        for (agent, one) in &plan.mailboxes {
            let Applied { done, failed } = match self.tree.mailbox(agent) {
                Ok(mailbox) => mailbox.apply(one),
                Err(e) => {
                    all.failed.push(format!("the mailbox of {agent}: {e}"));
                    continue;
                }
            };
            let event = |step: &crate::mailbox::PlannedMove| {
                let kind = if step.delete { EventKind::Deleted } else { EventKind::Archived };
                let event = Event::new(self.now(), kind).id(step.message.name.id()).agent(agent);
                event.with("reason", if step.delete { "retention: by size" } else { "retention: by age" })
            };
            self.note(&done.iter().map(event).collect::<Vec<_>>());
            all.done += done.len();
            all.failed.extend(failed.iter().map(|(step, e)| format!("{agent}: {}: {e}", step.message.file)));
        }
        self.post.forget_keys(KEYS_KEPT)?;
        Ok(all)
    }
}
