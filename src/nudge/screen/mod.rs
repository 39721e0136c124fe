//! The channel `screen`: a window of an X display, by its id, class, process
//! and title, with the coordinates of its composer inside it.
//!
//! The window is verified before every phase, and once more in the moment of
//! the keystroke: check and stroke go to the server as one, which serves
//! nobody else meanwhile (`conversation`). Text is typed by XTEST (`keys`,
//! `hands`), so neither clipboard nor selection is touched; only a text for
//! which the keyboard has no keys is handed over as a selection, to the
//! verified window's own client, and the old selection is given back.
//!
//! What stands in a window is read back as a picture (`picture`, `seen`):
//! its composer was registered empty, differs after typing and is empty again
//! after Enter. Without such a picture nothing is typed, unless the roster
//! says `submit: blind`, which is counted apart (`unseen`).
//!
//! Pointer, focus, Caps Lock and layout are given back, and no signal ends
//! the process in between (`calm`). Wayland lets no program type into another's
//! window, and is refused; macOS and Windows are untested (`elsewhere`).

#[cfg(all(unix, not(target_os = "macos")))]
mod calm;
#[cfg(all(unix, not(target_os = "macos")))]
mod conversation;
#[cfg(not(all(unix, not(target_os = "macos"))))]
mod elsewhere;
#[cfg(all(unix, not(target_os = "macos")))]
mod eye;
#[cfg(all(unix, not(target_os = "macos")))]
mod forward;
#[cfg(all(unix, not(target_os = "macos")))]
mod hands;
mod input;
#[cfg(all(unix, not(target_os = "macos")))]
mod keys;
pub mod picture;
pub mod png;
#[cfg(all(unix, not(target_os = "macos")))]
mod press;
#[cfg(all(unix, not(target_os = "macos")))]
mod register;
#[cfg(all(unix, not(target_os = "macos")))]
mod seen;
#[cfg(all(unix, not(target_os = "macos")))]
mod selection;
#[cfg(all(unix, not(target_os = "macos")))]
mod unseen;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

use std::time::Duration;

use self::picture::{Area, Composer};
use super::converse::Stop;
use super::outcome::{Attempt, Outcome};
use super::target::{ScreenTarget, SubmitRule, Target};
use super::{Key, NudgeContext, Step};

/// What is said where there is no display that can be typed on.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) const WAYLAND: &str = "there is no X display to type on (Wayland lets no program type into another's \
                                  window); use the tmux or pty channel";

/// A window as it was found, for pinning it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its id.
    pub id: u32,
    /// The second word of its `WM_CLASS`.
    pub class: String,
    /// Its process, by `_NET_WM_PID`, else as the server knows it.
    pub pid: Option<u32>,
    /// Its title.
    pub title: String,
    /// Where it is on the whole screen, without its frame.
    pub area: Area,
}

/// A monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// As the platform names it.
    pub name: String,
    /// Where it is on the whole screen.
    pub area: Area,
    /// Whether it is the main one.
    pub primary: bool,
}

/// Nudges a window.
#[must_use]
pub fn nudge(target: &Target, screen: &ScreenTarget, text: &str, context: &NudgeContext) -> Attempt {
    if let Some(refused) = unread_back(target, screen) {
        return Attempt::of(refused);
    }
    if text.contains('\n') {
        return Attempt::of(Outcome::failed("a text of several lines is not typed into a window"));
    }
    match display_there(screen.display.as_deref()) {
        Ok(()) => platform::nudge(target, screen, text, context),
        Err(why) => Attempt::of(Outcome::Failed(why)),
    }
}

/// Presses one key of a sequence, after the same checks.
#[must_use]
pub fn press(target: &Target, screen: &ScreenTarget, key: Key, context: &NudgeContext) -> Attempt {
    if let Some(refused) = unread_back(target, screen) {
        return Attempt::of(refused);
    }
    match display_there(screen.display.as_deref()) {
        Ok(()) => platform::press(target, screen, key, context),
        Err(why) => Attempt::of(Outcome::Failed(why)),
    }
}

/// Whether a step of a sequence could be done in the window; types nothing.
#[must_use]
pub fn rehearse(target: &Target, screen: &ScreenTarget, step: Step<'_>, context: &NudgeContext) -> Outcome {
    if let Some(refused) = unread_back(target, screen) {
        return refused;
    }
    match display_there(screen.display.as_deref()) {
        Ok(()) => platform::rehearse(target, screen, step, context),
        Err(why) => Outcome::Failed(why),
    }
}

/// Whether single keys are pressed on this platform.
pub(super) const PRESSES: bool = cfg!(all(unix, not(target_os = "macos")));

/// Why nothing is typed where nothing could be read back.
fn unread_back(target: &Target, screen: &ScreenTarget) -> Option<Outcome> {
    (screen.composer.is_none() && target.submit == SubmitRule::Verified).then(|| {
        Outcome::Failed(format!(
            "nobody knows how the empty composer of {0} looks, so what is typed could not be read back and nothing \
             was typed; run: cellphone coords register {0} (or allow it unseen with `submit: blind` for {0} in \
             config/agents.yaml)",
            target.agent
        ))
    })
}

/// Whether there can be a display at all.
#[cfg(all(unix, not(target_os = "macos")))]
fn display_there(display: Option<&str>) -> Result<(), String> {
    let wayland = std::env::var_os("XDG_SESSION_TYPE").is_some_and(|kind| kind == "wayland");
    if display.is_none() && (wayland || std::env::var_os("DISPLAY").is_none()) {
        return Err(WAYLAND.to_owned());
    }
    Ok(())
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn display_there(_: Option<&str>) -> Result<(), String> {
    Ok(())
}

/// Lists the windows of a display, so that one can be pinned.
///
/// # Errors
/// For a person: when there is no such display.
pub fn windows(display: Option<&str>) -> Result<Vec<Window>, String> {
    display_there(display)?;
    platform::windows(display)
}

/// The monitors of a display, the main one first.
///
/// # Errors
/// For a person: when there is no such display.
pub fn monitors(display: Option<&str>) -> Result<Vec<Monitor>, String> {
    display_there(display)?;
    platform::monitors(display)
}

/// Waits until a person points somewhere and presses the left mouse button;
/// gives the point and the window there. Nothing else gets that press.
///
/// # Errors
/// For a person: no display, no press within `limit`, or another button.
pub fn pick(display: Option<&str>, limit: Duration) -> Result<(i32, i32, Option<Window>), String> {
    display_there(display)?;
    platform::pick(display, limit)
}

/// Learns how the empty composer of a window looks; `region` and `output`
/// are in pixels from the window's corner. Takes some three seconds, in which
/// the window has the focus. Types nothing.
///
/// # Errors
/// [`Stop::Deferred`] when the person works there; a failure for a person.
pub fn register(
    target: &Target,
    screen: &ScreenTarget,
    region: Option<Area>,
    output: Vec<Area>,
) -> Result<Composer, Stop> {
    display_there(screen.display.as_deref()).map_err(Stop::Failed)?;
    platform::register(target, screen, region, output)
}

#[cfg(all(unix, not(target_os = "macos")))]
mod platform {
    pub(super) use super::conversation::nudge;
    pub(super) use super::press::{press, rehearse};
    pub(super) use super::register::register;
    use super::{Duration, Monitor, Window, x11};

    pub(super) fn windows(display: Option<&str>) -> Result<Vec<Window>, String> {
        x11::Display::open(display)?.windows()
    }

    pub(super) fn monitors(display: Option<&str>) -> Result<Vec<Monitor>, String> {
        x11::Display::open(display)?.monitors()
    }

    pub(super) fn pick(display: Option<&str>, limit: Duration) -> Result<(i32, i32, Option<Window>), String> {
        x11::Display::open(display)?.pick(limit)
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
use elsewhere as platform;

/// Whether a title matches a pattern, in which `*` stands for anything.
#[must_use]
pub fn title_matches(pattern: &str, title: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = title.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let middle: &str = middle;
            match rest.find(middle) {
                Some(at) => rest = &rest[at + middle.len()..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AgentName;
    use crate::nudge::Way;

    #[test]
    fn titles_match_by_stars() {
        assert!(title_matches("* - Cursor", "parser.rs - Cursor"));
        assert!(title_matches("a*b*c", "a1b2b3c"));
        assert!(title_matches("*", "") && title_matches("x", "x"));
        assert!(!title_matches("x", "xy") && !title_matches("a*b", "ac") && !title_matches("ab*ba", "aba"));
    }

    #[test]
    fn nothing_is_typed_without_a_read_back() {
        let target = Target::new(AgentName::new("Agent-3").unwrap(), Way::Screen(ScreenTarget::default()));
        let attempt = nudge(&target, &ScreenTarget::default(), "x", &NudgeContext::new("."));
        let Outcome::Failed(why) = attempt.outcome else { panic!() };
        assert!(why.contains("submit: blind"), "{why}");
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "xvfb_tests.rs"]
mod xvfb_tests;
