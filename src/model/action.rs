//! What somebody wants to do, as far as a role decides it: the one list that
//! `roles.yaml`, `roles test --may` and every use case speak of.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{AgentName, Kind};

/// Something that a role either may or may not do, whatever it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Write to `@all`.
    Broadcast,
    /// Ring another's window.
    Ring,
    /// Take snapshots and copy them.
    Snapshot,
    /// Delete for good: snapshots, the archive, what restores put aside.
    Prune,
    /// Bring back what a snapshot holds, and the sheet that says how.
    Restore,
    /// Rehearse disasters.
    Drill,
    /// Change the settings.
    Config,
    /// Tell agents their place.
    Onboard,
    /// Change the roster and another's entry, window or place.
    Roster,
    /// Approve files.
    Trust,
    /// Read another's mail.
    ReadOthers,
}

impl Permission {
    /// All of them, each with its word and the deed in words that follow
    /// "may".
    const LIST: [(Self, &'static str, &'static str); 11] = [
        (Self::Broadcast, "broadcast", "write to @all"),
        (Self::Ring, "ring", "ring another's window"),
        (Self::Snapshot, "snapshot", "take snapshots"),
        (Self::Prune, "prune", "delete snapshots, archives or what restores put aside"),
        (Self::Restore, "restore", "bring back what snapshots hold"),
        (Self::Drill, "drill", "run drills"),
        (Self::Config, "config", "change the settings"),
        (Self::Onboard, "onboard", "onboard agents"),
        (Self::Roster, "roster", "change the roster"),
        (Self::Trust, "trust", "approve files"),
        (Self::ReadOthers, "read_others", "read another's mail"),
    ];

    /// All of them, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::LIST.iter().map(|(one, ..)| *one)
    }

    fn entry(self) -> (&'static str, &'static str) {
        Self::LIST.iter().find(|(one, ..)| *one == self).map_or(("", ""), |(_, word, deed)| (word, deed))
    }

    /// The key in `roles.yaml`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.entry().0
    }

    /// The deed, in words that follow "may".
    #[must_use]
    pub fn deed(self) -> &'static str {
        self.entry().1
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl std::str::FromStr for Permission {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::all().find(|one| one.word() == text).ok_or_else(|| {
            let words: Vec<_> = Self::all().map(Self::word).collect();
            format!("{text:?} is no action; use one of {}", words.join(", "))
        })
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Write to one mailbox, mail of this kind.
    Send {
        /// Whose.
        to: &'a AgentName,
        /// The kind, as derived.
        kind: Kind,
    },
    /// What needs a permission, about nobody in particular.
    Use(Permission),
    /// The same, about somebody: nobody needs one for what is the own.
    On(Permission, &'a AgentName),
}

impl From<Permission> for Action<'_> {
    fn from(permission: Permission) -> Self {
        Self::Use(permission)
    }
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { to, .. } => write!(f, "write to {to}"),
            Self::Use(permission) => f.write_str(permission.deed()),
            Self::On(Permission::Ring, whose) => write!(f, "ring {whose}"),
            Self::On(Permission::ReadOthers, whose) => write!(f, "read the mail of {whose}"),
            Self::On(Permission::Roster, whose) => write!(f, "change the entry of {whose}"),
            Self::On(permission, whose) => write!(f, "{} (here of {whose})", permission.deed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_a_word_that_reads_back_and_a_deed() {
        assert_eq!(Permission::all().count(), 11);
        for one in Permission::all() {
            assert_eq!(one.word().parse::<Permission>().unwrap(), one);
            assert!(!one.deed().is_empty());
        }
        assert!("fly".parse::<Permission>().unwrap_err().contains("read_others"));
    }
}
