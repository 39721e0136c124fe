//! The way of a letter to its acceptance, for every surface and for outbox
//! files alike: what `policy` says of its sender and recipients, at which
//! priority, how often, at which depth of a chain; and what a person's
//! `before-deliver` hook says; whether it is signed and sealed, or has to be.
//! What is lowered is told to the sender. What a
//! header says of itself (its kind, its place in a thread) is believed from
//! ourselves only; a sender's is measured by the message it answers.

use jiff::Timestamp;

use crate::model::{
    Address, AgentName, Draft, Event, EventKind, Header, Kind, Message, MessageId, Policy, Role, Sealing,
};
use crate::post::Letter;

use super::policy::{Mail, refuse};
use super::{ErrorKind, Office, OfficeError, Result};

/// Who wrote the header of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// A use case, from the message it is about.
    Ours,
    /// The sender: a file, a line of a batch, the caller of `send`.
    Sender,
}

impl Office {
    /// Decides whether `from` may send this, and to whom it goes.
    pub(super) fn admit(
        &self,
        mut draft: Draft,
        from: AgentName,
        key: Option<String>,
        id: Option<MessageId>,
        hand: Hand,
    ) -> Result<(Letter, Vec<String>)> {
        let role = self.roster().role_of(&from);
        let policy = self.roster().policy(&role);
        let header = &mut draft.header;
        let answers = if hand == Hand::Sender { self.answered(header, &from)? } else { None };
        if let Some(original) = &answers {
            header.thread.get_or_insert_with(|| original.thread());
            header.hops = header.hops.max(original.header.hops.saturating_add(1));
        }
        let is_receipt = header.kind == Some(Kind::Receipt)
            && (hand == Hand::Ours || answers.is_some_and(|original| is_due(header, &original, &from)));
        let recipients = self.recipients(header, &from)?;
        let everyone = header.to.iter().chain(&header.cc).any(|a| *a == Address::All);
        let derived = self.derived_kind(&role, &recipients, everyone);
        let (kind, mut notices) = match header.kind {
            Some(kind) if hand == Hand::Ours || is_receipt || kind.is_for_senders() => (kind, Vec::new()),
            Some(kind) if kind != derived => {
                let told = format!("the kind was changed from {kind} to {derived}, which its two ends make it");
                (derived, vec![told])
            }
            _ => (derived, Vec::new()),
        };
        header.kind = Some(kind);
        // A receipt was asked for by the one it goes to, and ends a chain: nothing answers it.
        if !is_receipt {
            let answers = self.judge(&Mail { from: &from, recipients: &recipients, everyone, kind });
            refuse(&answers).inspect_err(|why| {
                let refused = Event::new(self.now(), EventKind::Refused).agent(&from);
                self.note(&[refused.with("reason", why)]);
            })?;
            let most = self.settings().limits.hops;
            if header.hops > most {
                let hops = header.hops;
                let why = format!("{hops} replies and forwards in a row look like a loop; the limit is {most}");
                return Err(OfficeError::new(ErrorKind::Refused, why).hint("begin a new thread: cellphone send"));
            }
        }
        if header.expires.is_some_and(|at| at <= Timestamp::now()) {
            return Err(OfficeError::new(ErrorKind::Usage, "`expires` is in the past"));
        }
        for role in self.roles_of(&from) {
            notices.extend(lower_priority(header, &self.roster().policy(&role), &from, &role));
        }
        if !is_receipt {
            // Before the guard, so that a flood does not run it.
            self.throttle(&from, &policy)?;
        }
        let must_seal = policy.seal().0 == Sealing::Required && !is_receipt;
        self.refuse_leaks(&draft, draft.header.sealed || must_seal)?;
        self.ask_guard(&from, &recipients, &draft.header)?;
        // Last, so that a key that is rotated meanwhile signs nothing any more.
        let signer = self.signer_for(&from, policy.sign().0)?;
        let mark = self.seal_draft(&mut draft, &from, &recipients, must_seal)?;
        Ok((Letter { key, id, signer, mark, ..Letter::new(draft, from, recipients) }, notices))
    }

    /// The message that a draft answers, as far as its sender has it.
    fn answered(&self, header: &Header, from: &AgentName) -> Result<Option<Message>> {
        let Some(id) = header.in_reply_to.filter(|_| self.roster().get(from.as_str()).is_some()) else {
            return Ok(None);
        };
        let mailbox = self.tree.mailbox(from)?;
        // One that cannot be read tells nothing; sending does not depend on it.
        Ok(mailbox.find_id(id)?.and_then(|found| mailbox.open(&found).ok()))
    }

    pub(super) fn recipients(&self, header: &Header, from: &AgentName) -> Result<Vec<AgentName>> {
        if header.to.is_empty() && header.cc.is_empty() {
            return Err(OfficeError::new(ErrorKind::Usage, "no recipient is given").hint("add `to: Agent-2`"));
        }
        let addresses: Vec<Address> = header.to.iter().chain(&header.cc).cloned().collect();
        let load = |name: &AgentName| {
            self.tree
                .mailbox(name)
                .and_then(|m| m.scan(crate::mailbox::Which::Inbox, None))
                .map_or(usize::MAX, |l| l.len())
        };
        Ok(crate::post::route::resolve(&addresses, from, &self.mates(), load)?)
    }
}

/// Whether this is the receipt that a received message asked for, and for
/// nobody but its sender: that may be sent by those who may not send.
fn is_due(header: &Header, original: &Message, from: &AgentName) -> bool {
    let author = original.from();
    let to_author = |address: &Address| matches!(address, Address::Agent(name) if name.same(author.as_str()));
    original.header.ack
        && original.header.kind != Some(Kind::Receipt)
        && author != *from
        && !header.to.is_empty()
        && header.to.iter().chain(&header.cc).all(to_author)
}

fn lower_priority(header: &mut Header, policy: &Policy<'_>, from: &AgentName, role: &Role) -> Option<String> {
    let (most, _) = policy.max_priority();
    let asked = header.priority;
    header.priority = asked.min(most);
    (asked > most).then(|| format!("the priority was lowered from {asked} to {most}: {from} is {role}"))
}
