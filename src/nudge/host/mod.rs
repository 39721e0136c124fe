//! `cellphone run AGENT -- PROGRAM …`: hosts a program in a pseudo-terminal.
//!
//! To the human nothing changes: keys, output, size and exit status pass
//! through, and the terminal's mode is given back whatever happens. Beside
//! it, an emulator follows the screen, and a socket answers whoever wants to
//! nudge. Needs no daemon and survives its restarts; without a terminal it
//! runs headless and answers the program's queries itself.

#[cfg(unix)]
pub(in crate::nudge) mod hosted;
#[cfg(unix)]
mod keys;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod unix;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::model::AgentName;

/// What to host, and for whom.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Whose window this is.
    pub agent: AgentName,
    /// The root, told to the program as `CELLPHONE_ROOT`.
    pub root: PathBuf,
    /// The root's `.cellphone`.
    pub state: PathBuf,
    /// The program and its arguments.
    pub program: Vec<OsString>,
}

/// Why nothing was hosted.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The agent has a host already.
    #[error("a program of {0} is hosted already; end it first, or look at it with: cellphone status")]
    Taken(AgentName),
    /// No program was named.
    #[error("no program to run; write: cellphone run {0} -- PROGRAM")]
    NoProgram(AgentName),
    /// The program did not start.
    #[error("{program:?} cannot be started: {why}")]
    Start {
        /// The program as given.
        program: OsString,
        /// Why.
        why: String,
    },
    /// A file or socket below `.cellphone`.
    #[error(transparent)]
    Disk(#[from] crate::fsio::FsError),
    /// Something of the system.
    #[error("cannot {0}: {1}")]
    System(&'static str, std::io::Error),
    /// No pseudo-terminals and sockets of this kind.
    #[error("hosting a program is not available on this platform; use the command channel instead")]
    Platform,
}

/// Hosts the program until it ends and returns its exit code: its own, or
/// 128 + the number of the signal that ended it.
///
/// # Errors
/// When the agent has a host already or the program cannot be started.
#[cfg(unix)]
pub fn run(options: &HostOptions) -> Result<u8, HostError> {
    unix::run(options)
}

/// Hosts a program: not on this platform.
///
/// # Errors
/// Always [`HostError::Platform`].
#[cfg(not(unix))]
pub fn run(_options: &HostOptions) -> Result<u8, HostError> {
    Err(HostError::Platform)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
