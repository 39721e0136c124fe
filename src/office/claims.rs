//! Work from the inbox: next, done, release.

use std::time::Duration;

use jiff::Timestamp;

use crate::mailbox::MailboxError;
use crate::model::{Event, EventKind, Kind, MessageId};

use super::mail_read::Opened;
use super::{ErrorKind, Office, OfficeError, Result};

/// Longest lease.
const LEASE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// A message under a lease.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The message.
    pub opened: Opened,
    /// What `done` and `release` ask for.
    pub token: String,
    /// How often the message was claimed so far, this time included.
    pub attempts: u32,
    /// When the lease ends.
    pub lease_until: Timestamp,
}

impl Office {
    /// Claims the next unread message; `None` when none waits.
    ///
    /// # Errors
    /// A lease of zero or over a week, or the disk.
    pub fn next(&self, lease: Option<Duration>, urgent_first: bool) -> Result<Option<Claimed>> {
        let length = lease.unwrap_or(self.settings().lease);
        if length.is_zero() || length > LEASE_MAX {
            return Err(OfficeError::new(ErrorKind::Usage, "a lease lasts from a moment to seven days"));
        }
        let mailbox = self.mailbox()?;
        // Without a daemon nobody else returns what was not finished in time.
        self.return_leases_of(&mailbox)?;
        let claim = mailbox.claim_next(length, self.settings().limits.attempts, urgent_first)?;
        let now = self.now();
        let mut events: Vec<Event> = claim
            .buried
            .iter()
            .map(|(id, why)| Event::new(now, EventKind::Dead).id(*id).agent(mailbox.agent()).with("reason", why))
            .collect();
        let mut claimed = None;
        if let Some((found, message, lease)) = claim.claimed {
            let event = Event::new(now, EventKind::Claimed).id(message.id()).agent(mailbox.agent());
            events.push(event.with("token", lease.token).with("attempt", lease.attempts));
            claimed = Some(Claimed {
                opened: self.opened(&mailbox, &found, message)?,
                token: lease.token.to_string(),
                attempts: lease.attempts,
                lease_until: lease.until,
            });
        }
        if !events.is_empty() {
            self.note(&events);
        }
        match claim.passed_over {
            Some(e) if claimed.is_none() => Err(e.into()),
            Some(e) => {
                tracing::warn!(error = %e, "a message could not be read now and was passed over");
                Ok(claimed)
            }
            None => Ok(claimed),
        }
    }

    /// Finishes a claimed message: its sender gets the receipt that was asked
    /// for, and it goes to the archive.
    ///
    /// # Errors
    /// The lease is lost (5), there is no such message, or the receipt cannot
    /// be sent now: then the message is still claimed.
    pub fn done(&self, id: &str, token: &str) -> Result<()> {
        let (id, token) = self.claimed_id(id, token)?;
        let mailbox = self.mailbox()?;
        let held = match mailbox.held(id, token) {
            Err(MailboxError::NotFound(..)) if mailbox.find(&id.to_string()).is_ok() => {
                return Err(OfficeError::new(
                    ErrorKind::Conflict,
                    format!("{id} is not claimed: it is done already, or was given back"),
                ));
            }
            other => other?,
        };
        // Before the archive: there it could not be done again. A second receipt is the same one.
        match mailbox.open(&held) {
            Ok(message) if message.header.ack && message.header.kind != Some(Kind::Receipt) => {
                match self.receipt(&message) {
                    // What policy refuses it refuses tomorrow, too; the journal has the reason.
                    Err(e) if e.kind != ErrorKind::Refused => {
                        let why = format!("{id} is not done, its receipt cannot be sent: {e}");
                        return Err(OfficeError::new(e.kind, why)
                            .hint(format!("cellphone done {id} --token {token}, once more")));
                    }
                    _ => {}
                }
            }
            // Damaged since it was claimed: nothing in it asks for a receipt any more.
            Ok(_) | Err(MailboxError::Model { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        mailbox.done(id, token)?;
        self.note(&[Event::new(self.now(), EventKind::Done).id(id).agent(mailbox.agent()).with("token", token)]);
        Ok(())
    }

    /// Gives a claimed message back, for the next one to take.
    ///
    /// # Errors
    /// The lease is lost (5), or there is no such message.
    pub fn release(&self, id: &str, token: &str, reason: &str) -> Result<()> {
        let (id, token) = self.claimed_id(id, token)?;
        let mailbox = self.mailbox()?;
        let buried = mailbox.release(id, token, self.settings().limits.attempts)?;
        let event = Event::new(self.now(), EventKind::Released).id(id).agent(mailbox.agent());
        let mut events = vec![event.with("token", token).with("reason", reason)];
        if let Some(why) = buried {
            events.push(Event::new(self.now(), EventKind::Dead).id(id).agent(mailbox.agent()).with("reason", why));
        }
        self.note(&events);
        Ok(())
    }

    fn claimed_id(&self, id: &str, token: &str) -> Result<(MessageId, u64)> {
        let number = token.trim().parse().map_err(|_| {
            OfficeError::new(ErrorKind::Usage, format!("{token:?} is not a token"))
                .hint("take the token that `next` printed")
        })?;
        if let Ok(whole) = id.trim().to_ascii_uppercase().parse() {
            return Ok((whole, number));
        }
        Ok((self.mailbox()?.find(id)?.name.id(), number))
    }
}
