//! Forged mail goes to `dead/` where the role of the mailbox's owner says so,
//! and who leads hears of it, once for each message.
//!
//! A message is opened and judged when a scan meets it in `new/` for the first
//! time; whether its id was filed already is looked up at every scan, by names
//! alone, because a copy may come between two. What was seen is its owner's,
//! who is shown that it is forged.

use std::collections::{HashMap, HashSet};

use super::super::{Office, Result, SendRequest};
use super::lock;
use crate::mailbox::{Mailbox, MailboxError, Place, Scanned};
use crate::model::{AgentName, Event, EventKind, MessageId, OnForged, Priority};

/// How many are named in the mail about them.
const NAMED: usize = 20;

/// What lay in each `new/` when it was scanned last, and was no forgery.
pub(super) type Judged = HashMap<AgentName, HashSet<MessageId>>;

impl Office {
    /// What a scan found, without what is forged, when that is to go.
    pub(super) fn without_forged(&self, mailbox: &Mailbox, found: Vec<Scanned>) -> Result<Vec<Scanned>> {
        let owner = mailbox.agent();
        if self.roster().policy(&self.roster().role_of(owner)).forged().0 != OnForged::Dead {
            return Ok(found);
        }
        let judged = lock(&self.memory.judged).remove(owner).unwrap_or_default();
        let forged = self.forged_among(mailbox, &found, &judged)?;
        // Told first: of what lies dead already nobody would be told after a crash.
        if let Err(e) = self.tell_of_forged(owner, &forged) {
            tracing::warn!(%owner, error = %e, "nobody could be told of forged mail");
        }
        let mut gone = HashSet::new();
        for (one, why) in &forged {
            match mailbox.bury(&mailbox.place(Place::New, "")?, &one.file, &format!("forged: {why}")) {
                Ok(_) => {
                    let event = Event::new(self.now(), EventKind::Dead).id(one.name.id()).agent(owner);
                    self.note(&[event.with("reason", format!("forged: {why}"))]);
                }
                // Taken at the last moment: its reader is told what it is.
                Err(MailboxError::Fs(e)) if e.is_not_found() => {}
                Err(e) => return Err(e.into()),
            }
            gone.insert(one.name.id());
        }
        let left: Vec<Scanned> = found.into_iter().filter(|one| !gone.contains(&one.name.id())).collect();
        lock(&self.memory.judged).insert(owner.clone(), left.iter().map(|one| one.name.id()).collect());
        Ok(left)
    }

    fn forged_among(
        &self,
        mailbox: &Mailbox,
        found: &[Scanned],
        judged: &HashSet<MessageId>,
    ) -> Result<Vec<(Scanned, String)>> {
        let examiner = self.examiner(mailbox, found)?;
        let mut forged = Vec::new();
        for one in found {
            let why = if judged.contains(&one.name.id()) {
                let from = self.brief(mailbox, one)?.map(|brief| brief.from);
                from.and_then(|from| examiner.copied(one, &from)).map(|forgery| forgery.to_string())
            } else {
                // What cannot be read is buried by who reads it next.
                let message = mailbox.open(one).ok();
                message.and_then(|message| examiner.verdict(one, &message).why())
            };
            forged.extend(why.map(|why| (one.clone(), why)));
        }
        Ok(forged)
    }

    fn tell_of_forged(&self, owner: &AgentName, forged: &[(Scanned, String)]) -> Result<()> {
        let to = self.who_leads(owner);
        let (Some((first, _)), false) = (forged.first(), to.is_empty()) else { return Ok(()) };
        let what =
            if forged.len() == 1 { "A forged message".into() } else { format!("{} forged messages", forged.len()) };
        let mut body = format!("{what} to {owner} went to dead/:\n\n");
        for (one, why) in forged.iter().take(NAMED) {
            body += &format!("- {}: {why}\n", one.name.as_str());
        }
        if forged.len() > NAMED {
            body += &format!("- and {} more\n", forged.len() - NAMED);
        }
        body += &format!("\nSee: cellphone --as {owner} dead list\n");
        self.send_as_system(SendRequest {
            to,
            subject: format!("{what} to {owner}"),
            body,
            priority: Priority::Urgent,
            idempotency_key: Some(format!("forged {owner} {} {}", first.name.id(), forged.len())),
            ..SendRequest::default()
        })?;
        Ok(())
    }
}
