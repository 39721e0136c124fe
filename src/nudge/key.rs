//! A single key that a sequence presses, as people write it: `escape`,
//! `ctrl+t`, `alt+n`, `ctrl+enter`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A key. Few on purpose: what leaves a mode, opens something, or submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Escape.
    Escape,
    /// Tab.
    Tab,
    /// Enter.
    Enter,
    /// Control and Enter: a terminal cannot tell it from Enter.
    CtrlEnter,
    /// Control and a letter from a to z.
    Ctrl(char),
    /// Alt and a letter from a to z.
    Alt(char),
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || {
            format!("{text:?} is no key of a sequence; write escape, tab, enter, ctrl+enter, ctrl+LETTER or alt+LETTER")
        };
        let letter = |rest: &str| match rest.as_bytes() {
            [one] if one.is_ascii_alphabetic() => Ok(char::from(one.to_ascii_lowercase())),
            _ => Err(fault()),
        };
        match text.to_ascii_lowercase().as_str() {
            "escape" | "esc" => Ok(Self::Escape),
            "tab" => Ok(Self::Tab),
            "enter" => Ok(Self::Enter),
            "ctrl+enter" => Ok(Self::CtrlEnter),
            other => match other.split_once('+') {
                Some(("ctrl", rest)) => letter(rest).map(Self::Ctrl),
                Some(("alt", rest)) => letter(rest).map(Self::Alt),
                _ => Err(fault()),
            },
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Escape => f.write_str("escape"),
            Self::Tab => f.write_str("tab"),
            Self::Enter => f.write_str("enter"),
            Self::CtrlEnter => f.write_str("ctrl+enter"),
            Self::Ctrl(c) => write!(f, "ctrl+{c}"),
            Self::Alt(c) => write!(f, "alt+{c}"),
        }
    }
}

impl Key {
    /// What a terminal sends for it; `None` when it has nothing of the kind.
    #[must_use]
    pub fn bytes(self) -> Option<Vec<u8>> {
        Some(match self {
            Self::Escape => vec![0x1b],
            Self::Tab => vec![b'\t'],
            Self::Enter => vec![b'\r'],
            Self::CtrlEnter => return None,
            Self::Ctrl(c) => vec![u8::try_from(c).ok()? & 0x1f],
            Self::Alt(c) => vec![0x1b, u8::try_from(c).ok()?],
        })
    }

    /// tmux's name of it.
    #[must_use]
    pub fn tmux(self) -> Option<String> {
        Some(match self {
            Self::Escape => "Escape".to_owned(),
            Self::Tab => "Tab".to_owned(),
            Self::Enter => "Enter".to_owned(),
            Self::CtrlEnter => return None,
            Self::Ctrl(c) => format!("C-{c}"),
            Self::Alt(c) => format!("M-{c}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for text in ["escape", "tab", "enter", "ctrl+enter", "ctrl+t", "alt+n"] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        for bad in ["", "ctrl+", "ctrl+1", "ctrl+tt", "ctrl+;", "shift+a", "C-c ; kill-server"] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
        assert_eq!(Key::Ctrl('t').bytes().unwrap(), [0x14]);
        assert_eq!((Key::CtrlEnter.bytes(), Key::CtrlEnter.tmux()), (None, None));
    }
}
