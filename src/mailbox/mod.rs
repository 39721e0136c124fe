//! One agent's mail as a Maildir: deliver, scan, claim, flag, archive, bury,
//! and exchange with a restored copy.
//!
//! Owns the folders of `agent_workspaces/<Agent>/` and nothing above them.
//! Promises: a delivered message is durable and whole and was put there
//! without the power to overwrite; state is in folder, name and files beside,
//! never in the message; what cannot be read goes to `dead/` with a reason.
//! Changes of state hold the mailbox lock exclusively, scans hold it shared;
//! a delivery holds none, and a plain `mv` by anybody is expected at any
//! moment. Synchronous; knows neither roster nor settings files.

mod claim;
mod clock;
mod contents;
mod dead;
mod deliver;
mod exchange;
mod find;
mod layout;
mod names;
mod retention;
mod scan;
mod state;
#[cfg(test)]
mod tests;

pub use claim::{Claim, Lease, Returned};
pub use clock::Clock;
pub use contents::{Item, Key, attempts, contents};
pub use dead::{DeadLetter, Reason, unnumbered};
pub use deliver::{Barrier, Delivery};
pub use exchange::{Brought, Exchanged, Step};
pub use layout::{FOLDERS, Mailbox, Place, Tree};
pub use retention::{Applied, Plan, PlannedMove, RetentionRules};
pub use scan::{Scanned, Which};

use crate::fsio::FsError;
use crate::model::{AgentName, MessageId, ModelError};

/// Why a mailbox did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// The disk said no.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The message itself is not right.
    #[error("{path}: {source}")]
    Model {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: ModelError,
    },
    /// No such message in this mailbox.
    #[error("no message {0} in the mailbox of {1}")]
    NotFound(String, AgentName),
    /// A part of an id that fits several messages.
    #[error("{0} fits several messages: {1}")]
    Ambiguous(String, String),
    /// The mailbox holds as many messages as it may.
    #[error("mailbox full: {agent} has {depth} messages, the limit is {limit}")]
    Full {
        /// Whose.
        agent: AgentName,
        /// How many are there.
        depth: u64,
        /// How many may be.
        limit: u64,
    },
    /// The message is under a lease, until then.
    #[error("{0} is being worked on: its lease holds until {1:.0}")]
    Leased(MessageId, jiff::Timestamp),
    /// The lease of this token is over, or another holds the message.
    #[error("the lease on {0} is lost: {1}")]
    LeaseLost(MessageId, &'static str),
}

/// The result of an operation on a mailbox.
pub type Result<T> = std::result::Result<T, MailboxError>;
