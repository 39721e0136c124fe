//! When which snapshot is due: a pure function of the schedule, of what was
//! taken, of the mail that came since, and of the time.
//!
//! What was missed while the machine slept or the daemon was down is made up
//! for once, by the strongest kind that was missed: a full snapshot holds what
//! a differential or incremental one of the same night would. A clock that
//! went back postpones nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Kind;
use crate::config::{Cron, SnapshotSettings};

/// What the daemon may have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Take a snapshot.
    Take(Kind),
    /// Check the repositories.
    Check,
}

/// When things were done last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// The newest full snapshot.
    pub full: Option<Timestamp>,
    /// The newest differential one.
    pub differential: Option<Timestamp>,
    /// The newest incremental one.
    pub incremental: Option<Timestamp>,
    /// The last check.
    pub check: Option<Timestamp>,
}

impl Done {
    /// A snapshot of a kind was taken.
    pub fn took(&mut self, kind: Kind, at: Timestamp) {
        let last = match kind {
            Kind::Full => &mut self.full,
            Kind::Differential => &mut self.differential,
            Kind::Incremental => &mut self.incremental,
        };
        *last = (*last).max(Some(at));
    }

    /// The newest snapshot of any kind.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.full.max(self.differential).max(self.incremental)
    }

    /// What makes one of this kind unnecessary: one of it, or of a stronger.
    fn covering(&self, job: Job) -> Option<Timestamp> {
        match job {
            Job::Take(Kind::Full) => self.full,
            Job::Take(Kind::Differential) => self.full.max(self.differential),
            Job::Take(Kind::Incremental) => self.newest(),
            Job::Check => self.check,
        }
    }
}

/// New mail that is in no snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many messages.
    pub messages: u64,
    /// When the first of them was accepted.
    pub since: Option<Timestamp>,
}

/// The schedule of one root.
#[derive(Debug, Clone, Copy)]
pub struct Timetable<'a> {
    settings: &'a SnapshotSettings,
    /// By how much what the schedule asks for is put off.
    late: Duration,
    /// From when on things are missed: nothing before it was promised.
    begun: Timestamp,
}

impl<'a> Timetable<'a> {
    /// The schedule of the root `id`, in force since `begun`.
    #[must_use]
    pub fn new(settings: &'a SnapshotSettings, id: &str, begun: Timestamp) -> Self {
        let jitter = settings.jitter.as_secs();
        // FNV-1a: spreads roots that share a machine, the same way every day.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self { settings, late: Duration::from_secs(hash % (jitter + 1)), begun }
    }

    /// The schedules, the strongest first.
    fn rows(&self) -> [(Job, &'a Cron); 4] {
        let s = self.settings;
        [
            (Job::Take(Kind::Full), &s.schedule_full),
            (Job::Take(Kind::Differential), &s.schedule_differential),
            (Job::Take(Kind::Incremental), &s.schedule_incremental),
            (Job::Check, &s.schedule_check),
        ]
    }

    /// When the schedule asks for `job` next.
    fn scheduled(&self, job: Job, cron: &Cron, done: &Done, now: Timestamp) -> Option<Timestamp> {
        let last = done.covering(job).unwrap_or(self.begun).min(now);
        let wanted = cron.next_after(last)?;
        add(wanted, self.late)
    }

    /// When the mail that waits asks for one.
    fn by_mail(&self, done: &Done, waiting: Waiting, now: Timestamp) -> Option<Timestamp> {
        let since = waiting.since?;
        let full = self.settings.after_messages > 0 && waiting.messages >= self.settings.after_messages;
        if full {
            return Some(now);
        }
        let newest = done.newest().unwrap_or(since);
        (!self.settings.after.is_zero()).then(|| add(since.max(newest).min(now), self.settings.after)).flatten()
    }

    /// What is due now.
    #[must_use]
    pub fn due(&self, done: &Done, waiting: Waiting, now: Timestamp) -> Option<Job> {
        let scheduled = self
            .rows()
            .into_iter()
            .find(|(job, cron)| self.scheduled(*job, cron, done, now).is_some_and(|at| at <= now));
        let by_mail = self.by_mail(done, waiting, now).is_some_and(|at| at <= now);
        match scheduled {
            Some((Job::Check, _)) if by_mail => Some(Job::Take(Kind::Incremental)),
            Some((job, _)) => Some(job),
            None => by_mail.then_some(Job::Take(Kind::Incremental)),
        }
    }

    /// When something is due next, if nothing else happens.
    #[must_use]
    pub fn next(&self, done: &Done, waiting: Waiting, now: Timestamp) -> Option<Timestamp> {
        self.rows()
            .into_iter()
            .filter_map(|(job, cron)| self.scheduled(job, cron, done, now))
            .chain(self.by_mail(done, waiting, now))
            .min()
    }
}

fn add(at: Timestamp, by: Duration) -> Option<Timestamp> {
    at.checked_add(SignedDuration::try_from(by).ok()?).ok()
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
