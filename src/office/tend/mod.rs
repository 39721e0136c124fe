//! What the daemon does for the mailboxes, each step quick and idempotent:
//! take forged mail away where policy says so, finish the spool, return leases, bury what expired, tell the captain of
//! deadlines, restore traces, apply retention.
//!
//! A mailbox, letter or message with which a step cannot be done is named in
//! the report and holds up no other.

mod deadlines;
mod forged;
mod retention;
mod traces;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::mailbox::{Mailbox, MailboxError, Place, Which};
use crate::model::{Address, AgentName, Event, EventKind, MessageId, Priority, Role};

use super::{Office, Result};

pub use retention::{RetentionDone, RetentionPlan};

/// What tending remembers from round to round, so that a message is looked
/// into once.
#[derive(Debug, Default)]
pub(super) struct Memory {
    sightings: Mutex<traces::Sightings>,
    deadlines: Mutex<deadlines::Deadlines>,
    judged: Mutex<forged::Judged>,
}

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TendReport {
    /// How many messages it moved or sent.
    pub done: usize,
    /// When it has something to do again, counted from now.
    pub next: Option<Duration>,
    /// The first thing with which it could not be done, and why.
    pub fault: Option<String>,
}

impl TendReport {
    pub(super) fn sooner(&mut self, other: Option<Duration>) {
        self.next = match (self.next, other) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn at(&mut self, when: Timestamp, now: Timestamp) {
        let left = Duration::try_from(when.duration_since(now)).unwrap_or_default();
        self.sooner(Some(left.max(Duration::from_millis(10))));
    }

    fn failed(&mut self, what: impl std::fmt::Display, why: impl std::fmt::Display) {
        tracing::debug!(%what, %why, "not tended");
        self.fault.get_or_insert_with(|| format!("{what}: {why}"));
    }
}

/// What waits for an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// The messages that may ring, oldest first: all but receipts.
    pub ids: Vec<MessageId>,
    /// How many of them are urgent or critical.
    pub urgent: usize,
    /// Which.
    pub pressing: Vec<MessageId>,
    /// How many of them are critical.
    pub critical: usize,
    /// Who wrote them, each once.
    pub from: Vec<AgentName>,
    /// Who wrote each of `ids`.
    pub senders: Vec<AgentName>,
    /// How many are unread, receipts included.
    pub total: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain data, whole at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Office {
    /// How many messages wait unread, by their names alone: a look that
    /// costs little and changes nothing.
    ///
    /// # Errors
    /// The mailbox cannot be listed.
    pub fn count_unread(&self, agent: &AgentName) -> Result<usize> {
        Ok(self.tree.mailbox(agent)?.count_unread()?)
    }

    /// What is unread for an agent. An unreadable message goes to `dead/`.
    ///
    /// # Errors
    /// When the inbox cannot be read.
    pub fn unread(&self, agent: &AgentName) -> Result<Unread> {
        let mailbox = self.tree.mailbox(agent)?;
        self.bury_foreign(&mailbox)?;
        let mut unread = Unread::default();
        let all = self.without_forged(&mailbox, mailbox.scan(Which::Unread, None)?)?;
        lock(&self.memory.sightings).record(agent, &all, self.now());
        for found in all {
            let Some(brief) = self.brief(&mailbox, &found)? else { continue };
            unread.total += 1;
            self.watch_deadline(agent, &found, &brief);
            if brief.quiet {
                continue;
            }
            unread.ids.push(found.name.id());
            if brief.priority >= Priority::Urgent {
                unread.urgent += 1;
                unread.pressing.push(found.name.id());
            }
            unread.critical += usize::from(brief.priority == Priority::Critical);
            if !unread.from.contains(&brief.from) {
                unread.from.push(brief.from.clone());
            }
            unread.senders.push(brief.from);
        }
        Ok(unread)
    }

    /// Finishes letters whose sender died.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn recover_spool(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        // The usual case, of every send: nothing is there.
        let known = |name: &AgentName| self.roster().get(name.as_str()).is_some();
        let Some(recovery) = self.post.recover(known)? else { return Ok(report) };
        for (file, why) in recovery.failed {
            report.failed(file.display(), why);
        }
        for letter in recovery.letters {
            let id = letter.message.id();
            let mut events: Vec<Event> = Vec::new();
            for name in &letter.delivered {
                events.push(Event::new(self.now(), EventKind::Delivered).id(id).agent(name).with("recovered", true));
            }
            for (name, why) in &letter.dead {
                events.push(Event::new(self.now(), EventKind::Dead).id(id).agent(name).with("reason", why));
            }
            report.done += events.len();
            self.note(&events);
        }
        if self.post.spooled()? > 0 {
            report.next = Some(Duration::from_secs(5));
        }
        Ok(report)
    }

    /// How many letters wait in the spool.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn spooled(&self) -> Result<usize> {
        Ok(self.post.spooled()?)
    }

    /// Who hears of what went wrong with an agent's mail: the captain; without
    /// one, and for the captain's own mail, the people.
    fn who_leads(&self, about: &AgentName) -> Vec<Address> {
        let captain = self.roster().captain().map(|c| c.name.clone()).filter(|c| c != about);
        let people = self.roster().with_role(&Role::human()).into_iter().map(|a| a.name.clone());
        captain.map_or_else(|| people.collect(), |c| vec![c]).into_iter().map(Address::Agent).collect()
    }

    /// Takes a step in the mailbox of everyone on the roster. One that fails
    /// holds up nobody else; the report names the first.
    fn in_each(&self, report: &mut TendReport, mut step: impl FnMut(&mut TendReport, &Mailbox) -> Result<()>) {
        for agent in self.roster().agents() {
            let opened = self.tree.mailbox(&agent.name).map_err(Into::into);
            if let Err(e) = opened.and_then(|mailbox| step(report, &mailbox)) {
                report.failed(format_args!("the mailbox of {}", agent.name), e);
            }
        }
    }

    /// Gives back what was claimed and not finished in time. The report names
    /// a mailbox in which that cannot be done.
    #[must_use]
    pub fn return_expired_leases(&self) -> TendReport {
        let mut report = TendReport::default();
        self.in_each(&mut report, |report, mailbox| {
            let one = self.return_leases_of(mailbox)?;
            report.done += one.done;
            report.sooner(one.next);
            if let Some(why) = one.fault {
                report.failed(format_args!("the mailbox of {}", mailbox.agent()), why);
            }
            Ok(())
        });
        report
    }

    pub(super) fn return_leases_of(&self, mailbox: &Mailbox) -> Result<TendReport> {
        let returned = mailbox.return_expired(self.settings().limits.attempts)?;
        let mut events = Vec::new();
        for (id, buried) in &returned.messages {
            let event = Event::new(self.now(), EventKind::Released).id(*id).agent(mailbox.agent());
            events.push(event.with("reason", "the lease expired"));
            if let Some(why) = buried {
                events.push(Event::new(self.now(), EventKind::Dead).id(*id).agent(mailbox.agent()).with("reason", why));
            }
        }
        if !events.is_empty() {
            self.note(&events);
        }
        let fault = returned.failed.first().map(|(id, e)| format!("{id} cannot be given back: {e}"));
        Ok(TendReport { done: returned.messages.len(), next: returned.next, fault })
    }

    /// Moves unread mail whose `expires` has passed to `dead/`. The report
    /// names a mailbox in which that cannot be done.
    #[must_use]
    pub fn expire(&self) -> TendReport {
        let mut report = TendReport::default();
        let now = self.now();
        self.in_each(&mut report, |report, mailbox| {
            for found in mailbox.scan(Which::Unread, None)? {
                let Some(at) = self.brief(mailbox, &found)?.and_then(|b| b.expires()) else { continue };
                if at > now {
                    report.at(at, now);
                    continue;
                }
                match mailbox.bury(&mailbox.place(Place::New, "")?, &found.file, "expired: nobody took it in time") {
                    Ok(_) => {
                        report.done += 1;
                        self.note(&[Event::new(now, EventKind::Expired).id(found.name.id()).agent(mailbox.agent())]);
                    }
                    // Taken at the last moment.
                    Err(MailboxError::Fs(e)) if e.is_not_found() => {}
                    Err(e) => report.failed(mailbox.path_of(&found).display(), e),
                }
            }
            Ok(())
        });
        report
    }
}
