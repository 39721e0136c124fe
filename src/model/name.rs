//! Names of agents and people: what may become a folder on every platform.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ModelError;

/// The name of an agent or a person: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`, no
/// Windows device name.
///
/// Two names that differ only in case are the same mailbox on some file
/// systems, so [`AgentName::same`] ignores case; the roster refuses twins. A
/// clone shares the text: the daemon holds names by the hundred thousand.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentName(Arc<str>);

const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

impl AgentName {
    /// Longest name, in bytes.
    pub const MAX: usize = 64;

    /// Checks a name.
    ///
    /// # Errors
    /// [`ModelError::Name`] says which rule is broken.
    pub fn new(text: impl Into<String>) -> Result<Self, ModelError> {
        let text = text.into();
        match Self::fault(&text) {
            Some(why) => Err(ModelError::Name(text, why)),
            None => Ok(Self(text.into())),
        }
    }

    fn fault(text: &str) -> Option<&'static str> {
        if text.is_empty() {
            return Some("it is empty");
        }
        if text.len() > Self::MAX {
            return Some("it is longer than 64 characters");
        }
        if !text.as_bytes()[0].is_ascii_alphanumeric() {
            return Some("it must begin with a letter or a digit");
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Some("only letters, digits, `-` and `_` are allowed");
        }
        let lower = text.to_ascii_lowercase();
        let numbered =
            |stem: &str| lower.strip_prefix(stem).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit());
        if DEVICES.contains(&lower.as_str()) || numbered("com") || numbered("lpt") {
            return Some("it is a device name on Windows");
        }
        None
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both name the same mailbox: equal without regard to case.
    #[must_use]
    pub fn same(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }

    /// Whether this is a sender that has no mailbox: `system`,
    /// `discord-USER`, `webhook-NAME`. Such names may not be on the roster.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let lower = self.0.to_ascii_lowercase();
        lower == "system" || lower.starts_with("discord-") || lower.starts_with("webhook-")
    }

    /// The sender of what the program itself has to say.
    #[must_use]
    pub fn system() -> Self {
        Self("system".into())
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for AgentName {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Self, ModelError> {
        Self::new(text)
    }
}

impl TryFrom<String> for AgentName {
    type Error = ModelError;
    fn try_from(text: String) -> Result<Self, ModelError> {
        Self::new(text)
    }
}

impl From<AgentName> for String {
    fn from(name: AgentName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl AsRef<str> for AgentName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
