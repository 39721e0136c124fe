//! Pressing keys and buttons by XTEST, on the connection that also checks,
//! and telling our own input from everybody else's.
//!
//! XInput's raw events report every key and button of the screen, ours among
//! them and in order: what comes that we did not press was pressed by a
//! person (or by another program that plays one). When the last input of all
//! was ours, a property of the root window says so to the next nudge, by the
//! server's own clock, so that our keys are not taken for a person at work.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::screensaver::ConnectionExt as _;
use x11rb::protocol::xinput::{ConnectionExt as _, Device, EventMask as Mask, XIEventMask};
use x11rb::protocol::xproto::{
    AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt, CreateWindowAux, EventMask, GrabMode,
    GrabStatus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, KeyButMask, PropMode, Window as WindowId, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::wrapper::ConnectionExt as _;

use super::keys::Stroke;
use super::x11::{Display, words};

/// Where the times of input are kept: our last, and the person's before it.
const LAST: &str = "_CELLPHONE_LAST_INPUT";
/// The server counts whole milliseconds, and its answer takes some.
const SAME: u32 = 4;
/// How often it is asked again, when its answer took longer.
const TRIES: usize = 8;
/// How long the server may take to tell its time.
const ANSWER: Duration = Duration::from_millis(500);

/// Hands on one display.
pub(super) struct Hands {
    display: Arc<Display>,
    window: WindowId,
    /// What we pressed and have not seen reported.
    expected: VecDeque<Stroke>,
    /// Somebody else pressed something.
    foreign: bool,
    /// Movements of the pointer that are ours and were not reported yet.
    moves: usize,
    /// Somebody else moved the pointer.
    pushed: bool,
    /// When there was input last, on the server's clock.
    last: Option<u32>,
    /// The person's last input before ours.
    person: Option<u32>,
}

impl Hands {
    /// Begins to watch.
    pub(super) fn open(display: &Arc<Display>) -> Result<Self, String> {
        let connection = &display.connection;
        connection.xtest_get_version(2, 2).map_err(words)?.reply().map_err(words)?;
        let version = connection.xinput_xi_query_version(2, 2).map_err(words)?.reply().map_err(words)?;
        if (version.major_version, version.minor_version) < (2, 1) {
            return Err("X server: it cannot tell a person's keys from ours (XInput 2.1 is missing)".to_owned());
        }
        let window = connection.generate_id().map_err(words)?;
        let aux = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection
            .create_window(0, window, display.root, -1, -1, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux)
            .map_err(words)?;
        let mask = XIEventMask::RAW_KEY_PRESS
            | XIEventMask::RAW_KEY_RELEASE
            | XIEventMask::RAW_BUTTON_PRESS
            | XIEventMask::RAW_BUTTON_RELEASE
            | XIEventMask::RAW_MOTION;
        let masks = [Mask { deviceid: Device::ALL_MASTER.into(), mask: vec![mask] }];
        connection.xinput_xi_select_events(display.root, &masks).map_err(words)?;
        display.sync()?;
        Ok(Self {
            display: Arc::clone(display),
            window,
            expected: VecDeque::new(),
            foreign: false,
            moves: 0,
            pushed: false,
            last: None,
            person: None,
        })
    }

    /// Queues strokes; they happen when the connection is flushed, or with
    /// the next question.
    pub(super) fn stroke(&mut self, strokes: &[Stroke]) -> Result<(), String> {
        for stroke in strokes {
            let (kind, detail) = match *stroke {
                Stroke::Press(code) => (KEY_PRESS_EVENT, code),
                Stroke::Release(code) => (KEY_RELEASE_EVENT, code),
                Stroke::ButtonDown(button) => (BUTTON_PRESS_EVENT, button),
                Stroke::ButtonUp(button) => (BUTTON_RELEASE_EVENT, button),
            };
            self.display
                .connection
                .xtest_fake_input(kind, detail, x11rb::CURRENT_TIME, x11rb::NONE, 0, 0, 0)
                .map_err(words)?;
            self.expected.push_back(*stroke);
        }
        Ok(())
    }

    /// Whether somebody else has pressed a key or a button since this was
    /// opened. All of our own strokes have happened afterwards.
    pub(super) fn disturbed(&mut self) -> Result<bool, String> {
        self.display.sync()?;
        while let Some(event) = self.display.connection.poll_for_event().map_err(words)? {
            self.note(&event);
        }
        Ok(self.foreign)
    }

    /// Whether a click of ours has not happened altogether yet.
    pub(super) fn is_pressing(&mut self) -> Result<bool, String> {
        let held = self.pointer()?.2;
        self.disturbed()?;
        Ok(held || self.expected.iter().any(|s| matches!(s, Stroke::ButtonDown(_) | Stroke::ButtonUp(_))))
    }

    /// When something was pressed or moved last, on the server's clock, as far
    /// as it was reported.
    pub(super) const fn last(&self) -> Option<u32> {
        self.last
    }

    /// Whether no person has touched anything since `at`, as [`quiet`](Self::quiet) found.
    pub(super) fn untouched_since(&self, at: u32) -> bool {
        // The clock wraps every 49 days: less than half of that apart is before.
        self.person.is_some_and(|person| at != person && at.wrapping_sub(person) < 1 << 31)
    }

    /// The pointer is about to be moved by us.
    pub(super) fn will_move(&mut self) {
        self.moves += 1;
    }

    fn note(&mut self, event: &Event) {
        let key = |detail: u32| detail.try_into().unwrap_or_default();
        let (seen, time) = match event {
            Event::XinputRawKeyPress(e) => (Stroke::Press(key(e.detail)), e.time),
            Event::XinputRawKeyRelease(e) => (Stroke::Release(key(e.detail)), e.time),
            Event::XinputRawButtonPress(e) => (Stroke::ButtonDown(key(e.detail)), e.time),
            Event::XinputRawButtonRelease(e) => (Stroke::ButtonUp(key(e.detail)), e.time),
            Event::XinputRawMotion(e) => {
                self.last = Some(e.time);
                self.pushed |= self.moves == 0;
                self.moves = self.moves.saturating_sub(1);
                return;
            }
            _ => return,
        };
        self.last = Some(time);
        // The release of a key that is up is not reported: it was ours and did nothing.
        let ours = self.expected.iter().position(|stroke| *stroke == seen);
        let skipped = |upto: usize| self.expected.iter().take(upto).all(|s| matches!(s, Stroke::Release(_)));
        match ours {
            Some(at) if skipped(at) => drop(self.expected.drain(..=at)),
            _ => self.foreign = true,
        }
    }

    /// The server's clock, in milliseconds.
    fn now(&mut self) -> Result<u32, String> {
        let atom = self.display.atom(LAST)?;
        let connection = &self.display.connection;
        connection.change_property32(PropMode::APPEND, self.window, atom, AtomEnum::CARDINAL, &[]).map_err(words)?;
        connection.flush().map_err(words)?;
        let end = Instant::now() + ANSWER;
        while Instant::now() < end {
            match self.display.connection.poll_for_event().map_err(words)? {
                Some(Event::PropertyNotify(told)) if told.window == self.window => return Ok(told.time),
                Some(event) => self.note(&event),
                None => std::thread::sleep(Duration::from_micros(50)),
            }
        }
        Err("X server: it does not tell its time".to_owned())
    }

    /// When there was input last, by the server's clock, and what the clock
    /// says; `None` without the screen saver extension. The server tells how
    /// long ago it was: asked between two looks at its clock, which are close
    /// together when nothing came between.
    fn last_input(&mut self) -> Result<Option<(u32, u32)>, String> {
        let mut best = None;
        for _ in 0..TRIES {
            let before = self.now()?;
            let asked = self.display.connection.screensaver_query_info(self.display.root).ok();
            let Some(reply) = asked.and_then(|asked| asked.reply().ok()) else { return Ok(None) };
            let after = self.now()?;
            let blur = after.wrapping_sub(before);
            if best.is_none_or(|(least, _, _)| blur < least) {
                best = Some((blur, after.wrapping_sub(reply.ms_since_user_input), after));
            }
            if blur <= 1 {
                break;
            }
        }
        Ok(best.map(|(_, last, now)| (last, now)))
    }

    /// How long a person has left keyboard and mouse alone: what we pressed
    /// ourselves does not count. `None` where the server cannot tell.
    pub(super) fn quiet(&mut self) -> Result<Option<Duration>, String> {
        let Some((last, now)) = self.last_input()? else { return Ok(None) };
        let kept = self.display.numbers(self.display.root, LAST)?;
        let person = match kept[..] {
            [ours, person] if last.wrapping_sub(ours) <= SAME || ours.wrapping_sub(last) <= SAME => person,
            _ => last,
        };
        self.person = Some(person);
        Ok(Some(Duration::from_millis(now.wrapping_sub(person).into())))
    }

    /// Says to the next nudge that the last input was ours, if it was.
    pub(super) fn sign(&mut self) -> Result<(), String> {
        let disturbed = self.disturbed()? || self.pushed;
        let atom = self.display.atom(LAST)?;
        match (self.person, self.last) {
            (Some(person), Some(ours)) if !disturbed => {
                let times = [ours, person];
                let connection = &self.display.connection;
                connection
                    .change_property32(PropMode::REPLACE, self.display.root, atom, AtomEnum::CARDINAL, &times)
                    .map_err(words)?;
            }
            // Nothing was pressed: what stands there still holds.
            (_, None) => {}
            _ => drop(self.display.connection.delete_property(self.display.root, atom).map_err(words)?),
        }
        self.display.sync()
    }

    /// The pointer's place, and whether a key that changes others or a button
    /// is held. Locks (Caps, Num) are no holding.
    pub(super) fn pointer(&self) -> Result<(i32, i32, bool), String> {
        let display = &self.display;
        let reply = display.connection.query_pointer(display.root).map_err(words)?.reply().map_err(words)?;
        let held = KeyButMask::SHIFT
            | KeyButMask::CONTROL
            | KeyButMask::MOD1
            | KeyButMask::MOD4
            | KeyButMask::BUTTON1
            | KeyButMask::BUTTON2
            | KeyButMask::BUTTON3;
        let held = u16::from(reply.mask) & u16::from(held) != 0;
        Ok((i32::from(reply.root_x), i32::from(reply.root_y), held))
    }

    /// Whether keys reach the window that has the focus: a locked screen or
    /// an open menu takes all of them, whoever has the focus.
    pub(super) fn keys_are_free(&self) -> Result<bool, String> {
        let connection = &self.display.connection;
        let grab = connection
            .grab_keyboard(true, self.window, x11rb::CURRENT_TIME, GrabMode::ASYNC, GrabMode::ASYNC)
            .map_err(words)?
            .reply()
            .map_err(words)?;
        // A window that is not shown cannot grab: the server says so only
        // after it has found that nobody else does. Nothing changes by asking.
        match grab.status {
            GrabStatus::NOT_VIEWABLE => Ok(true),
            GrabStatus::SUCCESS => {
                connection.ungrab_keyboard(x11rb::CURRENT_TIME).map_err(words)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
