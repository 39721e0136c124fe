//! What a sender, or the machine, that died took from the record: the copy in
//! `sent/` and the journal's lines of messages that were delivered.
//!
//! At the daemon's start, and once a day, the inboxes and the last days of the
//! archives are looked through, by names alone where nothing is missing. In
//! between a message is looked after when a scan meets it for the first time.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::{Office, Result};
use super::{TendReport, lock};
use crate::fsio::boot;
use crate::journal::Filter;
use crate::mailbox::{Mailbox, Place, Scanned, Which};
use crate::model::time::STAMP_LEN;
use crate::model::{AgentName, Event, EventKind, Message, MessageId, UniqueName};

/// What a living sender may take for its copy and its lines, once its message
/// is visible.
const GRACE: Duration = Duration::from_secs(10);

/// How far back a message that left `new/` is looked after.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far back the first scan of a mailbox reaches; the look at the start is
/// for what is older.
const FIRST: SignedDuration = SignedDuration::from_mins(10);

/// Before a message is looked after again with which that failed.
const AGAIN: Duration = Duration::from_secs(60);

/// Lines at the end of the journal, some 200 bytes each, that are read before
/// all of it is.
const YOUNG: usize = 4_096;

/// Lines that are written at once.
const NOTED: usize = 512;

/// The messages that scans met.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// What lay unread at the last scan, by mailbox.
    seen: HashMap<AgentName, HashSet<MessageId>>,
    /// What is to be looked after, the next first.
    fresh: VecDeque<Fresh>,
}

#[derive(Debug)]
struct Fresh {
    due: Duration,
    agent: AgentName,
    found: Scanned,
}

impl Sightings {
    /// Takes note of what a scan found unread.
    pub(super) fn record(&mut self, agent: &AgentName, unread: &[Scanned], now: Timestamp) {
        let ids = unread.iter().map(|found| found.name.id()).collect();
        let before = self.seen.insert(agent.clone(), ids);
        let first = now.checked_sub(FIRST).unwrap_or(Timestamp::MIN);
        for found in unread {
            let known = match &before {
                Some(before) => before.contains(&found.name.id()),
                None => found.name.accepted() < first,
            };
            if !known {
                self.look_later(agent, found.clone());
            }
        }
    }

    fn look_later(&mut self, agent: &AgentName, found: Scanned) {
        self.fresh.push_back(Fresh { due: boot::now() + GRACE, agent: agent.clone(), found });
    }
}

/// Lines that the journal should have; those it has are struck out.
#[derive(Debug, Default)]
struct Lines {
    delivered: BTreeMap<AgentName, HashSet<MessageId>>,
    accepted: HashSet<MessageId>,
    left: usize,
}

impl Lines {
    fn of(candidates: &[(AgentName, Scanned)]) -> Self {
        let mut lines = Self::default();
        for (agent, found) in candidates {
            let id = found.name.id();
            lines.left += usize::from(lines.delivered.entry(agent.clone()).or_default().insert(id));
            lines.left += usize::from(lines.accepted.insert(id));
        }
        lines
    }

    /// Whether none is left.
    fn strike(&mut self, event: &Event) -> bool {
        let struck = match (event.event, event.id, &event.agent) {
            (EventKind::Accepted, Some(id), _) => self.accepted.remove(&id),
            (EventKind::Delivered, Some(id), Some(agent)) => {
                self.delivered.get_mut(agent).is_some_and(|ids| ids.remove(&id))
            }
            _ => false,
        };
        self.left -= usize::from(struck);
        self.left == 0
    }

    /// Whether the two lines of a message are missing: accepted, delivered.
    fn take(&mut self, agent: &AgentName, id: MessageId) -> (bool, bool) {
        let delivered = self.delivered.get_mut(agent).is_some_and(|ids| ids.remove(&id));
        // Of several recipients the first takes the line of the acceptance.
        (self.accepted.remove(&id), delivered)
    }
}

impl Office {
    /// Restores the traces of everything that lies unread, and of what was
    /// accepted in the last days. The report names what could not be looked
    /// after.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn restore_traces(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        let mut candidates = Vec::new();
        let now = self.now();
        let recent = now.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
        self.in_each(&mut report, |_, mailbox| {
            let agent = mailbox.agent();
            let live = mailbox.scan(Which::Inbox, None)?;
            let live = live.into_iter().filter(|s| s.place == Place::New || s.name.accepted() >= recent);
            let gone = mailbox.scan_gone(recent, |_| false)?.into_iter().filter(|s| s.place == Place::Archive);
            // A copy of its own, moved there from `sent/`, was not delivered to it.
            let gone = gone.filter(|s| !self.may_be_from(&s.name, agent));
            let young = |s: &Scanned| now.duration_since(s.name.accepted()).unsigned_abs() < GRACE;
            for found in live.chain(gone) {
                if young(&found) {
                    lock(&self.memory.sightings).look_later(agent, found);
                } else {
                    candidates.push((agent.clone(), found));
                }
            }
            Ok(())
        });
        self.restore(&mut report, candidates)?;
        Ok(report)
    }

    /// Restores the traces of messages that a scan met for the first time,
    /// once their senders had the time to leave them. The report names what
    /// could not be looked after; it is tried again.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn restore_sighted(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        let now = boot::now();
        let due: Vec<(AgentName, Scanned)> = {
            let fresh = &mut lock(&self.memory.sightings).fresh;
            let ready = fresh.iter().take_while(|f| f.due <= now).count();
            fresh.drain(..ready).map(|f| (f.agent, f.found)).collect()
        };
        let failed = self.restore(&mut report, due)?;
        let fresh = &mut lock(&self.memory.sightings).fresh;
        for (agent, found) in failed {
            fresh.push_back(Fresh { due: now + AGAIN, agent, found });
        }
        report.sooner(fresh.front().map(|f| f.due.saturating_sub(now)));
        Ok(report)
    }

    /// Gives those back with which it did not work.
    fn restore(
        &self,
        report: &mut TendReport,
        candidates: Vec<(AgentName, Scanned)>,
    ) -> Result<Vec<(AgentName, Scanned)>> {
        let mut failed = Vec::new();
        if candidates.is_empty() {
            return Ok(failed);
        }
        let mut lines = Lines::of(&candidates);
        self.strike_noted(&mut lines, &candidates)?;
        let mut events = Vec::new();
        let mut senders = HashMap::new();
        for (agent, found) in candidates {
            let copied = self.has_copy(&found.name, &mut senders);
            let (accepted, delivered) = lines.take(&agent, found.name.id());
            if copied && !delivered && !accepted {
                continue;
            }
            // Gone, or not readable: then there is nothing to restore it from.
            let Ok(message) = self.tree.mailbox(&agent).and_then(|mailbox| mailbox.open(&found)) else { continue };
            if !copied {
                match self.write_copy(&message) {
                    Ok(written) => report.done += usize::from(written),
                    Err(e) => {
                        report.failed(format_args!("the copy of {} in sent/", message.id()), e);
                        failed.push((agent.clone(), found));
                    }
                }
            }
            let (id, from) = (message.id(), message.from());
            let restored = |kind| Event::new(self.now(), kind).id(id).with("restored", true);
            events.extend(accepted.then(|| restored(EventKind::Accepted).agent(&from)));
            events.extend(delivered.then(|| restored(EventKind::Delivered).agent(&agent).with("from", &from)));
        }
        report.done += events.len();
        // A lost journal is many lines; others write theirs in between.
        events.chunks(NOTED).for_each(|some| self.note(some));
        Ok(failed)
    }

    /// Whether the name may be that of a message from `sender`: it begins with
    /// the name, which is the sender's or the beginning of a longer one.
    fn may_be_from(&self, name: &UniqueName, sender: &AgentName) -> bool {
        let rest = name.as_str().get(STAMP_LEN + 1..).and_then(|rest| rest.strip_prefix(sender.as_str()));
        rest.is_some_and(|rest| rest.starts_with('-'))
    }

    /// Whether a sender on the roster has its copy; true as well where the
    /// sender has no mailbox. The message is not opened: one sender at least
    /// of those whose name fits is the true one.
    fn has_copy(&self, name: &UniqueName, senders: &mut HashMap<AgentName, Option<Mailbox>>) -> bool {
        let mut known = false;
        for agent in self.roster().agents().iter().filter(|a| self.may_be_from(name, &a.name)) {
            known = true;
            let open = || self.tree.mailbox(&agent.name).ok();
            let mailbox = senders.entry(agent.name.clone()).or_insert_with(open);
            if mailbox.as_ref().is_some_and(|m| m.has_sent(name).unwrap_or(true)) {
                return true;
            }
        }
        !known
    }

    fn write_copy(&self, message: &Message) -> Result<bool> {
        let sender = message.from();
        if self.roster().get(sender.as_str()).is_none() {
            return Ok(false);
        }
        let mailbox = self.tree.mailbox(&sender)?;
        if mailbox.has_sent(&message.name)? {
            return Ok(false);
        }
        mailbox.keep_sent(message)?;
        Ok(true)
    }

    /// Strikes out the lines that the journal has. It may hold a gigabyte; the
    /// lines are usually at its end, and never older than the messages.
    fn strike_noted(&self, lines: &mut Lines, candidates: &[(AgentName, Scanned)]) -> Result<()> {
        let near = (candidates.len().saturating_mul(4) + 64).min(YOUNG);
        for n in [near, YOUNG] {
            if self.journal.tail(n)?.iter().any(|record| lines.strike(&record.event)) {
                return Ok(());
            }
        }
        let since = candidates.iter().map(|(_, found)| found.name.accepted()).min();
        let filter = Filter { kinds: vec![EventKind::Accepted, EventKind::Delivered], since, ..Filter::default() };
        self.journal.read(filter)?.any(|record| lines.strike(&record.event));
        Ok(())
    }
}
