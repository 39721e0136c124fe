//! Typing with a read-back by picture: the composer looks as it did when it
//! was registered empty, shows something after typing, and is empty again
//! after Enter; nothing else in the window changes while text stands there.
//!
//! What cannot be submitted is taken out again, and the picture proves it. If
//! even that must not be done now (the person types there, another window has
//! the focus, something else in the window has changed: a question, perhaps),
//! its picture is kept, and the next nudge takes it out first, provided that
//! it still looks the same and the window around it as it did before. Where
//! a question came before any picture of it, it is ours as long as nobody has
//! touched keyboard or mouse since.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::conversation::{FOCUS, Scene, typist_name};
use super::picture::{Area, Composer, Image};
use crate::nudge::converse::Stop;
use crate::nudge::outcome::{Outcome, Reason};

/// How long a window may take to look as it does with the focus.
const SETTLE: Duration = Duration::from_millis(400);
/// How long a window with a draft is left alone at first, doubled each time
/// up to [`LONGEST`]: what was taken for a draft may have been a slow window.
const ALONE: Duration = Duration::from_millis(1_500);
const LONGEST: Duration = Duration::from_secs(60);
/// How long a picture must stand still to be taken for the whole text.
const STILL: Duration = Duration::from_millis(8);

/// Text of ours that still stands in a window.
#[derive(Debug, Clone)]
struct Left {
    /// How it looks there; `None` when something else was seen in its place.
    typed: Option<Image>,
    /// Characters.
    count: usize,
    /// The whole window before it was typed.
    before: Image,
    /// When it was typed, on the server's clock.
    at: Option<u32>,
}

/// Display, window and start of its process.
type Key = (String, u32, u64);
type Kept<T> = Mutex<Option<HashMap<Key, T>>>;
static LEFT: Kept<Left> = Mutex::new(None);
static DRAFTS: Kept<Draft> = Mutex::new(None);

/// How a composer with somebody's draft looked.
#[derive(Debug, Clone)]
struct Draft {
    /// After the focus was given back; no picture where it could not be seen.
    looks: Image,
    /// When it is looked at with the focus again, however it looks.
    again: Instant,
    /// How often it was looked at so.
    times: u32,
}

fn with<T, R>(kept: &Kept<T>, work: impl FnOnce(&mut HashMap<Key, T>) -> R) -> R {
    work(kept.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn left<R>(work: impl FnOnce(&mut HashMap<Key, Left>) -> R) -> R {
    with(&LEFT, work)
}

fn drafts<R>(work: impl FnOnce(&mut HashMap<Key, Draft>) -> R) -> R {
    with(&DRAFTS, work)
}

fn key(scene: &Scene<'_>) -> Key {
    (typist_name(scene.pin), scene.window, scene.process.start)
}

/// The conversation.
pub(super) fn talk(scene: &mut Scene<'_>, composer: &Composer, text: &str) -> Result<Outcome, Stop> {
    let Some((layout, strokes)) = scene.keymap.plan(text) else {
        return Err(Stop::Failed(
            "the keyboard map has no keys for the text, and nothing was typed; use `nudge.content: notice`".to_owned(),
        ));
    };
    scene.bring_forward()?;
    scene.with_locks(layout, |scene| {
        let left = Left { typed: None, count: text.chars().count(), before: Image::default(), at: None };
        let mut typing = Typing { scene, composer, left };
        typing.await_empty()?;
        typing.converse(&strokes)
    })
}

/// What can be judged without touching the window. How its composer looks is
/// known for a window with the focus only.
pub(super) fn examine(scene: &mut Scene<'_>, composer: &Composer) -> Result<(), Stop> {
    draft_still_stands(scene, composer)?;
    let focused = scene.display.has_focus(scene.window).map_err(Stop::Failed)?;
    if focused && scene.is_uncovered()? && !composer.is_empty(&scene.picture(&composer.region)?) {
        return Err(Stop::Deferred(Reason::Draft));
    }
    Ok(())
}

/// A window in which a draft was found is not brought forward again while it
/// looks as it was left, for a time that grows.
pub(super) fn draft_still_stands(scene: &mut Scene<'_>, composer: &Composer) -> Result<(), Stop> {
    same_size(scene, composer)?;
    let place = key(scene);
    let Some(draft) = drafts(|all| all.get(&place).cloned()) else { return Ok(()) };
    let same = !scene.is_uncovered()? || composer.is_same(&draft.looks, &scene.picture(&composer.region)?);
    if !same {
        drafts(|all| all.remove(&place));
        return Ok(());
    }
    if Instant::now() < draft.again { Err(Stop::Deferred(Reason::Draft)) } else { Ok(()) }
}

/// Keeps how the composer looks with the draft in it, the focus given back.
pub(super) fn remember_draft(scene: &mut Scene<'_>, composer: &Composer) {
    let place = key(scene);
    // What it looks like is known only where it can be seen.
    let seen = scene.is_uncovered().is_ok_and(|seen| seen);
    let looks = if seen { scene.picture(&composer.region).unwrap_or_default() } else { Image::default() };
    drafts(|all| {
        let times = all.get(&place).map_or(0, |draft| draft.times + 1);
        let again = Instant::now() + ALONE.saturating_mul(1 << times.min(6)).min(LONGEST);
        all.insert(place, Draft { looks, again, times })
    });
}

pub(super) fn same_size(scene: &Scene<'_>, composer: &Composer) -> Result<(), Stop> {
    let agent = &scene.target.agent;
    let now = scene.display.area(scene.window).map_err(Stop::Failed)?;
    if (now.width, now.height) != composer.window {
        return Err(Stop::Failed(format!(
            "the window of {agent} is {}x{} pixels, its picture was taken at {}x{}; nothing was typed. Run: cellphone \
             coords register {agent}",
            now.width, now.height, composer.window.0, composer.window.1
        )));
    }
    Ok(())
}

struct Typing<'s, 'a> {
    scene: &'s mut Scene<'a>,
    composer: &'s Composer,
    /// What will be left there, should it have to stay.
    left: Left,
}

impl Typing<'_, '_> {
    /// Waits until the composer looks empty, after what was left there by us
    /// is taken out.
    fn await_empty(&mut self) -> Result<(), Stop> {
        let (scene, composer) = (&mut *self.scene, self.composer);
        let place = key(scene);
        let before = left(|all| all.get(&place).cloned());
        let looks_left = |seen: &Image| match &before {
            Some(Left { typed: Some(text), .. }) => composer.is_same(text, seen),
            _ => false,
        };
        let (seen, found) =
            scene.await_picture(&composer.region, SETTLE, |seen| composer.is_empty(seen) || looks_left(seen))?;
        if found && composer.is_empty(&seen) {
            left(|all| all.remove(&place));
            drafts(|all| all.remove(&place));
            return Ok(());
        }
        let untouched = |left: &Left| left.at.is_some_and(|at| scene.hands.untouched_since(at));
        match before {
            Some(mut before) if found || (before.typed.is_none() && untouched(&before)) => {
                before.typed = Some(seen);
                let own = std::mem::replace(&mut self.left, before);
                let end = self.take_out(Reason::Draft);
                self.left = own;
                if end == Reason::Draft { Ok(()) } else { Err(Stop::Deferred(end)) }
            }
            _ => Err(Stop::Deferred(Reason::Draft)),
        }
    }

    fn converse(&mut self, strokes: &[super::keys::Stroke]) -> Result<Outcome, Stop> {
        let composer = self.composer;
        self.left.before = self.scene.atomically(|scene| {
            scene.check()?;
            let whole = scene.picture(&window(composer))?;
            if !composer.is_empty(&whole.part(&composer.region)) {
                // It was a moment ago, and nobody typed: the program draws.
                return Err(Stop::Deferred(Reason::Unsettled));
            }
            scene.hands.stroke(strokes).map_err(Stop::Failed)?;
            Ok(whole)
        })?;
        // From here on something of ours may stand there.
        match self.submit() {
            Ok(()) => Ok(Outcome::Submitted { blind: false }),
            Err(Stop::Deferred(reason)) => Ok(Outcome::Deferred(self.take_out(reason))),
            Err(failed) => Err(failed),
        }
    }

    fn submit(&mut self) -> Result<(), Stop> {
        let (composer, profile) = (self.composer, self.scene.target.profile.clone());
        let end = Instant::now() + profile.echo();
        let mut typed = self.await_still(profile.echo())?;
        std::thread::sleep(profile.pause());
        // It may have been drawn in several goes.
        loop {
            let now = self.scene.picture(&composer.region)?;
            if composer.is_same(&typed, &now) {
                break;
            }
            if Instant::now() >= end {
                return Err(Stop::Deferred(Reason::Unsettled));
            }
            typed = self.await_still(profile.echo())?;
        }
        let before = &self.left.before;
        for _ in 0..profile.enters.max(1) {
            self.scene.atomically(|scene| {
                scene.check()?;
                let whole = scene.picture(&window(composer))?;
                let now = whole.part(&composer.region);
                if composer.outside_changed(before, &whole) || !composer.is_same(&typed, &now) {
                    return Err(Stop::Deferred(Reason::Unsettled));
                }
                scene.enter()
            })?;
            let (seen, empty) =
                self.scene.await_picture(&composer.region, profile.echo(), |seen| composer.is_empty(seen))?;
            if empty {
                return Ok(());
            }
            if !composer.is_same(&typed, &seen) {
                break;
            }
        }
        Err(Stop::Deferred(Reason::NotSubmitted))
    }

    /// Waits until the composer shows something that stands still, which is
    /// ours alone: keys are reported before a program can draw them.
    fn await_still(&mut self, limit: Duration) -> Result<Image, Stop> {
        let composer = self.composer;
        let mut last: Option<(Image, Instant)> = None;
        let (seen, still) = self.scene.await_picture(&composer.region, limit, |seen| match &last {
            Some((before, since)) if composer.is_same(before, seen) => since.elapsed() >= STILL,
            _ => {
                last = (!composer.is_empty(seen)).then(|| (seen.clone(), Instant::now()));
                false
            }
        })?;
        let disturbed = self.scene.hands.disturbed().map_err(Stop::Failed)?;
        self.left.at = self.scene.hands.last();
        if disturbed {
            return Err(Stop::Deferred(Reason::HumanActive));
        }
        if !still {
            return Err(Stop::Deferred(Reason::NoEcho));
        }
        // Without the focus a cursor looks otherwise: no picture to know it by.
        if !self.scene.display.has_focus(self.scene.window).map_err(Stop::Failed)? {
            return Err(Stop::Deferred(Reason::NoFocus));
        }
        // What shows while something else has changed may be anything: a question in the composer's place.
        let whole = self.scene.picture(&window(composer))?;
        if composer.outside_changed(&self.left.before, &whole)
            || !composer.is_same(&seen, &whole.part(&composer.region))
        {
            return Err(Stop::Deferred(Reason::Unsettled));
        }
        self.left.typed = Some(seen.clone());
        Ok(seen)
    }

    /// Takes out what was typed, where nobody else is concerned, and says how
    /// it ended: `reason` when nothing of ours is left.
    fn take_out(&mut self, reason: Reason) -> Reason {
        let done = self.try_take_out();
        let place = key(self.scene);
        if done == Ok(true) {
            left(|all| all.remove(&place));
            return reason;
        }
        left(|all| all.insert(place, self.left.clone()));
        Reason::Stranded
    }

    fn try_take_out(&mut self) -> Result<bool, Stop> {
        let Self { composer, left, .. } = self;
        // Somebody at the keyboard has the word: neither is the focus taken
        // from them nor anything erased.
        if self.scene.hands.disturbed().map_err(Stop::Failed)? {
            return Ok(false);
        }
        // One that was minimised a moment ago is unfolded by the next nudge.
        if self.scene.display.is_minimised(self.scene.window).map_err(Stop::Failed)? {
            return Ok(false);
        }
        if !self.scene.display.has_focus(self.scene.window).map_err(Stop::Failed)? {
            self.scene.display.bring(self.scene.window, FOCUS).map_err(Stop::Failed)?;
        }
        // Text that never showed is still erased: it may wait to be drawn,
        // and a backspace in an empty composer does nothing.
        let expected = left.typed.as_ref().unwrap_or(&composer.empty);
        let (_, same) = self.scene.await_picture(&composer.region, SETTLE, |seen| composer.is_same(expected, seen))?;
        if !same {
            return Ok(false);
        }
        let erase = self.scene.keymap.erase(left.count).map_err(Stop::Failed)?;
        self.scene.atomically(|scene| {
            scene.check_unmoved()?;
            let whole = scene.picture(&window(composer))?;
            let changed = composer.outside_changed(&left.before, &whole);
            if changed || !composer.is_same(expected, &whole.part(&composer.region)) {
                return Err(Stop::Deferred(Reason::Stranded));
            }
            scene.hands.stroke(&erase).map_err(Stop::Failed)
        })?;
        let echo = self.scene.target.profile.echo();
        let (_, empty) = self.scene.await_picture(&composer.region, echo, |seen| composer.is_empty(seen))?;
        Ok(empty)
    }
}

/// The whole window, from its own corner.
const fn window(composer: &Composer) -> Area {
    Area { x: 0, y: 0, width: composer.window.0, height: composer.window.1 }
}
