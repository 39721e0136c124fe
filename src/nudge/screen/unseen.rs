//! Typing where nothing can be read back: `submit: blind`. The window is
//! verified as strictly as ever, and such submits are counted apart.

use std::sync::Arc;
use std::time::Duration;

use super::conversation::{FOCUS, Scene};
use super::selection::Selection;
use super::x11::Display;
use crate::nudge::converse::Stop;
use crate::nudge::outcome::{Outcome, Reason};

/// How long a window may take to act upon a click.
const CLICK: Duration = Duration::from_millis(20);
/// How long the window may take to ask for the pasted text.
const PASTE: Duration = Duration::from_millis(700);

pub(super) fn talk(scene: &mut Scene<'_>, text: &str) -> Result<Outcome, Stop> {
    scene.bring_forward()?;
    // The window's own answer to the click comes before ours.
    std::thread::sleep(CLICK);
    match scene.keymap.plan(text) {
        Some((layout, strokes)) => scene.with_locks(layout, |scene| {
            scene.atomically(|scene| {
                scene.check()?;
                scene.hands.stroke(&strokes).map_err(Stop::Failed)
            })
        })?,
        None => paste(scene, text)?,
    }
    std::thread::sleep(scene.target.profile.pause());
    // From here on the text stands in the right window; Enter goes there or
    // nowhere.
    let pressed = scene.with_locks(0, |scene| {
        scene.atomically(|scene| {
            scene.check()?;
            scene.enter()
        })
    });
    match pressed {
        Ok(()) => Ok(Outcome::Submitted { blind: true }),
        Err(_) => Err(Stop::Deferred(Reason::Stranded)),
    }
}

/// A text for which the keyboard has no keys is handed over as a selection:
/// only to the verified window's own client.
fn paste(scene: &mut Scene<'_>, text: &str) -> Result<(), Stop> {
    // A connection of its own: the other one counts strokes.
    let other = Arc::new(Display::open(scene.pin.display.as_deref()).map_err(Stop::Failed)?);
    let selection = Selection::take(&other).map_err(Stop::Failed)?;
    let strokes = scene.keymap.paste().map_err(Stop::Failed)?;
    let given = (|| {
        let focused = scene.display.await_focus(scene.window, FOCUS).map_err(Stop::Failed)?;
        if !focused || !selection.is_ours().map_err(Stop::Failed)? {
            return Err(Stop::Deferred(Reason::NoFocus));
        }
        scene.with_locks(0, |scene| {
            scene.atomically(|scene| {
                scene.check()?;
                scene.hands.stroke(&strokes).map_err(Stop::Failed)
            })
        })?;
        let given = selection.give(text, scene.window, PASTE).map_err(Stop::Failed)?;
        // Another selection was pasted instead of ours: it stands there now.
        if !given && !selection.is_ours().map_err(Stop::Failed)? {
            return Err(Stop::Deferred(Reason::Stranded));
        }
        Ok(given)
    })();
    selection.give_back();
    // Nobody was given the text: nothing stands anywhere.
    if given? { Ok(()) } else { Err(Stop::Deferred(Reason::NoEcho)) }
}
