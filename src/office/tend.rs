//! What the daemon does for the mailboxes, each step quick and idempotent:
//! finish the spool, return leases, bury what expired, tell the captain of
//! deadlines, restore traces, apply retention.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::journal::Filter;
use crate::mailbox::{Mailbox, MailboxError, Place, Plan, RetentionRules, Scanned, Which};
use crate::model::{Address, AgentName, Event, EventKind, MessageId, Priority, Role};

use super::brief::Brief;
use super::{Office, Result, SendRequest};

/// How long the keys of sent letters are remembered.
const KEYS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TendReport {
    /// How many messages it moved or sent.
    pub done: usize,
    /// When it has something to do again, counted from now.
    pub next: Option<Duration>,
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

/// What retention would do, mailbox by mailbox.
#[derive(Debug, Clone, Default)]
pub struct RetentionPlan {
    /// Mailboxes in which there is something to do.
    pub mailboxes: Vec<(AgentName, Plan)>,
}

impl Office {
    /// What is unread for an agent. An unreadable message goes to `dead/`.
    ///
    /// # Errors
    /// When the inbox cannot be read.
    pub fn unread(&self, agent: &AgentName) -> Result<Unread> {
        let mailbox = self.tree.mailbox(agent)?;
        self.bury_foreign(&mailbox)?;
        let mut unread = Unread::default();
        for found in mailbox.scan(Which::Unread, None)? {
            let Some(brief) = self.brief(&mailbox, &found)? else { continue };
            unread.total += 1;
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
        let Some(letters) = self.post.recover(known)? else { return Ok(report) };
        for letter in letters {
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

    /// Gives back what was claimed and not finished in time.
    ///
    /// # Errors
    /// When a mailbox cannot be read.
    pub fn return_expired_leases(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        for agent in self.roster().agents() {
            let one = self.return_leases_of(&self.tree.mailbox(&agent.name)?)?;
            report.done += one.done;
            report.sooner(one.next);
        }
        Ok(report)
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
        Ok(TendReport { done: returned.messages.len(), next: returned.next })
    }

    /// Moves unread mail whose `expires` has passed to `dead/`.
    ///
    /// # Errors
    /// When a mailbox cannot be read.
    pub fn expire(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        let now = self.now();
        for agent in self.roster().agents() {
            let mailbox = self.tree.mailbox(&agent.name)?;
            for found in mailbox.scan(Which::Unread, None)? {
                let Some(at) = self.brief(&mailbox, &found)?.and_then(|b| b.expires) else { continue };
                if at > now {
                    report.at(at, now);
                    continue;
                }
                match mailbox.bury(&mailbox.place(Place::New, "")?, &found.file, "expired: nobody took it in time") {
                    Ok(_) => {
                        report.done += 1;
                        self.note(&[Event::new(now, EventKind::Expired).id(found.name.id()).agent(&agent.name)]);
                    }
                    // Taken at the last moment.
                    Err(MailboxError::Fs(e)) if e.is_not_found() => {}
                    Err(e) => return Err(e.into()),
                }
            }
        }
        Ok(report)
    }

    /// Tells the captain of messages that were not acknowledged (or, where no
    /// receipt was asked for, not read) by their deadline; once each.
    ///
    /// # Errors
    /// When a mailbox cannot be read, or the captain's is full.
    pub fn escalate_deadlines(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        let now = self.now();
        for agent in self.roster().agents() {
            let mailbox = self.tree.mailbox(&agent.name)?;
            for found in mailbox.scan(Which::Inbox, None)? {
                let Some(brief) = self.brief(&mailbox, &found)? else { continue };
                let Some(deadline) = brief.deadline else { continue };
                let satisfied = found.place == Place::Cur && !brief.ack;
                if satisfied || self.was_told(found.name.id(), &agent.name) {
                    continue;
                }
                if deadline > now {
                    report.at(deadline, now);
                } else if !(brief.ack && self.was_acked(found.name.id(), &agent.name)?) {
                    self.tell_captain(&agent.name, &found, &brief, deadline)?;
                    report.done += 1;
                } else {
                    self.mark_told(found.name.id(), &agent.name);
                }
            }
        }
        Ok(report)
    }

    fn was_acked(&self, id: MessageId, agent: &AgentName) -> Result<bool> {
        let filter = Filter { agent: Some(agent.clone()), kinds: vec![EventKind::Acked], ..Filter::message(id) };
        Ok(self.journal.read(filter)?.next().is_some())
    }

    fn tell_captain(&self, agent: &AgentName, found: &Scanned, brief: &Brief, deadline: Timestamp) -> Result<()> {
        let id = found.name.id();
        // Without a captain, and for what the captain itself let pass, the people hear of it.
        let captain = self.roster().captain().map(|c| c.name.clone()).filter(|c| c != agent);
        let people = self.roster().with_role(&Role::human()).into_iter().map(|a| a.name.clone());
        let to: Vec<Address> =
            captain.map_or_else(|| people.collect(), |c| vec![c]).into_iter().map(Address::Agent).collect();
        if !to.is_empty() {
            let what = if brief.ack { "acknowledged" } else { "read" };
            self.send_as_system(SendRequest {
                to,
                subject: format!("Deadline passed: {}", brief.subject),
                body: format!(
                    "{agent} has not {what} {id} from {} by {deadline}.\n\nSee: cellphone trace {id}\n",
                    brief.from
                ),
                priority: Priority::Urgent,
                idempotency_key: Some(format!("deadline {id} {agent}")),
                ..SendRequest::default()
            })?;
        }
        self.note(&[Event::new(self.now(), EventKind::Escalated)
            .id(id)
            .agent(agent)
            .with("reason", "the deadline passed")]);
        self.mark_told(id, agent);
        Ok(())
    }

    /// Adds what a crash of the machine may have taken: the sender's copy and
    /// the journal's lines of messages that lie unread.
    ///
    /// # Errors
    /// When a mailbox or the journal cannot be read.
    pub fn restore_traces(&self) -> Result<TendReport> {
        let mut report = TendReport::default();
        let mut unnoted: HashSet<(MessageId, AgentName)> = HashSet::new();
        for agent in self.roster().agents() {
            let mailbox = self.tree.mailbox(&agent.name)?;
            for found in mailbox.scan(Which::Unread, None)? {
                unnoted.insert((found.name.id(), agent.name.clone()));
                let Ok(message) = mailbox.open(&found) else { continue };
                let sender = message.from();
                if self.roster().get(sender.as_str()).is_some() {
                    let senders = self.tree.mailbox(&sender)?;
                    if !senders.has_sent(&message.name)? {
                        senders.keep_sent(&message)?;
                        report.done += 1;
                    }
                }
            }
        }
        self.strike_noted(&mut unnoted)?;
        let behind: BTreeSet<AgentName> = unnoted.iter().map(|(_, agent)| agent.clone()).collect();
        for agent in behind {
            let mailbox = self.tree.mailbox(&agent)?;
            let mut events = Vec::new();
            for found in mailbox.scan(Which::Unread, None)? {
                let id = found.name.id();
                if !unnoted.remove(&(id, agent.clone())) {
                    continue;
                }
                let Ok(message) = mailbox.open(&found) else { continue };
                let event = Event::new(self.now(), EventKind::Delivered).id(id).agent(&agent);
                events.push(event.with("restored", true).with("from", message.from()));
            }
            report.done += events.len();
            self.note(&events);
        }
        Ok(report)
    }

    /// Strikes out the deliveries that the journal knows. It may hold a
    /// gigabyte, and is read line by line; what lies unread is usually young,
    /// so its end is looked at first.
    fn strike_noted(&self, unnoted: &mut HashSet<(MessageId, AgentName)>) -> Result<()> {
        /// Lines, some 200 bytes each.
        const YOUNG: usize = 4_096;
        let mut strike = |event: Event| {
            if let (EventKind::Delivered, Some(id), Some(agent)) = (event.event, event.id, event.agent) {
                unnoted.remove(&(id, agent));
            }
            unnoted.is_empty()
        };
        if strike(Event::new(self.now(), EventKind::Started)) {
            return Ok(());
        }
        for record in self.journal.tail(YOUNG)? {
            if strike(record.event) {
                return Ok(());
            }
        }
        let filter = Filter { kinds: vec![EventKind::Delivered], ..Filter::default() };
        self.journal.read(filter)?.any(|record| strike(record.event));
        Ok(())
    }

    /// Plans what retention would do now; changes nothing.
    ///
    /// # Errors
    /// When a mailbox cannot be read.
    pub fn retention_plan(&self) -> Result<RetentionPlan> {
        let set = &self.settings().retention;
        let rules = RetentionRules {
            archive_after: Some(set.archive_after).filter(|d| !d.is_zero()),
            archive_max_bytes: Some(set.max_bytes).filter(|b| *b > 0),
        };
        let mut plan = RetentionPlan::default();
        for agent in self.roster().agents() {
            let one = self.tree.mailbox(&agent.name)?.plan(&rules, self.now())?;
            if !one.steps.is_empty() {
                plan.mailboxes.push((agent.name.clone(), one));
            }
        }
        Ok(plan)
    }

    /// Does exactly what the plan says; gives how many messages it moved.
    /// Keys of letters older than 30 days are forgotten on the way.
    ///
    /// # Errors
    /// When a message cannot be moved.
    pub fn retention_apply(&self, plan: &RetentionPlan) -> Result<usize> {
        let mut done = 0;
        for (agent, one) in &plan.mailboxes {
            done += self.tree.mailbox(agent)?.apply(one)?;
            let events: Vec<Event> = one
                .steps
                .iter()
                .map(|step| {
                    let event = Event::new(self.now(), EventKind::Archived).id(step.message.name.id()).agent(agent);
                    event.with("reason", if step.delete { "retention: deleted" } else { "retention: by age" })
                })
                .collect();
            self.note(&events);
        }
        self.post.forget_keys(KEYS_KEPT)?;
        Ok(done)
    }
}
