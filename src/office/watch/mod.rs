//! What watches over a root all the time: detectors that look, and one place
//! that says what they found.
//!
//! A look yields sightings; [`crate::continuity::alarms`] decides what of them
//! is news. News are a line of the journal, `alarm` or `all_clear`, and with
//! it the hook of that name; from a warning on the captain gets a message,
//! without a captain the people. What stands is in `.cellphone/alarms.json`,
//! so that a restart says nothing twice and `status` needs no daemon. What
//! cannot be written is tried again. Looks change nothing that they look at.

mod chain;
mod drills;
mod folders;
mod machine;
mod scrub;
mod settings;

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Office, Result, SendRequest};
use crate::continuity::alarms::{Change, News, Sighting, Standing};
use crate::fsio::{Dir, boot};
use crate::model::{AgentName, Detector, Event, EventKind, Priority, Severity};

pub use crate::continuity::alarms::Alarm;
pub use crate::continuity::due::Standing as DrillStanding;
pub(super) use settings::lost_root;

/// What stands.
const ALARMS: &str = "alarms.json";
/// What the looks remember.
const FACTS: &str = "watch.json";
/// Messages that could not be written and are tried again.
const OWED: usize = 20;
/// The longest file of either.
const LIMIT: u64 = 4 << 20;

/// What the detectors of one daemon remember.
#[derive(Debug)]
pub struct Guard {
    told: Mutex<Told>,
    looks: Mutex<Looks>,
}

/// What was said, and to whom it is still to be said.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    standing: Standing,
    /// Mailboxes that were whole once: what was never there cannot be missing.
    mailboxes: BTreeSet<AgentName>,
    #[serde(skip)]
    owed: VecDeque<Owed>,
}

#[derive(Debug, Clone, PartialEq)]
struct Owed {
    subject: String,
    body: String,
    priority: Priority,
}

/// What the looks of the worker remember between each other.
#[derive(Debug)]
struct Looks {
    facts: Facts,
    /// When that was written last, by the boot clock.
    saved: Duration,
    chain: chain::Chain,
    scrub: scrub::Scrub,
    clock: machine::Clock,
    crashes: machine::Crashes,
    drills: drills::Drills,
}

/// Of those, what outlives the daemon.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Facts {
    journal: Option<chain::Mark>,
    scrub: scrub::Cursor,
    clock: Option<machine::Reading>,
}

impl Guard {
    /// What the last daemon of this root left.
    #[must_use]
    pub fn open(office: &Office) -> Self {
        let state = office.root().state();
        let facts: Facts = read_state(state, FACTS);
        let looks = Looks {
            saved: boot::now(),
            chain: chain::Chain::default(),
            scrub: scrub::Scrub::default(),
            clock: machine::Clock::default(),
            crashes: machine::Crashes::default(),
            drills: drills::Drills::default(),
            facts,
        };
        Self { told: Mutex::new(read_state(state, ALARMS)), looks: Mutex::new(looks) }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something remembered in `.cellphone/`. What cannot be read is as nothing:
/// it only keeps things from being said twice.
pub(super) fn read_state<T: Default + for<'de> Deserialize<'de>>(state: &Dir, name: &str) -> T {
    state.read(name, LIMIT).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Remembers something in `.cellphone/`.
///
/// # Errors
/// It cannot be written.
pub(super) fn write_state(state: &Dir, name: &str, value: &impl Serialize) -> Result<()> {
    Ok(state.replace(name, &serde_json::to_vec(value).unwrap_or_default(), false)?)
}

/// One look: its name, and what it could not do.
pub type Fault = (&'static str, String);

impl Office {
    /// Takes every look that costs little: journal and storms; with `all`,
    /// disks, clock and configuration too. Gives what could not be looked at.
    pub fn guard(&self, guard: &Guard, all: bool) -> Vec<Fault> {
        let mut looks = guard.looks();
        let looks = &mut *looks;
        let mut faults = Vec::new();
        let mut note = |name, done: Result<()>| {
            if let Err(e) = done {
                faults.push((name, e.to_string()));
            }
        };
        note("the record of what happened", self.watch_events(guard, looks));
        note("the chain of the journal", self.watch_chain(guard, looks));
        if !all {
            return faults;
        }
        note("the disks", self.watch_disks(guard));
        note("the clock", self.watch_clock(guard, looks));
        note("the daemon's own ends", self.watch_crashes(guard, looks));
        note("the configuration", self.watch_configuration(guard));
        note("the drills", self.watch_drills(guard, looks));
        self.pay(guard);
        note("what it remembers", self.save(looks, Duration::from_secs(60)));
        faults
    }

    /// Reads some messages again: what of a minute's share is due after `since`.
    ///
    /// # Errors
    /// A mailbox cannot be listed; the next ones are looked at next time.
    pub fn guard_messages(&self, guard: &Guard, since: Duration) -> Result<()> {
        let mut looks = guard.looks();
        self.scrub(guard, &mut looks, since)
    }

    /// Looks for folders of mailboxes that are not there, before anybody makes
    /// them anew; `gone` is what a watcher saw go or be replaced. Says whether
    /// anything is missing.
    ///
    /// # Errors
    /// What it found cannot be written down.
    pub fn guard_folders(&self, guard: &Guard, gone: &[std::path::PathBuf]) -> Result<bool> {
        self.watch_folders(guard, gone)
    }

    /// Keeps what the looks remember, at the end.
    pub fn guard_ends(&self, guard: &Guard) {
        if let Err(e) = self.save(&mut guard.looks(), Duration::ZERO) {
            tracing::warn!(error = %e, "what the detectors remember was not kept");
        }
    }

    /// The alarms that stand, the worst first, without those that something
    /// ended since the daemon looked.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        let all = read_state::<Told>(self.root().state(), ALARMS).standing.list();
        // A journal that cannot be read ends nothing.
        let ends = self.what_ends(&all).unwrap_or_default();
        all.into_iter().filter(|alarm| !ends.iter().any(|event| chain::ends(event, alarm))).collect()
    }

    /// Takes note of an alarm that stands because of something that is over:
    /// the daemon says all-clear, or the next one does.
    pub(super) fn take_note_of(&self, alarm: &Alarm) -> Result<()> {
        let key = key(&alarm.seen);
        let event = Event::new(self.now(), EventKind::Repaired).with("what", "an alarm was taken note of");
        self.note(&[event.with("alarm", &key).with("by", self.actor())]);
        if super::control::daemon_lock_held(self.root().state())? {
            return Ok(());
        }
        let guard = Guard::open(self);
        self.all_clear(&guard, |a| self::key(&a.seen) == key)
    }

    /// What a detector sees now, and who hears of it.
    pub(super) fn report(&self, guard: &Guard, detector: Detector, seen: Vec<Sighting>) -> Result<Vec<News>> {
        let pause = match detector {
            Detector::Snapshots => self.settings().snapshot.health_cooldown,
            _ => self.settings().watch.alarm_again,
        };
        let mut told = guard.told();
        let before = told.standing.clone();
        let news = if self.settings().watch.off.contains(&detector) {
            told.standing.clear(|alarm| alarm.seen.detector == detector)
        } else {
            told.standing.looked(detector, seen, self.now(), pause)
        };
        let kept = if told.standing == before { Ok(()) } else { self.keep_told(&told) };
        drop(told);
        self.journal_news(&news);
        if detector != Detector::Snapshots {
            self.tell_news(guard, &news);
        }
        kept.map(|()| news)
    }

    /// Ends alarms that stand until they are released.
    fn all_clear(&self, guard: &Guard, over: impl Fn(&Alarm) -> bool) -> Result<()> {
        let mut told = guard.told();
        let news = told.standing.clear(over);
        if news.is_empty() {
            return Ok(());
        }
        let kept = self.keep_told(&told);
        drop(told);
        self.journal_news(&news);
        self.tell_news(guard, &news);
        kept
    }

    fn keep_told(&self, told: &Told) -> Result<()> {
        write_state(self.root().state(), ALARMS, told)
    }

    fn save(&self, looks: &mut Looks, pace: Duration) -> Result<()> {
        let facts = looks.facts_now();
        // The first time is at once: what the next daemon compares with.
        let first = looks.facts.journal.is_none();
        if facts == looks.facts || !first && boot::now().saturating_sub(looks.saved) < pace {
            return Ok(());
        }
        looks.saved = boot::now();
        write_state(self.root().state(), FACTS, &facts)?;
        looks.facts = facts;
        Ok(())
    }

    fn journal_news(&self, news: &[News]) {
        let event = |one: &News| {
            let seen = &one.alarm.seen;
            let kind = if one.change == Change::Clear { EventKind::AllClear } else { EventKind::Alarm };
            let mut event = Event::new(self.now(), kind)
                .with("detector", seen.detector.word())
                .with("severity", seen.severity.word())
                .with("what", &seen.what)
                .with("path", seen.path.display())
                .with("subject", &seen.subject);
            event.agent = AgentName::new(seen.subject.clone()).ok().filter(|a| self.roster().get(a.as_str()).is_some());
            if let Some(runbook) = &seen.runbook {
                event = event.with("runbook", format!("cellphone drill plan {runbook}"));
            }
            match one.change {
                Change::Raised | Change::Clear => event,
                Change::Worse => event.with("change", "worse"),
                Change::Again => event.with("change", "still stands"),
            }
        };
        self.note(&news.iter().map(event).collect::<Vec<_>>());
    }

    /// One message for all that a look found, and one for all that is over.
    fn tell_news(&self, guard: &Guard, news: &[News]) {
        let (over, stands): (Vec<&News>, Vec<&News>) =
            news.iter().filter(|n| n.tell).partition(|n| n.change == Change::Clear);
        for (some, is_over) in [(stands, false), (over, true)] {
            let Some(worst) = some.iter().max_by_key(|n| n.alarm.seen.severity) else { continue };
            let seen = &worst.alarm.seen;
            let more = if some.len() > 1 { format!(" (and {} more)", some.len() - 1) } else { String::new() };
            let word = if is_over { "All clear" } else { "Alarm" };
            let body: String = some.iter().map(|n| paragraph(&n.alarm.seen, is_over)).collect();
            let subject: String = format!("{word}: {}{more}", line(&seen.what)).chars().take(150).collect();
            let urgent = !is_over && seen.severity == Severity::Critical;
            let body = format!("{body}\nSee `cellphone status`.\n");
            let priority = if urgent { Priority::Urgent } else { Priority::Normal };
            self.owe(guard, &subject, &body, priority);
        }
    }

    /// Has a message written to whoever leads; one that cannot be is tried again.
    pub(super) fn owe(&self, guard: &Guard, subject: &str, body: &str, priority: Priority) {
        guard.told().owed.push_back(Owed { subject: subject.to_owned(), body: body.to_owned(), priority });
        self.pay(guard);
    }

    /// Writes the messages that are owed, oldest first.
    fn pay(&self, guard: &Guard) {
        loop {
            // Not under the lock: sending reads and syncs.
            let Some(owed) = guard.told().owed.pop_front() else { return };
            if let Err(e) = self.tell_whoever_leads(&owed.subject, &owed.body, owed.priority) {
                tracing::warn!(error = %e, "an alarm could not be told; it is tried again");
                let mut told = guard.told();
                told.owed.push_front(owed);
                told.owed.truncate(OWED);
                return;
            }
        }
    }

    /// A message to the captain; without one, to the people.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) fn tell_whoever_leads(&self, subject: &str, body: &str, priority: Priority) -> Result<()> {
        use crate::model::{Address, Role};
        let roster = self.roster();
        let to: Vec<Address> = match roster.captain() {
            Some(captain) => vec![Address::Agent(captain.name.clone())],
            None => roster.with_role(&Role::human()).into_iter().map(|a| Address::Agent(a.name.clone())).collect(),
        };
        if to.is_empty() {
            return Ok(());
        }
        let (subject, body) = (subject.to_owned(), body.to_owned());
        self.send_as_system(SendRequest { to, subject, body, priority, ..SendRequest::default() })?;
        Ok(())
    }
}

/// Names an alarm, for a line of the journal.
fn key(seen: &Sighting) -> String {
    format!("{}/{}", seen.detector.word(), line(&seen.subject))
}

fn paragraph(seen: &Sighting, is_over: bool) -> String {
    let what = line(&seen.what);
    let path = line(&seen.path.display().to_string());
    match &seen.runbook {
        Some(runbook) if !is_over => {
            format!("- {}: {what} ({path})\n  What to do: `cellphone drill plan {runbook}`\n", seen.severity.word())
        }
        _ => format!("- {}: {what} ({path})\n", seen.severity.word()),
    }
}

/// One line: names of files may hold anything.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A sighting with the detector's own runbook.
fn sighting(detector: Detector, subject: impl Into<String>, severity: Severity, what: String, path: &Path) -> Sighting {
    let runbook = detector.runbook().map(str::to_owned);
    Sighting { detector, subject: subject.into(), severity, what, path: path.to_owned(), runbook, kept: false }
}

impl Looks {
    fn facts_now(&self) -> Facts {
        Facts { journal: self.chain.mark(), scrub: self.scrub.cursor(&self.facts), clock: self.clock.reading() }
    }
}
