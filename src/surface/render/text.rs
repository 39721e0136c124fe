//! Foreign text made safe ([`crate::model::visible`]) and measurable.

use std::borrow::Cow;

pub use crate::model::visible::{block, line};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

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

/// The head of a line that fits into `cells`, and the rest; broken behind a
/// space where one is in the second half.
pub(super) fn split_at_cells(line: &str, cells: usize) -> (&str, &str) {
    let (mut used, mut space) = (0, None);
    for (at, c) in line.char_indices() {
        used += c.width().unwrap_or(0);
        if used > cells {
            // A character wider than the room stands alone.
            let at = if at == 0 { c.len_utf8() } else { space.filter(|space| *space > at / 2).unwrap_or(at) };
            return line.split_at(at);
        }
        if c == ' ' {
            space = Some(at + 1);
        }
    }
    (line, "")
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
    use crate::model::visible::suspicious;

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
    fn joiners_stay_where_they_join_and_show_where_they_hide() {
        for fine in ["👩\u{200d}💻", "1\u{fe0f}\u{20e3} ❤\u{fe0f}", "می\u{200c}خواهم", "क्\u{200d}ष"]
        {
            assert_eq!(line(fine), fine);
        }
        assert_eq!(line("pay\u{200d}pal"), "pay⟨U+200D⟩pal");
        assert_eq!(line("x\u{fe00}\u{fe01}"), "x⟨U+FE00⟩⟨U+FE01⟩");
        assert_eq!(line("❤\u{fe0f}\u{fe0e}\u{34f}"), "❤\u{fe0f}⟨U+FE0E⟩⟨U+034F⟩");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(line("Grüße, 世界"), Cow::Borrowed(_)));
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
