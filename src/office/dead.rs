//! Dead letters: what could not be delivered or read, and sending it again.

use std::path::PathBuf;

use crate::mailbox::{DeadLetter, MailboxError, Place};
use crate::model::{Address, AgentName, Draft, Event, EventKind, MessageId, UniqueName};

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
    /// Not found, still not readable, or whatever sending says.
    pub fn dead_retry(&self, id: &str) -> Result<Sent> {
        let (letter, undelivered) = self.dead_one(id)?;
        let mailbox = self.mailbox()?;
        let dead = mailbox.place(Place::Dead, "")?;
        let limits = &self.tree.limits;
        let bytes = dead.read(&letter.file, limits.file()).map_err(MailboxError::Fs)?;
        let mut draft = Draft::parse(&bytes, limits).map_err(|e| {
            OfficeError::new(ErrorKind::Failed, format!("{}: {e}", letter.path.display()))
                .hint("mend the file, then run the command again")
        })?;
        let from = draft.header.from.clone().unwrap_or_else(|| self.actor());
        if from != self.actor() {
            return self.requeue(&letter, bytes);
        }
        if !undelivered.is_empty() {
            draft.header.to =
                undelivered.iter().filter_map(|n| AgentName::new(n.as_str()).ok()).map(Address::Agent).collect();
            draft.header.cc.clear();
        }
        draft.header.expires = None;
        let (mut admitted, notices) = self.admit(draft, from, None, None, Hand::Sender)?;
        admitted.key = Some(format!("dead {}", letter.file));
        let posted = self.post.post(admitted)?;
        let sent = self.sent(posted, notices);
        mailbox.forget_dead(&letter.file)?;
        self.note(&[Event::new(self.now(), EventKind::Retried).id(sent.id).agent(mailbox.agent())]);
        Ok(sent)
    }

    /// A letter that was received and then buried goes back to `new/`.
    fn requeue(&self, letter: &DeadListed, bytes: Vec<u8>) -> Result<Sent> {
        let mailbox = self.mailbox()?;
        let (name, _) = UniqueName::parse(&letter.file).map_err(|_| {
            OfficeError::new(ErrorKind::Refused, format!("{} says that somebody else sent it", letter.path.display()))
                .hint("correct `from`, or leave it out")
        })?;
        let message = crate::model::Message::parse(name, bytes, &self.tree.limits)?;
        mailbox.deliver(&message)?;
        mailbox.forget_dead(&letter.file)?;
        self.note(&[Event::new(self.now(), EventKind::Retried).id(message.id()).agent(mailbox.agent())]);
        let path = mailbox.home().path().join("inbox/new").join(&letter.file);
        Ok(Sent { id: message.id(), path, delivered: vec![self.actor()], pending: vec![], notices: vec![] })
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
