//! What a nudge needs to know about its agent, and no more.
//!
//! The roster maps onto these types in `office/wake.rs`; nothing here reads a
//! file. Everything in a [`Target`] comes from the approved roster: an agent
//! that can write the tree cannot choose where keystrokes go.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::profile::Profile;
use super::screen::picture::{Area, Composer};
use crate::model::AgentName;

/// A process that was recorded once, so that a reused pid is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PinnedProcess {
    /// Process id.
    pub pid: u32,
    /// When it started: field 22 of `/proc/PID/stat` on Linux (clock ticks
    /// since boot); elsewhere a number that differs between processes.
    pub start: u64,
}

/// Whether a nudge may press Enter where nothing can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubmitRule {
    /// Only when what was typed could be read back.
    #[default]
    Verified,
    /// Also when it could not; such submits are counted apart.
    Blind,
}

/// A tmux pane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TmuxTarget {
    /// Socket: a path (`-S`) or a name (`-L`); tmux's default when absent.
    pub socket: Option<String>,
    /// Pinned pane id, as `%5`.
    pub pane: Option<String>,
    /// Pinned process of the pane.
    pub process: Option<PinnedProcess>,
}

/// A window of a screen, and where in it the agent listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScreenTarget {
    /// The X display, as `:0`; `DISPLAY` when absent.
    pub display: Option<String>,
    /// Pinned window id.
    pub window: Option<u32>,
    /// Pinned class: the second word of `WM_CLASS`.
    pub class: Option<String>,
    /// Pinned pid, by `_NET_WM_PID`.
    pub pid: Option<u32>,
    /// Pinned start of that process.
    pub start: Option<u64>,
    /// Pattern of the title: `*` stands for anything.
    pub title: Option<String>,
    /// Where to click: the entry of `config/coordinates.json`.
    pub spot: Option<Spot>,
    /// Where the window was when that place was taken: a window that was
    /// moved since, and kept its size, took the place along.
    pub home: Option<Area>,
    /// How its composer looks when it is empty; without it nothing that is
    /// typed can be read back.
    pub composer: Option<Arc<Composer>>,
}

/// A point of `config/coordinates.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Pixels from the left edge of the whole screen.
    pub x: i32,
    /// Pixels from its top edge.
    pub y: i32,
}

/// How the agent is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A program hosted by `cellphone run`.
    Pty,
    /// A tmux pane.
    Tmux(TmuxTarget),
    /// A window on a screen.
    Screen(ScreenTarget),
    /// A program of the roster: its argument list.
    Command(Vec<String>),
    /// A notification on the desktop.
    Desktop,
    /// An address that is told.
    Webhook(String),
}

impl Way {
    /// The channel's name in the roster and the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pty => "pty",
            Self::Tmux(_) => "tmux",
            Self::Screen(_) => "screen",
            Self::Command(_) => "command",
            Self::Desktop => "desktop",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// One agent on one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Whose window.
    pub agent: AgentName,
    /// How it is reached.
    pub way: Way,
    /// How its program looks and submits.
    pub profile: Profile,
    /// What may be done without a read-back.
    pub submit: SubmitRule,
}

impl Target {
    /// A target with the built-in profile and no blind submits.
    #[must_use]
    pub fn new(agent: AgentName, way: Way) -> Self {
        Self { agent, way, profile: Profile::generic_shell(), submit: SubmitRule::Verified }
    }
}
