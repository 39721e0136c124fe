//! How one attempt ended, in grades: what was only put off, what was typed,
//! what was submitted. *Woken* is not here: no channel can know it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::target::PinnedProcess;

/// Why a nudge was put off. Nothing is wrong: it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The program shows no prompt: it works, or it is something else.
    Busy,
    /// It asks a question that a keystroke would answer.
    Dialog,
    /// A text that was not ours stands in the composer.
    Draft,
    /// The human touched the keyboard a moment ago.
    HumanActive,
    /// The pane is in copy-mode or another mode of its multiplexer.
    CopyMode,
    /// A full-screen program covers the prompt.
    Alternate,
    /// A bare shell is there, and no program of the agent's.
    Absent,
    /// The screen keeps changing.
    Unsettled,
    /// Another nudge is being typed on this screen or pane.
    Locked,
    /// What was typed did not appear; it was taken out again.
    NoEcho,
    /// What was typed was not accepted by Enter; it was taken out again.
    NotSubmitted,
    /// Typed text stands where it could not be taken out safely.
    Stranded,
    /// Keystrokes would also reach other panes.
    Synchronized,
    /// The window did not get the focus, or lost it.
    NoFocus,
    /// Another window lies over the place where it would be typed.
    Covered,
}

impl Reason {
    /// The reason, for a person.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Busy => "the program shows no prompt: it is busy, or not the program the profile describes",
            Self::Dialog => "the program asks a question that a keystroke would answer",
            Self::Draft => "a half-typed draft stands in the composer",
            Self::HumanActive => "the human is typing there",
            Self::CopyMode => "the pane is in copy-mode",
            Self::Absent => "only a shell is there: the agent's program has ended, or has not begun",
            Self::Alternate => "a full-screen program covers the prompt",
            Self::Unsettled => "the screen keeps changing",
            Self::Locked => "another nudge is being typed there",
            Self::NoEcho => "the text did not appear where it was typed; it was taken out again",
            Self::NotSubmitted => "Enter did not submit the text; it was taken out again",
            Self::Stranded => "the typed text could not be taken out without touching the human's",
            Self::Synchronized => "the pane's input is synchronized with other panes, or off",
            Self::NoFocus => "the window did not get the focus",
            Self::Covered => "another window covers the place, or it is off the screen",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Text stands in the window and Enter was not pressed.
    Typed,
    /// Text and Enter; `blind` when nothing could be read back.
    Submitted {
        /// Nothing was read back.
        blind: bool,
    },
    /// Put off; nothing of ours stands in the window, unless the reason is
    /// [`Reason::Stranded`].
    Deferred(Reason),
    /// The channel does not work; the text says how and what to run next.
    Failed(String),
    /// A command or a notification ran.
    Delivered,
}

impl Outcome {
    /// Whether the agent has been told something.
    #[must_use]
    pub const fn told(&self) -> bool {
        matches!(self, Self::Submitted { .. } | Self::Delivered)
    }

    /// A failure with its words.
    #[must_use]
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

/// One attempt on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended.
    pub outcome: Outcome,
    /// The process that was verified: what runs as the agent below it is
    /// proof of waking.
    pub pinned: Option<PinnedProcess>,
    /// When the key that submits was pressed first, on the boot clock: what
    /// ran before is no proof. `None` when none was.
    pub entered: Option<Duration>,
}

impl Attempt {
    /// An attempt without a verified process.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        Self { outcome, pinned: None, entered: None }
    }
}
