//! Which bytes from the outer terminal are a human's keys, and whether they
//! leave a draft.
//!
//! Terminals answer queries on the same wire (cursor position, colours,
//! focus, device attributes); those are no human. A draft is what was typed
//! since the last Enter; editing keys make that an estimate, so it is only
//! believed where the screen shows no composer.

/// Reads the human's bytes as they pass.
#[derive(Debug, Default)]
pub(super) struct Keys {
    place: Place,
    draft: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Ground,
    Escape,
    Csi(Vec<u8>),
    /// OSC or DCS: only terminals send these.
    Text {
        length: usize,
        escape: bool,
    },
    Ss3,
}

/// Longest control sequence that is taken for one.
const LONGEST: usize = 4_096;

impl Keys {
    /// Takes the next bytes; true when a human pressed something.
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let mut human = false;
        for &byte in bytes {
            human |= self.byte(byte);
        }
        // The Escape key, and Alt with a bracket, come alone.
        match self.place {
            Place::Escape | Place::Text { length: 0, .. } => {
                self.place = Place::Ground;
                true
            }
            _ => human,
        }
    }

    /// Whether keys are in that no Enter followed.
    pub(super) const fn draft(&self) -> bool {
        self.draft > 0
    }

    fn byte(&mut self, byte: u8) -> bool {
        match std::mem::take(&mut self.place) {
            Place::Ground => self.ground(byte),
            Place::Escape => match byte {
                b'[' => {
                    self.place = Place::Csi(Vec::new());
                    false
                }
                b']' | b'P' | b'_' => {
                    self.place = Place::Text { length: 0, escape: false };
                    false
                }
                b'O' => {
                    self.place = Place::Ss3;
                    false
                }
                _ => true,
            },
            Place::Ss3 => true,
            Place::Csi(mut sequence) => {
                sequence.push(byte);
                if (0x40..=0x7e).contains(&byte) || sequence.len() > LONGEST {
                    return !is_report(&sequence);
                }
                self.place = Place::Csi(sequence);
                false
            }
            Place::Text { length, escape } => {
                let over = byte == 0x07 || (escape && byte == b'\\') || length > LONGEST;
                if !over {
                    self.place = Place::Text { length: length + 1, escape: byte == 0x1b };
                }
                false
            }
        }
    }

    fn ground(&mut self, byte: u8) -> bool {
        match byte {
            0x1b => {
                self.place = Place::Escape;
                return false;
            }
            // Enter, and the keys that empty a line.
            b'\r' | b'\n' | 0x03 | 0x04 | 0x15 => self.draft = 0,
            0x7f | 0x08 => self.draft = self.draft.saturating_sub(1),
            // The following bytes of a character count with its first.
            0x80..=0xbf => {}
            0x20.. => self.draft += 1,
            _ => {}
        }
        true
    }
}

/// Whether a CSI sequence is a terminal's answer: cursor position, status,
/// attributes, modes, focus, size, keyboard flags.
fn is_report(sequence: &[u8]) -> bool {
    match sequence.last() {
        Some(b'R' | b'n' | b'c' | b'y' | b't' | b'I' | b'O') => true,
        Some(b'u') => sequence.first() == Some(&b'?'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_terminal_are_no_human() {
        let mut keys = Keys::default();
        for report in [
            "\x1b[24;80R",
            "\x1b[?1;2c",
            "\x1b[0n",
            "\x1b[I",
            "\x1b[O",
            "\x1b[?2026;2$y",
            "\x1b[?1u",
            "\x1b]11;rgb:0000/0000/0000\x1b\\",
            "\x1b]11;rgb:0/0/0\x07",
            "\x1bP>|xterm\x1b\\",
        ] {
            assert!(!keys.take(report.as_bytes()), "{report:?}");
            assert!(!keys.draft(), "{report:?}");
            for byte in report.as_bytes().chunks(3) {
                let _ = keys.take(byte);
            }
            keys = Keys::default();
        }
    }

    #[test]
    fn keys_leave_a_draft_until_enter() {
        let mut keys = Keys::default();
        assert!(keys.take(b"\x1b[A") && !keys.draft(), "an arrow");
        assert!(keys.take(b"\x1b") && keys.take(b"\x1bOP"));
        assert!(keys.take("gü".as_bytes()) && keys.draft());
        assert!(keys.take(b"\x7f\x7f") && !keys.draft());
        assert!(keys.take(b"ls\r") && !keys.draft());
        assert!(keys.take(b"\x1b[200~pasted\x1b[201~") && keys.draft());
        assert!(keys.take(b"\x03") && !keys.draft());
    }
}
