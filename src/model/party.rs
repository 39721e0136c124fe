//! Whom a rule is about: everyone, whoever has a role, or one by name. Stands
//! in `send:` of a role and in `block:` of a roster entry.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentName, ModelError, Role};

/// Somebody a rule is about, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Party {
    /// `*`, also written `@all`.
    Everyone,
    /// Whoever has the role: `@reviewer`.
    Role(Role),
    /// One name: `Agent-3`.
    Agent(AgentName),
}

impl Party {
    /// Whether somebody of this name and role is meant.
    #[must_use]
    pub fn includes(&self, name: &AgentName, role: &Role) -> bool {
        match self {
            Self::Everyone => true,
            Self::Role(meant) => meant == role,
            Self::Agent(meant) => meant.same(name.as_str()),
        }
    }

    /// Several, as a person writes a list: `[@captain, Agent-3]`.
    #[must_use]
    pub fn list(parties: &[Self]) -> String {
        let words: Vec<String> = parties.iter().map(ToString::to_string).collect();
        format!("[{}]", words.join(", "))
    }
}

impl std::str::FromStr for Party {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let wrap = |e: ModelError| ModelError::Address(text.to_owned(), e.to_string());
        match text.strip_prefix('@') {
            Some("all") => Ok(Self::Everyone),
            Some(role) => Ok(Self::Role(Role::new(role).map_err(wrap)?)),
            None if text == "*" => Ok(Self::Everyone),
            None => Ok(Self::Agent(AgentName::new(text).map_err(wrap)?)),
        }
    }
}

impl TryFrom<String> for Party {
    type Error = ModelError;
    fn try_from(text: String) -> Result<Self, ModelError> {
        text.parse()
    }
}

impl From<Party> for String {
    fn from(party: Party) -> Self {
        party.to_string()
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Role(role) => write!(f, "@{role}"),
            Self::Agent(name) => write!(f, "{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_read_as_written_and_means_names_and_roles() {
        let (name, role) = (AgentName::new("Agent-3").unwrap(), Role::new("reviewer").unwrap());
        for (text, meant) in [
            ("*", true),
            ("@all", true),
            ("@reviewer", true),
            ("@captain", false),
            ("agent-3", true),
            ("Agent-4", false),
        ] {
            let party: Party = text.parse().unwrap();
            assert_eq!(party.includes(&name, &role), meant, "{text}");
            assert_eq!(party.to_string().parse::<Party>().unwrap(), party, "{text}");
        }
        for bad in ["", "@", "a b", "@../x", "any:@reviewer"] {
            assert!(bad.parse::<Party>().is_err(), "{bad}");
        }
    }
}
