//! Which alarms stand, and what of a look is news: a value that is handed what
//! a detector sees now, and the time.
//!
//! Promises: an alarm is raised once and cleared once; what still stands is
//! said again no sooner than after a pause; a person hears of one thing at
//! most once in that pause, however often it comes and goes, but at once when
//! it got worse; whoever heard of an alarm hears of its end. Something that is
//! *kept* (what a look can only see in its moment, as a folder that was made
//! again) stands until it is released. Does no I/O and reads no clock.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Detector, Severity};

/// What a detector sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Which one.
    pub detector: Detector,
    /// What it is about, among what this detector sees: an agent, a disk.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, a sentence.
    pub what: String,
    /// Where.
    pub path: PathBuf,
    /// The scenario whose plan says what to do.
    pub runbook: Option<String>,
    /// It stands until it is released, whether it is seen again or not.
    pub kept: bool,
}

/// An alarm that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What was seen last.
    #[serde(flatten)]
    pub seen: Sighting,
    /// Since when it stands.
    pub since: Timestamp,
    /// When it was said last.
    pub said: Timestamp,
    /// Whether a person heard of it.
    pub told: bool,
}

/// What a person heard, for as long as the pause lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Heard {
    detector: Detector,
    subject: String,
    severity: Severity,
    at: Timestamp,
}

/// All alarms that stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    alarms: Vec<Alarm>,
    heard: Vec<Heard>,
}

/// What became of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Raised,
    /// It is worse than before.
    Worse,
    /// It still stands, after the pause.
    Again,
    /// It is over.
    Clear,
}

/// Something to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What became of it.
    pub change: Change,
    /// The alarm.
    pub alarm: Alarm,
    /// Whether a person is to hear of it.
    pub tell: bool,
}

impl Standing {
    /// The alarms that stand, the worst first, and of those the oldest.
    #[must_use]
    pub fn list(&self) -> Vec<Alarm> {
        let mut all = self.alarms.clone();
        all.sort_by(|a, b| b.seen.severity.cmp(&a.seen.severity).then(a.since.cmp(&b.since)));
        all
    }

    /// Whether an alarm of a detector stands about something.
    #[must_use]
    pub fn stands(&self, detector: Detector, subject: &str) -> bool {
        self.alarms.iter().any(|a| is(&a.seen, detector, subject))
    }

    /// A detector looked, and this is all it sees.
    #[must_use]
    pub fn looked(&mut self, detector: Detector, seen: Vec<Sighting>, now: Timestamp, pause: Duration) -> Vec<News> {
        let mut news = self.clear(|a| {
            a.seen.detector == detector && !a.seen.kept && !seen.iter().any(|s| s.subject == a.seen.subject)
        });
        // What is kept and not seen again is said again all the same.
        let mut now_seen: Vec<Sighting> = Vec::new();
        for one in seen.into_iter().filter(|s| s.detector == detector) {
            if !now_seen.iter().any(|s| s.subject == one.subject) {
                now_seen.push(one);
            }
        }
        for kept in self.alarms.iter().filter(|a| a.seen.detector == detector && a.seen.kept) {
            if !now_seen.iter().any(|s| s.subject == kept.seen.subject) {
                now_seen.push(kept.seen.clone());
            }
        }
        for one in now_seen {
            news.extend(self.saw(one, now, pause));
        }
        news
    }

    fn saw(&mut self, one: Sighting, now: Timestamp, pause: Duration) -> Option<News> {
        let at = self.alarms.iter().position(|a| is(&a.seen, one.detector, &one.subject));
        let before = at.map(|at| self.alarms.swap_remove(at));
        let change = match &before {
            None => Some(Change::Raised),
            Some(a) if one.severity > a.seen.severity => Some(Change::Worse),
            Some(a) if is_over(a.said, now, pause) => Some(Change::Again),
            Some(_) => None,
        };
        // Something kept stays kept, and as bad as it was.
        let seen = match &before {
            Some(a) if a.seen.kept => Sighting { kept: true, severity: a.seen.severity.max(one.severity), ..one },
            _ => one,
        };
        let tell = change.is_some() && self.is_to_be_told(&seen, now, pause);
        let alarm = Alarm {
            since: before.as_ref().map_or(now, |a| a.since),
            said: match (&before, change) {
                (Some(a), None) => a.said,
                _ => now,
            },
            told: tell || before.is_some_and(|a| a.told),
            seen,
        };
        self.alarms.push(alarm.clone());
        change.map(|change| News { change, alarm, tell })
    }

    fn is_to_be_told(&mut self, seen: &Sighting, now: Timestamp, pause: Duration) -> bool {
        self.heard.retain(|h| !is_over(h.at, now, pause));
        let tell = seen.severity >= Severity::Warning
            && !self
                .heard
                .iter()
                .any(|h| h.detector == seen.detector && h.subject == seen.subject && h.severity >= seen.severity);
        if tell {
            let (detector, subject, severity) = (seen.detector, seen.subject.clone(), seen.severity);
            self.heard.push(Heard { detector, subject, severity, at: now });
        }
        tell
    }

    /// Ends the alarms for which `over` says so, kept ones too.
    #[must_use]
    pub fn clear(&mut self, over: impl Fn(&Alarm) -> bool) -> Vec<News> {
        let (gone, stay) = std::mem::take(&mut self.alarms).into_iter().partition(over);
        self.alarms = stay;
        let gone: Vec<Alarm> = gone;
        gone.into_iter().map(|alarm| News { change: Change::Clear, tell: alarm.told, alarm }).collect()
    }
}

fn is(seen: &Sighting, detector: Detector, subject: &str) -> bool {
    seen.detector == detector && seen.subject == subject
}

/// A time that lies ahead is from before the clock was set back, and holds nothing up.
fn is_over(at: Timestamp, now: Timestamp, pause: Duration) -> bool {
    at > now || now.duration_since(at) >= SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;
