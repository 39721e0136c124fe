//! Roles and what each may do, as values. Which role an agent has stands in
//! the roster; the check itself is made in `office/`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentName, ModelError, OnForged, Priority, Sealing, Signing};

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

/// What one role may do. Read from the approved copy of `config/roles.yaml`;
/// [`RolePolicy::built_in`] stands in for what is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolePolicy {
    /// Highest priority that is delivered as asked; above it is lowered.
    #[serde(default)]
    pub max_priority: Priority,
    /// May send at all.
    #[serde(default = "yes")]
    pub send: bool,
    /// May write to `@all`.
    #[serde(default = "yes")]
    pub broadcast: bool,
    /// May change the roster and other agents' state, approve files and apply
    /// retention.
    #[serde(default)]
    pub manage: bool,
    /// Whether what it sends is signed.
    #[serde(default)]
    pub sign: Signing,
    /// Whether what it sends is sealed.
    #[serde(default)]
    pub seal: Sealing,
    /// What becomes of forged mail in its inbox.
    #[serde(default)]
    pub forged: OnForged,
}

const fn yes() -> bool {
    true
}

impl RolePolicy {
    /// The policy a role has when no file says otherwise: an unknown role is
    /// treated as `agent`.
    #[must_use]
    pub fn built_in(role: &Role) -> Self {
        let base = Self {
            max_priority: Priority::Normal,
            send: true,
            broadcast: true,
            manage: false,
            sign: Signing::default(),
            seal: Sealing::default(),
            forged: OnForged::default(),
        };
        match role.as_str() {
            "captain" | "human" | "operator" | "system" => {
                Self { max_priority: Priority::Critical, manage: true, ..base }
            }
            "reviewer" => Self { max_priority: Priority::Urgent, ..base },
            "observer" => Self { send: false, broadcast: false, ..base },
            _ => base,
        }
    }
}
