//! What happened: the entries of the journal and of every event stream.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AgentName, MessageId};

/// What sort of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A message was accepted from its sender.
    Accepted,
    /// It became visible in one recipient's inbox.
    Delivered,
    /// It was refused, or its priority lowered; the detail says why.
    Refused,
    /// Its owner read it.
    Read,
    /// It was claimed under a lease.
    Claimed,
    /// It was given back, by its holder or because the lease expired.
    Released,
    /// Its holder finished it.
    Done,
    /// It was acknowledged.
    Acked,
    /// It went to the archive.
    Archived,
    /// Retention deleted it from the archive, which was over its size.
    Deleted,
    /// It went to `dead/`; the detail says why.
    Dead,
    /// A dead letter was sent again.
    Retried,
    /// Its expiry passed.
    Expired,
    /// Its deadline passed, or nobody could be woken; the captain was told.
    Escalated,
    /// A nudge was put off; the detail names the gate.
    Deferred,
    /// A nudge was typed into a window.
    Typed,
    /// A nudge was submitted there.
    Submitted,
    /// The agent ran a command from the window that was nudged, or its own hook
    /// told it: proof.
    Woken,
    /// Mail left `new/` without such proof.
    Moved,
    /// A nudge had nothing more to say.
    Retracted,
    /// A channel failed; the detail says how.
    NudgeFailed,
    /// Two agents answer each other without end; their ringing was slowed down.
    Damped,
    /// A step of an onboarding; the detail says which, and how it ended.
    Onboarding,
    /// A hook ran; the detail has its exit status.
    Hook,
    /// The daemon started.
    Started,
    /// The daemon stopped.
    Stopped,
    /// Configuration was read anew, or could not be.
    Config,
    /// An agent joined, or its roster entry changed.
    Joined,
    /// A token was made or revoked, or somebody signed in; the detail says which.
    Token,
    /// A snapshot was taken, or some were given up.
    Snapshot,
    /// A repository of snapshots was checked; the detail says with what result.
    Checked,
    /// The health of the snapshots turned bad, or good again; the detail says why.
    SnapshotHealth,
    /// `doctor` repaired something.
    Repaired,
    /// A snapshot, or a part of one, was brought back into the tree.
    Restored,
    /// A drill ended; the detail says which, and whether it passed.
    Drill,
    /// A detector found something; the detail names it, how bad it is, and the runbook.
    Alarm,
    /// What a detector had found is over.
    AllClear,
    /// Something that should be looked at: watching fell back, a worker ended.
    Warning,
}

impl EventKind {
    /// The word in the journal.
    #[must_use]
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The kind with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: EventKind,
    /// Which message, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// Whose mailbox or window, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// More, by name. Never holds a body or a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
}

impl Event {
    /// An event without message, agent and detail.
    #[must_use]
    pub const fn new(at: Timestamp, event: EventKind) -> Self {
        Self { at, event, id: None, agent: None, detail: BTreeMap::new() }
    }

    /// Names the message.
    #[must_use]
    pub fn id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    /// Names the agent.
    #[must_use]
    pub fn agent(mut self, agent: &AgentName) -> Self {
        self.agent = Some(agent.clone());
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.detail.insert(key.to_owned(), value.to_string());
        self
    }
}
