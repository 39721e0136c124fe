//! What is kept: forgetting snapshots by rule, giving the space back.
//!
//! Forgetting is planned, shown, then done exactly so. Space is given back in
//! two phases by `rustic_core`: a pack is first marked and only removed by a
//! later prune, a day on, so that a snapshot that began meanwhile loses
//! nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustic_core::{FileType, Id as RusticId, PruneOptions, PrunePlan};

use super::cipher::unhex;
use super::{Repository, Result, Snapshot, SnapshotError};

/// Which snapshots stay. Of each period the newest one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepRules {
    /// The newest ones.
    pub last: u32,
    /// Hours.
    pub hourly: u32,
    /// Days.
    pub daily: u32,
    /// Weeks.
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
    /// All up to this age.
    pub within: Duration,
}

/// What would be forgotten, and why the others stay.
#[derive(Debug, Clone)]
pub struct ForgetPlan {
    /// Each snapshot of the root, newest first, with what keeps it; nothing does what is forgotten.
    pub snapshots: Vec<(Snapshot, Vec<&'static str>)>,
}

impl ForgetPlan {
    /// Those that go.
    pub fn going(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.iter().filter(|(_, why)| why.is_empty()).map(|(s, _)| s)
    }
}

/// Applies rules to snapshots, newest first. Pure.
#[must_use]
pub fn plan_forget(mut all: Vec<Snapshot>, rules: &KeepRules, now: Timestamp, zone: &TimeZone) -> ForgetPlan {
    all.sort_by_key(|s| std::cmp::Reverse(s.time));
    let mut periods: [(&'static str, u32, &str, BTreeSet<String>); 4] = [
        ("hourly", rules.hourly, "%Y-%m-%d %H", BTreeSet::new()),
        ("daily", rules.daily, "%Y-%m-%d", BTreeSet::new()),
        ("weekly", rules.weekly, "%G-%V", BTreeSet::new()),
        ("monthly", rules.monthly, "%Y-%m", BTreeSet::new()),
    ];
    // A chain never hangs in the air: a full snapshot that a kept one builds on costs nothing to keep,
    // since pieces are shared, but its name is what `differential` compares with.
    let newest_full = all.iter().find(|s| s.kind == Some(super::Kind::Full)).map(|s| s.id.clone());
    let mut kept = Vec::new();
    for (n, snapshot) in all.into_iter().enumerate() {
        let mut why = Vec::new();
        if n < rules.last as usize {
            why.push("last");
        }
        let age = now.as_second() - snapshot.time.as_second();
        if age < i64::try_from(rules.within.as_secs()).unwrap_or(i64::MAX) {
            why.push("within");
        }
        let at = snapshot.time.to_zoned(zone.clone());
        for (word, most, form, seen) in &mut periods {
            if seen.len() < *most as usize && seen.insert(at.strftime(*form).to_string()) {
                why.push(*word);
            }
        }
        if newest_full.as_ref() == Some(&snapshot.id) {
            why.push("newest full");
        }
        kept.push((snapshot, why));
    }
    ForgetPlan { snapshots: kept }
}

/// What a prune would do.
pub struct Pruning {
    plan: PrunePlan,
    /// Bytes of packs that earlier prunes marked and this one removes.
    pub removed: u64,
    /// Bytes that this one marks, for a later one to remove.
    pub marked: u64,
    /// Bytes that are written anew, without what nobody needs.
    pub repacked: u64,
    /// Packs that no index names.
    pub unreferenced: u64,
}

impl std::fmt::Debug for Pruning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pruning({} removed, {} marked, {} repacked)", self.removed, self.marked, self.repacked)
    }
}

impl Repository {
    /// Forgets exactly these snapshots.
    ///
    /// # Errors
    /// One cannot be removed; those before it are gone.
    pub fn forget(&self, plan: &ForgetPlan) -> Result<usize> {
        let mut done = 0;
        for snapshot in plan.going() {
            let id = unhex(&snapshot.id).ok_or_else(|| SnapshotError::Internal("no id".into()))?;
            self.backend.remove(FileType::Snapshot, &RusticId::new(id), true)?;
            done += 1;
        }
        Ok(done)
    }

    /// What a prune would do. `now` removes at once what is marked first
    /// otherwise; only for who knows that nobody else writes.
    ///
    /// # Errors
    /// When the repository is damaged.
    pub fn plan_prune(&self, now: bool) -> Result<Pruning> {
        let mut options = PruneOptions::default();
        options.instant_delete = now;
        let plan = self.rustic()?.prune_plan(&options)?;
        let size = plan.stats.size_sum();
        Ok(Pruning {
            removed: plan.stats.size_to_delete.remove,
            marked: size.remove + size.repackrm,
            repacked: size.repack,
            unreferenced: plan.stats.packs_unref,
            plan,
        })
    }

    /// Does exactly that.
    ///
    /// # Errors
    /// What the repository says.
    pub fn prune(&self, now: bool, pruning: Pruning) -> Result<()> {
        let mut options = PruneOptions::default();
        options.instant_delete = now;
        Ok(self.rustic()?.prune(&options, pruning.plan)?)
    }
}

/// Snapshots of one root alone, as rules are applied to each root apart.
#[must_use]
pub fn of_root(all: Vec<Snapshot>, root: &str) -> Vec<Snapshot> {
    all.into_iter().filter(|s| s.root.as_deref() == Some(root)).collect()
}
