//! Making an agent's window ring.
//!
//! The mail is in the inbox before anything is typed; a nudge only says so.
//! Two halves that know nothing of each other:
//!
//! * [`machine`] decides *whether and when*: a pure state machine per agent,
//!   with cooldown, retraction, backoff, a breaker per channel, the fallback
//!   chain and the captain at its end.
//! * the channels do *one careful attempt*: identity checked right before
//!   every phase, gates ([`gates`]) over a picture of the terminal
//!   ([`grid`]), text typed, read back, submitted, and looked at again
//!   ([`converse`]). Nothing is ever typed into a window that was not
//!   verified the moment before.
//!
//! Promises: at most one attempt at a time per agent and one typist per
//! screen or pane ([`typist`]); nothing is said when nothing is unread;
//! *woken* only on proof ([`proof`]). Does not read or change a message,
//! a roster or a setting: it is handed a [`Target`] and a [`Notice`].

pub mod breaker;
pub mod command;
pub mod composer;
pub mod converse;
pub mod desktop;
pub mod foreground;
pub mod gates;
pub mod grid;
pub mod host;
pub mod inspect;
pub mod key;
pub mod loops;
pub mod machine;
pub mod notice;
pub mod outcome;
pub mod policy;
pub mod profile;
pub mod proof;
pub mod pty;
#[cfg(test)]
mod recording;
pub mod screen;
pub mod target;
pub mod tmux;
pub mod typist;
pub mod webhook;
pub mod wire;

use std::path::PathBuf;
use std::time::Duration;

pub use key::Key;
pub use notice::Notice;
pub use outcome::{Attempt, Outcome, Reason};
pub use profile::Profile;
pub use target::{PinnedProcess, ScreenTarget, Spot, SubmitRule, Target, TmuxTarget, Way};

use crate::config::SecretSource;

/// What one attempt may use.
#[derive(Debug, Clone)]
pub struct NudgeContext {
    /// The root's `.cellphone`, where hosts have their sockets.
    pub state: PathBuf,
    /// How long the human must have been quiet there.
    pub human_idle: Duration,
    /// Longest run of a command, longest wait for a host's answer.
    pub limit: Duration,
    /// What to paste instead of the notice: a message whose owner asked for
    /// that (`nudge.content: message`). Control characters are removed.
    pub message: Option<String>,
    /// Where the token for webhooks is.
    pub webhook_token: SecretSource,
    /// Judge only; [`Outcome::Typed`] then means that it would be typed.
    pub dry_run: bool,
}

impl NudgeContext {
    /// The usual limits.
    #[must_use]
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self {
            state: state.into(),
            human_idle: Duration::from_secs(5),
            limit: Duration::from_secs(15),
            message: None,
            webhook_token: SecretSource::None,
            dry_run: false,
        }
    }
}

/// Makes one careful attempt. Blocks for milliseconds when all is well, for
/// seconds when a program does not answer: call it on a thread of its own.
#[must_use]
pub fn nudge(target: &Target, notice: &Notice, context: &NudgeContext) -> Attempt {
    let mut target = target.clone();
    if notice.urgent > 0 {
        target.profile.submit = target.profile.urgent;
    }
    let text = match &context.message {
        Some(message) => {
            target.profile.entry = profile::Entry::Paste;
            notice::without_controls(message)
        }
        None => notice.text(),
    };
    match &target.way {
        Way::Pty => pty::nudge(&target, &text, context),
        Way::Tmux(tmux) => tmux::nudge(&target, tmux, &text, context),
        Way::Screen(screen) => screen::nudge(&target, screen, &text, context),
        Way::Command(_) | Way::Desktop | Way::Webhook(_) if context.dry_run => Attempt::of(Outcome::Delivered),
        Way::Command(argv) => command::nudge(argv, notice, context.limit),
        Way::Desktop => desktop::nudge(notice, context.limit),
        Way::Webhook(url) => webhook::nudge(url, notice, context),
    }
}

/// Whether a channel can press a key at all, as far as can be told without
/// looking at the window; else why not.
///
/// # Errors
/// The reason, for a person.
pub fn can_press(way: &Way, key: Key) -> Result<(), String> {
    match way {
        Way::Pty | Way::Tmux(_) if key.bytes().is_some() => Ok(()),
        Way::Pty | Way::Tmux(_) => Err(format!("a terminal has no key {key}")),
        Way::Screen(_) if screen::PRESSES => Ok(()),
        _ => Err(format!("the channel {} presses no single keys", way.name())),
    }
}

/// Presses one key, after the same gates as a nudge. [`Outcome::Typed`] when
/// it was pressed: what a key does cannot be read back.
#[must_use]
pub fn press(target: &Target, key: Key, context: &NudgeContext) -> Attempt {
    match &target.way {
        Way::Pty => pty::press(target, key, context),
        Way::Tmux(tmux) => tmux::press(target, tmux, key, context),
        Way::Screen(screen) => screen::press(target, screen, key, context),
        way => Attempt::of(Outcome::Failed(format!("the channel {} presses no single keys", way.name()))),
    }
}

/// A step of a sequence.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// A text to be submitted.
    Say(&'a str),
    /// A key to be pressed.
    Press(Key),
}

/// Whether a step could be done in a window now, as far as can be told
/// without typing; then [`Outcome::Typed`].
#[must_use]
pub fn rehearse(target: &Target, step: Step<'_>, context: &NudgeContext) -> Outcome {
    match &target.way {
        Way::Screen(screen) => screen::rehearse(target, screen, step, context),
        _ => {
            let nothing = Notice { agent: target.agent.clone(), new: 0, urgent: 0, from: Vec::new(), ids: Vec::new() };
            nudge(target, &nothing, &NudgeContext { dry_run: true, ..context.clone() }).outcome
        }
    }
}
