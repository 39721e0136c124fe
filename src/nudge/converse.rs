//! One nudge as a short, careful conversation with a terminal: judge, type,
//! read back, submit, look again; and take out what could not be submitted.
//!
//! Works on anything that is a [`Terminal`]: a tmux pane or a hosted
//! pseudo-terminal. Whatever implements it checks the identity of its target
//! anew in every call, so each phase is on the verified window or nowhere.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::gates::{
    Seen, Verdict, anchor, echoed, interrupted, judge, left, only_ours, steady_part, stranded, vanished,
};
use super::grid::Screen;
use super::key::Key;
use super::outcome::{Outcome, Reason};
use super::profile::{Entry, Place, Profile, SubmitKey};

/// Why a conversation ended before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Try again later.
    Deferred(Reason),
    /// This way does not work.
    Failed(String),
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Deferred(reason) => Self::Deferred(reason),
            Stop::Failed(why) => Self::Failed(why),
        }
    }
}

/// One look at a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// The picture.
    pub screen: Screen,
    /// What the picture cannot show.
    pub seen: Seen,
}

/// A terminal that can be looked at and typed into. Every call verifies the
/// target's identity first and stops when it is not the pinned one. What
/// types is handed the screen that was judged, and refuses with
/// [`Reason::Unsettled`] when it finds another in the moment of the key, as
/// far as the terminal can tell.
pub trait Terminal {
    /// Looks at it.
    ///
    /// # Errors
    /// When the target is gone or another.
    fn look(&mut self) -> Result<Look, Stop>;

    /// Puts text into the composer: typed, or as a bracketed paste.
    ///
    /// # Errors
    /// When the target is gone, another, or must not be typed into now.
    fn put(&mut self, text: &str, paste: bool, judged: &Screen) -> Result<(), Stop>;

    /// Presses the key that submits.
    ///
    /// # Errors
    /// As [`Terminal::put`].
    fn submit(&mut self, key: SubmitKey, judged: &Screen) -> Result<(), Stop>;

    /// Presses Backspace so many times.
    ///
    /// # Errors
    /// As [`Terminal::put`].
    fn erase(&mut self, times: usize, judged: &Screen) -> Result<(), Stop>;

    /// Presses one key of a sequence.
    ///
    /// # Errors
    /// As [`Terminal::put`], or when this terminal has no such key.
    fn key(&mut self, key: Key, _judged: &Screen) -> Result<(), Stop> {
        Err(Stop::Failed(format!("{key} cannot be pressed here")))
    }

    /// Looks as soon as the screen may differ from `before`, at the latest
    /// after `limit`.
    ///
    /// # Errors
    /// As [`Terminal::look`].
    fn look_again(&mut self, before: &Screen, limit: Duration) -> Result<Look, Stop>;
}

/// Holds the conversation. `text` may have several lines only when the
/// profile pastes.
pub fn converse(terminal: &mut dyn Terminal, profile: &Profile, text: &str) -> Outcome {
    talk(terminal, profile, text).unwrap_or_else(Outcome::from)
}

/// Presses one key once every gate is open.
pub fn press(terminal: &mut dyn Terminal, profile: &Profile, key: Key) -> Outcome {
    let pressed = examine(terminal, profile).and_then(|look| terminal.key(key, &look.screen));
    pressed.map_or_else(Outcome::from, |()| Outcome::Typed)
}

/// Judges without typing: what a dry run shows.
///
/// # Errors
/// As [`Terminal::look`], or the gate that is closed.
pub fn examine(terminal: &mut dyn Terminal, profile: &Profile) -> Result<Look, Stop> {
    examine_for(terminal, profile, "")
}

/// As [`examine`], and a composer that holds a stranded notice for the same
/// agent passes too.
fn examine_for(terminal: &mut dyn Terminal, profile: &Profile, text: &str) -> Result<Look, Stop> {
    let mut look = terminal.look()?;
    // A box may stand beside something that never rests, so there the steady part decides.
    let boxed = profile.composer.place == Place::Box;
    if profile.settle_ms > 0 && look.seen.still.is_none_or(|still| still < profile.settle()) {
        // A verdict on the rest first: a busy program need not be waited for.
        let still = look.seen.still.take().filter(|_| !boxed);
        gate(&look, profile, text)?;
        sleep(profile.settle().saturating_sub(still.unwrap_or_default()));
        let again = terminal.look()?;
        if steady_part(&again.screen, profile) != steady_part(&look.screen, profile) {
            // What it is now may have a better name.
            gate(&again, profile, text)?;
            return Err(Stop::Deferred(Reason::Unsettled));
        }
        look = again;
        look.seen.still = None;
    }
    gate(&look, profile, text)?;
    Ok(look)
}

fn gate(look: &Look, profile: &Profile, text: &str) -> Result<(), Stop> {
    match judge(&look.screen, profile, &look.seen) {
        Verdict::Ready => Ok(()),
        Verdict::Defer(Reason::Draft) if stranded(&look.screen, profile, text).is_some() => Ok(()),
        Verdict::Defer(reason) => Err(Stop::Deferred(reason)),
    }
}

fn talk(terminal: &mut dyn Terminal, profile: &Profile, text: &str) -> Result<Outcome, Stop> {
    let mut ready = examine_for(terminal, profile, text)?;
    if let Some(characters) = stranded(&ready.screen, profile, text) {
        // Ours, from an attempt that a question cut short: out with it first.
        terminal.erase(characters, &ready.screen)?;
        let empty = |look: &Look| echoed(&look.screen, profile, "", "");
        if await_look(terminal, profile.echo(), empty)?.is_none() {
            return Ok(Outcome::Deferred(Reason::Stranded));
        }
        ready = examine_for(terminal, profile, "")?;
    }
    let prompt = anchor(&ready.screen);
    let paste = profile.entry == Entry::Paste && ready.screen.paste;
    if text.contains('\n') && !paste {
        return Err(Stop::Failed("a text of several lines needs a program with bracketed paste".to_owned()));
    }
    terminal.put(text, paste, &ready.screen)?;
    let cut = |look: &Look| interrupted(&look.screen, profile, &look.seen);
    let done = |look: &Look| cut(look).is_some() || echoed(&look.screen, profile, &prompt, text);
    match await_look(terminal, profile.echo(), done)? {
        None => return take_out(terminal, profile, &prompt, text, Reason::NoEcho),
        Some(look) if cut(&look).is_some() => return Ok(Outcome::Deferred(Reason::Stranded)),
        Some(_) => sleep(profile.pause()),
    }
    for _ in 0..profile.enters.max(1) {
        // The last look before the key: a question may have come up, a human
        // may have typed.
        let before = match look_and_submit(terminal, profile, &prompt, text)? {
            Ok(before) => before,
            Err(Reason::Stranded) => return Ok(Outcome::Deferred(Reason::Stranded)),
            Err(reason) => return take_out(terminal, profile, &prompt, text, reason),
        };
        let gone = |look: &Look| left(&look.screen, &before.screen, profile, &prompt, text);
        match await_look(terminal, profile.echo(), gone)? {
            Some(_) => return Ok(Outcome::Submitted { blind: false }),
            // The composer has given way to what follows the submit, a
            // question perhaps: the proof will tell.
            None if vanished(&terminal.look()?.screen, profile) => return Ok(Outcome::Submitted { blind: false }),
            None => {}
        }
    }
    take_out(terminal, profile, &prompt, text, Reason::NotSubmitted)
}

/// Presses the key that submits on a screen that was judged the moment
/// before, again when it had changed by then; gives that look, or why it was
/// not pressed.
fn look_and_submit(
    terminal: &mut dyn Terminal,
    profile: &Profile,
    prompt: &str,
    text: &str,
) -> Result<Result<Look, Reason>, Stop> {
    let end = Instant::now() + profile.echo();
    loop {
        let before = terminal.look()?;
        if interrupted(&before.screen, profile, &before.seen).is_some() {
            return Ok(Err(Reason::Stranded));
        }
        if !echoed(&before.screen, profile, prompt, text) {
            return Ok(Err(Reason::NotSubmitted));
        }
        match terminal.submit(profile.submit, &before.screen) {
            Ok(()) => return Ok(Ok(before)),
            Err(Stop::Deferred(Reason::Unsettled)) if Instant::now() < end => {}
            Err(Stop::Deferred(Reason::Unsettled)) => return Ok(Err(Reason::Unsettled)),
            // Copy-mode and the like: our text stands there still.
            Err(Stop::Deferred(_)) => return Ok(Err(Reason::Stranded)),
            Err(failed) => return Err(failed),
        }
    }
}

/// Looks until `done` or the limit.
fn await_look(
    terminal: &mut dyn Terminal,
    limit: Duration,
    done: impl Fn(&Look) -> bool,
) -> Result<Option<Look>, Stop> {
    let end = Instant::now() + limit;
    let mut look = terminal.look()?;
    loop {
        if done(&look) {
            return Ok(Some(look));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        look = terminal.look_again(&look.screen, left)?;
    }
}

/// Takes out what was typed, unless something that is not ours stands there
/// too. Text that is not shown is still erased: a terminal in line mode keeps
/// it in its buffer, and a backspace in an empty composer does nothing.
fn take_out(
    terminal: &mut dyn Terminal,
    profile: &Profile,
    prompt: &str,
    text: &str,
    reason: Reason,
) -> Result<Outcome, Stop> {
    let end = Instant::now() + profile.echo();
    let shown = loop {
        let look = terminal.look()?;
        if interrupted(&look.screen, profile, &look.seen).is_some() || !only_ours(&look.screen, profile, prompt, text) {
            return Ok(Outcome::Deferred(Reason::Stranded));
        }
        match terminal.erase(text.chars().count(), &look.screen) {
            Ok(()) => break echoed(&look.screen, profile, prompt, text),
            Err(Stop::Deferred(Reason::Unsettled)) if Instant::now() < end => {}
            Err(Stop::Deferred(_)) => return Ok(Outcome::Deferred(Reason::Stranded)),
            Err(failed) => return Err(failed),
        }
    };
    let empty = |look: &Look| echoed(&look.screen, profile, prompt, "");
    if shown && await_look(terminal, profile.echo(), empty)?.is_none() {
        return Ok(Outcome::Deferred(Reason::Stranded));
    }
    Ok(Outcome::Deferred(reason))
}

#[cfg(test)]
#[path = "converse_tests.rs"]
mod tests;
