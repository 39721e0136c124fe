//! Snapshots of the whole working root: consistent, encrypted, deduplicated,
//! in restic's format, so that recovery never depends on this program.
//!
//! What a snapshot holds is decided by `listing`: every message that
//! was acknowledged before it began, once and whole, while mail goes on. It is
//! written by `archive`, a loop of ours over restic's format: `rustic_core`
//! hands each small file through nine threads, builds the tables of its
//! chunker anew for each and looks through the open pack for each, which takes
//! most of the time of a tree of messages. What is rare and intricate (prune,
//! which snapshots a copy lacks and whether it is whole) is `rustic_core`'s. It
//! and `rustic_backend` are named in this module alone.
//!
//! [`exchange`] brings a restored copy of the tree back into the live one,
//! wherever that copy comes from: from a repository of ours, or from a
//! `restic restore` that a person ran.
//!
//! A repository lies outside the tree, belongs to the root's id, and holds
//! snapshots of other programs beside ours without confusion: ours carry the
//! tags `cellphone`, `root=ID`, `kind=KIND` and `agents=N`.

mod archive;
mod check;
mod chunks;
mod cipher;
mod contents;
mod copy;
mod effort;
pub mod exchange;
mod index;
mod keep;
mod keys;
mod listing;
mod local;
mod pack;
mod place;
mod progress;
mod read;
mod remote;
mod repair;
mod repository;
mod restore;
mod secret;
mod snapshots;
mod stray;
mod timetable;
mod tree;
mod verify;

pub use archive::{Created, Request, create};
pub use check::{Checked, Depth, LostFile};
pub use contents::{Change, Difference, Shown};
pub use effort::lower_priority;
pub use keep::{ForgetPlan, KeepRules, Pruning, of_root, plan_forget};
pub use keys::KeyInfo;
pub use listing::Sources;
pub use place::Place;
pub use progress::{Phase, Progress};
pub use repair::RepairPlan;
pub use repository::Repository;
pub use restore::{Part, Restored, Selection, restore_into};
pub use secret::Secrets;
pub use snapshots::{Kind, Snapshot, Wanted};
pub use timetable::{Done, Job, Timetable, Waiting};

use crate::fsio::FsError;
use crate::mailbox::MailboxError;

/// Why something about snapshots did not work.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk said no.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A mailbox could not be listed.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The repository may not be where it is said to be.
    #[error("{0}")]
    Place(String),
    /// There is none.
    #[error("there is no repository at {0}")]
    NoRepository(String),
    /// The password is missing or wrong.
    #[error("{0}")]
    Secret(String),
    /// Somebody else works there.
    #[error("{0}")]
    Busy(String),
    /// No such snapshot, path or key.
    #[error("{0}")]
    NotFound(String),
    /// It may not be done.
    #[error("{0}")]
    Refused(String),
    /// The repository, or what it keeps its files on, said no.
    #[error("{0}")]
    Repository(String),
    /// What is stored is not what was stored.
    #[error("{0}")]
    Damaged(String),
    /// Files that cannot be restored; all others were.
    #[error("{} cannot be restored from {repository}: {why}; lost: {}", files_word(files.len()), some(files))]
    Lost {
        /// The repository.
        repository: String,
        /// Their paths from the root.
        files: Vec<std::path::PathBuf>,
        /// What is damaged.
        why: String,
    },
    /// What was read could not be handed on.
    #[error("cannot write the bytes: {0}")]
    Output(std::io::Error),
    /// A live file could not be read.
    #[error("{0}")]
    Unread(String),
    /// It was asked to stop.
    #[error("stopped; the repository is as clean as before, and nothing was recorded")]
    Stopped,
    /// This should not happen.
    #[error("{0}")]
    Internal(String),
}

/// The result of an operation on snapshots.
pub type Result<T> = std::result::Result<T, SnapshotError>;

/// The name of this machine.
pub(crate) fn hostname() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "localhost".into())
}

fn files_word(n: usize) -> String {
    if n == 1 { "1 file".into() } else { format!("{n} files") }
}

/// The first paths of a list, for an error.
fn some(files: &[std::path::PathBuf]) -> String {
    const SHOWN: usize = 10;
    let mut shown: Vec<String> = files.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    if files.len() > SHOWN {
        shown.push(format!("and {} more", files.len() - SHOWN));
    }
    shown.join(", ")
}
