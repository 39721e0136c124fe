//! The names of roles. What each may do is a [policy](super::policy); which
//! role an agent has stands in the roster.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentName, ModelError};

/// The name of a role: `captain`, `agent`, `reviewer`, `observer`,
/// `operator`, `human`, or one of a person's own. Same letters as an agent's
/// name, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Role(String);

impl Role {
    /// Checks a role's name.
    ///
    /// # Errors
    /// [`ModelError::Name`] when it is not made of the letters of a name, or
    /// is `all`, which is an address of its own.
    pub fn new(text: &str) -> Result<Self, ModelError> {
        let name = AgentName::new(text)?;
        let lower = name.as_str().to_ascii_lowercase();
        if lower == "all" {
            return Err(ModelError::Name(text.to_owned(), "`all` means everyone and is no role"));
        }
        Ok(Self(lower))
    }

    /// The role as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who leads; deadlines and failures are reported there.
    #[must_use]
    pub fn captain() -> Self {
        Self("captain".into())
    }

    /// What an agent is when nothing else is said.
    #[must_use]
    pub fn agent() -> Self {
        Self("agent".into())
    }

    /// A person.
    #[must_use]
    pub fn human() -> Self {
        Self("human".into())
    }

    /// The program itself.
    #[must_use]
    pub fn system() -> Self {
        Self("system".into())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Role {
    type Error = ModelError;
    fn try_from(text: String) -> Result<Self, ModelError> {
        Self::new(&text)
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.0
    }
}
