//! What is asked of an X server about windows: which there are, who they are,
//! who has the focus; and how one is brought forward.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::res::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask, InputFocus, MapState, StackMode,
    Window as WindowId,
};
use x11rb::rust_connection::RustConnection;

use super::picture::Area;
use super::{Window, title_matches};
use crate::nudge::proof;
use crate::nudge::target::{PinnedProcess, ScreenTarget};

/// Longest property that is read, in 4-byte units.
const LONGEST: u32 = 65_536;
/// How long a window manager may take before the focus is set without it.
const MANAGER: Duration = Duration::from_millis(250);
/// How deep windows are looked for where no manager lists them.
const DEEP: usize = 4;

/// A connection to an X server.
pub(super) struct Display {
    pub(super) connection: RustConnection,
    pub(super) root: WindowId,
    /// Its size in pixels.
    pub(super) size: (u16, u16),
    atoms: Mutex<HashMap<String, Atom>>,
}

pub(super) fn words(error: impl std::fmt::Display) -> String {
    format!("X server: {error}")
}

impl Display {
    /// Connects.
    ///
    /// # Errors
    /// For a person; also where the server only serves X programs on Wayland,
    /// whose other windows it neither knows nor reaches.
    pub(super) fn open(display: Option<&str>) -> Result<Self, String> {
        let (connection, number) =
            x11rb::connect(display).map_err(|e| format!("the X display cannot be opened: {e}; check DISPLAY"))?;
        let screen = connection.setup().roots.get(number).ok_or("the X display has no screen")?;
        let (root, size) = (screen.root, (screen.width_in_pixels, screen.height_in_pixels));
        if connection.query_extension(b"XWAYLAND").map_err(words)?.reply().map_err(words)?.present {
            return Err(super::WAYLAND.to_owned());
        }
        Ok(Self { connection, root, size, atoms: Mutex::default() })
    }

    pub(super) fn atom(&self, name: &str) -> Result<Atom, String> {
        let mut atoms = self.atoms.lock().map_err(words)?;
        if let Some(atom) = atoms.get(name) {
            return Ok(*atom);
        }
        let atom = self.connection.intern_atom(false, name.as_bytes()).map_err(words)?.reply().map_err(words)?.atom;
        atoms.insert(name.to_owned(), atom);
        Ok(atom)
    }

    /// Sends what waits and returns when the server has dealt with it.
    pub(super) fn sync(&self) -> Result<(), String> {
        self.connection.get_input_focus().map_err(words)?.reply().map_err(words)?;
        Ok(())
    }

    /// Runs `work` while the server serves nobody else: what it finds still
    /// holds when what it asks for happens.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> T) -> Result<T, String> {
        self.connection.grab_server().map_err(words)?;
        let done = work();
        self.connection.ungrab_server().map_err(words)?;
        self.connection.flush().map_err(words)?;
        Ok(done)
    }

    pub(super) fn numbers(&self, window: WindowId, name: &str) -> Result<Vec<u32>, String> {
        let reply = self
            .connection
            .get_property(false, window, self.atom(name)?, AtomEnum::ANY, 0, LONGEST)
            .map_err(words)?
            .reply()
            .map_err(words)?;
        Ok(reply.value32().map(Iterator::collect).unwrap_or_default())
    }

    pub(super) fn text(&self, window: WindowId, name: &str) -> Result<String, String> {
        let reply = self
            .connection
            .get_property(false, window, self.atom(name)?, AtomEnum::ANY, 0, LONGEST)
            .map_err(words)?
            .reply()
            .map_err(words)?;
        Ok(String::from_utf8_lossy(&reply.value).into_owned())
    }

    /// Whether a window manager that speaks EWMH is there.
    pub(super) fn is_managed(&self) -> Result<bool, String> {
        Ok(!self.numbers(self.root, "_NET_SUPPORTING_WM_CHECK")?.is_empty())
    }

    /// The windows that the window manager manages; without one, those below
    /// the root that say what they are.
    pub(super) fn windows(&self) -> Result<Vec<Window>, String> {
        let mut ids = self.numbers(self.root, "_NET_CLIENT_LIST")?;
        if ids.is_empty() && !self.is_managed()? {
            self.walk(self.root, DEEP, &mut ids)?;
        }
        // One that closes meanwhile is simply not listed.
        Ok(ids.into_iter().filter_map(|id| self.describe(id).ok()).collect())
    }

    fn walk(&self, from: WindowId, deep: usize, found: &mut Vec<WindowId>) -> Result<(), String> {
        for child in self.connection.query_tree(from).map_err(words)?.reply().map_err(words)?.children {
            let Ok(facts) = self.connection.get_window_attributes(child).map_err(words)?.reply() else { continue };
            if facts.map_state != MapState::VIEWABLE || facts.override_redirect {
                continue;
            }
            if !self.text(child, "WM_CLASS").unwrap_or_default().is_empty() {
                found.push(child);
            } else if deep > 0 {
                self.walk(child, deep - 1, found)?;
            }
        }
        Ok(())
    }

    /// A window's title.
    pub(super) fn title(&self, id: WindowId) -> Result<String, String> {
        let title = self.text(id, "_NET_WM_NAME")?;
        if title.is_empty() { self.text(id, "WM_NAME") } else { Ok(title) }
    }

    /// What a window says of itself, and where it is.
    pub(super) fn describe(&self, id: WindowId) -> Result<Window, String> {
        let title = self.title(id)?;
        let class = self.text(id, "WM_CLASS")?;
        let class = class.split('\0').nth(1).unwrap_or_default().to_owned();
        let pid = match self.numbers(id, "_NET_WM_PID")?.first() {
            Some(pid) => Some(*pid),
            None => self.server_pid(id),
        };
        Ok(Window { id, class, pid, title, area: self.area(id)? })
    }

    /// The process behind a window as the server knows it, where it tells.
    fn server_pid(&self, id: WindowId) -> Option<u32> {
        self.connection.extension_information(res::X11_EXTENSION_NAME).ok()??;
        let spec = res::ClientIdSpec { client: id, mask: res::ClientIdMask::LOCAL_CLIENT_PID };
        let reply = self.connection.res_query_client_ids(&[spec]).ok()?.reply().ok()?;
        reply.ids.first()?.value.first().copied().filter(|pid| *pid != 0)
    }

    /// Where a window is on the whole screen, without its frame.
    pub(super) fn area(&self, id: WindowId) -> Result<Area, String> {
        let size = self.connection.get_geometry(id).map_err(words)?;
        let place = self.connection.translate_coordinates(id, self.root, 0, 0).map_err(words)?;
        let (size, place) = (size.reply().map_err(words)?, place.reply().map_err(words)?);
        Ok(Area {
            x: i32::from(place.dst_x),
            y: i32::from(place.dst_y),
            width: size.width.into(),
            height: size.height.into(),
        })
    }

    /// Whether the pinned window is there and still the same; its process.
    pub(super) fn verify(&self, pinned: &ScreenTarget) -> Result<(WindowId, PinnedProcess), String> {
        let (Some(id), Some(class), Some(pid), Some(start)) = (pinned.window, &pinned.class, pinned.pid, pinned.start)
        else {
            return Err("no window with class and process is pinned".to_owned());
        };
        let window = self.describe(id).map_err(|_| "the pinned window is gone")?;
        if window.class != *class {
            return Err(format!("the window's class is {:?}, pinned was {class:?}", window.class));
        }
        let process = PinnedProcess { pid, start };
        if window.pid != Some(pid) || proof::pin(pid) != Some(process) {
            return Err("the window belongs to another process than the pinned one".to_owned());
        }
        if let Some(pattern) = &pinned.title
            && !title_matches(pattern, &window.title)
        {
            return Err(format!("the window's title does not match {pattern:?}"));
        }
        Ok((id, process))
    }

    /// Whether the deepest window at a point belongs to `window`: nothing
    /// lies on top, and the point is on the screen.
    pub(super) fn is_at(&self, window: WindowId, x: i32, y: i32) -> Result<bool, String> {
        let (Ok(x), Ok(y)) = (i16::try_from(x), i16::try_from(y)) else { return Ok(false) };
        let mut at = self.root;
        loop {
            let below =
                self.connection.translate_coordinates(self.root, at, x, y).map_err(words)?.reply().map_err(words)?;
            if below.child == x11rb::NONE {
                return Ok(false);
            }
            at = below.child;
            if at == window {
                return Ok(true);
            }
        }
    }

    /// The managed window at a point of the screen.
    pub(super) fn window_at(&self, x: i32, y: i32) -> Result<Option<Window>, String> {
        for window in self.windows()? {
            if self.is_at(window.id, x, y)? {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }

    /// Whether the window, or one inside it, has the input focus.
    pub(super) fn has_focus(&self, window: WindowId) -> Result<bool, String> {
        let mut at = self.focus()?;
        while at != self.root && at > 1 {
            if at == window {
                return Ok(true);
            }
            at = self.connection.query_tree(at).map_err(words)?.reply().map_err(words)?.parent;
        }
        Ok(false)
    }

    /// Whether the window, or one inside it, has the focus, and keeps it to its
    /// end: when it is destroyed from here on, the focus is nowhere, and keys
    /// reach nobody. A window's manager gives it so that it would fall to
    /// whatever lies under the pointer, also while the server is grabbed.
    pub(super) fn holds_focus(&self, window: WindowId) -> Result<bool, String> {
        if !self.has_focus(window)? {
            return Ok(false);
        }
        let at = self.focus()?;
        let held = self.connection.set_input_focus(InputFocus::NONE, at, x11rb::CURRENT_TIME).map_err(words)?;
        // One that was destroyed just now cannot be given it.
        Ok(held.check().is_ok() && self.focus()? == at && self.has_focus(window)?)
    }

    /// Waits until the window has the focus.
    pub(super) fn await_focus(&self, window: WindowId, limit: Duration) -> Result<bool, String> {
        let end = Instant::now() + limit;
        while !self.has_focus(window)? {
            if Instant::now() >= end {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(true)
    }

    /// Raises a window and gives it the focus, by the window manager; by hand
    /// where there is none, or it does not do it. Returns whether the window
    /// has the focus, as read back.
    pub(super) fn bring(&self, window: WindowId, limit: Duration) -> Result<bool, String> {
        if self.is_managed()? {
            self.activate(window)?;
            if self.await_focus(window, MANAGER.min(limit))? {
                return Ok(true);
            }
        } else {
            let above = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
            self.connection.configure_window(window, &above).map_err(words)?;
        }
        // The focus of a window that is not shown would be refused.
        if self.is_shown(window)? {
            self.set_focus(window)?;
        }
        self.await_focus(window, limit)
    }

    /// The window that the window manager calls active.
    pub(super) fn active(&self) -> Result<Option<WindowId>, String> {
        Ok(self.numbers(self.root, "_NET_ACTIVE_WINDOW")?.first().copied().filter(|id| *id != x11rb::NONE))
    }

    /// Whether a window is shown. One that is not is nowhere: some window
    /// managers park it far away.
    pub(super) fn is_shown(&self, window: WindowId) -> Result<bool, String> {
        let facts = self.connection.get_window_attributes(window).map_err(words)?.reply().map_err(words)?;
        Ok(facts.map_state == MapState::VIEWABLE)
    }

    /// Whether a window is minimised.
    pub(super) fn is_minimised(&self, window: WindowId) -> Result<bool, String> {
        // ICCCM, WM_STATE: 3 is iconic.
        Ok(self.numbers(window, "WM_STATE")?.first() == Some(&3))
    }

    /// Minimises a window, as it was before.
    pub(super) fn minimise(&self, window: WindowId) -> Result<(), String> {
        self.tell_manager(window, "WM_CHANGE_STATE", [3, 0, 0, 0, 0])
    }

    /// Asks the window manager to activate a window, as a pager does.
    pub(super) fn activate(&self, window: WindowId) -> Result<(), String> {
        self.tell_manager(window, "_NET_ACTIVE_WINDOW", [2, x11rb::CURRENT_TIME, 0, 0, 0])
    }

    fn tell_manager(&self, window: WindowId, what: &str, data: [u32; 5]) -> Result<(), String> {
        let event = ClientMessageEvent::new(32, window, self.atom(what)?, data);
        let mask = EventMask::SUBSTRUCTURE_NOTIFY | EventMask::SUBSTRUCTURE_REDIRECT;
        self.connection.send_event(false, self.root, mask, event).map_err(words)?;
        self.connection.flush().map_err(words)
    }

    /// The input focus as it is.
    pub(super) fn focus(&self) -> Result<WindowId, String> {
        Ok(self.connection.get_input_focus().map_err(words)?.reply().map_err(words)?.focus)
    }

    /// Sets the focus without a window manager.
    pub(super) fn set_focus(&self, window: WindowId) -> Result<(), String> {
        self.connection
            .set_input_focus(InputFocus::POINTER_ROOT, window, x11rb::CURRENT_TIME)
            .map_err(words)?
            .check()
            .map_err(words)
    }
}
