//! Deadlines: the captain hears of what was not read, or not acknowledged, in
//! time.
//!
//! A message that asks for a receipt stays under watch wherever it goes: to
//! the archive or to `dead/`, it is not acknowledged by that. Those two are
//! looked through by day folder, as far back as a deadline may matter, and
//! only where a folder changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};

use super::super::brief::Brief;
use super::super::{Office, Result};
use super::{TendReport, lock};
use crate::fsio::Dir;
use crate::journal::Filter;
use crate::mailbox::{Mailbox, Place, Scanned, Which};
use crate::model::{Address, AgentName, Event, EventKind, Header, MessageId, Priority, UniqueName};

/// How far back the archive and the dead are looked through.
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often.
const LOOK: Duration = Duration::from_secs(60);

/// The coarsest time stamp of a file system in use.
const GRAIN: Duration = Duration::from_secs(2);

/// What is remembered of deadlines.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// Messages that ask for a receipt and of which nobody was told.
    watched: BTreeMap<(AgentName, MessageId), Watched>,
    /// The times of folders that were looked through.
    folders: HashMap<PathBuf, Duration>,
    /// What was met there, by mailbox.
    met: HashMap<AgentName, HashSet<MessageId>>,
    looked: Option<Instant>,
}

/// What has to be told of a message.
#[derive(Debug, Clone)]
struct Watched {
    name: UniqueName,
    deadline: Timestamp,
    from: AgentName,
    subject: String,
    ack: bool,
}

impl Watched {
    fn of(name: &UniqueName, brief: &Brief) -> Option<Self> {
        let (deadline, subject) = brief.deadline()?;
        let (from, subject) = (brief.from.clone(), subject.to_owned());
        Some(Self { name: name.clone(), deadline, from, subject, ack: brief.ack })
    }
}

impl Deadlines {
    /// Whether the archives are to be looked through again.
    fn look_now(&mut self) -> bool {
        let due = self.looked.is_none_or(|at| at.elapsed() >= LOOK);
        if due {
            self.looked = Some(Instant::now());
        }
        due
    }

    /// Whether a folder is as it was when it was looked through last.
    fn unchanged(&mut self, folder: &Dir) -> bool {
        let Ok(stat) = folder.own_stat() else { return false };
        if self.folders.get(folder.path()) == Some(&stat.modified) {
            return true;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A time that is not yet old may be that of a later change, too.
        if now.saturating_sub(stat.modified) > GRAIN {
            self.folders.insert(folder.path().to_owned(), stat.modified);
        }
        false
    }
}

impl Office {
    /// Has a message watched that asks for a receipt by a deadline.
    pub(super) fn watch_deadline(&self, agent: &AgentName, found: &Scanned, brief: &Brief) {
        let key = (agent.clone(), found.name.id());
        // One's own letter, filed from `sent/` or come back undelivered, waits for nobody here.
        let own = brief.from == *agent && matches!(found.place, Place::Archive | Place::Dead);
        if !brief.ack || brief.deadline().is_none() || own || self.was_told(key.1, agent) {
            return;
        }
        if let Some(watched) = Watched::of(&found.name, brief) {
            lock(&self.memory.deadlines).watched.entry(key).or_insert(watched);
        }
    }

    /// Tells the captain of messages that were not acknowledged (or, where no
    /// receipt was asked for, not read) by their deadline; once each. The
    /// report names a mailbox in which that cannot be done.
    #[must_use]
    pub fn escalate_deadlines(&self) -> TendReport {
        let mut report = TendReport::default();
        let now = self.now();
        let look = lock(&self.memory.deadlines).look_now();
        self.in_each(&mut report, |report, mailbox| {
            let agent = mailbox.agent();
            for found in mailbox.scan(Which::Inbox, None)? {
                let Some(brief) = self.brief(mailbox, &found)? else { continue };
                self.watch_deadline(agent, &found, &brief);
                let Some(watched) = Watched::of(&found.name, &brief) else { continue };
                if brief.ack || found.place == Place::Cur || self.was_told(found.name.id(), agent) {
                    continue;
                }
                if watched.deadline > now {
                    report.at(watched.deadline, now);
                } else {
                    self.tell_of_deadline(report, agent, &watched)?;
                }
            }
            if look {
                self.look_back(mailbox, now)?;
            }
            self.tell_of_receipts(report, mailbox, now)
        });
        report
    }

    /// What left the inbox without a receipt, perhaps while no daemon ran.
    fn look_back(&self, mailbox: &Mailbox, now: Timestamp) -> Result<()> {
        let agent = mailbox.agent();
        let since = now.checked_sub(BACK).unwrap_or(Timestamp::MIN);
        let gone = mailbox.scan_gone(since, |folder| lock(&self.memory.deadlines).unchanged(folder))?;
        for found in gone {
            if !lock(&self.memory.deadlines).met.entry(agent.clone()).or_default().insert(found.name.id()) {
                continue;
            }
            if let Some(brief) = self.brief(mailbox, &found)? {
                self.watch_deadline(agent, &found, &brief);
            }
        }
        Ok(())
    }

    fn tell_of_receipts(&self, report: &mut TendReport, mailbox: &Mailbox, now: Timestamp) -> Result<()> {
        let agent = mailbox.agent();
        let of_agent: Vec<Watched> = {
            let deadlines = lock(&self.memory.deadlines);
            let own = deadlines.watched.iter().filter(|((whose, _), _)| whose == agent);
            own.map(|(_, watched)| watched.clone()).collect()
        };
        for watched in of_agent {
            if watched.deadline > now {
                report.at(watched.deadline, now);
                continue;
            }
            if !self.was_acked(mailbox, &watched.name)? {
                self.tell_of_deadline(report, agent, &watched)?;
            }
            let id = watched.name.id();
            self.mark_told(id, agent);
            lock(&self.memory.deadlines).watched.remove(&(agent.clone(), id));
        }
        Ok(())
    }

    fn was_acked(&self, mailbox: &Mailbox, name: &UniqueName) -> Result<bool> {
        // The receipt itself is the better witness: a journal may be lost.
        if self.receipt_of(mailbox, name)?.is_some() {
            return Ok(true);
        }
        self.journal_has(name, mailbox.agent(), EventKind::Acked)
    }

    fn journal_has(&self, name: &UniqueName, agent: &AgentName, kind: EventKind) -> Result<bool> {
        let filter = Filter {
            agent: Some(agent.clone()),
            kinds: vec![kind],
            since: Some(name.accepted()),
            ..Filter::message(name.id())
        };
        Ok(self.journal.read(filter)?.next().is_some())
    }

    fn tell_of_deadline(&self, report: &mut TendReport, agent: &AgentName, watched: &Watched) -> Result<()> {
        let id = watched.name.id();
        let to = self.who_leads(agent);
        // An earlier daemon may have told it: the record says so once, too.
        let news = if to.is_empty() {
            !self.journal_has(&watched.name, agent, EventKind::Escalated)?
        } else {
            self.send_of_deadline(to, agent, watched)?
        };
        if news {
            report.done += 1;
            self.note(&[Event::new(self.now(), EventKind::Escalated)
                .id(id)
                .agent(agent)
                .with("reason", "the deadline passed")]);
        }
        self.mark_told(id, agent);
        Ok(())
    }

    /// Whether it was sent now, and not before.
    fn send_of_deadline(&self, to: Vec<Address>, agent: &AgentName, watched: &Watched) -> Result<bool> {
        let Watched { name, deadline, from, subject, ack } = watched;
        let (id, what) = (name.id(), if *ack { "acknowledged" } else { "read" });
        let header = Header {
            to,
            subject: format!("Deadline passed: {subject}"),
            priority: Priority::Urgent,
            ..Header::default()
        };
        let body = format!("{agent} has not {what} {id} from {from} by {deadline}.\n\nSee: cellphone trace {id}\n");
        let key = Some(format!("deadline {id} {agent}"));
        let posted = self.post.post(self.system_letter(header, body, key)?)?;
        let news = !posted.duplicate;
        self.sent(posted, Vec::new());
        Ok(news)
    }
}
