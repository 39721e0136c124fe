//! May this terminal be disturbed? A pure function from what is seen to a
//! verdict, so that every screen a program ever showed can be replayed.
//!
//! Errs on the side of silence: a screen that is not understood is *busy*.

use std::time::Duration;

use super::composer::{self, Found, padded};
use super::grid::{Screen, squeeze};
use super::notice;
use super::outcome::Reason;
use super::profile::{Pattern, Place, Profile, Turn, WhileBusy};

/// What a picture cannot show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// How long ago the human last typed there, if that can be known.
    pub human_quiet: Option<Duration>,
    /// How long the human must have been quiet.
    pub human_idle: Duration,
    /// Keys of the human that no Enter followed yet.
    pub human_draft: bool,
    /// How long the screen has been still, if that is known.
    pub still: Option<Duration>,
    /// The pane is in copy-mode or another mode of its multiplexer.
    pub copy_mode: bool,
    /// Input would reach other panes too, or none.
    pub synchronized: bool,
    /// A shell that waits for commands is in front: the agent's program has
    /// ended, or has not begun.
    pub bare_shell: bool,
}

/// What the gates say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The composer is there and empty, and nobody is disturbed.
    Ready,
    /// Not now.
    Defer(Reason),
}

/// Rows above the composer in which a busy sign counts.
const BUSY_ABOVE: usize = 6;
/// The same for a question: further up it has been answered.
const DIALOG_ABOVE: usize = 2;

/// Judges one look at a terminal. The first gate that is closed names the
/// reason.
#[must_use]
pub fn judge(screen: &Screen, profile: &Profile, seen: &Seen) -> Verdict {
    let defer = Verdict::Defer;
    if let Some(reason) = unseen(seen) {
        return defer(reason);
    }
    let found = composer::find(screen, profile);
    if asks(screen, profile, found.as_ref()) {
        return defer(Reason::Dialog);
    }
    if screen.alternate && !profile.alternate {
        return defer(Reason::Alternate);
    }
    // A queued text must still find an empty composer.
    if profile.while_busy == WhileBusy::Wait && works(screen, profile, found.as_ref()) {
        return defer(Reason::Busy);
    }
    let Some(found) = found else { return defer(if seen.human_draft { Reason::Draft } else { Reason::Busy }) };
    // Without a prompt an unseen draft is possible: believe the keys.
    if !found.is_empty() || (seen.human_draft && !found.prompted) {
        return defer(Reason::Draft);
    }
    // A box is looked at twice instead: what moves around it is no matter.
    if profile.composer.place != Place::Box && seen.still.is_some_and(|still| still < profile.settle()) {
        return defer(Reason::Unsettled);
    }
    Verdict::Ready
}

/// The gates that need no picture.
fn unseen(seen: &Seen) -> Option<Reason> {
    if seen.synchronized {
        return Some(Reason::Synchronized);
    }
    if seen.copy_mode {
        return Some(Reason::CopyMode);
    }
    if seen.bare_shell {
        return Some(Reason::Absent);
    }
    seen.human_quiet.is_some_and(|quiet| quiet < seen.human_idle).then_some(Reason::HumanActive)
}

/// Whether a key must not be pressed any more although our text stands in
/// the composer: a question came up, or something the picture does not show.
#[must_use]
pub fn interrupted(screen: &Screen, profile: &Profile, seen: &Seen) -> Option<Reason> {
    let found = composer::find(screen, profile);
    let quiet = Seen { human_quiet: None, ..*seen };
    unseen(&quiet).or_else(|| asks(screen, profile, found.as_ref()).then_some(Reason::Dialog))
}

/// Whether a question is asked. A program whose composer is a box shows its
/// questions in the composer's place, or below it; what stands above is what
/// it has said.
fn asks(screen: &Screen, profile: &Profile, found: Option<&Found>) -> bool {
    let from = match (profile.composer.place, found) {
        (Place::Box, Some(found)) => found.rows.1 + 1,
        (Place::Box, None) => 0,
        _ => screen.cursor.0.saturating_sub(DIALOG_ABOVE),
    };
    titled(screen, &profile.dialog.title) || shows(screen, &profile.dialog.screen, from)
}

/// Whether the program works.
fn works(screen: &Screen, profile: &Profile, found: Option<&Found>) -> bool {
    let top = found.map_or(screen.cursor.0, |found| found.rows.0);
    titled(screen, &profile.busy.title)
        || shows(screen, &profile.busy.screen, top.saturating_sub(BUSY_ABOVE))
        || profile.turn.as_ref().is_some_and(|turn| in_turn(screen, turn, top))
}

fn titled(screen: &Screen, patterns: &[Pattern]) -> bool {
    patterns.iter().any(|pattern| pattern.is_match(&screen.title))
}

fn shows(screen: &Screen, patterns: &[Pattern], from: usize) -> bool {
    (from..screen.rows.len()).any(|row| {
        let text = screen.row(row);
        patterns.iter().any(|pattern| pattern.is_match(&text))
    })
}

/// The lowest mark above the composer decides; none at all is no rest.
fn in_turn(screen: &Screen, turn: &Turn, top: usize) -> bool {
    for row in (0..top).rev() {
        let text = padded(screen, row);
        if turn.begins.iter().any(|pattern| pattern.is_match(&text)) {
            return true;
        }
        if turn.rests.iter().any(|pattern| pattern.is_match(&text)) {
            return false;
        }
    }
    true
}

/// What must not move while the screen settles: all of it, or the composer
/// where that is a box.
#[must_use]
pub fn steady_part(screen: &Screen, profile: &Profile) -> Screen {
    let mut part = screen.clone();
    if let (Place::Box, Some(found)) = (profile.composer.place, composer::find(screen, profile)) {
        part.rows = part.rows.drain(found.rows.0..=found.rows.1).collect();
        part.title.clear();
    }
    part
}

/// What stands right before the text to be typed: what the read-back of a
/// cursor's row is anchored to.
#[must_use]
pub fn anchor(screen: &Screen) -> String {
    squeeze(&screen.before_cursor())
}

/// Whether `text` stands in the composer right before the cursor, after the
/// same prompt as before, and nothing behind it. Blanks and line breaks are
/// not compared: a composer breaks lines where it likes.
#[must_use]
pub fn echoed(screen: &Screen, profile: &Profile, prompt: &str, text: &str) -> bool {
    if profile.composer.place == Place::Box {
        return composer::find(screen, profile)
            .is_some_and(|found| found.at_end && squeeze(&found.text) == squeeze(text));
    }
    let wanted = format!("{prompt}{}", squeeze(text));
    screen.blank_after_cursor() && screen.squeezed_to_cursor().ends_with(&wanted) && at_the_text(screen)
}

/// Whether the text has left the composer: submitted, as far as can be seen.
/// A box that is gone altogether has not shown that yet.
#[must_use]
pub fn left(screen: &Screen, before: &Screen, profile: &Profile, prompt: &str, text: &str) -> bool {
    if profile.composer.place == Place::Box {
        // More behind it is a human's: then it has not left.
        return composer::find(screen, profile).is_some_and(|found| !squeeze(&found.text).starts_with(&squeeze(text)));
    }
    // In the same row with the same beginning it stands there still, and what
    // follows it is a human's.
    let same = screen.cursor.0 == before.cursor.0 && anchor(screen).starts_with(&anchor(before));
    !same && (screen.cursor != before.cursor || !echoed(screen, profile, prompt, text))
}

/// Whether a composer that was a box is not there any more.
#[must_use]
pub fn vanished(screen: &Screen, profile: &Profile) -> bool {
    profile.composer.place == Place::Box && composer::find(screen, profile).is_none()
}

/// Whether the cursor stands in the row of the text, or at the start of the
/// next because the text filled its row.
fn at_the_text(screen: &Screen) -> bool {
    if !squeeze(&screen.before_cursor()).is_empty() {
        return true;
    }
    screen.cursor.1 == 0
        && screen.cursor.0 > 0
        && screen.rows.get(screen.cursor.0 - 1).and_then(|row| row.last()).is_some_and(|cell| !cell.text.is_empty())
}

/// Whether what stands after the prompt is nothing, or the beginning of
/// `text`: then backspaces take out only what is ours.
#[must_use]
pub fn only_ours(screen: &Screen, profile: &Profile, prompt: &str, text: &str) -> bool {
    let text = squeeze(text);
    if profile.composer.place == Place::Box {
        return composer::find(screen, profile)
            .is_some_and(|found| found.at_end && text.starts_with(&squeeze(&found.text)));
    }
    let all = screen.squeezed_to_cursor();
    screen.blank_after_cursor()
        && (0..=text.len())
            .rev()
            .filter(|end| text.is_char_boundary(*end))
            .any(|end| all.ends_with(&format!("{prompt}{}", &text[..end])))
}

/// How many characters of a nudge stand stranded in the composer: a whole
/// notice for the same agent, left by an attempt that a question cut short.
/// Only a complete one counts, and nothing but it: its beginning may be
/// anybody's draft.
#[must_use]
pub fn stranded(screen: &Screen, profile: &Profile, text: &str) -> Option<usize> {
    let found = composer::find(screen, profile).filter(|found| found.at_end && found.prompted)?;
    let (there, ours) = (squeeze(&found.text), squeeze(text));
    let whom = notice::addressee(&there)?;
    // Where a row ended, a blank may have been swallowed or not: one
    // backspace more in an empty composer does nothing.
    (notice::addressee(&ours) == Some(whom)).then(|| found.text.chars().count() + found.rows.1 - found.rows.0)
}

#[cfg(test)]
#[path = "gates_tests.rs"]
mod tests;
