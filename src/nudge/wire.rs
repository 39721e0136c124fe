//! What the daemon and a host say to each other: one JSON document a line,
//! over `.cellphone/pty/AGENT.sock`.

#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::grid::Screen;
use super::key::Key;
use super::outcome::Outcome;
use super::profile::Profile;
use super::target::PinnedProcess;

/// Longest line, in bytes: a message of the greatest size, escaped.
pub const LINE: u64 = 24 * 1024 * 1024;

/// What a host is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// What the program shows.
    Screen,
    /// Who is hosted.
    Identity,
    /// Hold the conversation of a nudge.
    Nudge {
        /// What to type.
        text: String,
        /// How the program looks and submits.
        profile: Box<Profile>,
        /// How long the human must have been quiet, in milliseconds.
        human_idle_ms: u64,
        /// Judge only.
        #[serde(default)]
        dry_run: bool,
    },
    /// Press one key, after the same gates.
    Press {
        /// Which.
        key: Key,
        /// How the program looks.
        profile: Box<Profile>,
        /// How long the human must have been quiet, in milliseconds.
        human_idle_ms: u64,
    },
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The picture.
    Screen(Screen),
    /// The hosted program.
    Identity {
        /// Whose window it is.
        agent: String,
        /// The program's process.
        process: PinnedProcess,
        /// The host's own process id.
        host: u32,
    },
    /// How the nudge ended, and below which process proof is looked for.
    Attempt {
        /// How it ended.
        outcome: Outcome,
        /// The program's process.
        process: PinnedProcess,
        /// When the key that submits was pressed first, on the boot clock.
        #[serde(default)]
        entered: Option<Duration>,
    },
    /// The request was not understood.
    Error(String),
}

/// The directory of the sockets, below `.cellphone`.
pub const FOLDER: &str = "pty";

/// The name of an agent's socket in [`FOLDER`].
#[must_use]
pub fn socket_name(agent: &crate::model::AgentName) -> String {
    format!("{agent}.sock")
}

/// A path by which a socket can be bound or reached. `sun_path` holds some
/// 100 bytes: a longer path goes through the handle of its directory, which
/// must live as long as the path is used.
///
/// # Errors
/// When the directory cannot be opened, or the path is too long where there
/// is no `/proc`.
#[cfg(unix)]
pub fn reachable(folder: &Path, name: &str) -> std::io::Result<(Option<std::fs::File>, PathBuf)> {
    use std::os::fd::AsRawFd;
    const LONGEST: usize = 103;
    let path = folder.join(name);
    if path.as_os_str().len() <= LONGEST {
        return Ok((None, path));
    }
    if !cfg!(target_os = "linux") {
        return Err(std::io::Error::other(format!("{} is too long for a socket", path.display())));
    }
    let handle = std::fs::File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", handle.as_raw_fd()));
    Ok((Some(handle), path))
}
