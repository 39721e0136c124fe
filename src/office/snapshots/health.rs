//! Whether the snapshots are what they should be: young enough, checked,
//! reachable, with room for more; and who hears of it when they are not.
//!
//! What is bad is an alarm like any other (`office::watch`): said once to the
//! captain and to the hooks `alarm` and `snapshot-health`, again after a pause
//! while it lasts, and once more when it is good again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::watch::Guard;
use super::super::{ErrorKind, Office, OfficeError, Result};
use super::seen::{self, SeenIn, Strange};
use crate::continuity::alarms::{Change, Sighting};
use crate::fsio;
use crate::journal::Filter;
use crate::model::{Detector, Event, EventKind, MessageId, Priority, Severity};
use crate::snapshot::{Place, Repository, Snapshot, of_root};

/// The scenarios of a repository that is damaged, and of one that cannot be reached.
const DAMAGED: &str = "bit-rot-repository";
const UNREACHABLE: &str = "network-outage";
/// Over which time growth is reckoned.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The health of all snapshots of a root.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// Whether every target is met.
    pub good: bool,
    /// What is not as it should be, a sentence each.
    pub findings: Vec<String>,
    /// The newest snapshot of the first repository.
    pub newest: Option<Newest>,
    /// The age that is bad, in seconds.
    pub age_target_seconds: u64,
    /// The last check.
    pub last_check: Option<LastCheck>,
    /// When something was last restored, on probation or in earnest.
    pub last_restore: Option<Timestamp>,
    /// The last drill.
    pub last_drill: Option<LastDrill>,
    /// When a drill passed last.
    pub last_drill_passed: Option<Timestamp>,
    /// What is no missed target, and is to be done all the same: a drill is overdue.
    pub remarks: Vec<String>,
    /// Whether what is bad must be looked at now.
    #[serde(skip)]
    pub(super) critical: bool,
    /// The scenario whose plan says what to do.
    pub runbook: Option<&'static str>,
    /// What the repositories hold, for the next look to be compared with.
    #[serde(skip)]
    pub(super) seen: Vec<SeenIn>,
    /// Each repository.
    pub repositories: Vec<RepositoryHealth>,
}

/// A newest snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct Newest {
    /// Its id.
    pub id: String,
    /// When it began.
    pub time: Timestamp,
    /// Its kind.
    pub kind: String,
    /// How old it is, in seconds.
    pub age_seconds: u64,
}

/// A check of a repository.
#[derive(Debug, Clone, Serialize)]
pub struct LastCheck {
    /// When.
    pub time: Timestamp,
    /// Which repository.
    pub repository: String,
    /// Whether nothing was wrong.
    pub clean: bool,
}

/// A drill that ended.
#[derive(Debug, Clone, Serialize)]
pub struct LastDrill {
    /// When.
    pub time: Timestamp,
    /// Its scenario.
    pub scenario: String,
    /// Whether every target was met.
    pub passed: bool,
}

/// One repository.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryHealth {
    /// Where it is.
    pub repository: String,
    /// Why it cannot be used, if so.
    pub error: Option<String>,
    /// Snapshots of this root in it.
    pub snapshots: usize,
    /// The newest of them.
    pub newest: Option<Timestamp>,
    /// Bytes it takes.
    pub bytes: u64,
    /// Bytes that the snapshots of the last seven days added.
    pub grown_bytes: u64,
    /// Bytes free where it is, on this machine.
    pub free_bytes: Option<u64>,
}

impl Office {
    /// Looks at every repository. What is wrong is in the findings.
    ///
    /// # Errors
    /// The journal or the approved settings cannot be read.
    pub fn snapshot_health(&self) -> Result<Health> {
        let (now, settings) = (self.now(), &self.settings().snapshot);
        let mut findings = Vec::new();
        if self.snapshot_places()?.unapproved {
            findings.push("the settings name other places that nobody approved; run: cellphone trust".to_owned());
        }
        let mut newest = None;
        let (mut repositories, mut seen_in, mut critical, mut runbook) = (Vec::new(), Vec::new(), false, None);
        for (at, place) in self.snapshot_repositories()?.iter().enumerate() {
            let (state, latest, strange) = self.look_at(place, at == 0, &mut seen_in, now);
            let name = &state.repository;
            for one in strange {
                critical = true;
                runbook = Some(seen::RUNBOOK);
                findings.push(one.in_words(name));
            }
            match (&state.error, state.newest) {
                (Some(why), _) => {
                    critical = true;
                    runbook = runbook.or(Some(if place.local_path().is_some() { DAMAGED } else { UNREACHABLE }));
                    findings.push(format!("{name} cannot be used: {why}"));
                }
                (None, None) if self.is_older_than(settings.health_age, now) => {
                    findings.push(format!("{name} has no snapshot of this root; run: {}", remedy(at)));
                }
                (None, Some(time)) if is_past(time, settings.health_age, now) => {
                    let age = hours(now.duration_since(time));
                    findings.push(format!("the newest snapshot in {name} is {age} old; run: {}", remedy(at)));
                }
                _ => {}
            }
            if state.free_bytes.is_some_and(|free| free < settings.health_free) {
                findings.push(format!("the disk of {name} is nearly full; run: cellphone snapshot prune"));
            }
            if at == 0 {
                newest = latest;
            }
            repositories.push(state);
        }
        let last_check = self.last_check(&repositories)?;
        match &last_check {
            Some(check) if !check.clean => {
                critical = true;
                runbook = runbook.or(Some(DAMAGED));
                findings.push(format!(
                    "the last check of {} found damage; run: cellphone snapshot repair",
                    check.repository
                ));
            }
            Some(check) if is_past(check.time, settings.health_check_age, now) => {
                findings.push("the last check is long ago; run: cellphone snapshot check".to_owned());
            }
            None if newest.is_some() && self.is_older_than(settings.health_check_age, now) => {
                findings.push("the repositories were never checked; run: cellphone snapshot check".to_owned());
            }
            _ => {}
        }
        let newest = newest.map(|s: Snapshot| Newest {
            age_seconds: seconds(now.duration_since(s.time)),
            kind: s.kind.map_or_else(|| "foreign".to_owned(), |k| k.word().to_owned()),
            id: s.id,
            time: s.time,
        });
        let drills = self.drills_in_the_journal()?;
        Ok(Health {
            good: findings.is_empty(),
            findings,
            newest,
            age_target_seconds: settings.health_age.as_secs(),
            last_check,
            last_restore: self.last_of(EventKind::Restored)?.map(|event| event.at),
            last_drill_passed: drills.iter().rev().find(|drill| drill.passed).map(|drill| drill.time),
            last_drill: drills.into_iter().next_back(),
            remarks: self.drill_remarks()?,
            critical,
            runbook,
            seen: seen_in,
            repositories,
        })
    }

    /// Says what is news of it, as any alarm, and with all findings to the captain.
    ///
    /// # Errors
    /// It could not be written; it is tried again next time.
    pub fn tell_snapshot_health(&self, guard: &Guard, health: &Health) -> Result<()> {
        let list = |findings: &str| findings.split("; ").map(|f| format!("- {f}\n")).collect::<String>();
        let findings = health.findings.join("; ");
        let severity = if health.critical { Severity::Critical } else { Severity::Warning };
        let seen = Sighting {
            detector: Detector::Snapshots,
            subject: "snapshots".into(),
            severity,
            what: findings.clone(),
            path: self.root().path().to_owned(),
            runbook: health.runbook.map(str::to_owned),
            kept: false,
        };
        let seen = if health.good { Vec::new() } else { vec![seen] };
        for news in self.report(guard, Detector::Snapshots, seen)? {
            let (word, subject, body) = match news.change {
                Change::Clear => {
                    let before = list(&news.alarm.seen.what);
                    ("good", "The snapshots are in order again", format!("This was said before:\n{before}"))
                }
                _ => {
                    let plan =
                        health.runbook.map_or_else(String::new, |name| format!(", `cellphone drill plan {name}`"));
                    let body = format!("{}\nSee `cellphone snapshot health`{plan}.\n", list(&findings));
                    ("bad", "The snapshots need attention", body)
                }
            };
            let event = Event::new(self.now(), EventKind::SnapshotHealth).with("state", word);
            self.note(&[event.with("findings", &findings)]);
            if news.tell {
                self.owe(guard, subject, &body, Priority::Normal);
            }
        }
        health.seen.iter().try_for_each(|seen| self.know_snapshots(seen, self.now()))
    }

    fn look_at(
        &self,
        place: &Place,
        is_first: bool,
        seen_in: &mut Vec<SeenIn>,
        now: Timestamp,
    ) -> (RepositoryHealth, Option<Snapshot>, Vec<Strange>) {
        let mut state = RepositoryHealth {
            repository: place.to_string(),
            error: None,
            snapshots: 0,
            newest: None,
            bytes: 0,
            grown_bytes: 0,
            free_bytes: place.local_path().and_then(fsio::free_space),
        };
        let mut strange = Vec::new();
        let looked = (|| -> Result<Option<Snapshot>> {
            let secrets = self.snapshot_secrets()?;
            if !Repository::exists(place)? {
                if secrets.knows(&place.to_string()) {
                    return Err(OfficeError::new(ErrorKind::NotFound, "it is gone, and was used before"));
                }
                return Ok(None);
            }
            let repository = Repository::open(place, &secrets)?;
            let all = of_root(repository.snapshots()?, self.root().id());
            state.bytes = repository.size()?;
            state.snapshots = all.len();
            state.grown_bytes = all.iter().filter(|s| now.duration_since(s.time) <= WEEK).map(|s| s.bytes_added).sum();
            let seen = SeenIn { place: place.to_string(), is_first, all };
            strange = self.strange_snapshots(&seen, now)?;
            // One of the future would hide how old the newest is.
            let newest = seen.all.iter().rfind(|s| !seen::is_ahead(s.time, now)).cloned();
            seen_in.push(seen);
            Ok(newest)
        })();
        match looked {
            Ok(latest) => {
                state.newest = latest.as_ref().map(|s| s.time);
                (state, latest, strange)
            }
            Err(e) => {
                state.error = Some(e.to_string());
                (state, None, strange)
            }
        }
    }

    /// The worst of the last checks of each repository: one that found damage, else the oldest.
    fn last_check(&self, repositories: &[RepositoryHealth]) -> Result<Option<LastCheck>> {
        let all: Result<Vec<_>> = repositories.iter().map(|r| self.last_check_of(&r.repository)).collect();
        Ok(all?.into_iter().flatten().min_by_key(|check| (check.clean, check.time)))
    }

    /// The last check of the repository that is asked for by its place, or of
    /// the first one.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn snapshot_last_check(&self, which: Option<&str>) -> Result<Option<LastCheck>> {
        self.last_check_of(&self.snapshot_place(which)?.to_string())
    }

    fn last_check_of(&self, repository: &str) -> Result<Option<LastCheck>> {
        let filter = Filter { kinds: vec![EventKind::Checked], ..Filter::default() };
        let events = self.journal().read(filter)?.map(|record| record.event);
        let last = events.filter(|e| e.detail.get("repository").is_some_and(|r| r == repository)).last();
        Ok(last.map(|e| LastCheck {
            time: e.at,
            repository: repository.to_owned(),
            clean: e.detail.get("faults").is_some_and(|n| n == "0"),
        }))
    }

    fn drills_in_the_journal(&self) -> Result<Vec<LastDrill>> {
        let filter = Filter { kinds: vec![EventKind::Drill], ..Filter::default() };
        let detail = |event: &Event, key: &str| event.detail.get(key).cloned().unwrap_or_default();
        let drills = self.journal().read(filter)?.map(|record| LastDrill {
            time: record.event.at,
            scenario: detail(&record.event, "scenario"),
            passed: detail(&record.event, "result") == "passed",
        });
        Ok(drills.collect())
    }

    fn last_of(&self, kind: EventKind) -> Result<Option<Event>> {
        let filter = Filter { kinds: vec![kind], ..Filter::default() };
        Ok(self.journal().read(filter)?.last().map(|record| record.event))
    }

    /// Whether the root itself is older: a new one owes nothing yet.
    fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        let made = self.root().id().to_ascii_uppercase().parse::<MessageId>();
        made.is_ok_and(|id| is_past(id.time(), age, now))
    }
}

fn remedy(at: usize) -> &'static str {
    if at == 0 { "cellphone snapshot create" } else { "cellphone snapshot copy" }
}

fn is_past(time: Timestamp, age: Duration, now: Timestamp) -> bool {
    now.duration_since(time) > SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX)
}

fn seconds(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_secs()).unwrap_or(0)
}

fn hours(duration: SignedDuration) -> String {
    match duration.as_hours() {
        hours @ ..48 => format!("{hours} h"),
        hours => format!("{} days", hours / 24),
    }
}
