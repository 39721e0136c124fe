//! One key of a sequence, pressed in a window after the same checks as a
//! nudge and as one step with them; and whether a step of a sequence could be
//! done there at all, told without typing.

use std::time::Duration;

use super::calm::Calm;
use super::conversation::{Scene, typist_name};
use super::keys::{ALT, CONTROL, Keymap, Stroke};
use super::picture::Composer;
use super::seen::same_size;
use crate::nudge::converse::Stop;
use crate::nudge::outcome::{Attempt, Outcome, Reason};
use crate::nudge::profile::SubmitKey;
use crate::nudge::target::{PinnedProcess, ScreenTarget, Target};
use crate::nudge::{Key, NudgeContext, Step, typist};

/// How long a window may take to look as it does with the focus.
const SETTLE: Duration = Duration::from_millis(400);
/// How long one whose looks are not known may take to act upon a click.
const CLICK: Duration = Duration::from_millis(20);

/// Keysyms of X11/keysymdef.h.
const ESCAPE: u32 = 0xff1b;

/// Presses a key in a pinned window.
pub(super) fn press(target: &Target, pin: &ScreenTarget, key: Key, context: &NudgeContext) -> Attempt {
    let mut pinned = None;
    let outcome = talk(target, pin, key, context, &mut pinned).unwrap_or_else(Outcome::from);
    Attempt { outcome, pinned, entered: None }
}

fn talk(
    target: &Target,
    pin: &ScreenTarget,
    key: Key,
    context: &NudgeContext,
    pinned: &mut Option<PinnedProcess>,
) -> Result<Outcome, Stop> {
    let _typist = typist::lock("display", &typist_name(pin))?;
    let mut scene = Scene::open(target, pin)?;
    *pinned = Some(scene.process);
    let composer = pin.composer.as_deref();
    fits(&scene, composer)?;
    let (layout, strokes) = chord(&scene.keymap, key).map_err(Stop::Failed)?;
    scene.may_disturb(context.human_idle)?;
    let _calm = Calm::hold();
    scene.held(|scene| {
        scene.bring_forward()?;
        match composer {
            Some(composer) => {
                scene.await_picture(&composer.region, SETTLE, |seen| composer.is_empty(seen))?;
            }
            None => std::thread::sleep(CLICK),
        }
        scene.with_locks(layout, |scene| {
            scene.atomically(|scene| {
                scene.check()?;
                // Enter with a modifier would send a draft, another key might take it away.
                if let Some(composer) = composer
                    && !composer.is_empty(&scene.picture(&composer.region)?)
                {
                    return Err(Stop::Deferred(Reason::Draft));
                }
                scene.hands.stroke(&strokes).map_err(Stop::Failed)
            })
        })?;
        Ok(Outcome::Typed)
    })
}

/// Whether a step could be done: the window is the pinned one, the point in
/// it, its picture fits, and the keyboard has the keys.
pub(super) fn rehearse(target: &Target, pin: &ScreenTarget, step: Step<'_>, context: &NudgeContext) -> Outcome {
    let judged = (|| {
        let _typist = typist::lock("display", &typist_name(pin))?;
        let mut scene = Scene::open(target, pin)?;
        fits(&scene, pin.composer.as_deref())?;
        scene.is_uncovered()?;
        match step {
            Step::Press(key) => drop(chord(&scene.keymap, key).map_err(Stop::Failed)?),
            // Unseen it would be pasted.
            Step::Say(text) if pin.composer.is_some() && scene.keymap.plan(text).is_none() => {
                return Err(Stop::Failed(format!("the keyboard map has no keys for some letter of {text:?}")));
            }
            Step::Say(_) => {}
        }
        scene.may_disturb(context.human_idle)?;
        Ok(Outcome::Typed)
    })();
    judged.unwrap_or_else(Outcome::from)
}

fn fits(scene: &Scene<'_>, composer: Option<&Composer>) -> Result<(), Stop> {
    composer.map_or(Ok(()), |composer| same_size(scene, composer))
}

/// The strokes of a key, and the layout they need.
fn chord(keymap: &Keymap, key: Key) -> Result<(u8, Vec<Stroke>), String> {
    let with = |modifier: u32, name: &str, (layout, strokes): (u8, Vec<Stroke>)| {
        let held = keymap.key(modifier).ok_or_else(|| format!("the keyboard map has no key {name}"))?;
        Ok((layout, [vec![Stroke::Press(held)], strokes, vec![Stroke::Release(held)]].concat()))
    };
    let letter = |c: char| keymap.plan(&c.to_string()).ok_or_else(|| format!("the keyboard map has no key {c}"));
    match key {
        Key::Escape => Ok((0, keymap.press(ESCAPE, "Escape")?)),
        Key::Tab => Ok((0, keymap.submit(SubmitKey::Tab)?)),
        Key::Enter => Ok((0, keymap.submit(SubmitKey::Enter)?)),
        Key::CtrlEnter => Ok((0, keymap.submit(SubmitKey::CtrlEnter)?)),
        Key::Ctrl(c) => with(CONTROL, "Control", letter(c)?),
        Key::Alt(c) => with(ALT, "Alt", letter(c)?),
    }
}
