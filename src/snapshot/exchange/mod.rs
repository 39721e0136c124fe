//! The safe exchange of a restored tree with the live root.
//!
//! Three parts: [`plan()`] looks at both trees and changes nothing;
//! [`Exchange::apply`] does exactly what the plan says, and nothing to mail
//! that it does not name; [`Exchange::resume`] finishes after a crash.
//!
//! First everything that is to come is copied into `.cellphone/restore/ID/in`,
//! on the file system of the tree, and synced; then `plan.json` and the phase
//! *applying* are durable; only then is the tree touched, mailbox by mailbox,
//! by renames (`mailbox::Mailbox::exchange` says how nothing is lost
//! meanwhile). What had to go lies in `.cellphone/restore/ID/out`, under the
//! paths it had: an exchange is undone by another one, whose restored tree is
//! that folder. A lock keeps a second exchange out, and so does a first one
//! that was not finished.

mod apply;
mod compare;
mod journal;
mod plan;
mod record;
mod staged;
mod wanted;

pub use apply::{Applied, Exchange};
pub use compare::{Live, plan};
pub use plan::{FilePlan, JournalPlan, MailboxPlan, Plan, Selection, Source};
pub use record::{Phase, Record};

use std::path::PathBuf;

use crate::fsio::FsError;
use crate::journal::JournalError;
use crate::mailbox::MailboxError;

/// Why a tree was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The disk said no, or the restored tree holds what may not be taken over.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A mailbox said no.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The journal could not be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The folder is no restored tree of a root.
    #[error("{} holds no copy of a root: neither agent_workspaces/ nor config/ nor hooks/", .0.display())]
    NoTree(PathBuf),
    /// The restored tree does not fit the root.
    #[error("{}: {why}", path.display())]
    Unfit {
        /// What does not fit.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Nothing there is what was asked for.
    #[error("{0} is not in the restored tree")]
    NotThere(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Selection(String),
    /// Another exchange is going on.
    #[error("another restore is going on in this root")]
    Busy,
    /// An earlier exchange was not finished.
    #[error("the restore {0} was begun and not finished")]
    Unfinished(String),
    /// There is no such exchange.
    #[error("{0}")]
    NoRecord(String),
    /// A file of the exchange's own cannot be read.
    #[error("{}: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// The result of a part of an exchange.
pub type Result<T> = std::result::Result<T, ExchangeError>;
