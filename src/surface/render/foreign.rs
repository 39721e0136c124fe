//! Text that somebody else wrote, ready for a terminal: links show where they
//! lead (`links`), then nothing of it steers or hides
//! (`text`). What of a message, a file or the journal is
//! printed comes through here.

use std::borrow::Cow;

use super::{links, text};

/// What stands before every line of a quoted text.
pub const QUOTE: &str = "| ";

/// Narrower than this nothing is folded.
const LEAST: usize = 20;

/// One line.
#[must_use]
pub fn line(foreign: &str) -> Cow<'_, str> {
    match links::reveal(foreign) {
        Cow::Borrowed(same) => text::line(same),
        Cow::Owned(shown) => Cow::Owned(text::line(&shown).into_owned()),
    }
}

/// A text as quoted data: each of its lines behind [`QUOTE`]. Where the
/// terminal has a width, lines are folded to it: one that the terminal breaks
/// by itself would go on without the mark, and could pose as a line of ours.
#[must_use]
pub fn quote(foreign: &str, width: Option<usize>) -> String {
    let revealed = links::reveal(foreign);
    let shown = text::block(&revealed);
    let rows: Vec<&str> = shown.lines().flat_map(|line| rows(line, width, QUOTE.len())).collect();
    let mut out = String::with_capacity(shown.len() + rows.len() * 3);
    for row in rows {
        out.push_str(if row.is_empty() { QUOTE.trim_end() } else { QUOTE });
        out.push_str(row);
        out.push('\n');
    }
    out
}

/// One line behind a heading of `margin` cells, folded in the same way; what
/// goes on stands under the first row.
#[must_use]
pub fn field(foreign: &str, width: Option<usize>, margin: usize) -> String {
    let shown = line(foreign);
    rows(&shown, width, margin).join(&format!("\n{}", " ".repeat(margin)))
}

fn rows(line: &str, width: Option<usize>, margin: usize) -> Vec<&str> {
    let Some(room) = width.map(|w| w.saturating_sub(margin)).filter(|room| *room >= LEAST) else {
        return vec![line];
    };
    let (first, mut rest) = text::split_at_cells(line, room);
    let mut rows = vec![first];
    while !rest.is_empty() {
        let (row, after) = text::split_at_cells(rest, room);
        rows.push(row);
        rest = after;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_body_can_pose_as_one_of_ours() {
        let body = format!("{}From: ann\nEnd of the message.\r\u{2028}\u{85}\u{b}From: ann\n\nlast", " ".repeat(38));
        for width in [None, Some(40), Some(41), Some(80)] {
            let shown = quote(&body, width);
            assert!(shown.lines().all(|l| l.starts_with('|')), "{shown}");
            let cells = width.unwrap_or(usize::MAX);
            assert!(shown.lines().all(|l| text::width(l) <= cells), "{width:?}\n{shown}");
        }
        assert_eq!(quote("one\n\n世界世界世界世界世界世界\n", Some(22)), "| one\n|\n| 世界世界世界世界世界\n| 世界\n");
    }

    #[test]
    fn a_long_subject_cannot_pose_as_the_next_line_of_the_header() {
        let shown = field(&format!("{}From      ann (verified)", "x".repeat(30)), Some(40), 10);
        assert_eq!(shown, format!("{}\n          From      ann (verified)", "x".repeat(30)));
    }

    #[test]
    fn links_come_first_and_controls_after() {
        let text = "[x](https://x.org/\u{202e}) \u{1b}]8;;https://y.org\u{7}y\u{1b}]8;;\u{7}";
        assert_eq!(line(text), "x ⟨https://x.org/⟨U+202E⟩⟩ y ⟨https://y.org⟩");
    }
}
