//! Breaking things, truly where that is possible and harmless, else so that it
//! looks the same; which of the two is told.
//!
//! Everything stays within its [`Site`]: a path that leaves the root is
//! refused when a scenario is read and again here, no link is followed, and
//! children get the site's environment and nothing else. Every choice comes
//! from the dice that are handed in, so a seed breaks the same things again.
//! What goes on outside the tree (a dead network, a full disk) is ended by
//! [`mend`], which is what a person does by hand.

mod files;
mod pack;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::outcome::Injected;
use crate::fsio::{Dir, FsError};
use crate::model::AgentName;

/// One thing to break. In YAML `do:` names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Injection {
    /// Deletes a file or folder; `.` is the whole root.
    Delete {
        /// Below the root; `{agent}` and `{other}` stand for their names.
        path: String,
    },
    /// Turns bits over in messages, as a disk does that rots: size and times
    /// stay as they were.
    FlipBits {
        /// The folder in which they lie, at any depth.
        path: String,
        /// In how many, at most.
        messages: usize,
    },
    /// Turns bits over in the packs of a repository.
    FlipPack {
        /// Which one.
        repository: Which,
    },
    /// Cuts a file down to its beginning.
    Truncate {
        /// Below the root; a folder means the largest file in it.
        path: String,
        /// Bytes that are left.
        keep: u64,
    },
    /// Writes rubbish over a file.
    Rubbish {
        /// Below the root.
        path: String,
    },
    /// Exchanges and moves coordinates, so that each is another's.
    Scramble {},
}

/// A repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one that is used.
    First,
    /// The one it is copied to.
    Second,
    /// Every one there is.
    All,
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
    pub agent: AgentName,
    /// Another agent.
    pub other: AgentName,
    /// The whole environment of children.
    pub environment: Vec<(String, String)>,
}

impl Site {
    /// This program with the site's environment and root, nothing of the
    /// person's.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = self.bare(&self.program);
        command.arg("--root").arg(&self.root);
        command
    }

    /// Another program with the site's environment, in its scratch folder.
    fn bare(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.scratch).stdin(std::process::Stdio::null());
        command
    }

    fn fill(&self, path: &str) -> String {
        path.replace("{agent}", self.agent.as_str()).replace("{other}", self.other.as_str())
    }
}

impl Injection {
    /// The path below the root that it is about, unfilled.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Delete { path }
            | Self::FlipBits { path, .. }
            | Self::Truncate { path, .. }
            | Self::Rubbish { path } => Some(path),
            _ => None,
        }
    }

    /// Whether it touches nothing beyond the root, so that a safety snapshot
    /// is a way back.
    #[must_use]
    pub fn stays_in_the_root(&self) -> bool {
        !matches!(self, Self::FlipPack { .. })
    }
}

/// Whether a path stays below the root, by its words alone.
///
/// # Errors
/// Why it does not.
pub fn check_path(path: &str) -> Result<(), String> {
    if path == "." {
        return Ok(());
    }
    let leaves = |part: &str| matches!(part, "" | "." | "..") || part.contains(['\\', ':', '\0']);
    if path.split('/').any(leaves) {
        return Err(format!("{path:?} is no path below the root; write it as `agent_workspaces/{{agent}}/inbox`"));
    }
    Ok(())
}

/// Carries one out.
///
/// # Errors
/// A sentence: it could not be made.
pub fn carry_out(what: &Injection, site: &Site, dice: &mut fastrand::Rng) -> Result<Injected, String> {
    match what {
        Injection::Delete { path } => files::delete(site, path),
        Injection::FlipBits { path, messages } => files::flip_bits(site, path, *messages, dice),
        Injection::FlipPack { repository } => pack::flip(site, *repository, dice),
        Injection::Truncate { path, keep } => files::truncate(site, path, *keep),
        Injection::Rubbish { path } => files::rubbish(site, path, dice),
        Injection::Scramble {} => files::scramble(site, dice),
    }
}

/// Ends what an injection keeps up outside the tree, as a person does by hand
/// or time does; a sentence says what was ended. May be called more than
/// once, and after an injection that was never made.
///
/// # Errors
/// A sentence: it could not be ended.
pub fn mend(what: &Injection, _site: &Site) -> Result<Option<String>, String> {
    match what {
        Injection::Delete { .. }
        | Injection::FlipBits { .. }
        | Injection::FlipPack { .. }
        | Injection::Truncate { .. }
        | Injection::Rubbish { .. }
        | Injection::Scramble {} => Ok(None),
    }
}

/// Something that happened as it would in life.
fn truly(what: impl Into<String>) -> Injected {
    Injected { what: what.into(), real: true, how: String::new() }
}

fn told(e: FsError) -> String {
    e.to_string()
}

/// The folder and the last name of a path below a folder; no part of the way
/// may be a link.
fn spot(top: &Path, path: &str) -> Result<(Dir, String), String> {
    check_path(path)?;
    let dir = Dir::open(top).map_err(told)?;
    match path.rsplit_once('/') {
        Some((folder, name)) => Ok((dir.below(folder).map_err(told)?, name.to_owned())),
        None => Ok((dir, path.to_owned())),
    }
}

#[cfg(test)]
mod tests;
