//! A drill on the tree itself: what it needs from whoever owns the tree.
//!
//! The disaster takes what it takes; everything else is the drill's own. Mail
//! goes between two agents that exist for the drill alone, a third one is
//! hosted, and nobody else is written to or rung by it. Before anything is
//! broken a plain copy of the tree lies outside it and a snapshot is taken; the
//! plan brings back the snapshot, the way back is made from the copy, and
//! neither needs the other.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::ground::{HOSTED, kept};
use super::manifest::Manifest;
use super::runbook::Values;
use crate::config::Root;
use crate::fsio::{Dir, FsError, Lock};
use crate::model::AgentName;

pub use super::ground::NoGround;

/// Reads what the senders write, and answers the probes.
pub const READER: &str = "Drill-A";
/// Writes.
pub const WRITER: &str = "Drill-B";
/// Those who exist for the drill alone; the last one is hosted.
pub const CAST: [&str; 3] = [READER, WRITER, HOSTED];

/// A tree that is ready to be broken.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Whoever runs the drill, and the plan.
    pub person: AgentName,
    /// Whom the disaster takes, and another agent.
    pub victims: (AgentName, AgentName),
    /// What the plan is filled with, as `drill plan` fills it.
    pub values: Values,
    /// The safety snapshot, and when it was taken.
    pub snapshot: (String, Timestamp),
    /// A folder on the tree's file system, into which broken things are moved.
    pub scratch: PathBuf,
    /// A folder outside the tree.
    pub shelf: PathBuf,
    /// The plain copy, in it: what is not there is not broken either.
    pub copy: PathBuf,
}

/// A tree that can be broken, and be made whole.
pub trait LiveTree {
    /// What a command line says to choose the same: ` --live --agent Agent-3`.
    fn options(&self) -> String;

    /// Makes it ready: from here on a drill that is killed leaves a mark, and
    /// whoever comes next makes the tree whole.
    ///
    /// # Errors
    /// A sentence. [`LiveTree::way_back`] is called all the same.
    fn prepare(&self) -> Result<Prepared, String>;

    /// Makes it whole from the plain copy, removes what was there for the drill
    /// alone, and says what was done.
    ///
    /// # Errors
    /// A sentence: what is not as it was. The copy is still there.
    fn way_back(&self) -> Result<String, String>;
}

/// Copies everything that belongs to a root, while it lives: mail,
/// configuration, hooks, journal and spool.
///
/// # Errors
/// A sentence: there is no room, or what cannot be read.
pub fn copy(root: &Root, to: &Dir) -> Result<(), String> {
    kept(root, to, 0)
}

/// What of a tree as it was is missing or other bytes now, by paths; a message
/// is found by its name, wherever it lies.
///
/// # Errors
/// What cannot be read.
pub fn differences(was: &Path, is: &Path) -> Result<Vec<String>, FsError> {
    let (found, _) = Manifest::take(was)?.compare(&Manifest::take(is)?, &[]);
    Ok(found.missing.into_iter().chain(found.altered).collect())
}

/// Keeps every drill of the root away as long as it is held.
///
/// # Errors
/// One runs, or the lock cannot be had.
pub fn hold(root: &Root) -> Result<Lock, NoGround> {
    super::ground::hold(root)
}

/// Ends what a drill that was killed has left running, by the folder outside
/// the tree that it was started with.
///
/// # Errors
/// One does not end.
pub fn end_left(shelf: &Path) -> Result<(), String> {
    super::ground::end_all(shelf)
}
