//! Reading: the inbox, one message, a thread, the archive.
//!
//! A listing opens only what it shows, tells of each whether it is what it
//! says, and marks nothing. What cannot be read is shown as such, never left
//! out.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::mailbox::{Mailbox, MailboxError, Place, Scanned, Which};
use crate::model::signature::take_apart;
use crate::model::{Address, AgentName, Event, EventKind, Forgery, Kind, Message, MessageId, ModelError, Priority};

use super::proof::Examiner;
use super::{Office, Result, Seal};
use crate::fsio::parallel;

/// What of an inbox is listed.
#[derive(Debug, Clone, Copy)]
pub struct InboxQuery {
    /// Unread, the whole inbox, or the archive too.
    pub which: Which,
    /// At most this many of the newest.
    pub limit: Option<usize>,
}

/// A message as a listing shows it; names as in the front matter.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its id.
    pub id: MessageId,
    /// The sender.
    pub from: AgentName,
    /// Recipients as written.
    pub to: Vec<Address>,
    /// Recipients of a copy, as written.
    pub cc: Vec<Address>,
    /// One line; for an unreadable message, why it is.
    pub subject: String,
    /// Kind.
    pub kind: Option<Kind>,
    /// Priority.
    pub priority: Priority,
    /// When it was accepted.
    pub date: Timestamp,
    /// Its thread.
    pub thread: MessageId,
    /// The message it answers.
    pub in_reply_to: Option<MessageId>,
    /// Free words.
    pub tags: Vec<String>,
    /// Whether a receipt is asked for.
    pub ack: bool,
    /// Past it, the captain is told.
    pub deadline: Option<Timestamp>,
    /// Past it, unread, it goes to `dead/`.
    pub expires: Option<Timestamp>,
    /// `new`, `claimed`, `cur`, `archive` or `sent`.
    pub state: &'static str,
    /// Maildir's letters.
    pub flags: String,
    /// The file.
    pub path: PathBuf,
    /// `verified`, `unsigned`, `forged`, or `unreadable`.
    pub verified: &'static str,
    /// Why it is forged.
    pub verified_why: Option<String>,
    /// Whether its body is sealed.
    pub sealed: bool,
}

/// A message with its content.
#[derive(Debug, Clone)]
pub struct Opened {
    /// As a listing shows it.
    pub listed: Listed,
    /// The body as sent; opened, where it is sealed and could be.
    pub body: String,
    /// How it was sealed.
    pub seal: Seal,
    /// The header as written.
    pub header_raw: String,
    /// The whole file.
    pub raw: Vec<u8>,
}

impl Office {
    /// Lists the actor's mail, newest last. Nothing is marked as read.
    ///
    /// # Errors
    /// When the mailbox cannot be read.
    pub fn inbox(&self, query: InboxQuery) -> Result<Vec<Listed>> {
        let mailbox = self.mailbox()?;
        let found = mailbox.scan(query.which, query.limit)?;
        let examiner = self.examiner(&mailbox, &found)?;
        Ok(parallel::map(&found, |one| examiner.list(one)).into_iter().flatten().collect())
    }

    /// Opens a message; without `peek` it is seen afterwards.
    ///
    /// # Errors
    /// Not found, several fit, or unreadable.
    pub fn read(&self, id: &str, peek: bool) -> Result<Opened> {
        let (mut found, message) = self.own(id)?;
        let mailbox = self.mailbox()?;
        if !peek && found.place == Place::New {
            found = mailbox.mark_seen(&found)?;
            self.note(&[Event::new(self.now(), EventKind::Read).id(message.id()).agent(mailbox.agent())]);
        }
        self.opened(&mailbox, &found, message)
    }

    /// A message with its content, as the actor can open it.
    pub(super) fn opened(&self, mailbox: &Mailbox, found: &Scanned, message: Message) -> Result<Opened> {
        let whole = String::from_utf8_lossy(&message.bytes);
        let header = whole.strip_suffix(message.body.as_str()).unwrap_or(&whole);
        let header = header.strip_prefix("---\n").unwrap_or(header);
        let header_raw = header.strip_suffix("---\n").unwrap_or(header).to_owned();
        let listed = self.examiner(mailbox, std::slice::from_ref(found))?.listed(found, &message);
        let (body, seal) = self.open_body(&self.actor(), &message);
        Ok(Opened { listed, body, seal, header_raw, raw: message.bytes })
    }

    /// Files a message away.
    ///
    /// # Errors
    /// Not found, or several fit.
    pub fn archive(&self, id: &str) -> Result<()> {
        let mailbox = self.mailbox()?;
        let found = mailbox.find(id)?;
        let filed = mailbox.archive(&found)?;
        if filed.place != found.place {
            self.note(&[Event::new(self.now(), EventKind::Archived).id(found.name.id()).agent(mailbox.agent())]);
        }
        Ok(())
    }

    /// Files away everything unread from one sender, and says how much.
    ///
    /// # Errors
    /// The disk; what was filed before stays filed.
    pub fn archive_from(&self, sender: &AgentName) -> Result<usize> {
        let mailbox = self.mailbox()?;
        let mut events = Vec::new();
        for found in mailbox.scan(Which::Unread, None)? {
            // One that somebody takes meanwhile, or that cannot be read, is not filed.
            let is_theirs = mailbox.open(&found).is_ok_and(|message| sender.same(message.from().as_str()));
            if is_theirs && mailbox.archive(&found)?.place != found.place {
                events.push(Event::new(self.now(), EventKind::Archived).id(found.name.id()).agent(mailbox.agent()));
            }
        }
        self.note(&events);
        Ok(events.len())
    }

    /// The messages of a thread that the actor has or sent, oldest first.
    ///
    /// # Errors
    /// No such message.
    pub fn thread(&self, id: &str) -> Result<Vec<Listed>> {
        let (found, message) = self.own(id)?;
        let wanted = message.thread();
        let mailbox = self.mailbox()?;
        let mut all = mailbox.scan(Which::All, None)?;
        all.extend(mailbox.scan_sent()?);
        // Nothing of a thread was accepted before its first message, so what was need not be opened. The names tell
        // when; an id may be any that the sender gave, and stands in only where the first message is not here. One
        // that is younger than a message of its thread tells nothing.
        let first = all.iter().find(|s| s.name.id() == wanted).map(|s| s.name.accepted());
        let since = first.or_else(|| Some(wanted.time()).filter(|at| *at <= found.name.accepted()));
        all.retain(|s| since.is_none_or(|at| s.name.accepted() >= at));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|b, a| a.name == b.name);
        let examiner = self.examiner(&mailbox, &all)?;
        let listed = parallel::map(&all, |one| examiner.list(one)).into_iter().flatten();
        Ok(listed.filter(|l| l.thread == wanted).collect())
    }
}

impl Examiner<'_> {
    /// A message as a listing shows it; `None` when it was taken away since.
    pub(super) fn list(&self, found: &Scanned) -> Option<Listed> {
        match self.mailbox().open(found) {
            Ok(message) => Some(self.listed(found, &message)),
            Err(MailboxError::NotFound(..)) => None,
            Err(e) => Some(self.unreadable(found, &e)),
        }
    }

    fn listed(&self, found: &Scanned, message: &Message) -> Listed {
        let h = &message.header;
        let verdict = self.verdict(found, message);
        Listed {
            id: message.id(),
            from: message.from(),
            to: h.to.clone(),
            cc: h.cc.clone(),
            subject: h.subject.clone(),
            kind: h.kind,
            priority: h.priority,
            date: found.name.accepted(),
            thread: message.thread(),
            in_reply_to: h.in_reply_to,
            tags: h.tags.clone(),
            ack: h.ack,
            deadline: h.deadline,
            expires: h.expires,
            state: found.place.word(),
            flags: found.flags.to_string(),
            path: self.mailbox().path_of(found),
            verified: verdict.word(),
            verified_why: verdict.why(),
            sealed: h.sealed,
        }
    }

    fn unreadable(&self, found: &Scanned, why: &MailboxError) -> Listed {
        let torn = matches!(why, MailboxError::Model { source: ModelError::Digest, .. });
        let edited = torn && self.is_signed(found);
        Listed {
            id: found.name.id(),
            from: AgentName::system(),
            to: Vec::new(),
            cc: Vec::new(),
            subject: format!("unreadable: {why}"),
            kind: None,
            priority: Priority::Normal,
            date: found.name.accepted(),
            thread: found.name.id(),
            in_reply_to: None,
            tags: Vec::new(),
            ack: false,
            deadline: None,
            expires: None,
            state: found.place.word(),
            flags: found.flags.to_string(),
            path: self.mailbox().path_of(found),
            verified: if edited { "forged" } else { "unreadable" },
            verified_why: edited.then(|| Forgery::Edited.to_string()),
            sealed: false,
        }
    }

    fn is_signed(&self, found: &Scanned) -> bool {
        self.mailbox().bytes_of(found).is_ok_and(|bytes| !matches!(take_apart(&bytes), Ok(None)))
    }
}
