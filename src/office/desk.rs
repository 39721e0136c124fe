//! What a surface that lives inside the daemon is handed by it.
//!
//! The daemon knows no surface and a surface knows no daemon; they meet here.

use std::sync::Arc;

use super::Office;
use super::status::{DaemonStatus, HttpStatus};
use crate::model::AgentName;

/// The daemon, as a surface inside it sees it. No call here waits for a disk.
pub trait Desk: Send + Sync {
    /// The office as the configuration in force makes it.
    fn office(&self) -> Arc<Office>;

    /// How the daemon is.
    fn status(&self) -> DaemonStatus;

    /// Has a window tried now, whatever pauses hold.
    ///
    /// # Errors
    /// `by` may not, or nobody has this name; for a person.
    fn nudge(&self, agent: &AgentName, by: &AgentName) -> Result<(), String>;

    /// Changes what `status` says of the door for browsers and programs.
    fn note_http(&self, change: &mut dyn FnMut(&mut HttpStatus));
}
