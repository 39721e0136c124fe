//! What watches over a root all the time, and what drills expect to notice
//! their disasters.

use serde::{Deserialize, Serialize};

/// Something that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// A mailbox of the roster is missing, or a folder of it.
    MissingMailbox,
    /// A message is not what its digest says.
    Damage,
    /// The journal's chain is broken, or the journal is gone.
    JournalChain,
    /// The newest snapshot is too old, or a repository is damaged, flooded or unreachable.
    Snapshots,
    /// The wall clock jumped.
    ClockJump,
    /// A disk is nearly full.
    DiskSpace,
    /// More mail arrives in a mailbox than is read.
    MailStorm,
    /// The configuration cannot be read, or is not what was approved.
    Configuration,
    /// A drill is overdue, or the last one failed.
    Drills,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    Notice,
    /// To be looked at today.
    Warning,
    /// To be looked at now.
    Critical,
}
