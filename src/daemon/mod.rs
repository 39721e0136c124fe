//! The process that keeps a root alive: it notices mail, rings windows and
//! tends what time does to a mailbox.
//!
//! Owns no state that matters: everything it knows is read from the files, so
//! killing it at any moment loses nothing, and a second start goes on where
//! the first was cut off. Promises: one daemon per root, by a lock and an
//! answered probe ([`instance`]); every worker has a name and is started again
//! when it fails ([`supervisor`]); events only wake scans ([`pending`],
//! [`lookout`]); a full, failing or read-only disk is reported and lived
//! through; idle means asleep. Runs on one thread, with a few more for what
//! blocks. Runs any further worker it is handed and knows no surface.

#[cfg(unix)]
mod alarms;
#[cfg(unix)]
mod control;
pub mod detach;
#[cfg(unix)]
mod drills;
#[cfg(unix)]
mod hooks;
mod house;
pub mod instance;
mod layouts;
pub mod lookout;
pub mod pending;
mod place;
#[cfg(unix)]
mod ring;
#[cfg(unix)]
mod scan;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod snapshots;
pub mod supervisor;
#[cfg(unix)]
mod tend;
#[cfg(unix)]
mod up;
#[cfg(unix)]
mod watch;

use crate::office::OfficeError;

pub use instance::InstanceError;
pub use supervisor::{Shutdown, Worker};
#[cfg(unix)]
pub use up::up;

/// Why the daemon did not run.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// One runs already, or holds the lock.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The root or its configuration cannot be used.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The system gave no thread, no event queue or the like.
    #[error("the daemon cannot start: {0}")]
    System(#[from] std::io::Error),
    /// Not on Windows.
    #[error("the daemon is not on this platform yet: use Linux or macOS")]
    Platform,
}

/// The daemon is not on this platform yet.
///
/// # Errors
/// Always [`UpError::Platform`].
#[cfg(not(unix))]
pub fn up(
    _office: crate::office::Office,
    _workers: impl FnOnce(std::sync::Arc<dyn crate::office::desk::Desk>) -> Vec<Worker>,
    _ready: impl FnOnce(),
) -> Result<(), UpError> {
    Err(UpError::Platform)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
