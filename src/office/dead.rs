//! Dead letters: what could not be delivered or read, and sending it again.

use std::path::PathBuf;

use crate::mailbox::{DeadLetter, Mailbox, MailboxError, Place, unnumbered};
use crate::model::{Address, AgentName, Draft, Event, EventKind, Message, MessageId, ModelError, UniqueName};
use crate::post::outbox::identity;

use super::admission::Hand;
use super::{ErrorKind, Office, OfficeError, Result, Sent};

/// A dead letter as a listing shows it.
#[derive(Debug, Clone)]
pub struct DeadListed {
    /// Its file name, by which it is shown and sent again.
    pub file: String,
    /// Its id, when the name has one.
    pub id: Option<MessageId>,
    /// Why it is dead.
    pub reason: String,
    /// Since when, as written.
    pub at: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Office {
    /// The actor's dead letters, by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn dead_list(&self) -> Result<Vec<DeadListed>> {
        let mailbox = self.mailbox()?;
        let folder = mailbox.home().path().join("dead");
        Ok(mailbox.dead_letters()?.into_iter().map(|letter| listed(letter, &folder)).collect())
    }

    /// A dead letter and its text, as far as it is text.
    ///
    /// # Errors
    /// Not found, or several fit.
    pub fn dead_show(&self, id: &str) -> Result<(DeadListed, String)> {
        let (letter, _) = self.dead_one(id)?;
        let mailbox = self.mailbox()?;
        let text = match mailbox.place(Place::Dead, "")?.read_head(&letter.file, 64 * 1024) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => format!("({e})"),
        };
        Ok((letter, text))
    }

    /// Sends a dead letter again: to those who did not get it, or for a
    /// received one back into the inbox. It leaves `dead/` when that worked.
    ///
    /// # Errors
    /// Not found, still not readable, in the inbox already, or whatever
    /// sending says. The letter is then where it was.
    pub fn dead_retry(&self, id: &str) -> Result<Sent> {
        let (letter, undelivered) = self.dead_one(id)?;
        let mailbox = self.mailbox()?;
        let dead = mailbox.place(Place::Dead, "")?;
        let limits = &self.tree.limits;
        let stat = dead.stat(&letter.file)?.ok_or_else(|| gone(&letter))?;
        let bytes = dead.read(&letter.file, limits.file()).map_err(MailboxError::Fs)?;
        let mut draft = Draft::parse(&bytes, limits).map_err(|e| unreadable(&letter, &e))?;
        let from = draft.header.from.clone().unwrap_or_else(|| self.actor());
        if from != self.actor() {
            return self.requeue(&mailbox, &letter, bytes);
        }
        if !undelivered.is_empty() {
            draft.header.to =
                undelivered.iter().filter_map(|n| AgentName::new(n.as_str()).ok()).map(Address::Agent).collect();
            draft.header.cc.clear();
            // Those who got it the first time answer in the thread of its first id.
            draft.header.thread = draft.header.thread.or(draft.header.id);
        }
        draft.header.expires = None;
        // This very burial, not the name: several letters die under one name, one after the other, and `cp -p` makes
        // them alike. Whoever dies after posting, or retries at the same moment, sends nothing twice.
        let key = identity(&format!("dead {}", letter.at), &letter.file, &stat, &bytes);
        let (admitted, notices) = self.admit(draft, from.clone(), Some(key.clone()), None, Hand::Sender)?;
        let posted = self.post.post(admitted)?;
        let sent = self.sent(posted, notices);
        mailbox.forget_dead(&letter.file)?;
        if letter.at.is_empty()
            && let Err(e) = self.post.forget_key(&from, &key)
        {
            // Put there by hand, so nothing tells it from the next of its kind.
            tracing::warn!(file = %letter.file, error = %e, "the key of a dead letter stays");
        }
        self.note(&[Event::new(self.now(), EventKind::Retried).id(sent.id).agent(mailbox.agent())]);
        Ok(sent)
    }

    /// A letter that was received and then buried goes back to the inbox as it
    /// is: to `new/`, or, because it would only expire again there, to `cur/`
    /// when its time has passed.
    fn requeue(&self, mailbox: &Mailbox, letter: &DeadListed, bytes: Vec<u8>) -> Result<Sent> {
        let parsed = UniqueName::parse(&letter.file).or_else(|_| UniqueName::parse(unnumbered(&letter.file)));
        let (name, _) = parsed.map_err(|_| {
            OfficeError::new(ErrorKind::Refused, format!("{} says that somebody else sent it", letter.path.display()))
                .hint("correct `from`, or leave it out")
        })?;
        let message = Message::parse(name, bytes, &self.tree.limits).map_err(|e| unreadable(letter, &e))?;
        let id = message.id();
        if let Some(there) = mailbox.find_id(id)?.filter(|found| found.place != Place::Sent) {
            let path = mailbox.path_of(&there);
            return Err(OfficeError::new(ErrorKind::Conflict, format!("{id} is there already: {}", path.display()))
                .hint(format!("cellphone read {id}")));
        }
        let expired = message.header.expires.filter(|at| *at <= self.now());
        let path = mailbox.revive(&letter.file, &message.name, expired.is_some())?;
        self.note(&[Event::new(self.now(), EventKind::Retried).id(id).agent(mailbox.agent())]);
        let notices = expired.map(|at| format!("it expired at {at}, so it is filed as read: {}", path.display()));
        let notices = notices.into_iter().collect();
        Ok(Sent { id, path, delivered: vec![self.actor()], pending: vec![], notices })
    }

    fn dead_one(&self, id: &str) -> Result<(DeadListed, Vec<String>)> {
        let mailbox = self.mailbox()?;
        let folder = mailbox.home().path().join("dead");
        let wanted = id.trim().to_ascii_uppercase();
        let fits = |letter: &DeadLetter| {
            letter.file == id.trim() || wanted.len() >= 6 && letter.file.to_ascii_uppercase().contains(&wanted)
        };
        let mut found: Vec<DeadLetter> = mailbox.dead_letters()?.into_iter().filter(fits).collect();
        if found.len() > 1 {
            return Err(OfficeError::new(ErrorKind::Usage, format!("{id} fits {} dead letters", found.len()))
                .hint("cellphone dead list"));
        }
        let letter = found.pop().ok_or_else(|| {
            OfficeError::new(ErrorKind::NotFound, format!("no dead letter {id}")).hint("cellphone dead list")
        })?;
        let undelivered = letter.reason.as_ref().map(|r| r.undelivered.clone()).unwrap_or_default();
        Ok((listed(letter, &folder), undelivered))
    }
}

fn listed(letter: DeadLetter, folder: &std::path::Path) -> DeadListed {
    let id = letter.file.rfind("-01").and_then(|_| {
        let stem = letter.file.strip_suffix(".md")?;
        let stem = stem.split(',').next()?;
        stem.get(stem.len().checked_sub(26)?..)?.parse().ok()
    });
    let (reason, at) =
        letter.reason.map_or_else(|| ("no reason was given".to_owned(), String::new()), |r| (r.reason, r.at));
    DeadListed { path: folder.join(&letter.file), file: letter.file, id, reason, at }
}

fn gone(letter: &DeadListed) -> OfficeError {
    OfficeError::new(ErrorKind::NotFound, format!("{} has gone", letter.path.display())).hint("cellphone dead list")
}

fn unreadable(letter: &DeadListed, why: &ModelError) -> OfficeError {
    OfficeError::new(ErrorKind::Failed, format!("{}: {why}", letter.path.display()))
        .hint("mend the file, then run the command again")
}
