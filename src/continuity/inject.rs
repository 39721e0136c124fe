//! Breaking things, truly where that is possible and harmless, else so that it
//! looks the same; which of the two is told.

use std::path::PathBuf;

use super::outcome::Injected;

/// One thing to break.
#[derive(Debug, Clone, PartialEq)]
pub enum Injection {
    /// Deletes a path below the root; `.` is the whole root.
    Delete {
        /// With `{agent}` and other placeholders.
        path: String,
    },
}

/// What is broken: the ground of a drill, never the live tree unless it was
/// asked for.
#[derive(Debug)]
pub struct Site {
    /// The root.
    pub root: PathBuf,
    /// The home whose programs and keys it uses (`HOME` and the XDG folders
    /// below it).
    pub home: PathBuf,
    /// The repositories, first one first.
    pub repositories: Vec<PathBuf>,
    /// A folder for what an injection needs, removed afterwards.
    pub scratch: PathBuf,
    /// This program.
    pub program: PathBuf,
    /// The agent that a scenario about one agent takes.
    pub agent: crate::model::AgentName,
}

/// Carries one out.
///
/// # Errors
/// A sentence: it could not be made.
pub fn carry_out(_what: &Injection, _site: &Site, _dice: &mut fastrand::Rng) -> Result<Injected, String> {
    Err("not yet".into())
}
