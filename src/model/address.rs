//! Who a message is for, as written: an agent, everyone of a role, or one of
//! a role.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentName, ModelError, Role};

/// An address as written in `to:` and `--to`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// One mailbox: `Agent-1`.
    Agent(AgentName),
    /// Every mailbox but the sender's: `@all`.
    All,
    /// Everyone who has the role: `@captain`.
    Role(Role),
    /// The least loaded one who has the role: `any:@reviewer`.
    Any(Role),
}

impl Address {
    /// Whether one address can mean several mailboxes.
    #[must_use]
    pub fn is_group(&self) -> bool {
        matches!(self, Self::All | Self::Role(_))
    }

    /// Reads a comma-separated list, as `--to` takes it.
    ///
    /// # Errors
    /// [`ModelError::Address`] names the part that is wrong.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ModelError> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
    }
}

impl std::str::FromStr for Address {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let wrap = |e: ModelError| ModelError::Address(text.to_owned(), e.to_string());
        if let Some(rest) = text.strip_prefix("any:") {
            let role = rest.strip_prefix('@').ok_or_else(|| {
                ModelError::Address(text.to_owned(), "after `any:` comes a role, as `any:@reviewer`".into())
            })?;
            return Ok(Self::Any(Role::new(role).map_err(wrap)?));
        }
        match text.strip_prefix('@') {
            Some("all") => Ok(Self::All),
            Some(role) => Ok(Self::Role(Role::new(role).map_err(wrap)?)),
            None => Ok(Self::Agent(AgentName::new(text).map_err(wrap)?)),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = ModelError;
    fn try_from(text: String) -> Result<Self, ModelError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(name) => write!(f, "{name}"),
            Self::All => f.write_str("@all"),
            Self::Role(role) => write!(f, "@{role}"),
            Self::Any(role) => write!(f, "any:@{role}"),
        }
    }
}
