//! Foreign text made visible: nothing that a message, a file or a program says
//! steers what shows it, a terminal or a page.
//!
//! Control characters become their pictures (`␛`), characters that are
//! invisible or turn the direction of reading become `⟨U+202E⟩`. The joiners
//! U+200C and U+200D and the variation selectors stay where emoji and several
//! scripts need them; beside Latin letters, and in runs, they hide something.

use std::borrow::Cow;

/// One line: line breaks and tabs are shown as pictures too.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    visible(text, false)
}

/// Several lines: line feeds stay, tabs become four spaces, a carriage return
/// before a line feed goes.
#[must_use]
pub fn block(text: &str) -> Cow<'_, str> {
    visible(text, true)
}

fn visible(text: &str, lines: bool) -> Cow<'_, str> {
    if !text.chars().any(|c| (suspicious(c) || is_joiner(c)) && !(lines && c == '\n')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut chars, mut before) = (text.chars().peekable(), None);
    while let Some(c) = chars.next() {
        let hides = is_joiner(c) && hides(before, c, chars.peek().copied());
        before = Some(c);
        match c {
            '\n' if lines => out.push('\n'),
            '\t' if lines => out.push_str("    "),
            '\r' if lines && chars.peek() == Some(&'\n') => {}
            // The block "Control Pictures" mirrors the C0 controls.
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            c if hides || suspicious(c) => out.push_str(&format!("⟨U+{:04X}⟩", c as u32)),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Joiners, and the selectors of a character's variant.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether a joiner stands where no script and no emoji needs it. A selector
/// may follow a digit, which makes a keycap of it.
fn hides(before: Option<char>, joiner: char, after: Option<char>) -> bool {
    let is_plain = |c: Option<char>| c.is_none_or(|c| c.is_ascii() || c.is_whitespace());
    match joiner {
        '\u{200c}' | '\u{200d}' => is_plain(before) || is_plain(after),
        _ => before.is_none_or(|c| is_joiner(c) || c.is_ascii_alphabetic() || c.is_whitespace()),
    }
}

/// Whether a character does something to the line it stands in, or hides.
#[must_use]
pub fn suspicious(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
