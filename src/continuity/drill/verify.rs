//! What came back, held against the manifest and the targets.

use std::time::Duration;

use jiff::Timestamp;

use super::super::call::until;
use super::super::detect::Before;
use super::super::ground::Ground;
use super::super::inject::remains;
use super::super::manifest::Manifest;
use super::super::outcome::{FindingKind, Lost, Phase, Targets};
use super::super::probe;
use super::{MANIFEST, Run, told};
use crate::model::AgentName;

/// Paths and findings of `doctor` that are named.
const NAMED: usize = 5;
/// The daemon looks every second while the journal grows.
const SETTLES: Duration = Duration::from_secs(15);

impl Run<'_> {
    pub(super) fn verify(&mut self, ground: &Ground, acknowledged: &[Lost], disaster: Timestamp) {
        let began = self.begin(Phase::Verification);
        let compared = ground.shelf().and_then(|shelf| Manifest::read(&shelf, MANIFEST)).and_then(|manifest| {
            let now = Manifest::take(&ground.site.root).map_err(|e| e.to_string())?;
            let (found, mut lost) = manifest.compare(&now, &self.asked.scenario.may_differ);
            let there = now.received();
            lost.extend(acknowledged.iter().filter(|one| !there.contains_key(&(one.agent.clone(), one.id))).cloned());
            Ok((found, lost))
        });
        let (found, mut lost) = match compared {
            Ok(both) => both,
            Err(why) => {
                let what = format!("what came back could not be compared: {why}");
                self.ended(Phase::Verification, began, false, &what);
                return self.found(FindingKind::Unverified, &what, "look at the disk where drills run");
            }
        };
        lost.sort();
        lost.dedup_by(|a, b| (&a.agent, a.id) == (&b.agent, b.id));
        let snapshot = ground.taken;
        let old = lost.iter().filter(|one| one.accepted < snapshot).count();
        let other = found.missing.iter().chain(&found.altered).filter(|path| !path.starts_with("agent_workspaces/"));
        let other: Vec<String> = other.take(NAMED).cloned().collect();
        let note = format!("{} of {} files intact, {} messages lost", found.intact, found.expected, lost.len());
        let rpo =
            lost.iter().map(|one| disaster.duration_since(one.accepted).as_secs_f64().max(0.0)).fold(0.0, f64::max);
        self.outcome.rpo_seconds = Some(rpo);
        self.outcome.verified = Some(found);
        self.outcome.lost = lost;
        let mut ok = true;
        if old > 0 {
            ok = false;
            let what = format!("{old} messages that the snapshot holds did not come back");
            self.found(FindingKind::Unverified, &what, "cellphone snapshot check --read-data");
        }
        if !other.is_empty() {
            ok = false;
            let what = format!("not as it was: {}", other.join(", "));
            self.found(FindingKind::Unverified, &what, "name it under `may_differ` with the reason, or mend the plan");
        }
        self.ended(Phase::Verification, began, ok, &note);
    }

    /// Whether nothing is left to find. The daemon says all-clear a moment after
    /// it saw that something is over, so it gets some.
    pub(super) fn settle(&mut self, ground: &Ground, before: &Before) {
        for injection in &self.asked.scenario.inject {
            if let Some(what) = remains(injection, &ground.site).unwrap_or_else(Some) {
                self.found(FindingKind::Unverified, &what, "the plan has to end this");
            }
        }
        let mut fresh = Vec::new();
        let settled = until(SETTLES, "", || {
            fresh = before.fresh(ground);
            fresh.retain(|(check, ..)| !self.asked.scenario.may_stand.iter().any(|(word, _)| word == check));
            fresh.is_empty().then_some(())
        });
        if settled.is_err() {
            let some: Vec<_> =
                fresh.iter().take(NAMED).map(|(check, path, what)| format!("{check}: {what} ({path})")).collect();
            let what = format!("after the recovery doctor finds {}: {}", fresh.len(), some.join("; "));
            self.found(FindingKind::Unverified, &what, "a plan ends with nothing left to find");
        }
    }

    pub(super) fn serve(&mut self, ground: &mut Ground, agent: &AgentName, disaster: f64) {
        let began = self.begin(Phase::Service);
        let served = probe::prove(ground, agent);
        let (ok, note) = told(&served);
        self.ended(Phase::Service, began, ok, note);
        match &served {
            Ok(_) => {
                let ready = self.now();
                self.outcome.ready_seconds = Some(ready);
                self.outcome.rto_seconds = Some(ready - disaster);
            }
            Err(why) => self.found(FindingKind::NotReady, why, "cellphone doctor says what is wrong with such a root"),
        }
        self.hold_against_targets();
    }

    fn hold_against_targets(&mut self) {
        let Targets { rto_seconds, rpo_seconds, stretch_rto_seconds, stretch_rpo_seconds } = self.outcome.targets;
        let figures = [
            (self.outcome.rto_seconds, rto_seconds, stretch_rto_seconds, "RTO", FindingKind::RtoMissed),
            (self.outcome.rpo_seconds, rpo_seconds, stretch_rpo_seconds, "RPO", FindingKind::RpoMissed),
        ];
        for (figure, promised, stretch, name, missed) in figures {
            let Some(figure) = figure else { continue };
            if figure > promised {
                let what = format!("{name} {figure:.1} s, promised {promised:.1} s");
                self.found(missed, &what, "mend the plan, or promise what holds");
            } else if figure > stretch {
                let what = format!("{name} {figure:.1} s, aimed at {stretch:.1} s");
                self.found(FindingKind::StretchMissed, &what, "see which phase took the time");
            }
        }
    }
}
