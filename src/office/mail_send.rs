//! Sending, replying, forwarding: the one door through which mail leaves.
//!
//! Whether a letter may leave is decided in `admission.rs`.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::mailbox::Scanned;
use crate::model::{Address, AgentName, Draft, Event, EventKind, Flag, Header, Kind, Message, MessageId, Priority};
use crate::post::{Letter, Posted};

use super::admission::Hand;
use super::{ErrorKind, Office, OfficeError, Result};

/// What a sender asks for.
#[derive(Debug, Clone, Default)]
pub struct SendRequest {
    /// Recipients.
    pub to: Vec<Address>,
    /// More recipients, told for their knowledge.
    pub cc: Vec<Address>,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Priority; lowered where the sender's role may not use it.
    pub priority: Priority,
    /// Whether a receipt is asked for.
    pub ack: bool,
    /// When the captain is told that it was not acknowledged.
    pub deadline: Option<Timestamp>,
    /// When it becomes a dead letter.
    pub expires: Option<Timestamp>,
    /// Free words.
    pub tags: Vec<String>,
    /// The same key sent again is the same message.
    pub idempotency_key: Option<String>,
    /// The message this answers.
    pub in_reply_to: Option<MessageId>,
    /// The first message of the thread.
    pub thread: Option<MessageId>,
    /// Replies and forwards that led here.
    pub hops: u32,
    /// Kind, when it is not derived from the two ends.
    pub kind: Option<Kind>,
    /// Whether the body is sealed to the recipients.
    pub seal: bool,
}

/// A message that was accepted.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    /// The sender's copy, or the first recipient's file for a sender without
    /// a mailbox.
    pub path: PathBuf,
    /// Who has it.
    pub delivered: Vec<AgentName>,
    /// Who will have it once an obstacle is gone.
    pub pending: Vec<AgentName>,
    /// What the sender should know, a sentence each.
    pub notices: Vec<String>,
}

impl Office {
    /// Sends a message. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// Refused by policy, an unknown recipient, a full mailbox, a part over
    /// its limit, or the disk. Nothing was sent then.
    pub fn send(&self, request: SendRequest) -> Result<Sent> {
        self.dispatch(request, Hand::Sender)
    }

    fn dispatch(&self, request: SendRequest, hand: Hand) -> Result<Sent> {
        let (letter, notices) = self.letter(request, hand)?;
        let posted = self.post.post(letter)?;
        self.note(&accepted_events(&posted));
        // Without a daemon, the next sender finishes what a dead one left behind; it may be this very letter.
        if let Err(e) = self.recover_spool() {
            tracing::warn!(error = %e, "the spool waits");
        }
        Ok(self.filed(posted, notices))
    }

    /// Sends many messages that share their barriers; each has its own
    /// outcome, in order.
    ///
    /// # Errors
    /// The shared barrier's: then nothing is promised for any of them.
    pub fn send_batch(&self, requests: Vec<SendRequest>) -> Result<Vec<Result<Sent>>> {
        let mut notices = Vec::with_capacity(requests.len());
        let mut letters = Vec::with_capacity(requests.len());
        for request in requests {
            match self.letter(request, Hand::Sender) {
                Ok((letter, told)) => {
                    letters.push(letter);
                    notices.push(Ok(told));
                }
                Err(e) => notices.push(Err(e)),
            }
        }
        let mut posted = self.post.post_batch(letters)?.into_iter();
        let mut outcomes = Vec::with_capacity(notices.len());
        let mut events = Vec::new();
        for told in notices {
            outcomes.push(told.and_then(|told| {
                let posted =
                    posted.next().ok_or_else(|| OfficeError::new(ErrorKind::Failed, "the batch ended early"))??;
                events.extend(accepted_events(&posted));
                Ok(self.filed(posted, told))
            }));
        }
        self.note(&events);
        Ok(outcomes)
    }

    /// Answers a message: to its sender, in its thread; sealed, when that was
    /// asked for or the message is.
    ///
    /// # Errors
    /// No such message, or whatever [`send`](Self::send) says.
    pub fn reply(&self, id: &str, body: String, seal: bool) -> Result<Sent> {
        let (found, original) = self.own(id)?;
        let to = original.from();
        if self.roster().get(to.as_str()).is_none() {
            return Err(OfficeError::new(ErrorKind::NotFound, format!("{to}, who wrote it, has no mailbox"))
                .hint("cellphone agents list"));
        }
        let subject = &original.header.subject;
        let prefixed = subject.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("re:"));
        let request = SendRequest {
            to: vec![Address::Agent(to)],
            subject: if prefixed { subject.clone() } else { format!("Re: {subject}") },
            body,
            in_reply_to: Some(original.id()),
            thread: Some(original.thread()),
            hops: original.header.hops.saturating_add(1),
            // What is answered secretly was asked secretly.
            seal: seal || original.header.sealed,
            ..SendRequest::default()
        };
        let sent = self.dispatch(request, Hand::Ours)?;
        self.mailbox()?.add_flag(&found, Flag::Replied)?;
        Ok(sent)
    }

    /// Passes a message on, `body` above it; sealed, when that was asked for or
    /// the message is.
    ///
    /// # Errors
    /// No such message, or whatever [`send`](Self::send) says.
    pub fn forward(&self, id: &str, to: Vec<Address>, body: String, seal: bool) -> Result<Sent> {
        let (found, original) = self.own(id)?;
        let h = &original.header;
        let quoted: String = self.quotable(self.acting()?, &original)?.lines().map(|l| format!("> {l}\n")).collect();
        let gap = if body.is_empty() { "" } else { "\n\n" };
        let text =
            format!("{body}{gap}Forwarded from {} ({}), id {}:\n\n{quoted}", original.from(), h.subject, original.id());
        let request = SendRequest {
            to,
            subject: format!("Fwd: {}", h.subject),
            body: text,
            priority: h.priority,
            thread: Some(original.thread()),
            hops: h.hops.saturating_add(1),
            // What was sealed goes on sealed.
            seal: seal || h.sealed,
            ..SendRequest::default()
        };
        let sent = self.dispatch(request, Hand::Ours)?;
        self.mailbox()?.add_flag(&found, Flag::Passed)?;
        Ok(sent)
    }

    /// Acknowledges a message: its sender gets a receipt, once. A receipt is
    /// never acknowledged.
    ///
    /// # Errors
    /// No such message, it is a receipt, or whatever [`send`](Self::send) says.
    pub fn ack(&self, id: &str) -> Result<Sent> {
        let (found, original) = self.own(id)?;
        if original.header.kind == Some(Kind::Receipt) {
            return Err(OfficeError::new(ErrorKind::Conflict, "a receipt is not acknowledged: that would never end"));
        }
        let sent = self.receipt(&original)?;
        if matches!(found.place, crate::mailbox::Place::New | crate::mailbox::Place::Cur) {
            self.mailbox()?.mark_seen(&found)?;
        }
        Ok(sent)
    }

    /// Sends in the name of the program itself, past the roles.
    pub(super) fn send_as_system(&self, request: SendRequest) -> Result<Sent> {
        let letter = self.system_letter(header_of(&request), request.body, request.idempotency_key)?;
        let posted = self.post.post(letter)?;
        Ok(self.sent(posted, Vec::new()))
    }

    /// A letter of the program itself, signed where it has a key.
    pub(super) fn system_letter(&self, header: Header, body: String, key: Option<String>) -> Result<Letter> {
        let from = AgentName::system();
        let recipients = self.recipients(&header, &from)?;
        let signer = self.signer_of(&from).unwrap_or_else(|e| {
            // What it has to say matters more than who can be shown to have said it.
            tracing::warn!(error = %e, "the program's own mail is not signed");
            None
        });
        let draft = Draft::new(Header { kind: Some(Kind::SystemToAgent), ..header }, body);
        Ok(Letter { key, signer, ..Letter::new(draft, from, recipients) })
    }

    fn letter(&self, request: SendRequest, hand: Hand) -> Result<(Letter, Vec<String>)> {
        let header = header_of(&request);
        let draft = Draft::new(header, request.body);
        self.admit(draft, self.actor().clone(), request.idempotency_key, None, hand)
    }

    /// Journal, `sent/` and the answer to the sender.
    pub(super) fn sent(&self, posted: Posted, notices: Vec<String>) -> Sent {
        self.note(&accepted_events(&posted));
        self.filed(posted, notices)
    }

    fn filed(&self, mut posted: Posted, mut notices: Vec<String>) -> Sent {
        self.settle(&mut posted, &mut notices);
        let from = posted.message.from();
        let mut path = PathBuf::new();
        if self.roster().get(from.as_str()).is_some() {
            // The message is delivered; a missing copy is restored by the daemon's scan.
            let kept = self.tree.mailbox(&from).and_then(|mailbox| {
                if !posted.duplicate {
                    mailbox.keep_sent(&posted.message)?;
                }
                Ok(mailbox.home().path().join("sent"))
            });
            match kept {
                Ok(sent) => {
                    let day = crate::model::time::day(posted.message.name.accepted());
                    path = sent.join(day).join(posted.message.name.file(crate::model::Flags::NONE));
                }
                Err(e) => tracing::warn!(error = %e, "the copy in sent/ waits for the daemon"),
            }
        }
        Sent {
            id: posted.message.id(),
            path,
            delivered: posted.delivered,
            pending: posted.pending.into_iter().map(|(name, _)| name).collect(),
            notices,
        }
    }

    /// What became, up to now, of those who had not got it: they have it, will
    /// have it, or never will.
    fn settle(&self, posted: &mut Posted, notices: &mut Vec<String>) {
        let (id, from) = (posted.message.id(), posted.message.from());
        for (name, why) in std::mem::take(&mut posted.pending) {
            if matches!(self.tree.mailbox(&name).and_then(|m| m.has_received(id)), Ok(true)) {
                posted.delivered.push(name);
            } else if self.post.is_spooled(&posted.message.name).unwrap_or(true) {
                posted.pending.push((name, why));
            } else {
                notices.push(format!("{name} does not have it; see: cellphone --as {from} dead list"));
            }
        }
    }

    /// A message of the actor, by its id, with its content.
    pub(super) fn own(&self, id: &str) -> Result<(Scanned, Message)> {
        let mailbox = self.mailbox()?;
        let found = mailbox.find(id)?;
        let message = mailbox.open(&found)?;
        Ok((found, message))
    }
}

fn header_of(r: &SendRequest) -> Header {
    Header {
        to: r.to.clone(),
        cc: r.cc.clone(),
        subject: r.subject.clone(),
        kind: r.kind,
        priority: r.priority,
        thread: r.thread,
        in_reply_to: r.in_reply_to,
        tags: r.tags.clone(),
        ack: r.ack,
        deadline: r.deadline,
        expires: r.expires,
        hops: r.hops,
        sealed: r.seal,
        ..Header::default()
    }
}

fn accepted_events(posted: &Posted) -> Vec<Event> {
    if posted.duplicate {
        return Vec::new();
    }
    let now = Timestamp::now();
    let m = &posted.message;
    let mut events = vec![
        Event::new(now, EventKind::Accepted)
            .id(m.id())
            .agent(&m.from())
            .with("recipients", posted.delivered.len() + posted.pending.len()),
    ];
    events.extend(posted.delivered.iter().map(|name| Event::new(now, EventKind::Delivered).id(m.id()).agent(name)));
    events
}
