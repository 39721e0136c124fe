//! A small X client: a window with a composer in which every character is a
//! box of its own, and which misbehaves on demand. Keys that reach it are
//! recorded, whatever it does with them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeGCAux, ConnectionExt, CreateGCAux, CreateWindowAux, EventMask, PropMode, Rectangle, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

use super::Desk;
use crate::nudge::screen::picture::Area;
use crate::nudge::screen::x11::Display;

pub(super) const WIDTH: u16 = 480;
pub(super) const HEIGHT: u16 = 160;
/// Where its composer is in the window.
pub(super) const COMPOSER: Area = Area { x: 0, y: 110, width: 480, height: 40 };

/// How it behaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Habits {
    /// So many Enters do nothing.
    pub(super) swallow_enters: usize,
    /// Nothing typed is shown or kept.
    pub(super) deaf: bool,
    /// The cursor is on for that long, off for that long.
    pub(super) blink: Option<Duration>,
    /// Writes into its upper part by itself when a key comes.
    pub(super) chatty: bool,
    /// Ends after so many keys.
    pub(super) ends_after: Option<usize>,
    /// Where it stands; the window manager's frame comes on top.
    pub(super) place: (i16, i16),
}

#[derive(Debug, Default)]
struct Seen {
    keys: usize,
    composer: String,
    lines: Vec<String>,
    clicks: usize,
    /// Enters with Control held.
    chords: usize,
}

/// The client, on a thread of its own.
pub(super) struct Pad {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    pub(super) window: u32,
}

impl Pad {
    /// Opens the window and waits until it is shown.
    pub(super) fn open(desk: &Desk, title: &str, habits: Habits) -> Self {
        let display = desk.open();
        let window = display.connection.generate_id().unwrap();
        let events = EventMask::KEY_PRESS | EventMask::BUTTON_PRESS | EventMask::EXPOSURE;
        let aux = CreateWindowAux::new().event_mask(events).background_pixel(0xff_ffff);
        let (x, y) = habits.place;
        let c = &display.connection;
        c.create_window(0, window, display.root, x, y, WIDTH, HEIGHT, 0, WindowClass::INPUT_OUTPUT, 0, &aux).unwrap();
        let string = AtomEnum::STRING;
        c.change_property8(PropMode::REPLACE, window, AtomEnum::WM_NAME, string, title.as_bytes()).unwrap();
        c.change_property8(PropMode::REPLACE, window, AtomEnum::WM_CLASS, string, b"pad\0Pad\0").unwrap();
        let pid = display.atom("_NET_WM_PID").unwrap();
        c.change_property32(PropMode::REPLACE, window, pid, AtomEnum::CARDINAL, &[std::process::id()]).unwrap();
        // ICCCM, WM_NORMAL_HINTS: the place was chosen by the user (1).
        let hints: [u32; 18] = std::array::from_fn(|at| u32::from(at == 0));
        let kind = AtomEnum::WM_SIZE_HINTS;
        c.change_property32(PropMode::REPLACE, window, AtomEnum::WM_NORMAL_HINTS, kind, &hints).unwrap();
        c.map_window(window).unwrap();
        display.sync().unwrap();
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::new(AtomicBool::new(false)));
        let (to, end) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = Some(std::thread::spawn(move || run(&display, window, &habits, &to, &end)));
        let pad = Self { seen, stop, thread, window };
        let display = desk.open();
        let mut asked = Instant::now();
        super::until("the pad's window", || {
            // A window manager that had just started may have missed it.
            if asked.elapsed() > Duration::from_secs(1) {
                asked = Instant::now();
                display.connection.unmap_window(window).unwrap();
                display.connection.map_window(window).unwrap();
            }
            display.windows().unwrap().iter().any(|w| w.id == window).then_some(())
        });
        pad
    }
    pub(super) fn keys(&self) -> usize {
        self.seen.lock().unwrap().keys
    }
    pub(super) fn clicks(&self) -> usize {
        self.seen.lock().unwrap().clicks
    }
    pub(super) fn chords(&self) -> usize {
        self.seen.lock().unwrap().chords
    }
    pub(super) fn composer(&self) -> String {
        self.seen.lock().unwrap().composer.clone()
    }
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().lines.clone()
    }
}

impl Drop for Pad {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(display: &Display, window: u32, habits: &Habits, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let c = &display.connection;
    let gc = c.generate_id().unwrap();
    c.create_gc(gc, window, &CreateGCAux::new()).unwrap();
    let first = c.setup().min_keycode;
    let map = c.get_keyboard_mapping(first, c.setup().max_keycode - first + 1).unwrap().reply().unwrap();
    let per = usize::from(map.keysyms_per_keycode);
    let (mut swallow, mut phase, mut blinked) = (habits.swallow_enters, true, Instant::now());
    let mut waiting: VecDeque<Event> = VecDeque::new();
    while !stop.load(Ordering::SeqCst) {
        let mut draw = false;
        while let Ok(Some(event)) = c.poll_for_event() {
            waiting.push_back(event);
        }
        if waiting.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        for event in waiting.drain(..) {
            let mut now = seen.lock().unwrap();
            match event {
                Event::KeyPress(press) => {
                    let state = u16::from(press.state);
                    let level = usize::from(state & 1 == 1);
                    let keysym = map.keysyms[usize::from(press.detail - first) * per + level];
                    if (0xffe1..=0xffee).contains(&keysym) {
                        continue;
                    }
                    now.keys += 1;
                    // Caps Lock turns letters over, as in any program.
                    let caps = |c: char| if state & 2 == 2 { c.to_ascii_uppercase() } else { c };
                    match keysym {
                        0xff0d if swallow > 0 => swallow -= 1,
                        0xff0d => {
                            // Bit 2 of the state is Control.
                            now.chords += usize::from(state & 4 == 4);
                            let line = std::mem::take(&mut now.composer);
                            now.lines.push(line);
                        }
                        0xff08 => drop(now.composer.pop()),
                        _ if habits.deaf => {}
                        latin => now.composer.extend(char::from_u32(latin).map(caps)),
                    }
                    if habits.ends_after.is_some_and(|limit| now.keys >= limit) {
                        return;
                    }
                    draw = true;
                }
                Event::ButtonPress(_) => now.clicks += 1,
                Event::Expose(_) => draw = true,
                _ => {}
            }
        }
        if habits.blink.is_some_and(|period| blinked.elapsed() >= period) {
            (phase, blinked, draw) = (!phase, Instant::now(), true);
        }
        if draw {
            let now = seen.lock().unwrap();
            paint(display, window, gc, &now, phase, habits.chatty);
        }
    }
    drop(c.destroy_window(window));
    drop(display.sync());
}

fn paint(display: &Display, window: u32, gc: u32, seen: &Seen, cursor: bool, chatty: bool) {
    let c = &display.connection;
    let fill = |colour: u32, x: i32, y: i32, width: u16, height: u16| {
        c.change_gc(gc, &ChangeGCAux::new().foreground(colour)).unwrap();
        let area = Rectangle { x: x as i16, y: y as i16, width, height };
        c.poly_fill_rectangle(window, gc, &[area]).unwrap();
    };
    fill(0xff_ffff, 0, 0, WIDTH, HEIGHT);
    fill(0x80_8080, 0, 108, WIDTH, 1);
    // What was submitted is shown above, as in a conversation.
    fill(0x20_60a0, 10, 10, 30, 2 + 3 * (seen.lines.len() as u16 % 30));
    if chatty {
        fill(0xa0_2020, 200, 10, 2 + seen.keys as u16 % 200, 10);
    }
    let across = |at: usize| (10 + (at % 64) * 7, 116 + (at / 64) * 12);
    for (at, letter) in seen.composer.chars().enumerate() {
        let (x, y) = across(at);
        fill(0x10_1010 + (letter as u32) * 0x01_0203, x as i32, y as i32, 6, 9);
    }
    if cursor {
        let (x, y) = across(seen.composer.chars().count());
        fill(0, x as i32, y as i32, 2, 9);
    }
    c.flush().unwrap();
}
