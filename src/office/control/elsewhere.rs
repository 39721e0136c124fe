//! No such socket here: every connection is refused.

use std::path::Path;
use std::time::Duration;

use super::{Answer, ControlError, Request, Result};

/// A connection to the daemon: not on this platform.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// Refuses.
    ///
    /// # Errors
    /// Always [`ControlError::Platform`].
    pub fn connect(_state: &Path, _patience: Duration) -> Result<Self> {
        Err(ControlError::Platform)
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always [`ControlError::Platform`].
    pub fn put(&mut self, _request: &Request) -> Result<()> {
        Err(ControlError::Platform)
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always [`ControlError::Platform`].
    pub fn take(&mut self) -> Result<Answer> {
        Err(ControlError::Platform)
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always [`ControlError::Platform`].
    pub fn follow(&mut self) -> Result<Option<Answer>> {
        Err(ControlError::Platform)
    }
}
