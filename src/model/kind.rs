//! What sort of message it is, derived from the roles of its two ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Role;

/// The kind of a message, as in the front matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Free text from a sender that is not on the roster.
    Text,
    /// To everyone.
    Broadcast,
    /// The text that introduces an agent to its role.
    Onboarding,
    /// Between two agents.
    AgentToAgent,
    /// From the captain to an agent.
    CaptainToAgent,
    /// From an agent to the captain.
    AgentToCaptain,
    /// From the program.
    SystemToAgent,
    /// From a person.
    HumanToAgent,
    /// The acknowledgement of a message; never acknowledged itself.
    Receipt,
}

const ALL: [(Kind, &str); 9] = [
    (Kind::Text, "text"),
    (Kind::Broadcast, "broadcast"),
    (Kind::Onboarding, "onboarding"),
    (Kind::AgentToAgent, "agent_to_agent"),
    (Kind::CaptainToAgent, "captain_to_agent"),
    (Kind::AgentToCaptain, "agent_to_captain"),
    (Kind::SystemToAgent, "system_to_agent"),
    (Kind::HumanToAgent, "human_to_agent"),
    (Kind::Receipt, "receipt"),
];

impl Kind {
    /// The kind that follows from who writes to whom. `to` is the role of the
    /// only recipient, or `None` for several; `everyone` is true for `@all`.
    #[must_use]
    pub fn derive(from: Option<&Role>, to: Option<&Role>, everyone: bool) -> Self {
        if everyone {
            return Self::Broadcast;
        }
        let Some(from) = from else { return Self::Text };
        match (from.as_str(), to.map(Role::as_str)) {
            ("system", _) => Self::SystemToAgent,
            ("human" | "operator", _) => Self::HumanToAgent,
            ("captain", _) => Self::CaptainToAgent,
            (_, Some("captain")) => Self::AgentToCaptain,
            _ => Self::AgentToAgent,
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|(kind, _)| *kind)
    }

    /// Whether a sender may choose it; the others follow from the two ends.
    #[must_use]
    pub const fn is_for_senders(self) -> bool {
        matches!(self, Self::Text | Self::Broadcast | Self::Onboarding)
    }

    /// The word in the front matter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ALL.iter().find(|(kind, _)| *kind == self).map_or("text", |(_, word)| word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        ALL.iter().find(|(_, word)| *word == text).map(|(kind, _)| *kind).ok_or_else(|| {
            let words: Vec<_> = ALL.iter().map(|(_, word)| *word).collect();
            format!("{text:?} is not a kind; use one of {}", words.join(", "))
        })
    }
}
