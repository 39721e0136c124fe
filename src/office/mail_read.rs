//! Reading: the inbox, one message, a thread, the archive.
//!
//! A listing opens only what it shows and marks nothing. What cannot be read
//! is shown as such, never left out.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::mailbox::{Mailbox, Place, Scanned, Which};
use crate::model::{Address, AgentName, Event, EventKind, Kind, Message, MessageId, Priority};

use super::{Office, Result};

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
    /// `unsigned`, or `unreadable`.
    pub verified: &'static str,
}

/// A message with its content.
#[derive(Debug, Clone)]
pub struct Opened {
    /// As a listing shows it.
    pub listed: Listed,
    /// The body as sent.
    pub body: String,
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
        Ok(found.into_iter().filter_map(|s| list(&mailbox, s)).collect())
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
        Ok(opened(&mailbox, &found, message))
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
        Ok(all.into_iter().filter_map(|s| list(&mailbox, s)).filter(|l| l.thread == wanted).collect())
    }
}

/// `None` when it was taken away since.
pub(super) fn list(mailbox: &Mailbox, found: Scanned) -> Option<Listed> {
    match mailbox.open(&found) {
        Ok(message) => Some(listed(mailbox, &found, &message)),
        Err(crate::mailbox::MailboxError::NotFound(..)) => None,
        Err(e) => Some(Listed {
            id: found.name.id(),
            from: AgentName::system(),
            to: Vec::new(),
            cc: Vec::new(),
            subject: format!("unreadable: {e}"),
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
            path: mailbox.path_of(&found),
            verified: "unreadable",
        }),
    }
}

fn listed(mailbox: &Mailbox, found: &Scanned, message: &Message) -> Listed {
    let h = &message.header;
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
        path: mailbox.path_of(found),
        verified: "unsigned",
    }
}

pub(super) fn opened(mailbox: &Mailbox, found: &Scanned, message: Message) -> Opened {
    let whole = String::from_utf8_lossy(&message.bytes);
    let header = whole.strip_suffix(message.body.as_str()).unwrap_or(&whole);
    let header_raw = header.trim_start_matches("---\n").trim_end_matches("---\n").to_owned();
    Opened { listed: listed(mailbox, found, &message), header_raw, body: message.body, raw: message.bytes }
}
