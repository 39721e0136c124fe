//! How much a message may disturb.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The priority of a message. Ordered: `Critical` is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// The usual. `regular`, the word of earlier systems, is read as this.
    #[default]
    #[serde(alias = "regular")]
    Normal,
    /// Shortens the cooldown before a nudge.
    Urgent,
    /// Also escalates when it is not seen.
    Critical,
}

impl Priority {
    /// The word in the front matter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Urgent => "urgent",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Priority {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "normal" | "regular" => Ok(Self::Normal),
            "urgent" => Ok(Self::Urgent),
            "critical" => Ok(Self::Critical),
            other => Err(format!("{other:?} is not a priority; use normal, urgent or critical")),
        }
    }
}
