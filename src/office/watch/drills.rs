//! Drills that are overdue or failed, and whether one may run now.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Zoned};

use super::{Guard, Looks, sighting};
use crate::continuity::alarms::Sighting;
use crate::continuity::due::Standing;
use crate::continuity::{find_scenario, scenario_names};
use crate::fsio::boot;
use crate::mailbox::{Place, Which};
use crate::model::{AgentName, Detector, EventKind, Severity};
use crate::office::{Office, Result};

/// Reading all reports is for every few minutes; a drill that ended wakes it.
const PACE: Duration = Duration::from_secs(300);
/// How long nobody may have done anything before a drill begins.
const REST: SignedDuration = SignedDuration::from_mins(10);
/// Lines of the journal in which somebody's doing is looked for.
const LINES: usize = 500;
/// How long after it is due a drill is overdue: the next night was missed.
const GRACE: Duration = Duration::from_secs(2 * 86_400);

/// When it was looked at last, by the boot clock.
#[derive(Debug, Default)]
pub(super) struct Drills {
    looked: Option<Duration>,
}

impl Drills {
    /// Has it looked at again: a drill ended.
    pub(super) const fn again(&mut self) {
        self.looked = None;
    }
}

impl Office {
    pub(super) fn watch_drills(&self, guard: &Guard, looks: &mut Looks) -> Result<()> {
        let now = boot::now();
        if looks.drills.looked.is_some_and(|at| now.saturating_sub(at) < PACE) {
            return Ok(());
        }
        looks.drills.looked = Some(now);
        let seen = self.standing_of_drills()?.iter().filter_map(|one| self.bad_drill(one)).collect();
        self.report(guard, Detector::Drills, seen)?;
        Ok(())
    }

    fn bad_drill(&self, one: &Standing) -> Option<Sighting> {
        let (severity, what) = drill_in_words(one)?;
        let path = self.drill_folder().unwrap_or_else(|_| self.root().path().to_owned());
        let seen = sighting(Detector::Drills, one.scenario.clone(), severity, what, &path);
        Some(Sighting { runbook: Some(one.scenario.clone()), ..seen })
    }

    /// How every scenario in force stands.
    ///
    /// # Errors
    /// The scenarios or the reports cannot be listed.
    pub fn standing_of_drills(&self) -> Result<Vec<Standing>> {
        let mut every = Vec::new();
        for name in scenario_names(self.root())? {
            // One that cannot be read is said where the configuration is looked at.
            if let Ok(scenario) = find_scenario(self.root(), &name) {
                every.push((name, scenario.every));
            }
        }
        self.drill_standing(&every)
    }

    /// What there is to say of drills, a sentence each: overdue, or failed.
    ///
    /// # Errors
    /// As [`standing_of_drills`](Self::standing_of_drills).
    pub fn drill_remarks(&self) -> Result<Vec<String>> {
        Ok(self.standing_of_drills()?.iter().filter_map(drill_in_words).map(|(_, what)| what).collect())
    }

    /// Whether the settings let a drill run at `now`, and until when.
    #[must_use]
    pub fn drill_hours_end(&self, now: &Zoned) -> Option<Timestamp> {
        let set = &self.settings().drill;
        if set.automatic { set.hours.end(now) } else { None }
    }

    /// Whether any drill is due, and nobody is at work: no message came, went,
    /// was read or is held under a lease since a while, and no window rings.
    ///
    /// # Errors
    /// The reports, the journal or a mailbox cannot be read.
    pub fn a_drill_may_begin(&self) -> Result<bool> {
        if self.standing_of_drills()?.iter().all(|one| one.overdue.is_none()) {
            return Ok(false);
        }
        let now = self.now();
        let recent = self.journal().tail(LINES)?;
        let system = AgentName::system();
        let busy = recent.iter().map(|r| &r.event).any(|e| {
            // What the program itself sends, about a drill that is overdue say, is nobody's work.
            now.duration_since(e.at) < REST
                && e.agent.as_ref() != Some(&system)
                && matches!(
                    e.event,
                    EventKind::Accepted
                        | EventKind::Read
                        | EventKind::Claimed
                        | EventKind::Released
                        | EventKind::Done
                        | EventKind::Acked
                        | EventKind::Archived
                        | EventKind::Typed
                        | EventKind::Submitted
                        | EventKind::Woken
                        | EventKind::Onboarding
                        | EventKind::Joined
                )
        });
        if busy {
            return Ok(false);
        }
        for agent in self.roster().agents() {
            let whole = self.tree.missing(&agent.name)?.is_some_and(|missing| missing.is_empty());
            if !whole {
                continue;
            }
            let mailbox = self.tree.mailbox(&agent.name)?;
            let claimed = mailbox.scan(Which::Inbox, None)?.into_iter().filter(|one| one.place == Place::Claimed);
            for one in claimed {
                if mailbox.is_leased(one.name.id())? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn drill_in_words(one: &Standing) -> Option<(Severity, String)> {
    let name = &one.scenario;
    if one.last.as_ref().is_some_and(|last| !last.passed) {
        return Some((
            Severity::Warning,
            format!("the last drill of {name} failed; run: cellphone drill report {name}"),
        ));
    }
    let late = one.overdue.filter(|late| *late >= GRACE)?;
    let days = late.as_secs() / 86_400;
    Some((Severity::Warning, format!("the drill of {name} is overdue by {days} days; run: cellphone drill run {name}")))
}
