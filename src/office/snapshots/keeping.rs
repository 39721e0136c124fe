//! What changes or costs: check, repair, forget, prune, copies, keys. Whoever
//! may change what is kept may do these, and each is planned before it is done.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::tz::TimeZone;

use crate::model::{Event, EventKind, Permission};
use crate::snapshot::{
    Checked, Depth, ForgetPlan, KeepRules, KeyInfo, Place, Progress, Pruning, RepairPlan, Repository, of_root,
    plan_forget,
};

use super::super::{ErrorKind, Office, OfficeError, Result};

/// `rustic_core` panics on some damage. What it was doing changes a repository
/// only in steps that leave it whole.
fn guarded<T>(work: impl FnOnce() -> crate::snapshot::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Ok(done?),
        Err(_) => Err(OfficeError::new(ErrorKind::Failed, "the repository is damaged, so this cannot be done")
            .hint("cellphone snapshot check --read-data, then cellphone snapshot repair")),
    }
}

impl Office {
    /// Checks a repository.
    ///
    /// # Errors
    /// When it cannot be read at all; what is damaged is no error but found.
    pub fn snapshot_check(&self, which: Option<&str>, depth: Depth, progress: &Progress) -> Result<Checked> {
        let repository = self.snapshot_repository(which)?;
        let checked = repository.check(depth, progress)?;
        let event = Event::new(self.now(), EventKind::Checked)
            .agent(&self.actor())
            .with("repository", repository.place())
            .with("faults", checked.faults.len());
        self.note(&[event]);
        Ok(checked)
    }

    /// What the settings keep.
    #[must_use]
    pub fn keep_rules(&self) -> KeepRules {
        let s = &self.settings().snapshot;
        KeepRules {
            last: s.keep_last,
            hourly: s.keep_hourly,
            daily: s.keep_daily,
            weekly: s.keep_weekly,
            monthly: s.keep_monthly,
            within: s.keep_within,
        }
    }

    /// Which snapshots of this root the rules would forget.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn snapshot_forget_plan(&self, which: Option<&str>, rules: &KeepRules) -> Result<ForgetPlan> {
        let all = of_root(self.snapshot_repository(which)?.snapshots()?, self.root().id());
        Ok(plan_forget(all, rules, self.now(), &TimeZone::system()))
    }

    /// Forgets exactly these.
    ///
    /// # Errors
    /// The actor may not, the repository only grows, or it is in use.
    pub fn snapshot_forget(&self, which: Option<&str>, plan: &ForgetPlan) -> Result<usize> {
        self.writing(which, |repository| {
            let done = repository.forget(plan)?;
            let event = Event::new(self.now(), EventKind::Snapshot).agent(&self.actor());
            self.note(&[event.with("forgotten", done)]);
            Ok(done)
        })
    }

    /// What a prune would give back.
    ///
    /// # Errors
    /// The repository is damaged.
    pub fn snapshot_prune_plan(&self, which: Option<&str>, now: bool) -> Result<Pruning> {
        let repository = self.snapshot_repository(which)?;
        guarded(|| repository.plan_prune(now))
    }

    /// Does exactly that.
    ///
    /// # Errors
    /// As [`snapshot_forget`](Self::snapshot_forget).
    pub fn snapshot_prune(&self, which: Option<&str>, now: bool, plan: Pruning) -> Result<()> {
        self.writing(which, |repository| guarded(|| repository.prune(now, plan)))
    }

    /// What a repair would do.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn snapshot_repair_plan(&self, which: Option<&str>, progress: &Progress) -> Result<RepairPlan> {
        Ok(self.snapshot_repository(which)?.plan_repair(progress)?)
    }

    /// Does exactly that.
    ///
    /// # Errors
    /// As [`snapshot_forget`](Self::snapshot_forget).
    pub fn snapshot_repair(&self, which: Option<&str>, plan: &RepairPlan) -> Result<()> {
        self.writing(which, |repository| Ok(repository.repair(plan)?))
    }

    /// Copies what the other repositories do not have; gives how many
    /// snapshots went to each. A repository that is not there is made.
    ///
    /// # Errors
    /// The actor may not, or one of them cannot be read or written.
    pub fn snapshot_copy(&self) -> Result<Vec<(Place, usize)>> {
        self.may(Permission::Snapshot)?;
        let from = self.snapshot_repository(None)?;
        let secrets = self.snapshot_secrets()?;
        let mut done = Vec::new();
        for place in self.snapshot_repositories()?.into_iter().skip(1) {
            let to = match Repository::exists(&place)? {
                true => Repository::open(&place, &secrets)?,
                false => Repository::init(&place, &secrets)?,
            };
            let _held = to.lock_writer(self.root().state())?;
            let copied = guarded(|| from.copy_to(&to))?;
            done.push((place, copied));
        }
        Ok(done)
    }

    /// The keys of a repository.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn snapshot_keys(&self, which: Option<&str>) -> Result<Vec<KeyInfo>> {
        Ok(self.snapshot_repository(which)?.keys()?)
    }

    /// Adds a password to a repository.
    ///
    /// # Errors
    /// The actor may not, or it cannot be written.
    pub fn snapshot_key_add(&self, which: Option<&str>, password: &str) -> Result<String> {
        self.may(Permission::Restore)?;
        if password.is_empty() {
            return Err(OfficeError::new(ErrorKind::Usage, "an empty password opens nothing"));
        }
        Ok(self.snapshot_repository(which)?.add_password(password)?)
    }

    /// Takes a key away.
    ///
    /// # Errors
    /// The actor may not, there is no such key, or it is the last one.
    pub fn snapshot_key_remove(&self, which: Option<&str>, id: &str) -> Result<String> {
        let secrets = self.snapshot_secrets()?;
        self.writing(which, |repository| {
            let removed = repository.remove_key(id)?;
            secrets.forget_kept(&repository.place().to_string());
            Ok(removed)
        })
    }

    /// Something that takes from a repository, under our lock of it.
    fn writing<T>(&self, which: Option<&str>, work: impl FnOnce(&Repository) -> Result<T>) -> Result<T> {
        self.may(Permission::Prune)?;
        if self.settings().snapshot.append_only {
            return Err(OfficeError::new(ErrorKind::Refused, "snapshots may only be added here (append_only)")
                .hint("cellphone config set snapshot.append_only false"));
        }
        let repository = self.snapshot_repository(which)?;
        let _held = repository.lock_writer(self.root().state())?;
        work(&repository)
    }
}
