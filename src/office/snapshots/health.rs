//! Whether the snapshots are what they should be: young enough, checked,
//! reachable, with room for more; and who hears of it when they are not.
//!
//! What is bad is said once to the captain and to the hook `snapshot-health`,
//! again after a cooldown while it lasts, and once more when it is good again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::{ErrorKind, Office, OfficeError, Result, SendRequest};
use crate::fsio;
use crate::journal::Filter;
use crate::model::{Address, Event, EventKind, MessageId, Priority, Role};
use crate::snapshot::{Place, Repository, Snapshot, of_root};

/// What was told last, in the root's own state.
const TOLD: &str = "snapshot-health.json";
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

/// What was told last.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    bad: bool,
    at: Option<Timestamp>,
    findings: Vec<String>,
}

/// What is to be told now.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Bad,
    Good,
}

impl Told {
    /// What is news after this, `cooldown` passing before the same is said again.
    fn news(&self, good: bool, now: Timestamp, cooldown: Duration) -> Option<News> {
        let again = || {
            let cooldown = SignedDuration::try_from(cooldown).unwrap_or(SignedDuration::MAX);
            self.at.is_none_or(|at| now.duration_since(at) >= cooldown || at > now)
        };
        match (self.bad, good) {
            (false, false) => Some(News::Bad),
            (true, false) if again() => Some(News::Bad),
            (true, true) => Some(News::Good),
            _ => None,
        }
    }
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
        let mut repositories = Vec::new();
        for (at, place) in self.snapshot_repositories()?.iter().enumerate() {
            let (state, latest) = self.look_at(place, now);
            let name = &state.repository;
            match (&state.error, state.newest) {
                (Some(why), _) => findings.push(format!("{name} cannot be used: {why}")),
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
        Ok(Health {
            good: findings.is_empty(),
            findings,
            newest,
            age_target_seconds: settings.health_age.as_secs(),
            last_check,
            last_restore: self.last_of(EventKind::Restored)?.map(|event| event.at),
            repositories,
        })
    }

    /// Tells the captain and the hook, when there is something new to say.
    /// Returns whether there was.
    ///
    /// # Errors
    /// It could not be written; it is tried again next time.
    pub fn tell_snapshot_health(&self, health: &Health) -> Result<bool> {
        let now = self.now();
        let state = self.root().state();
        let told: Told =
            state.read(TOLD, 1 << 16).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let Some(news) = told.news(health.good, now, self.settings().snapshot.health_cooldown) else {
            return Ok(false);
        };
        let (word, subject, body) = match news {
            News::Bad => {
                let list: String = health.findings.iter().map(|f| format!("- {f}\n")).collect();
                ("bad", "The snapshots need attention", format!("{list}\nSee `cellphone snapshot health`.\n"))
            }
            News::Good => {
                let list: String = told.findings.iter().map(|f| format!("- {f}\n")).collect();
                ("good", "The snapshots are in order again", format!("This was said before:\n{list}"))
            }
        };
        let event = Event::new(now, EventKind::SnapshotHealth).with("state", word);
        self.note(&[event.with("findings", health.findings.join("; "))]);
        self.tell_whoever_leads(subject, &body)?;
        let told = Told { bad: news == News::Bad, at: Some(now), findings: health.findings.clone() };
        state.replace(TOLD, &serde_json::to_vec(&told).unwrap_or_default(), false)?;
        Ok(true)
    }

    /// The captain; without one, the people.
    fn tell_whoever_leads(&self, subject: &str, body: &str) -> Result<()> {
        let roster = self.roster();
        let to: Vec<Address> = match roster.captain() {
            Some(captain) => vec![Address::Agent(captain.name.clone())],
            None => roster.with_role(&Role::human()).into_iter().map(|a| Address::Agent(a.name.clone())).collect(),
        };
        if to.is_empty() {
            return Ok(());
        }
        self.send_as_system(SendRequest {
            to,
            subject: subject.to_owned(),
            body: body.to_owned(),
            priority: Priority::Normal,
            ..SendRequest::default()
        })?;
        Ok(())
    }

    fn look_at(&self, place: &Place, now: Timestamp) -> (RepositoryHealth, Option<Snapshot>) {
        let mut state = RepositoryHealth {
            repository: place.to_string(),
            error: None,
            snapshots: 0,
            newest: None,
            bytes: 0,
            grown_bytes: 0,
            free_bytes: place.local_path().and_then(fsio::free_space),
        };
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
            Ok(all.into_iter().next_back())
        })();
        match looked {
            Ok(latest) => {
                state.newest = latest.as_ref().map(|s| s.time);
                (state, latest)
            }
            Err(e) => {
                state.error = Some(e.to_string());
                (state, None)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_is_said_once_again_after_a_while_and_when_it_is_over() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let day = Duration::from_secs(86_400);
        let fresh = Told::default();
        assert_eq!(fresh.news(true, at("2026-11-24T00:00:00Z"), day), None);
        assert_eq!(fresh.news(false, at("2026-11-24T00:00:00Z"), day), Some(News::Bad));
        let said = Told { bad: true, at: Some(at("2026-11-24T00:00:00Z")), findings: vec!["old".into()] };
        assert_eq!(said.news(false, at("2026-11-24T23:59:59Z"), day), None);
        assert_eq!(said.news(false, at("2026-11-25T00:00:00Z"), day), Some(News::Bad));
        // A clock that went back does not silence it.
        assert_eq!(said.news(false, at("2026-11-20T00:00:00Z"), day), Some(News::Bad));
        assert_eq!(said.news(true, at("2026-11-24T00:00:01Z"), day), Some(News::Good));
    }
}
