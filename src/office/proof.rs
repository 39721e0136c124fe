//! Whether a message is what it says, where it lies.
//!
//! `identity` judges its bytes. Here the rest is judged, by evidence that
//! survives the loss of every cache, the journal's included:
//!
//! - **For whom:** a signed message lies with somebody whom its header names:
//!   in `to` and `cc`, by `@all`, or, where these name a role, in `addressed`,
//!   which was written and signed when it was accepted. Elsewhere it was
//!   replayed. The sender has its copies in `sent/` and the archive.
//! - **When:** its name tells the date that was signed, else it was put among
//!   other mail than it belongs to.
//! - **Once:** an id that waits in the inbox and stands in the archive as well
//!   was accepted twice: somebody copied it. A `mv` back from the archive, or a
//!   restore, leaves one file, which is the message. That costs a look at the
//!   names in the archive since the oldest of what is shown. (A copy of what
//!   was deleted everywhere is not told from a restore.) At the outbox the keys
//!   of `post` do the same: an id that was accepted is a repetition of that
//!   letter, or refused.
//! - **Without a signature:** from somebody whose role must sign and who had a
//!   key then, it was downgraded.

use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::{Signer, Signers};
use crate::mailbox::{Mailbox, Place, Scanned};
use crate::model::{Address, AgentName, Forgery, Message, MessageId, Signing, Verdict};

use super::{ErrorKind, Office, OfficeError, Result};

/// Looks into the messages of one mailbox.
pub(super) struct Examiner<'a> {
    office: &'a Office,
    mailbox: &'a Mailbox,
    signers: Arc<Signers>,
    /// What the archive holds of ids that may be among those looked into.
    archived: HashMap<MessageId, Scanned>,
}

impl Office {
    /// Prepares to look into some messages of a mailbox.
    pub(super) fn examiner<'a>(&'a self, mailbox: &'a Mailbox, found: &[Scanned]) -> Result<Examiner<'a>> {
        let signers = self.keys.signers(self.root())?;
        let waiting = found.iter().filter(|one| waits(one.place)).map(|one| one.name.accepted()).min();
        let archived = match waiting {
            Some(oldest) => mailbox.archived_since(oldest)?,
            None => HashMap::new(),
        };
        Ok(Examiner { office: self, mailbox, signers, archived })
    }

    /// Who signs as somebody; `None` without a key.
    pub(super) fn signer_of(&self, who: &AgentName) -> Result<Option<Arc<Signer>>> {
        Ok(self.keys.signer(self.root(), who, self.now())?)
    }

    /// The same, as a role's policy asks for it.
    pub(super) fn signer_for(&self, who: &AgentName, rule: Signing) -> Result<Option<Arc<Signer>>> {
        if rule == Signing::Off {
            return Ok(None);
        }
        let signer = self.signer_of(who)?;
        if signer.is_none() && rule == Signing::Required {
            let why = format!("{who} must sign, and has no key; nothing was sent");
            return Err(OfficeError::new(ErrorKind::Refused, why).hint(format!("cellphone keys create {who}")));
        }
        Ok(signer)
    }
}

/// Whether somebody still has to see or to do it.
const fn waits(place: Place) -> bool {
    matches!(place, Place::New | Place::Cur | Place::Claimed)
}

impl Examiner<'_> {
    /// The mailbox it looks into.
    pub(super) const fn mailbox(&self) -> &Mailbox {
        self.mailbox
    }

    /// What can be told of a message.
    pub(super) fn verdict(&self, found: &Scanned, message: &Message) -> Verdict {
        let from = message.from();
        let at = message.header.date.unwrap_or_else(|| found.name.accepted());
        let verdict = match self.signers.judge(&message.bytes, &from, at) {
            Verdict::Verified => self.misplaced(found, message, &from),
            Verdict::Unsigned => self.downgraded(found, &from),
            forged => return forged,
        };
        match verdict {
            forged @ Verdict::Forged(_) => forged,
            other => self.copied(found, &from).map_or(other, Verdict::Forged),
        }
    }

    fn misplaced(&self, found: &Scanned, message: &Message, from: &AgentName) -> Verdict {
        let owner = self.mailbox.agent();
        let kept = from == owner && !waits(found.place);
        if !kept && !self.is_addressed(owner, message) {
            return replayed(format!("it is not addressed to {owner}"));
        }
        if message.header.date != Some(found.name.accepted()) {
            return replayed("its file has another name than it was accepted under".into());
        }
        Verdict::Verified
    }

    fn is_addressed(&self, owner: &AgentName, message: &Message) -> bool {
        let h = &message.header;
        let mut all = h.to.iter().chain(&h.cc);
        let by_name = |address: &Address| match address {
            Address::Agent(name) => name.same(owner.as_str()),
            Address::All => true,
            Address::Role(_) | Address::Any(_) => false,
        };
        if all.clone().any(by_name) {
            return true;
        }
        if !h.addressed.is_empty() {
            return h.addressed.iter().any(|name| name.same(owner.as_str()));
        }
        // Signed elsewhere, so nobody wrote down whom the role meant: it is who has it now.
        let role = self.office.roster().role_of(owner);
        all.any(|address| matches!(address, Address::Role(r) | Address::Any(r) if *r == role))
    }

    fn downgraded(&self, found: &Scanned, from: &AgentName) -> Verdict {
        let must = self.office.roster().policy(&self.office.roster().role_of(from)).sign().0 == Signing::Required;
        if must && self.signers.had_key(from, found.name.accepted()) {
            return Verdict::Forged(Forgery::Downgraded(from.clone()));
        }
        Verdict::Unsigned
    }

    /// How it is a copy of what stands in the archive as well, at this very
    /// moment: both are looked at again, because it may be on its way there.
    /// The sender's copy of what it wrote to itself may be filed.
    pub(super) fn copied(&self, found: &Scanned, from: &AgentName) -> Option<Forgery> {
        if !waits(found.place) || from == self.mailbox.agent() {
            return None;
        }
        let other = self.archived.get(&found.name.id())?;
        let both = self.mailbox.both_stand(found, other).unwrap_or(false);
        let where_ = self.mailbox.path_of(other);
        both.then(|| Forgery::Replayed(format!("it is in the archive already ({})", where_.display())))
    }
}

fn replayed(how: String) -> Verdict {
    Verdict::Forged(Forgery::Replayed(how))
}
