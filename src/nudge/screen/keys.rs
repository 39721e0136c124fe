//! Which keys make a text, by the keyboard map of the moment; and the locks
//! (Caps Lock, another layout) that are put aside while it is typed.

use x11rb::connection::Connection;
use x11rb::protocol::xkb::{ConnectionExt as _, Group, ID};
use x11rb::protocol::xproto::{ConnectionExt, Keycode, ModMask};

use super::x11::{Display, words};
use crate::nudge::profile::SubmitKey;

/// Keysyms of X11/keysymdef.h.
const SHIFT: u32 = 0xffe1;
pub(super) const CONTROL: u32 = 0xffe3;
pub(super) const ALT: u32 = 0xffe9;
const RETURN: u32 = 0xff0d;
const TAB: u32 = 0xff09;
const BACKSPACE: u32 = 0xff08;
const INSERT: u32 = 0xff63;
/// Every modifier key: Shift, Control, Caps, Meta, Alt, Super, Hyper; and the
/// level-three shift.
const MODIFIERS: [std::ops::RangeInclusive<u32>; 2] = [0xffe1..=0xffee, 0xfe03..=0xfe03];

/// One movement of a finger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Press(Keycode),
    Release(Keycode),
    ButtonDown(u8),
    ButtonUp(u8),
}

/// The keyboard map of the server.
#[derive(Debug)]
pub(super) struct Keymap {
    first: Keycode,
    columns: usize,
    keysyms: Vec<u32>,
}

impl Keymap {
    pub(super) fn read(display: &Display) -> Result<Self, String> {
        let (first, last) = (display.connection.setup().min_keycode, display.connection.setup().max_keycode);
        let reply =
            display.connection.get_keyboard_mapping(first, last - first + 1).map_err(words)?.reply().map_err(words)?;
        Ok(Self { first, columns: reply.keysyms_per_keycode.into(), keysyms: reply.keysyms })
    }

    /// The key for a keysym in a layout (0 or 1), and whether Shift is held.
    /// The core map holds two levels of each of two layouts side by side.
    fn find(&self, layout: usize, keysym: u32) -> Option<(Keycode, bool)> {
        let at = |shift: usize| {
            let found = self
                .keysyms
                .chunks(self.columns.max(1))
                .position(|key| key.get(layout * 2 + shift) == Some(&keysym))?;
            Some((self.first + Keycode::try_from(found).ok()?, shift == 1))
        };
        at(0).or_else(|| at(1))
    }

    /// The key for a keysym, whatever layout it is in.
    pub(super) fn key(&self, keysym: u32) -> Option<Keycode> {
        self.find(0, keysym).or_else(|| self.find(1, keysym)).map(|(code, _)| code)
    }

    /// The strokes that type a text, and the layout they need; `None` when
    /// the map has no key for one of its characters.
    pub(super) fn plan(&self, text: &str) -> Option<(u8, Vec<Stroke>)> {
        [0, 1].into_iter().find_map(|layout| Some((layout, self.in_layout(usize::from(layout), text)?)))
    }

    fn in_layout(&self, layout: usize, text: &str) -> Option<Vec<Stroke>> {
        let shift = self.key(SHIFT)?;
        let (mut strokes, mut held) = (Vec::with_capacity(text.len() * 2 + 8), false);
        for c in text.chars() {
            if c.is_control() {
                return None;
            }
            let keysym = match u32::from(c) {
                latin @ 0x20..=0xff => latin,
                other => 0x0100_0000 + other,
            };
            let (code, shifted) = self.find(layout, keysym)?;
            if shifted != held {
                strokes.push(if shifted { Stroke::Press(shift) } else { Stroke::Release(shift) });
                held = shifted;
            }
            strokes.extend([Stroke::Press(code), Stroke::Release(code)]);
        }
        if held {
            strokes.push(Stroke::Release(shift));
        }
        Some(strokes)
    }

    /// The key for a keysym, pressed and released.
    pub(super) fn press(&self, keysym: u32, name: &str) -> Result<Vec<Stroke>, String> {
        let code = self.key(keysym).ok_or_else(|| format!("the keyboard map has no key {name}"))?;
        Ok(vec![Stroke::Press(code), Stroke::Release(code)])
    }

    /// The key that submits, with what is held meanwhile.
    pub(super) fn submit(&self, key: SubmitKey) -> Result<Vec<Stroke>, String> {
        match key {
            SubmitKey::Enter => self.press(RETURN, "Return"),
            SubmitKey::CtrlEnter => self.chord((CONTROL, "Control"), (RETURN, "Return")),
            SubmitKey::AltEnter => self.chord((ALT, "Alt"), (RETURN, "Return")),
            SubmitKey::Tab => self.press(TAB, "Tab"),
        }
    }

    fn chord(&self, (held, name): (u32, &str), (key, what): (u32, &str)) -> Result<Vec<Stroke>, String> {
        let held = self.key(held).ok_or_else(|| format!("the keyboard map has no {name}"))?;
        Ok([vec![Stroke::Press(held)], self.press(key, what)?, vec![Stroke::Release(held)]].concat())
    }

    /// Backspace, so many times.
    pub(super) fn erase(&self, times: usize) -> Result<Vec<Stroke>, String> {
        Ok(self.press(BACKSPACE, "BackSpace")?.repeat(times))
    }

    /// Shift+Insert: paste, in terminals and toolkits alike.
    pub(super) fn paste(&self) -> Result<Vec<Stroke>, String> {
        self.chord((SHIFT, "Shift"), (INSERT, "Insert"))
    }

    /// Releases every modifier: what a killed program left pressed. A key
    /// that a person holds stays down, it is on another keyboard.
    pub(super) fn let_go(&self) -> Vec<Stroke> {
        let is_modifier = |keysym: &u32| MODIFIERS.iter().any(|range| range.contains(keysym));
        let keys = self.keysyms.chunks(self.columns.max(1)).enumerate();
        keys.filter(|(_, key)| key.iter().any(is_modifier))
            .filter_map(|(at, _)| Some(Stroke::Release(self.first + Keycode::try_from(at).ok()?)))
            .collect()
    }
}

/// Locks as they were: Caps Lock and its like, and the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locks {
    mods: ModMask,
    group: Group,
}

/// All but Num Lock, which changes no key that is used here.
const LOCKS: u16 = 0xff & !(1 << 4);

impl Locks {
    fn now(display: &Display) -> Result<Self, String> {
        let core = ID::USE_CORE_KBD.into();
        let asked = display.connection.xkb_use_extension(1, 0).map_err(words)?.reply().map_err(words)?;
        if !asked.supported {
            return Err("X server: without XKB its Caps Lock cannot be put aside".to_owned());
        }
        let state = display.connection.xkb_get_state(core).map_err(words)?.reply().map_err(words)?;
        let mods = ModMask::from(u16::from(state.locked_mods) & LOCKS);
        Ok(Self { mods, group: state.locked_group })
    }

    fn set(self, display: &Display) -> Result<(), String> {
        let (all, core) = (ModMask::from(LOCKS), ID::USE_CORE_KBD.into());
        display
            .connection
            .xkb_latch_lock_state(core, all, self.mods, true, self.group, ModMask::from(0xff_u16), false, 0)
            .map_err(words)?;
        display.sync()
    }

    /// Puts them aside for typing in a layout; `None` when nothing was on.
    pub(super) fn put_aside(display: &Display, layout: u8) -> Result<Option<Self>, String> {
        let (before, wanted) = (Self::now(display)?, Self { mods: ModMask::from(0_u16), group: Group::from(layout) });
        if before == wanted {
            return Ok(None);
        }
        wanted.set(display)?;
        Ok(Some(before))
    }

    /// Caps Lock is switched on, as by a person.
    #[cfg(test)]
    pub(super) fn caps_lock(display: &Display) -> Self {
        let on = Self { mods: ModMask::from(2_u16), group: Group::from(0) };
        // Whoever asks first introduces itself to the extension.
        Self::now(display).unwrap();
        on.set(display).unwrap();
        assert_eq!(Self::now(display).unwrap(), on);
        on
    }

    /// Gives them back.
    pub(super) fn give_back(self, display: &Display) -> Result<(), String> {
        self.set(display)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys 8…: a/A, 1/!, minus/underscore, Shift, Return; a second layout in which `a` is Cyrillic.
    fn map() -> Keymap {
        let rows: [[u32; 4]; 5] = [
            [0x6c6, 0x6e6, 0x61, 0x41],
            [0x31, 0x21, 0x31, 0x21],
            [0x2d, 0x5f, 0x2d, 0x5f],
            [SHIFT, 0, SHIFT, 0],
            [RETURN, 0, RETURN, 0],
        ];
        Keymap { first: 8, columns: 4, keysyms: rows.concat() }
    }

    #[test]
    fn a_text_becomes_strokes_in_the_layout_that_has_its_letters() {
        use Stroke::{Press, Release};
        let (layout, strokes) = map().plan("aA_1").unwrap();
        assert_eq!(layout, 1);
        let shifted = [Press(11), Press(8), Release(8), Press(10), Release(10), Release(11)];
        assert_eq!(strokes, [&[Press(8), Release(8)][..], &shifted, &[Press(9), Release(9)]].concat());
        assert_eq!(map().plan("1-").unwrap().0, 0, "the layout that is on is kept where it will do");
        assert_eq!(map().plan("b"), None);
        assert_eq!(map().plan("a\n"), None, "a line break would submit");
    }

    #[test]
    fn other_keys() {
        assert_eq!(map().submit(SubmitKey::Enter).unwrap(), [Stroke::Press(12), Stroke::Release(12)]);
        assert_eq!(map().let_go(), [Stroke::Release(11)]);
        assert!(map().paste().is_err() && map().erase(1).is_err(), "this map has no such keys");
    }
}
