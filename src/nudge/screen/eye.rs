//! Looking at an X screen: its monitors, a picture of a part of it, and the
//! point a person shows.

use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{
    ConnectionExt, EventMask, GrabMode, GrabStatus, ImageFormat, ImageOrder, Window as WindowId,
};

use super::picture::{Area, Image};
use super::x11::{Display, words};
use super::{Monitor, Window};

/// The crosshair of the server's own cursor font, `X11/cursorfont.h`.
const CROSSHAIR: u16 = 34;

impl Display {
    /// The monitors of the screen, as RandR tells; without it, one that is
    /// the whole screen.
    pub(super) fn monitors(&self) -> Result<Vec<Monitor>, String> {
        let found = self.connection.randr_get_monitors(self.root, true).ok().and_then(|asked| asked.reply().ok());
        let mut monitors = Vec::new();
        for m in found.map(|reply| reply.monitors).unwrap_or_default() {
            let name = self.connection.get_atom_name(m.name).map_err(words)?.reply().map_err(words)?.name;
            let area = Area { x: m.x.into(), y: m.y.into(), width: m.width.into(), height: m.height.into() };
            let name = String::from_utf8_lossy(&name).into_owned();
            monitors.push(Monitor { name, area, primary: m.primary });
        }
        if monitors.is_empty() {
            let area = Area { x: 0, y: 0, width: self.size.0.into(), height: self.size.1.into() };
            monitors.push(Monitor { name: "screen".to_owned(), area, primary: true });
        }
        monitors.sort_by_key(|m| (!m.primary, m.area.x, m.area.y));
        Ok(monitors)
    }

    /// A picture of a part of the screen as it is shown.
    pub(super) fn shot(&self, area: &Area) -> Result<Image, String> {
        let whole = Area { x: 0, y: 0, width: self.size.0.into(), height: self.size.1.into() };
        if whole.common(area) != Some(*area) {
            return Err("a part of the window is not on the screen".to_owned());
        }
        // They lie on the screen, whose size is 16 bits.
        let (x, y) = (i16::try_from(area.x).map_err(words)?, i16::try_from(area.y).map_err(words)?);
        let (width, height) = (u16::try_from(area.width).map_err(words)?, u16::try_from(area.height).map_err(words)?);
        let reply = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, self.root, x, y, width, height, !0)
            .map_err(words)?
            .reply()
            .map_err(words)?;
        let setup = self.connection.setup();
        let format = setup.pixmap_formats.iter().find(|f| f.depth == reply.depth);
        if format.is_none_or(|f| f.bits_per_pixel != 32) {
            return Err(format!("pictures of this display (depth {}) cannot be compared", reply.depth));
        }
        let number =
            if setup.image_byte_order == ImageOrder::LSB_FIRST { u32::from_le_bytes } else { u32::from_be_bytes };
        // The fourth byte is whatever the server had there.
        let pixels = reply.data.chunks_exact(4).map(|p| number([p[0], p[1], p[2], p[3]]) & 0x00ff_ffff).collect();
        Ok(Image { width: area.width, height: area.height, pixels })
    }

    /// A picture of a whole window, as far as it is on the screen.
    pub(super) fn shot_of(&self, window: WindowId) -> Result<Image, String> {
        self.shot(&self.area(window)?)
    }

    /// Waits until a person presses a mouse button somewhere, with a
    /// crosshair for a pointer; nothing else gets that press.
    pub(super) fn pick(&self, limit: Duration) -> Result<(i32, i32, Option<Window>), String> {
        let font = self.connection.generate_id().map_err(words)?;
        self.connection.open_font(font, b"cursor").map_err(words)?;
        let cursor = self.connection.generate_id().map_err(words)?;
        let (dark, light) = (0, u16::MAX);
        self.connection
            .create_glyph_cursor(cursor, font, font, CROSSHAIR, CROSSHAIR + 1, dark, dark, dark, light, light, light)
            .map_err(words)?;
        let mask = EventMask::BUTTON_PRESS | EventMask::BUTTON_RELEASE;
        let grab = self
            .connection
            .grab_pointer(
                false,
                self.root,
                mask,
                GrabMode::ASYNC,
                GrabMode::ASYNC,
                x11rb::NONE,
                cursor,
                x11rb::CURRENT_TIME,
            )
            .map_err(words)?
            .reply()
            .map_err(words)?;
        if grab.status != GrabStatus::SUCCESS {
            return Err("another program holds the mouse; close its menu and run this again".to_owned());
        }
        let end = Instant::now() + limit;
        let mut shown = None;
        // The release is ours too: nobody else shall see half a click.
        loop {
            match self.connection.poll_for_event().map_err(words)? {
                Some(Event::ButtonPress(press)) if shown.is_none() => {
                    shown = Some((i32::from(press.root_x), i32::from(press.root_y), press.detail));
                }
                Some(Event::ButtonRelease(release)) if shown.is_some_and(|(_, _, b)| b == release.detail) => break,
                Some(_) => {}
                None if Instant::now() >= end => break,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        self.connection.ungrab_pointer(x11rb::CURRENT_TIME).map_err(words)?;
        self.connection.free_cursor(cursor).map_err(words)?;
        self.sync()?;
        match shown {
            // 1 is the left button; any other takes it back.
            Some((x, y, 1)) => Ok((x, y, self.window_at(x, y)?)),
            Some(_) => Err("given up: it was not the left button".to_owned()),
            None => Err(format!("nobody pressed a button within {} s", limit.as_secs())),
        }
    }
}
