//! What changed in a text, line by line, made safe to look at.

use super::style::{Paint, Style};
use super::text;

/// A unified diff as plain text, without its two headings.
#[must_use]
pub fn unified(before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after).unified_diff().context_radius(2).to_string()
}

/// The same for a person, indented, at most `limit` lines, and how many more
/// there are.
#[must_use]
pub fn shown(style: Style, before: &str, after: &str, limit: usize) -> (String, usize) {
    let all = unified(before, after);
    let mut lines = all.lines();
    let mut out = String::new();
    for line in lines.by_ref().take(limit) {
        let paint = match line.as_bytes().first() {
            Some(b'+') => Some(Paint::Good),
            Some(b'-') => Some(Paint::Bad),
            Some(b'@') => Some(Paint::Faint),
            _ => None,
        };
        let line = text::line(line);
        out += &format!("  {}\n", paint.map_or_else(|| line.to_string(), |p| style.paint(p, &line)));
    }
    (out, lines.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_safely_and_what_is_cut_is_counted() {
        let (out, more) = shown(Style::PLAIN, "a\nb\n", "a\n\u{1b}[2Jevil\u{202e}\n", 99);
        assert_eq!((out.as_str(), more), ("  @@ -1,2 +1,2 @@\n   a\n  -b\n  +␛[2Jevil⟨U+202E⟩\n", 0));
        let long: String = (0..50).map(|n| format!("{n}\n")).collect();
        let (out, more) = shown(Style::PLAIN, "", &long, 10);
        assert_eq!((out.lines().count(), more), (10, 41));
    }
}
