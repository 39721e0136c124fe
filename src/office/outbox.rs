//! Mail by plain file: what is dropped into an `outbox/` is sent.
//!
//! A file needs no front matter; the folder below `outbox/` may be the
//! address. The sender is the outbox's owner, whatever the file says. What
//! cannot be sent goes to the owner's `dead/` with the reason.

use std::time::Duration;

use crate::fsio::FsError;
use crate::mailbox::{Mailbox, MailboxError};
use crate::model::{Address, AgentName, Draft, Event, EventKind, Kind};
use crate::post::outbox::{Drop, QUIET, look, stem};

use super::admission::Hand;
use super::tend::TendReport;
use super::{ErrorKind, Office, OfficeError, Result};

impl Office {
    /// Sends what lies ready in the outboxes, of one agent or of all. Tells
    /// how many were sent or buried, and when to look again. A folder that the
    /// roster does not name is no mailbox: what lies there waits, untouched,
    /// until it does (`doctor` says so).
    ///
    /// # Errors
    /// When an outbox cannot be read. What cannot be sent now (no space)
    /// stays where it is.
    pub fn pick_up_outboxes(&self, only: Option<&AgentName>) -> Result<TendReport> {
        let mut report = TendReport::default();
        let owners: Vec<AgentName> = match only {
            Some(agent) => self.roster().get(agent.as_str()).map(|known| known.name.clone()).into_iter().collect(),
            None => self.roster().agents().iter().map(|a| a.name.clone()).collect(),
        };
        for owner in owners {
            let mailbox = self.tree.mailbox(&owner)?;
            let outbox = look(&mailbox)?;
            report.sooner(outbox.next);
            for drop in outbox.ready {
                match self.send_drop(&mailbox, &drop) {
                    Ok(()) => report.done += 1,
                    Err(Trouble::Changed) => report.sooner(Some(QUIET)),
                    Err(Trouble::Later(why)) => {
                        tracing::warn!(file = %drop.file, owner = %owner, why, "an outbox file waits");
                        report.sooner(Some(LATER));
                    }
                    // One that cannot be buried either is tried again, and the others go on.
                    Err(Trouble::Never(why)) => match self.bury(&mailbox, &drop.folder, &drop.file, &why) {
                        Ok(()) => report.done += 1,
                        Err(e) => {
                            tracing::warn!(file = %drop.file, owner = %owner, error = %e, "an outbox file cannot be buried");
                            report.sooner(Some(LATER));
                        }
                    },
                }
            }
        }
        Ok(report)
    }

    fn send_drop(&self, mailbox: &Mailbox, drop: &Drop) -> std::result::Result<(), Trouble> {
        match self.send_file(mailbox, drop) {
            // The reason is that of a file which is not there any more.
            Err(Trouble::Never(_) | Trouble::Later(_)) if !drop.is_unchanged().unwrap_or(true) => Err(Trouble::Changed),
            other => other,
        }
    }

    fn send_file(&self, mailbox: &Mailbox, drop: &Drop) -> std::result::Result<(), Trouble> {
        let limits = &self.tree.limits;
        let bytes = drop.folder.read(&drop.file, limits.file()).map_err(disk)?;
        if !unchanged(drop)? {
            return Err(Trouble::Changed);
        }
        let mut draft = Draft::parse(&bytes, limits).map_err(|e| Trouble::Never(e.to_string()))?;
        let owner = mailbox.agent();
        if let Some(from) = draft.header.from.as_ref().filter(|from| !from.same(owner.as_str())) {
            return Err(Trouble::Never(format!("it says `from: {from}`, and this is the outbox of {owner}")));
        }
        if let Some(folder) = &drop.to {
            let address: Address =
                folder.parse().map_err(|e| Trouble::Never(format!("the folder names nobody: {e}")))?;
            if !draft.header.to.contains(&address) {
                draft.header.to.push(address);
            }
        }
        if draft.header.subject.is_empty() {
            // The first line of what is sealed is part of the secret.
            let body = if self.seals(owner, &draft) { "" } else { &draft.body };
            draft.header.subject = title_of(body, &drop.file);
        }
        let id = draft.header.id;
        let key = id.map_or_else(|| drop.key(&bytes), |id| id.to_string());
        let (letter, notices) =
            self.admit(draft, owner.clone(), Some(key.clone()), id, Hand::Sender).map_err(sorted)?;
        let posted = self.post.post(letter).map_err(|e| sorted(e.into()))?;
        let h = &posted.message.header;
        if let Some(original) = h.in_reply_to.filter(|_| h.kind == Some(Kind::Receipt) && !posted.duplicate) {
            self.note(&[Event::new(self.now(), EventKind::Acked).id(original).agent(owner)]);
        }
        let sent = self.sent(posted, notices);
        if !sent.notices.is_empty() {
            let told = Event::new(self.now(), EventKind::Refused).id(sent.id).agent(owner);
            self.note(&[told.with("notice", sent.notices.join("; "))]);
        }
        // Sending takes a while, and what lies there now may be another letter: it is not taken for this one.
        let stays = unchanged(drop)?;
        if stays
            && let Err(e) = drop.folder.remove(&drop.file)
            && !e.is_not_found()
        {
            return Err(Trouble::Later(e.to_string()));
        }
        if id.is_none()
            && let Err(e) = self.post.forget_key(owner, &key)
        {
            tracing::warn!(file = %drop.file, owner = %owner, error = %e, "the key of an outbox file stays");
        }
        if stays { Ok(()) } else { Err(Trouble::Changed) }
    }
}

/// Until a file that could not be sent or buried is tried again.
const LATER: Duration = Duration::from_secs(5);

fn unchanged(drop: &Drop) -> std::result::Result<bool, Trouble> {
    drop.is_unchanged().map_err(|e| Trouble::Later(e.to_string()))
}

/// What becomes of a file that was not sent.
enum Trouble {
    /// It is not the one that was looked at: the next round sees it.
    Changed,
    /// It stays, and is tried again.
    Later(String),
    /// It goes to `dead/`.
    Never(String),
}

fn disk(e: FsError) -> Trouble {
    if e.is_refused() || e.kind() == std::io::ErrorKind::PermissionDenied {
        Trouble::Never(e.to_string())
    } else {
        Trouble::Later(e.to_string())
    }
}

fn sorted(e: OfficeError) -> Trouble {
    match e.kind {
        ErrorKind::Failed | ErrorKind::TryAgain => Trouble::Later(e.message),
        _ => Trouble::Never(e.message),
    }
}

impl From<MailboxError> for Trouble {
    fn from(e: MailboxError) -> Self {
        sorted(e.into())
    }
}

/// The first heading or line of a file without a subject; else its name.
fn title_of(body: &str, file: &str) -> String {
    let first = body.lines().map(|l| l.trim_start_matches('#').trim()).find(|l| !l.is_empty());
    let title = first.unwrap_or_else(|| stem(file).unwrap_or(file));
    title.chars().filter(|c| !c.is_control()).take(120).collect()
}
