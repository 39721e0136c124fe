//! One nudge on a screen, phase by phase; whatever happens, pointer, focus
//! and locks are given back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::calm::Calm;
use super::hands::Hands;
use super::input::Input;
use super::keys::{Keymap, Locks};
use super::picture::{Area, Image};
use super::x11::Display;
use crate::fsio::boot;
use crate::nudge::converse::Stop;
use crate::nudge::outcome::{Attempt, Outcome, Reason};
use crate::nudge::profile::{Signs, WhileBusy};
use crate::nudge::target::{PinnedProcess, ScreenTarget, Target};
use crate::nudge::{NudgeContext, typist};

/// How long the window manager may take to give a window the focus.
pub(super) const FOCUS: Duration = Duration::from_millis(700);

/// Nudges a pinned window.
pub(super) fn nudge(target: &Target, screen: &ScreenTarget, text: &str, context: &NudgeContext) -> Attempt {
    let mut attempt = Attempt::of(Outcome::Typed);
    attempt.outcome = talk(target, screen, text, context, &mut attempt).unwrap_or_else(Outcome::from);
    attempt
}

fn talk(
    target: &Target,
    pin: &ScreenTarget,
    text: &str,
    context: &NudgeContext,
    facts: &mut Attempt,
) -> Result<Outcome, Stop> {
    let _typist = typist::lock("display", &typist_name(pin))?;
    let mut scene = Scene::open(target, pin)?;
    facts.pinned = Some(scene.process);
    scene.may_disturb(context.human_idle)?;
    if context.dry_run {
        // For its complaint about a point that is nowhere: what covers it would be raised away.
        scene.is_uncovered()?;
        pin.composer.as_ref().map_or(Ok(()), |composer| super::seen::examine(&mut scene, composer))?;
        return Ok(Outcome::Typed);
    }
    if let Some(composer) = &pin.composer {
        super::seen::draft_still_stands(&mut scene, composer)?;
    }
    let _calm = Calm::hold();
    let outcome = scene.held(|scene| match &pin.composer {
        Some(composer) => super::seen::talk(scene, composer, text),
        None => super::unseen::talk(scene, text),
    });
    facts.entered = scene.entered;
    if let (Err(Stop::Deferred(Reason::Draft)), Some(composer)) = (&outcome, &pin.composer) {
        super::seen::remember_draft(&mut scene, composer);
    }
    outcome
}

/// The display's name without its screen: one person sits before all of them.
pub(super) fn typist_name(pin: &ScreenTarget) -> String {
    let name = pin.display.clone().or_else(|| std::env::var("DISPLAY").ok()).unwrap_or_default();
    match name.rsplit_once(':') {
        Some((host, number)) => format!("{host}:{}", number.split('.').next().unwrap_or(number)),
        None => name,
    }
}

/// One window, and what is needed to type into it.
pub(super) struct Scene<'a> {
    pub(super) display: Arc<Display>,
    pub(super) hands: Hands,
    pub(super) keymap: Keymap,
    pub(super) target: &'a Target,
    pub(super) pin: &'a ScreenTarget,
    pub(super) window: u32,
    pub(super) process: PinnedProcess,
    /// Where the pointer has to stay, once it is there.
    pub(super) pointer: Option<(i32, i32)>,
    /// When the key that submits was pressed first, on the boot clock.
    entered: Option<Duration>,
}

/// How things were before.
struct Before {
    active: Option<u32>,
    focus: u32,
    minimised: bool,
    pointer: (i32, i32),
}

impl<'a> Scene<'a> {
    /// Connects and verifies.
    pub(super) fn open(target: &'a Target, pin: &'a ScreenTarget) -> Result<Self, Stop> {
        let display = Arc::new(Display::open(pin.display.as_deref()).map_err(Stop::Failed)?);
        let (window, process) = verified(&display, target, pin)?;
        let hands = Hands::open(&display).map_err(Stop::Failed)?;
        let keymap = Keymap::read(&display).map_err(Stop::Failed)?;
        Ok(Self { display, hands, keymap, target, pin, window, process, pointer: None, entered: None })
    }

    /// Whether the person has left keyboard and mouse alone. Modifiers that a
    /// killed program left pressed are released.
    pub(super) fn may_disturb(&mut self, idle: Duration) -> Result<(), Stop> {
        if self.hands.quiet().map_err(Stop::Failed)?.is_some_and(|quiet| quiet < idle) {
            return Err(Stop::Deferred(Reason::HumanActive));
        }
        self.check_title()?;
        if self.hands.pointer().map_err(Stop::Failed)?.2 {
            self.hands.stroke(&self.keymap.let_go()).map_err(Stop::Failed)?;
            self.hands.disturbed().map_err(Stop::Failed)?;
            if self.hands.pointer().map_err(Stop::Failed)?.2 {
                return Err(Stop::Deferred(Reason::HumanActive));
            }
        }
        Ok(())
    }

    /// Remembers how things are, does `work`, and gives everything back.
    pub(super) fn held<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        let before = (|| {
            let (x, y, _) = self.hands.pointer()?;
            let (active, focus) = (self.display.active()?, self.display.focus()?);
            Ok(Before { active, focus, minimised: self.display.is_minimised(self.window)?, pointer: (x, y) })
        })()
        .map_err(Stop::Failed)?;
        let done = work(self);
        self.give_back(&before);
        done
    }

    /// The point that must lie on top: where to click, else the middle of the
    /// composer; in pixels of the whole screen. A window that was moved since
    /// the point was taken, and kept its size, took the point along.
    pub(super) fn point(&self) -> Result<Option<(i32, i32)>, Stop> {
        let now = self.display.area(self.window).map_err(Stop::Failed)?;
        let (x, y) = match (self.pin.spot, &self.pin.composer) {
            (Some(spot), _) => match self.pin.home {
                Some(home) if (home.width, home.height) == (now.width, now.height) => {
                    (spot.x - home.x + now.x, spot.y - home.y + now.y)
                }
                _ => (spot.x, spot.y),
            },
            (None, Some(composer)) => {
                let Area { x, y, width, height } = composer.region;
                (now.x + x + (width / 2) as i32, now.y + y + (height / 2) as i32)
            }
            (None, None) => return Ok(None),
        };
        let agent = &self.target.agent;
        if !self.display.monitors().map_err(Stop::Failed)?.iter().any(|m| m.area.contains(x, y)) {
            return Err(Stop::Failed(format!(
                "the coordinates {x},{y} of {agent} are on no monitor; run: cellphone coords validate"
            )));
        }
        if !now.contains(x, y) {
            return Err(Stop::Failed(format!(
                "the coordinates {x},{y} of {agent} are not inside its window; run: cellphone coords capture {agent}"
            )));
        }
        Ok(Some((x, y)))
    }

    /// Everything that must hold at the moment of a stroke. Only meaningful
    /// inside [`Scene::atomically`].
    pub(super) fn check(&mut self) -> Result<(), Stop> {
        self.check_unmoved()?;
        self.check_title()?;
        let (x, y, _) = self.hands.pointer().map_err(Stop::Failed)?;
        if self.pointer.is_some_and(|place| place != (x, y)) {
            return Err(Stop::Deferred(Reason::HumanActive));
        }
        if self.point()?.is_some() && !self.is_uncovered()? {
            return Err(Stop::Deferred(Reason::Covered));
        }
        Ok(())
    }

    /// The same without regard to pointer and cover: what must hold to erase
    /// what was typed.
    pub(super) fn check_unmoved(&mut self) -> Result<(), Stop> {
        verified(&self.display, self.target, self.pin)?;
        let held = self.hands.pointer().map_err(Stop::Failed)?.2;
        if held || self.hands.disturbed().map_err(Stop::Failed)? {
            return Err(Stop::Deferred(Reason::HumanActive));
        }
        self.check_focus()
    }

    /// What the title says of the program, by its profile: the only words of
    /// a window that can be read.
    fn check_title(&self) -> Result<(), Stop> {
        let profile = &self.target.profile;
        let title = self.display.title(self.window).map_err(Stop::Failed)?;
        let says = |signs: &Signs| signs.title.iter().any(|pattern| pattern.is_match(&title));
        if says(&profile.dialog) {
            return Err(Stop::Deferred(Reason::Dialog));
        }
        let waits = profile.while_busy == WhileBusy::Wait && says(&profile.busy);
        if waits { Err(Stop::Deferred(Reason::Busy)) } else { Ok(()) }
    }

    /// Whether nothing lies over the place where it would be typed.
    pub(super) fn is_uncovered(&self) -> Result<bool, Stop> {
        if !self.display.is_shown(self.window).map_err(Stop::Failed)? {
            return Ok(false);
        }
        match self.point()? {
            Some((x, y)) => self.display.is_at(self.window, x, y).map_err(Stop::Failed),
            None => Ok(false),
        }
    }

    /// Keys would reach the window now, and nobody should it be destroyed.
    pub(super) fn check_focus(&mut self) -> Result<(), Stop> {
        let focus = self.display.holds_focus(self.window).map_err(Stop::Failed)?;
        if focus && self.hands.keys_are_free().map_err(Stop::Failed)? {
            return Ok(());
        }
        Err(Stop::Deferred(Reason::NoFocus))
    }

    /// Checks and strokes as one: the server serves nobody else meanwhile.
    pub(super) fn atomically<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        let display = Arc::clone(&self.display);
        let done = display.alone(|| work(self)).map_err(Stop::Failed)??;
        display.sync().map_err(Stop::Failed)?;
        Ok(done)
    }

    /// The key that submits, by the profile: pressed as the end of a check.
    pub(super) fn enter(&mut self) -> Result<(), Stop> {
        let strokes = self.keymap.submit(self.target.profile.submit).map_err(Stop::Failed)?;
        self.entered.get_or_insert(boot::now());
        self.hands.stroke(&strokes).map_err(Stop::Failed)
    }

    /// Waits until `done` is content with a picture; gives the last one.
    pub(super) fn await_picture(
        &mut self,
        region: &Area,
        limit: Duration,
        mut done: impl FnMut(&Image) -> bool,
    ) -> Result<(Image, bool), Stop> {
        let end = Instant::now() + limit;
        loop {
            let seen = self.picture(region)?;
            if done(&seen) {
                return Ok((seen, true));
            }
            if Instant::now() >= end {
                return Ok((seen, false));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A picture of a part of the window.
    pub(super) fn picture(&mut self, region: &Area) -> Result<Image, Stop> {
        let gone = |_| Stop::Failed("the window has gone".to_owned());
        let now = self.display.area(self.window).map_err(gone)?;
        self.display.shot(&region.moved(now.x, now.y)).map_err(|_| Stop::Deferred(Reason::Covered))
    }

    /// Types with every lock put aside, and puts the locks back.
    pub(super) fn with_locks<T>(
        &mut self,
        layout: u8,
        work: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let locks = Locks::put_aside(&self.display, layout).map_err(Stop::Failed)?;
        let done = work(self);
        if let Some(locks) = locks {
            drop(locks.give_back(&self.display));
        }
        done
    }

    fn give_back(&mut self, before: &Before) {
        let here = self.hands.pointer().map(|(x, y, _)| (x, y));
        // A pointer that the person has taken stays where they put it.
        if here.is_ok() && here.ok() == self.pointer {
            let (x, y) = before.pointer;
            self.hands.will_move();
            drop(Input::open(self.pin.display.as_deref()).and_then(|mut input| input.point(x, y)));
        }
        let active = self.display.active();
        let ours =
            active == Ok(Some(self.window)) || (active == Ok(None) && self.display.has_focus(self.window) == Ok(true));
        if ours {
            match before.active {
                Some(window) if window != self.window => {
                    drop(self.display.activate(window));
                    // Waited for: a connection that closes too early takes
                    // its last requests with it.
                    drop(self.display.await_focus(window, FOCUS));
                }
                _ => drop(self.display.set_focus(before.focus)),
            }
            if before.minimised {
                drop(self.display.minimise(self.window));
            }
        }
        drop(self.hands.sign());
    }
}

pub(super) fn verified(display: &Display, target: &Target, pin: &ScreenTarget) -> Result<(u32, PinnedProcess), Stop> {
    display.verify(pin).map_err(|why| {
        Stop::Failed(format!(
            "{why}; nothing was typed. Pin the window of {0} again: cellphone coords capture {0}",
            target.agent
        ))
    })
}
