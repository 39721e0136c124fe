//! What the state machine is told and what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::EventKind;
use crate::nudge::outcome::Outcome;

/// What is unread, as the scan found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Unread messages.
    pub unread: usize,
    /// How many of them are urgent or critical.
    pub urgent: usize,
}

/// What a command of the agent, or the scan, has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A command ran as the agent from a process below the pinned one.
    Woken,
    /// Mail left `new/`, by whomever.
    Moved,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A scan of the mailbox; `arrived` when there is mail that the last scan
    /// did not have.
    Unread {
        /// What is unread now.
        now: Waiting,
        /// Something came since the last scan.
        arrived: bool,
    },
    /// The attempt that was asked for has ended.
    Ended(Outcome),
    /// Evidence came in.
    Proof(Proof),
    /// The agent's own hook ran and asks whether to tell it what waits; its
    /// run is the proof of waking. Recorded as woken when it may.
    Hook {
        /// What the hook found unread.
        now: Waiting,
        /// It tells in any case, as at the start of a session.
        anyway: bool,
    },
    /// Time passed, or the policy changed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nudge on this channel (index in the roster) and answer with
    /// [`Input::Ended`].
    Attempt {
        /// Which channel.
        channel: usize,
    },
    /// Write this into the journal.
    Record {
        /// What happened.
        kind: EventKind,
        /// More about it, by name.
        detail: BTreeMap<String, String>,
    },
    /// Tell the captain, with these words.
    EscalateToCaptain(String),
    /// Tell the people, with these words.
    TellPeople(String),
    /// Call again with [`Input::Tick`] at this time, if not earlier.
    WakeAt(Duration),
}

/// Where an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing is to be said.
    Idle,
    /// A nudge is due once its pause is over.
    Due,
    /// One is being made.
    Attempting,
    /// One was submitted; proof is awaited.
    Submitted,
    /// The agent was woken for what is unread; it may take its time.
    Woken,
}
