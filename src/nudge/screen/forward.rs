//! How a window comes to the front, with the focus, and is clicked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::conversation::{FOCUS, Scene, typist_name, verified};
use super::input::Input;
use super::keys::Stroke;
use crate::nudge::converse::Stop;
use crate::nudge::outcome::Reason;

/// Longer than any program's time for a double click (toolkits: 400 to 500 ms).
const MULTI_CLICK: Duration = Duration::from_millis(600);
/// How long it may take to raise it.
const RAISE: Duration = Duration::from_millis(250);
/// How long it may take to unfold a minimised one: openbox draws that for
/// 160 ms, with the window under way and as large as ever.
const UNFOLD: Duration = Duration::from_millis(1_500);
/// How long a window that was unfolded stays where it is to have arrived: a
/// few frames.
const ARRIVED: Duration = Duration::from_millis(80);

impl Scene<'_> {
    /// The window comes to the front with the focus, and is clicked where the
    /// coordinates say. A click goes to whatever lies on top there, so that
    /// is looked at before.
    pub(super) fn bring_forward(&mut self) -> Result<(), Stop> {
        verified(&self.display, self.target, self.pin)?;
        let minimised = self.display.is_minimised(self.window).map_err(Stop::Failed)?;
        if !self.display.bring(self.window, FOCUS).map_err(Stop::Failed)? {
            return Err(Stop::Deferred(Reason::NoFocus));
        }
        if minimised {
            self.await_arrival()?;
        }
        // A window manager may give the focus before it raises, or shows what was minimised.
        let end = Instant::now() + RAISE;
        let point = loop {
            match self.point() {
                Err(Stop::Failed(_)) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
                point => break point?,
            }
        };
        let Some((x, y)) = point else { return Ok(()) };
        while !self.display.is_at(self.window, x, y).map_err(Stop::Failed)? {
            if Instant::now() >= end {
                return Err(Stop::Deferred(Reason::Covered));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.pin.spot.is_none() || self.clicked_just_now() {
            return Ok(());
        }
        let mut input = Input::open(self.pin.display.as_deref()).map_err(Stop::Failed)?;
        self.hands.will_move();
        input.point(x, y).map_err(Stop::Failed)?;
        self.pointer = Some((x, y));
        let click = [Stroke::ButtonDown(1), Stroke::ButtonUp(1)];
        self.atomically(|scene| {
            scene.check()?;
            scene.hands.stroke(&click).map_err(Stop::Failed)
        })?;
        // A window manager that looks at clicks first holds ours back until it
        // has: half of it would still be to come when keys are typed.
        let end = Instant::now() + FOCUS;
        while self.hands.is_pressing().map_err(Stop::Failed)? {
            if Instant::now() >= end {
                return Err(Stop::Deferred(Reason::NoFocus));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        match self.display.await_focus(self.window, FOCUS).map_err(Stop::Failed)? {
            true => Ok(()),
            false => Err(Stop::Deferred(Reason::NoFocus)),
        }
    }

    /// Waits until a window that was minimised, and has the focus now, stands
    /// still; one that somebody minimises meanwhile is left alone.
    fn await_arrival(&self) -> Result<(), Stop> {
        let end = Instant::now() + UNFOLD;
        let mut last = (self.display.area(self.window).map_err(Stop::Failed)?, Instant::now());
        while last.1.elapsed() < ARRIVED {
            if Instant::now() >= end || !self.display.is_shown(self.window).map_err(Stop::Failed)? {
                return Err(Stop::Deferred(Reason::Covered));
            }
            std::thread::sleep(Duration::from_millis(2));
            let now = self.display.area(self.window).map_err(Stop::Failed)?;
            if now != last.0 {
                last = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Whether this window was clicked a moment ago, as another click would be
    /// a double one, which selects text; notes that it is clicked now.
    fn clicked_just_now(&self) -> bool {
        static CLICKS: Mutex<BTreeMap<(String, u32), Instant>> = Mutex::new(BTreeMap::new());
        let mut clicks = CLICKS.lock().unwrap_or_else(PoisonError::into_inner);
        clicks.retain(|_, at| at.elapsed() < MULTI_CLICK);
        let window = (typist_name(self.pin), self.window);
        clicks.contains_key(&window) || clicks.insert(window, Instant::now()).is_some()
    }
}
