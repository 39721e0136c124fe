//! What the daemon remembers of messages, so that each is opened once; and
//! the burial of what cannot be read.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::mailbox::{Mailbox, MailboxError, Place, Scanned};
use crate::model::{AgentName, Event, EventKind, Kind, MessageId, Priority};

use super::{Office, Result};

/// Above this many, the briefs of messages are forgotten and read anew.
const BRIEFS_MAX: usize = 200_000;

/// What the steps need to know of a message. A message never changes, so what
/// was read once stays true.
#[derive(Debug, Clone)]
pub(super) struct Brief {
    pub(super) from: AgentName,
    pub(super) priority: Priority,
    pub(super) quiet: bool,
    pub(super) ack: bool,
    /// Of the few that have one.
    due: Option<Box<Due>>,
}

/// A message that has a time.
#[derive(Debug, Clone)]
struct Due {
    deadline: Option<Timestamp>,
    expires: Option<Timestamp>,
    subject: String,
}

impl Brief {
    /// By when it has to be acknowledged, or read, and what it is about.
    pub(super) fn deadline(&self) -> Option<(Timestamp, &str)> {
        self.due.as_ref().and_then(|due| due.deadline.map(|at| (at, due.subject.as_str())))
    }

    /// When it is worth nothing any more.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.due.as_ref().and_then(|due| due.expires)
    }
}

/// Messages read before, and deadlines told.
#[derive(Debug, Default)]
pub(super) struct Known {
    briefs: Mutex<HashMap<MessageId, Brief>>,
    told: Mutex<HashSet<(MessageId, AgentName)>>,
}

impl Office {
    /// Files in `new/` that are no messages go to `dead/`.
    pub(super) fn bury_foreign(&self, mailbox: &Mailbox) -> Result<()> {
        for (place, file) in mailbox.foreign()? {
            if place == Place::New {
                let folder = mailbox.place(place, "")?;
                if folder.stat(&file)?.is_some() {
                    let why = "its name is not that of a message: drop new mail into outbox/";
                    self.bury_or_say(mailbox, &folder, &file, why);
                }
            }
        }
        Ok(())
    }

    /// One file that cannot be buried is no reason to leave the others.
    fn bury_or_say(&self, mailbox: &Mailbox, folder: &crate::fsio::Dir, file: &str, why: &str) {
        if let Err(e) = self.bury(mailbox, folder, file, why) {
            tracing::warn!(file, error = %e, "a file that is no message cannot be buried");
        }
    }

    pub(super) fn bury(&self, mailbox: &Mailbox, folder: &crate::fsio::Dir, file: &str, why: &str) -> Result<()> {
        let name = mailbox.bury(folder, file, why)?;
        let event = Event::new(self.now(), EventKind::Dead).agent(mailbox.agent());
        self.note(&[event.with("file", name).with("reason", why)]);
        Ok(())
    }

    /// What is known of a message, from memory or from its file; `None` when
    /// it is gone, or was buried because it cannot be read.
    pub(super) fn brief(&self, mailbox: &Mailbox, found: &Scanned) -> Result<Option<Brief>> {
        let id = found.name.id();
        if let Some(brief) = lock(&self.known.briefs).get(&id) {
            return Ok(Some(brief.clone()));
        }
        let message = match mailbox.open(found) {
            Ok(message) => message,
            Err(MailboxError::NotFound(..)) => return Ok(None),
            Err(e) => {
                // Our own publication is whole before it is visible, so this will not mend itself. A disk that fails
                // to read is another matter: the file stays.
                let refused = match &e {
                    MailboxError::Fs(e) => e.is_refused(),
                    MailboxError::Model { .. } => true,
                    _ => false,
                };
                if !refused || found.place != Place::New {
                    tracing::warn!(error = %e, "a message cannot be read");
                    return Ok(None);
                }
                self.bury_or_say(mailbox, &mailbox.place(Place::New, "")?, &found.file, &e.to_string());
                return Ok(None);
            }
        };
        let h = message.header;
        let from = h.from.unwrap_or_else(AgentName::system);
        let (deadline, expires, subject) = (h.deadline, h.expires, h.subject);
        let brief = Brief {
            // One text for all that are from the same.
            from: self
                .roster()
                .get(from.as_str())
                .map(|a| &a.name)
                .filter(|name| **name == from)
                .cloned()
                .unwrap_or(from),
            priority: h.priority,
            quiet: h.kind == Some(Kind::Receipt),
            ack: h.ack,
            due: (deadline.is_some() || expires.is_some()).then(|| Box::new(Due { deadline, expires, subject })),
        };
        let mut briefs = lock(&self.known.briefs);
        if briefs.len() >= BRIEFS_MAX {
            briefs.clear();
        }
        briefs.insert(id, brief.clone());
        Ok(Some(brief))
    }

    pub(super) fn was_told(&self, id: MessageId, agent: &AgentName) -> bool {
        lock(&self.known.told).contains(&(id, agent.clone()))
    }

    pub(super) fn mark_told(&self, id: MessageId, agent: &AgentName) {
        lock(&self.known.told).insert((id, agent.clone()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
