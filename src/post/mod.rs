//! Sending: resolve addresses, accept once, deliver to everyone, finish after
//! a crash.
//!
//! Owns `.cellphone/spool/` (letters for several recipients, durable before
//! the first one is delivered) and `.cellphone/keys/` (idempotency keys).
//! Promises: one letter is one decision for all its recipients; one visible
//! copy for each id and recipient, however often a sender retries or dies.
//! Who may send what, and with whose key it is signed, is decided above, in
//! `office/`; a letter that comes here is allowed.

mod batch;
mod key;
pub mod outbox;
pub mod rate;
pub mod route;
mod spool;

use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use spool::{Recovered, Recovery};

use crate::fsio::{Dir, FsError};
use crate::identity::{IdentityError, Signer};
use crate::mailbox::{Clock, Delivery, Mailbox, MailboxError, Tree};
use crate::model::{Address, AgentName, Draft, Kind, Message, MessageId, ModelError, UniqueName};

/// Why a letter was not sent.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A mailbox said no, or the disk did.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The letter itself is not right.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It could not be signed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An address leads nowhere.
    #[error("{0}")]
    Route(String),
    /// The id given in an outbox file belongs to another letter.
    #[error("the id {0} was used by {1} for another letter")]
    IdTaken(MessageId, AgentName),
    /// The idempotency key belongs to another letter of the same sender.
    #[error("the idempotency key {key:?} belongs to {id}, which has another {what}; nothing was sent")]
    KeyTaken {
        /// The key.
        key: String,
        /// The letter it belongs to.
        id: MessageId,
        /// In what the two differ.
        what: &'static str,
    },
}

impl From<FsError> for PostError {
    fn from(e: FsError) -> Self {
        Self::Mailbox(MailboxError::Fs(e))
    }
}

/// The result of sending.
pub type Result<T> = std::result::Result<T, PostError>;

/// A letter that is allowed and addressed.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Header and body.
    pub draft: Draft,
    /// Who sends it.
    pub from: AgentName,
    /// To whom, each once.
    pub recipients: Vec<AgentName>,
    /// The same key sent twice is one letter.
    pub key: Option<String>,
    /// The id that an outbox file asked for.
    pub id: Option<MessageId>,
    /// Who signs it.
    pub signer: Option<Arc<Signer>>,
    /// What tells it from another letter of the same key, where its body is
    /// sealed and so is other bytes each time.
    pub mark: Option<String>,
}

impl Letter {
    /// A letter of its own, unsigned.
    #[must_use]
    pub const fn new(draft: Draft, from: AgentName, recipients: Vec<AgentName>) -> Self {
        Self { draft, from, recipients, key: None, id: None, signer: None, mark: None }
    }

    /// What of the body tells a repeated letter from another one.
    fn text(&self) -> String {
        self.mark.clone().unwrap_or_else(|| crate::model::message::digest(&self.draft.body))
    }

    /// Whom its addresses mean, where they name roles: that changes, and a
    /// signature is to say for whom it was made.
    fn addressed(&self) -> Vec<AgentName> {
        let header = &self.draft.header;
        let is_role = |address: &Address| matches!(address, Address::Role(_) | Address::Any(_));
        if header.to.iter().chain(&header.cc).any(is_role) { self.recipients.clone() } else { Vec::new() }
    }
}

/// A letter that was accepted.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The accepted message.
    pub message: Message,
    /// Who has it now.
    pub delivered: Vec<AgentName>,
    /// Who does not have it, and why: it is still in the spool, or, for one
    /// that was sent before, dead or gone ([`Post::is_spooled`] tells which).
    pub pending: Vec<(AgentName, String)>,
    /// True when an earlier send with the same key did all this.
    pub duplicate: bool,
}

/// The post office of one root.
#[derive(Debug, Clone)]
pub struct Post {
    pub(crate) tree: Tree,
    clock: Clock,
    state: Dir,
    /// The time of the spool folder when it was seen empty.
    spool_empty: Arc<Mutex<Option<Duration>>>,
}

impl Post {
    /// The post of a tree whose machine-local state is `state`.
    #[must_use]
    pub fn new(tree: &Tree, state: &Dir) -> Self {
        Self { tree: tree.clone(), clock: Clock::new(tree), state: state.clone(), spool_empty: Arc::default() }
    }

    /// Accepts a letter and delivers it. When this returns, the letter
    /// survives a power cut.
    ///
    /// # Errors
    /// Nothing was accepted then: a full mailbox refuses the whole letter.
    pub fn post(&self, letter: Letter) -> Result<Posted> {
        if letter.recipients.is_empty() {
            return Err(PostError::Route("the letter has no recipient".into()));
        }
        match letter.key.clone() {
            Some(key) => self.post_once(letter, &key),
            None => {
                let message = self.stamp(&letter, None)?;
                self.hand_out(&letter, message, false)
            }
        }
    }

    /// Whether this letter waits in the spool for somebody.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn is_spooled(&self, name: &UniqueName) -> Result<bool> {
        let spool = self.state.child_or_create("spool")?;
        Ok(spool.stat(&format!("{}{}", name.as_str(), spool::ENDING))?.is_some())
    }

    /// A moment later than the date of everything that was accepted so far.
    ///
    /// # Errors
    /// When the clock cannot be used.
    pub fn moment(&self) -> Result<jiff::Timestamp> {
        Ok(self.clock.issue(&AgentName::system(), "")?.accepted())
    }

    /// Makes the message of a letter, under a new name or a given one.
    fn stamp(&self, letter: &Letter, name: Option<UniqueName>) -> Result<Message> {
        let name = match name {
            Some(name) => name,
            None => self.issue(letter)?,
        };
        let mut draft = letter.draft.clone();
        draft.header.addressed = if letter.signer.is_some() { letter.addressed() } else { Vec::new() };
        let message = draft.accept(&name, &letter.from, &self.tree.limits)?;
        match &letter.signer {
            Some(signer) => Ok(signer.sign_message(message, &self.tree.limits)?),
            None => Ok(message),
        }
    }

    fn issue(&self, letter: &Letter) -> Result<UniqueName> {
        let name = self.clock.issue(&letter.from, &letter.draft.header.subject)?;
        Ok(match letter.id {
            Some(id) => UniqueName::compose(name.accepted(), &letter.from, &letter.draft.header.subject, id),
            None => name,
        })
    }

    /// Delivers to one directly, to several through the spool. `again` says
    /// that an earlier attempt may have delivered some of it.
    fn hand_out(&self, letter: &Letter, message: Message, again: bool) -> Result<Posted> {
        let mailboxes: Vec<Mailbox> =
            letter.recipients.iter().map(|r| self.tree.mailbox(r)).collect::<std::result::Result<_, _>>()?;
        // A receipt answers what its recipient sent, once: it is owed also to a mailbox that is full.
        if !again && letter.draft.header.kind != Some(Kind::Receipt) {
            for mailbox in &mailboxes {
                mailbox.ensure_room(1)?;
            }
        }
        match mailboxes.as_slice() {
            [only] => {
                if !(again && only.has_received(message.id())?) {
                    let _: Delivery = only.deliver(&message)?;
                }
                Ok(Posted { message, delivered: letter.recipients.clone(), pending: Vec::new(), duplicate: false })
            }
            _ => self.spool_and_deliver(&letter.from, message, &letter.recipients, again),
        }
    }
}
