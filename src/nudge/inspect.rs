//! What the gates see and decide at this moment, for a person: nothing is
//! typed. The verdict is a dry run's; the picture is taken right after it.

use serde::Serialize;

use super::grid::Screen;
use super::target::{PinnedProcess, Target, Way};
use super::{NudgeContext, Outcome, composer, gates, tmux};

/// One look at an agent's window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The channel.
    pub channel: &'static str,
    /// The profile by which it is judged.
    pub profile: String,
    /// The version that the profile was recorded from.
    pub verified: Option<String>,
    /// The process that was verified.
    pub pinned: Option<PinnedProcess>,
    /// How a nudge would end now: `typed` means that it would be typed.
    pub outcome: Outcome,
    /// What the window shows, where that can be read.
    pub screen: Option<Seen>,
}

/// What can be read of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Rows and columns.
    pub size: (usize, usize),
    /// Row and column of the cursor, from 0.
    pub cursor: (usize, usize),
    /// The window's title.
    pub title: String,
    /// First and last row of the composer, from 0; `None` when none is seen.
    pub composer_rows: Option<(usize, usize)>,
    /// What stands in the composer, hints left out.
    pub composer_text: Option<String>,
    /// Whether that is a whole notice for this agent, left by an attempt
    /// that a question cut short.
    pub stranded: bool,
    /// The rows around the composer, or around the cursor.
    pub rows: Vec<String>,
}

/// Rows shown above and below.
const AROUND: usize = 3;

/// Looks at a window as a nudge would.
#[must_use]
pub fn inspect(target: &Target, text: &str, context: &NudgeContext) -> Inspection {
    let context = NudgeContext { dry_run: true, ..context.clone() };
    let attempt = match &target.way {
        Way::Pty => super::pty::nudge(target, text, &context),
        Way::Tmux(pane) => tmux::nudge(target, pane, text, &context),
        Way::Screen(window) => super::screen::nudge(target, window, text, &context),
        Way::Command(_) | Way::Desktop | Way::Webhook(_) => super::Attempt::of(Outcome::Delivered),
    };
    let screen = match &target.way {
        Way::Pty => hosted(target, &context),
        Way::Tmux(pane) => tmux::peek(target, pane, &context).ok(),
        _ => None,
    };
    Inspection {
        channel: target.way.name(),
        profile: target.profile.name.clone(),
        verified: target.profile.verified.clone(),
        pinned: attempt.pinned,
        outcome: attempt.outcome,
        screen: screen.map(|screen| seen(&screen, target, text)),
    }
}

#[cfg(unix)]
fn hosted(target: &Target, context: &NudgeContext) -> Option<Screen> {
    use super::wire::{Reply, Request};
    match super::pty::ask(&target.agent, &Request::Screen, &context.state, context.limit) {
        Ok(Reply::Screen(screen)) => Some(screen),
        _ => None,
    }
}

#[cfg(not(unix))]
fn hosted(_: &Target, _: &NudgeContext) -> Option<Screen> {
    None
}

fn seen(screen: &Screen, target: &Target, text: &str) -> Seen {
    let found = composer::find(screen, &target.profile);
    let (first, last) = found.as_ref().map_or((screen.cursor.0, screen.cursor.0), |found| found.rows);
    let last = last.saturating_add(AROUND).min(screen.rows.len().saturating_sub(1));
    Seen {
        size: (screen.rows.len(), screen.rows.iter().map(Vec::len).max().unwrap_or(0)),
        cursor: screen.cursor,
        title: screen.title.clone(),
        composer_rows: found.as_ref().map(|found| found.rows),
        composer_text: found.map(|found| found.text),
        stranded: gates::stranded(screen, &target.profile, text).is_some(),
        rows: (first.saturating_sub(AROUND)..=last).map(|row| screen.row(row).trim_end().to_owned()).collect(),
    }
}
