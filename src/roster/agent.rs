//! One entry of the roster as a value, and as it stands in the file.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{parse_duration, show_duration};
use crate::model::{AgentName, Party, QuietHours, Role};

/// An agent or a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The mailbox.
    pub name: AgentName,
    /// What it may do.
    pub role: Role,
    /// How its window rings, in this order.
    pub channels: Vec<Channel>,
    /// The program in the window, as the profiles name it.
    pub profile: Option<String>,
    /// How a nudge is made.
    pub nudge: NudgeOptions,
    /// Whose mail it does not take.
    pub block: Vec<Party>,
}

impl Agent {
    /// An agent of role `agent` without a channel.
    #[must_use]
    pub fn new(name: AgentName) -> Self {
        Self {
            name,
            role: Role::agent(),
            channels: Vec::new(),
            profile: None,
            nudge: NudgeOptions::default(),
            block: Vec::new(),
        }
    }

    /// Whether it is a person.
    #[must_use]
    pub fn is_human(&self) -> bool {
        self.role == Role::human()
    }
}

/// What sort of window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A program hosted by `cellphone run`.
    Pty,
    /// A tmux pane.
    Tmux,
    /// A program that is run.
    Command,
    /// A window at the agent's screen coordinates.
    Screen,
    /// A desktop notification.
    Desktop,
    /// An address on the web that is told.
    Webhook,
}

impl ChannelKind {
    /// The word in the roster.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pty => "pty",
            Self::Tmux => "tmux",
            Self::Command => "command",
            Self::Screen => "screen",
            Self::Desktop => "desktop",
            Self::Webhook => "webhook",
        }
    }
}

impl std::fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ChannelKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pty, Self::Tmux, Self::Command, Self::Screen, Self::Desktop, Self::Webhook]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no channel; use pty, tmux, command, screen, desktop or webhook"))
    }
}

/// One way to ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What sort of window.
    pub kind: ChannelKind,
    /// Pane, window, name or address; what the kind needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The tmux server, when it is not the usual one: a name or a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmux_socket: Option<String>,
    /// What the window must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// For `command`: the program and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

impl Channel {
    /// A channel of a kind, without a target.
    #[must_use]
    pub const fn new(kind: ChannelKind) -> Self {
        Self { kind, target: None, tmux_socket: None, pin: None, command: Vec::new() }
    }
}

/// The identity a window had when it was registered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// tmux pane id, as `%3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<String>,
    /// Process in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// When that process started: field 22 of `/proc/PID/stat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// X11 window id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// X11 window class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Pattern of the window's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// What a nudge types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NudgeContent {
    /// The fixed notice that mail is there.
    #[default]
    Notice,
    /// The message itself, without control characters.
    Message,
}

/// When Enter is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Submit {
    /// Only when what was typed could be read back.
    #[default]
    Verified,
    /// Also where nothing can be read back.
    Blind,
}

/// How a nudge of one agent is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NudgeOptions {
    /// What is typed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub content: NudgeContent,
    /// When it is submitted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub submit: Submit,
    /// Least time between two nudges, when not the usual one.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Duration>,
    /// Do not disturb: mail waits, nothing rings.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dnd: Dnd,
    /// Local time in which nothing rings, when not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    /// Whether urgent mail rings in quiet hours, when not as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_urgent: Option<bool>,
    /// Time after which urgent mail that woke nobody is brought to others,
    /// when not the usual one.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub urgent_deadline: Option<Duration>,
    /// Nudges within an hour, when not as many as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u32>,
}

/// Do not disturb: off, on, or until a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dnd {
    /// The window rings.
    #[default]
    Off,
    /// It does not.
    On,
    /// It does not until then.
    Until(Timestamp),
}

impl Dnd {
    /// Whether it holds at a time.
    #[must_use]
    pub fn holds(self, now: Timestamp) -> bool {
        match self {
            Self::Off => false,
            Self::On => true,
            Self::Until(end) => now < end,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DndText {
    Switch(bool),
    Until(Timestamp),
}

impl Serialize for Dnd {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => DndText::Switch(false),
            Self::On => DndText::Switch(true),
            Self::Until(end) => DndText::Until(*end),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Dnd {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match DndText::deserialize(from) {
            Ok(DndText::Switch(false)) => Ok(Self::Off),
            Ok(DndText::Switch(true)) => Ok(Self::On),
            Ok(DndText::Until(end)) => Ok(Self::Until(end)),
            Err(_) => {
                Err(serde::de::Error::custom("`dnd` is true, false or the time of its end, as 2026-11-24T18:00:00Z"))
            }
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

mod duration {
    use super::{Deserialize, Duration, parse_duration, show_duration};
    use serde::{Deserializer, Serializer};

    #[allow(clippy::ref_option)] // The shape serde asks for.
    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&show_duration(value.unwrap_or_default()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|t| parse_duration(&t).map_err(serde::de::Error::custom)).transpose()
    }
}

/// What stands below a name in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(default = "Role::agent")]
    pub(super) role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) channels: Vec<Channel>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) nudge: NudgeOptions,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) block: Vec<Party>,
}

impl Entry {
    pub(super) fn of(agent: &Agent) -> Self {
        let Agent { name: _, role, channels, profile, nudge, block } = agent.clone();
        Self { role, profile, channels, nudge, block }
    }

    pub(super) fn named(self, name: AgentName) -> Agent {
        let Self { role, profile, channels, nudge, block } = self;
        Agent { name, role, channels, profile, nudge, block }
    }
}
