//! Foreign text made safe and measurable.
//!
//! Control characters become their pictures (`␛`), characters that are
//! invisible or turn the direction of reading become `⟨U+202E⟩`. The joiners
//! U+200C and U+200D stay: emoji and several scripts need them, and they move
//! nothing.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

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
    if !text.chars().any(|c| suspicious(c) && !(lines && c == '\n')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' if lines => out.push('\n'),
            '\t' if lines => out.push_str("    "),
            '\r' if lines && chars.peek() == Some(&'\n') => {}
            // The block "Control Pictures" mirrors the C0 controls.
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            c if suspicious(c) => out.push_str(&format!("⟨U+{:04X}⟩", c as u32)),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character does something to the line it stands in, or hides.
pub(super) fn suspicious(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many terminal cells the text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to at most `cells`, with `…` where something is missing.
#[must_use]
pub fn cut(text: &str, cells: usize) -> Cow<'_, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > cells {
            break;
        }
        used += w;
        out.push(c);
    }
    if cells > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// The text filled with spaces to `cells`.
#[must_use]
pub fn pad(text: &str, cells: usize, right: bool) -> String {
    let fill = " ".repeat(cells.saturating_sub(width(text)));
    if right { fill + text } else { text.to_owned() + &fill }
}

/// Every line with `prefix` before it.
#[must_use]
pub fn quote(text: &str, prefix: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        out.push_str(if line.is_empty() { prefix.trim_end() } else { prefix });
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Prose broken between words, so that no line passes `width`; lines after
/// the first, and what stands before the first, take `indent` cells. A word
/// longer than a line stays whole: it may be a command to copy.
#[must_use]
pub fn wrap(prose: &str, width: Option<usize>, indent: usize) -> String {
    let Some(limit) = width.map(|w| w.saturating_sub(indent)).filter(|limit| *limit >= 16) else {
        return prose.to_owned();
    };
    let mut out = String::with_capacity(prose.len() + 16);
    let mut used = 0;
    for word in prose.split_inclusive(' ') {
        let cells = self::width(word.trim_end());
        if used > 0 && used + cells > limit {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = 0;
        }
        out.push_str(word);
        used += self::width(word);
    }
    out
}

/// `1 message`, `2 messages`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => format!("{n} {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{n} {stem}ies"),
        None if noun.ends_with('x') => format!("{n} {noun}es"),
        _ => format!("{n} {noun}s"),
    }
}

/// A size for people: `17 B`, `1.4 kB`, `12 MB` (powers of ten).
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut whole, mut tenths, mut unit) = (n, 0, 0);
    while whole >= 1_000 && unit + 1 < UNITS.len() {
        tenths = whole % 1_000 / 100;
        whole /= 1_000;
        unit += 1;
    }
    if unit == 0 || whole >= 10 {
        format!("{whole} {}", UNITS[unit])
    } else {
        format!("{whole}.{tenths} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_breaks_between_words() {
        assert_eq!(wrap("one two  three", None, 4), "one two  three");
        assert_eq!(wrap("one two", Some(12), 4), "one two", "too narrow to be worth it");
        let text = "mail of other agents comes to cellphone-01M85VV6ZN173TFWXGV02CFQZB now";
        let shown = wrap(text, Some(24), 4);
        assert_eq!(shown, "mail of other agents\n    comes to\n    cellphone-01M85VV6ZN173TFWXGV02CFQZB\n    now");
        assert_eq!(shown.replace("\n    ", " "), text);
    }

    #[test]
    fn controls_and_bidi_become_visible() {
        assert_eq!(line("a\u{1b}[31mb\u{7f}\r\n\tc"), "a␛[31mb␡␍␊␉c");
        assert_eq!(line("x\u{202e}y\u{9b}z\u{feff}"), "x⟨U+202E⟩y⟨U+009B⟩z⟨U+FEFF⟩");
        assert_eq!(block("one\r\ntwo\tthree\rfour\u{1b}[201~\n"), "one\ntwo    three␍four␛[201~\n");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(line("Grüße, 世界 👩\u{200d}💻"), Cow::Borrowed(_)));
        assert!(matches!(block("a\nb\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        let all: String = ('\0'..='\u{2fff}').chain('\u{e0000}'..='\u{e0fff}').collect();
        for shown in [line(&all), block(&all)] {
            assert!(shown.chars().all(|c| c == '\n' || !suspicious(c)));
        }
    }

    #[test]
    fn cuts_by_cells_not_bytes() {
        assert_eq!(cut("世界世界", 5), "世界…");
        assert_eq!(cut("世界世界", 4), "世…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 0), "");
        assert_eq!(pad("世", 4, false), "世  ");
        assert_eq!(pad("7", 3, true), "  7");
    }

    #[test]
    fn small_words() {
        assert_eq!(quote("a\n\nb", "│ "), "│ a\n│\n│ b\n");
        assert_eq!((count(1, "message"), count(0, "message")), ("1 message".into(), "0 messages".into()));
        assert_eq!((count(2, "copy"), count(3, "mailbox")), ("2 copies".into(), "3 mailboxes".into()));
        assert_eq!([bytes(999), bytes(1_440), bytes(12_900_000)], ["999 B", "1.4 kB", "12 MB"]);
    }
}
