//! The only file that names `enigo`: the pointer on X displays, pointer and
//! keys on other platforms.

use enigo::{Coordinate, Enigo, Mouse, Settings};

/// The pointer of one display.
pub(super) struct Input {
    enigo: Enigo,
}

impl Input {
    /// Connects. `display` counts on X alone.
    pub(super) fn open(display: Option<&str>) -> Result<Self, String> {
        let settings = Settings { x11_display: display.map(str::to_owned), linux_delay: 0, ..Settings::default() };
        let enigo = Enigo::new(&settings).map_err(|e| format!("the pointer of this display cannot be moved: {e}"))?;
        Ok(Self { enigo })
    }

    /// Moves the pointer; returns when it is there.
    pub(super) fn point(&mut self, x: i32, y: i32) -> Result<(), String> {
        self.enigo.move_mouse(x, y, Coordinate::Abs).map_err(|e| e.to_string())
    }
}

/// What X displays do by themselves, on the connection that also checks.
#[cfg(not(all(unix, not(target_os = "macos"))))]
impl Input {
    /// Clicks where the pointer is.
    pub(super) fn click(&mut self) -> Result<(), String> {
        self.enigo.button(enigo::Button::Left, enigo::Direction::Click).map_err(|e| e.to_string())
    }

    /// Types a text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), String> {
        enigo::Keyboard::text(&mut self.enigo, text).map_err(|e| e.to_string())
    }

    /// Enter.
    pub(super) fn enter(&mut self) -> Result<(), String> {
        enigo::Keyboard::key(&mut self.enigo, enigo::Key::Return, enigo::Direction::Click).map_err(|e| e.to_string())
    }

    /// Width and height of the main monitor.
    pub(super) fn main_display(&self) -> Result<(u32, u32), String> {
        let (width, height) = self.enigo.main_display().map_err(|e| e.to_string())?;
        Ok((width.unsigned_abs(), height.unsigned_abs()))
    }

    /// Where the pointer is.
    pub(super) fn location(&self) -> Result<(i32, i32), String> {
        self.enigo.location().map_err(|e| e.to_string())
    }
}
