//! Work from the mailbox: claim under a lease, finish, give back.
//!
//! `inbox/claimed/` holds the message beside `<id>.lease`. The token of a
//! lease is a number that only grows, so a claimant that was stopped past its
//! lease cannot finish what another has now. The lease file outlives a return,
//! for it counts the attempts; it is written before the rename, so a claimed
//! message without a lease was not claimed by this program.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fsio::boot;
use crate::model::{Flag, Flags, Message, MessageId, Priority};

use super::layout::{Mailbox, Place};
use super::scan::{Raw, Scanned};
use super::{Clock, MailboxError, Result};

const LEASE_MAX: u64 = 4096;

/// How often another message is looked for when a plain `mv` took the one
/// that was about to be claimed.
const CHASES: usize = 16;

/// The lease on one message, as it stands in its file (JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Grows with every lease of the root.
    pub token: u64,
    /// How often the message was claimed so far.
    pub attempts: u32,
    /// End of the lease on the boot clock, in milliseconds.
    pub deadline_boot_ms: u64,
    /// The start of the machine that this clock belongs to.
    pub boot: String,
    /// End of the lease on the wall clock, for people.
    pub until: Timestamp,
    /// False once it was given back.
    pub held: bool,
}

impl Lease {
    /// Whether the holder may still finish.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.held && self.boot == boot::id() && self.left() > Duration::ZERO
    }

    /// Time left on the boot clock.
    #[must_use]
    pub fn left(&self) -> Duration {
        Duration::from_millis(self.deadline_boot_ms).saturating_sub(boot::now())
    }
}

/// What [`Mailbox::claim_next`] found.
#[derive(Debug, Default)]
pub struct Claim {
    /// The message and its lease; `None` when nothing waits.
    pub claimed: Option<(Scanned, Message, Lease)>,
    /// What was buried on the way, with the reason.
    pub buried: Vec<(MessageId, String)>,
    /// What could not be read just now and stays where it is: the first of it.
    pub passed_over: Option<MailboxError>,
}

/// What [`Mailbox::return_expired`] gave back.
#[derive(Debug, Default)]
pub struct Returned {
    /// The messages, with the reason where one was buried instead.
    pub messages: Vec<(MessageId, Option<String>)>,
    /// How long until the next lease ends.
    pub next: Option<Duration>,
    /// Messages that could not be given back, and why; they are where they were.
    pub failed: Vec<(MessageId, MailboxError)>,
}

impl Mailbox {
    /// Claims the oldest unread message for `lease`; with `urgent_first`, the
    /// oldest of the highest priority (which opens every unread message).
    /// What is expired, damaged or was claimed `attempts` times already is
    /// buried, and the next one proceeds; what the disk fails to read stays,
    /// is passed over and named.
    ///
    /// # Errors
    /// When the disk does not do it.
    pub fn claim_next(&self, lease: Duration, attempts: u32, urgent_first: bool) -> Result<Claim> {
        let _lock = self.lock_exclusive()?;
        let mut claim = Claim::default();
        for _ in 0..CHASES {
            let Some((mut found, message, before)) = self.choose(attempts, urgent_first, &mut claim)? else { break };
            let id = found.name.id();
            let granted = self.grant(id, lease, before + 1)?;
            match self.shift(&mut found, Place::Claimed, Flags::NONE) {
                Ok(()) => {
                    claim.claimed = Some((found, message, granted));
                    break;
                }
                // A plain `mv` holds no lock: it took this one, and others may wait.
                Err(MailboxError::NotFound(..)) => self.forget_lease(id)?,
                Err(e) => return Err(e),
            }
        }
        Ok(claim)
    }

    /// The message that is to be claimed, and how often it was claimed before.
    fn choose(&self, attempts: u32, urgent_first: bool, claim: &mut Claim) -> Result<Option<(Scanned, Message, u32)>> {
        let new = self.place(Place::New, "")?;
        let mut waiting: Vec<Scanned> = new
            .names()?
            .into_iter()
            .filter_map(|file| Raw { file, place: Place::New, day: String::new() }.read())
            .collect();
        waiting.sort_by(|a, b| a.name.cmp(&b.name));
        let mut best: Option<(Scanned, Message, u32)> = None;
        for found in waiting {
            let Some((message, before)) = self.claimable(&found, attempts, claim)? else { continue };
            let priority = message.header.priority;
            if best.as_ref().is_none_or(|(_, m, _)| priority > m.header.priority) {
                best = Some((found, message, before));
            }
            if !urgent_first || priority == Priority::Critical {
                break;
            }
        }
        Ok(best)
    }

    /// Opens a waiting message and tells how often it was claimed before;
    /// buries it when it may not be claimed.
    fn claimable(&self, found: &Scanned, most: u32, claim: &mut Claim) -> Result<Option<(Message, u32)>> {
        let id = found.name.id();
        let why = match self.open_at(found) {
            Ok(message) => {
                let before = self.lease(id)?.map_or(0, |l| l.attempts);
                if message.header.expires.is_some_and(|at| at <= Timestamp::now()) {
                    "expired: nobody took it in time".to_owned()
                } else if before >= most {
                    failed_often(before)
                } else {
                    return Ok(Some((message, before)));
                }
            }
            Err(MailboxError::Fs(e)) if e.is_not_found() => return Ok(None),
            Err(MailboxError::Model { path, source }) => format!("{path}: {source}"),
            Err(MailboxError::Fs(e)) if e.is_refused() => e.to_string(),
            // A disk that fails to read may read it the next time: good mail is not buried for that.
            Err(e @ MailboxError::Fs(_)) => {
                claim.passed_over.get_or_insert(e);
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        match self.bury_held(&self.folder(found)?, &found.file, &why) {
            // A plain `mv` took it meanwhile.
            Err(MailboxError::Fs(e)) if e.is_not_found() => return Ok(None),
            other => other?,
        };
        self.forget_lease(id)?;
        claim.buried.push((id, why));
        Ok(None)
    }

    fn grant(&self, id: MessageId, length: Duration, attempts: u32) -> Result<Lease> {
        let until = Timestamp::now() + jiff::SignedDuration::try_from(length).unwrap_or_default();
        let deadline = (boot::now() + length).as_millis();
        let lease = Lease {
            token: Clock::new(&self.tree).token()?,
            attempts,
            deadline_boot_ms: u64::try_from(deadline).unwrap_or(u64::MAX),
            boot: boot::id(),
            until,
            held: true,
        };
        self.write_lease(id, &lease)?;
        Ok(lease)
    }

    /// The message that the holder of `token` may finish.
    ///
    /// # Errors
    /// [`MailboxError::LeaseLost`] when the lease is over or another's.
    pub fn held(&self, id: MessageId, token: u64) -> Result<Scanned> {
        let _lock = self.lock_exclusive()?;
        self.held_by(id, token)
    }

    /// The holder of `token` is done: the message goes to the archive.
    ///
    /// # Errors
    /// [`MailboxError::LeaseLost`] when the lease is over or another's.
    pub fn done(&self, id: MessageId, token: u64) -> Result<Scanned> {
        let _lock = self.lock_exclusive()?;
        let mut found = self.held_by(id, token)?;
        self.shift(&mut found, Place::Archive, Flags::NONE.with(Flag::Seen))?;
        self.forget_lease(id)?;
        Ok(found)
    }

    /// The holder of `token` gives the message back to `new/`; after
    /// `attempts` claims it is buried instead, and the reason is given.
    ///
    /// # Errors
    /// [`MailboxError::LeaseLost`] when the lease is over or another's.
    pub fn release(&self, id: MessageId, token: u64, attempts: u32) -> Result<Option<String>> {
        let _lock = self.lock_exclusive()?;
        let found = self.held_by(id, token)?;
        self.give_back(found, attempts)
    }

    /// Gives back every claimed message whose lease is over. Tells which, with
    /// the reason where one was buried, and how long until the next one ends.
    /// One that cannot be given back holds up no other.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn return_expired(&self, attempts: u32) -> Result<Returned> {
        let mut returned = Returned::default();
        let Some(claimed) = self.look(Place::Claimed)? else { return Ok(returned) };
        let names = claimed.names()?;
        if names.is_empty() {
            return Ok(returned);
        }
        let _lock = self.lock_exclusive()?;
        for file in names {
            let Some(found) = Raw::claimed(file) else { continue };
            if claimed.stat(&found.file)?.is_none() {
                continue;
            }
            let id = found.name.id();
            let over = self.lease(id).and_then(|lease| match lease.filter(Lease::is_live) {
                Some(lease) => {
                    returned.next = Some(returned.next.map_or(lease.left(), |n| n.min(lease.left())));
                    Ok(None)
                }
                None => self.give_back(found, attempts).map(Some),
            });
            match over {
                Ok(buried) => returned.messages.extend(buried.map(|why| (id, why))),
                Err(e) => returned.failed.push((id, e)),
            }
        }
        Ok(returned)
    }

    fn give_back(&self, mut found: Scanned, attempts: u32) -> Result<Option<String>> {
        let id = found.name.id();
        let so_far = self.lease(id)?;
        if let Some(lease) = so_far {
            if lease.attempts >= attempts {
                let why = failed_often(lease.attempts);
                self.bury_held(&self.place(Place::Claimed, "")?, &found.file, &why)?;
                self.forget_lease(id)?;
                return Ok(Some(why));
            }
            self.write_lease(id, &Lease { held: false, ..lease })?;
        }
        self.shift(&mut found, Place::New, Flags::NONE)?;
        Ok(None)
    }

    fn held_by(&self, id: MessageId, token: u64) -> Result<Scanned> {
        let lease = self.lease(id)?;
        let found = self
            .place(Place::Claimed, "")?
            .names()?
            .into_iter()
            .find_map(|file| Raw::claimed(file).filter(|s| s.name.id() == id));
        match (lease, found) {
            (None, None) => Err(self.not_found(id)),
            (Some(lease), _) if lease.token != token => {
                Err(MailboxError::LeaseLost(id, "another claim was made since, or the token is wrong"))
            }
            (Some(lease), Some(found)) if lease.is_live() => Ok(found),
            (Some(_), Some(_)) => Err(MailboxError::LeaseLost(id, "its time is over")),
            (_, None) => Err(MailboxError::LeaseLost(id, "the message was given back")),
            (None, Some(_)) => Err(MailboxError::LeaseLost(id, "there is no lease file beside the message")),
        }
    }

    pub(super) fn lease(&self, id: MessageId) -> Result<Option<Lease>> {
        match self.place(Place::Claimed, "")?.read(&lease_file(id), LEASE_MAX) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    pub(super) fn write_lease(&self, id: MessageId, lease: &Lease) -> Result<()> {
        let text = serde_json::to_vec(lease).unwrap_or_default();
        Ok(self.place(Place::Claimed, "")?.replace(&lease_file(id), &text, false)?)
    }

    pub(super) fn forget_lease(&self, id: MessageId) -> Result<()> {
        match self.place(Place::Claimed, "")?.remove(&lease_file(id)) {
            Err(e) if !e.is_not_found() => Err(e.into()),
            _ => Ok(()),
        }
    }
}

fn lease_file(id: MessageId) -> String {
    format!("{id}.lease")
}

fn failed_often(attempts: u32) -> String {
    format!("failed: it was claimed {attempts} times and never done")
}
