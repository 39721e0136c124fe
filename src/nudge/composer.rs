//! Where the composer is in a picture, and what stands in it.
//!
//! Pure. A composer that is not found exactly as the profile describes it,
//! with the cursor inside, is not there: then nothing is typed.

use super::grid::{Cell, Screen, squeeze};
use super::profile::{Pattern, Place, Profile};

/// A composer as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// First and last row.
    pub rows: (usize, usize),
    /// What stands in it, hints left out, rows joined by line feeds.
    pub text: String,
    /// Nothing that is no hint stands at or after the cursor.
    pub at_end: bool,
    /// The cursor stands right after the prompt.
    pub at_start: bool,
    /// A prompt was found; without one an unseen draft is possible.
    pub prompted: bool,
}

impl Found {
    /// Nothing stands in it and the cursor is where typing begins.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at_end && self.at_start && squeeze(&self.text).is_empty()
    }
}

/// Finds the composer.
#[must_use]
pub fn find(screen: &Screen, profile: &Profile) -> Option<Found> {
    match profile.composer.place {
        Place::Box => find_box(screen, profile),
        Place::Cursor | Place::BareRow => find_row(screen, profile),
    }
}

/// One row's composer: what follows the first prompt of the cursor's row.
fn find_row(screen: &Screen, profile: &Profile) -> Option<Found> {
    // Hints stand behind the cursor: what is dim before it was typed.
    let before = screen.all_before_cursor();
    let prompt = find_prompt(&before, profile);
    let typed = match prompt {
        Some(end) => &before[end..],
        None if profile.composer.place == Place::BareRow => before.as_str(),
        None => return None,
    };
    let row = screen.cursor.0;
    Some(Found {
        rows: (row, row),
        text: typed.trim().to_owned(),
        at_end: screen.blank_after_cursor(),
        at_start: squeeze(typed).is_empty(),
        prompted: prompt.is_some(),
    })
}

/// Where the first prompt of a row ends: a mark with a blank after it. Later
/// marks belong to a draft (`echo a > b`). `100 % ` is a progress, and what
/// follows `? Delete it? › ` is an answer: neither is a prompt.
fn find_prompt(before: &str, profile: &Profile) -> Option<usize> {
    for (at, _) in before.char_indices() {
        for mark in &profile.prompts {
            let Some(rest) = before[at..].strip_prefix(mark.as_str()) else { continue };
            if mark.is_empty() || !rest.starts_with([' ', '\u{a0}']) {
                continue;
            }
            if mark == "%" && before[..at].trim_end().ends_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            if before[..at].contains("? ") {
                return None;
            }
            return Some(before.len() - rest.len());
        }
    }
    None
}

/// Blanks behind a row, so that a pattern finds what a capture cut off.
const PADDING: &str = "                ";

/// A row as the patterns see it.
pub(super) fn padded(screen: &Screen, row: usize) -> String {
    screen.row(row) + PADDING
}

fn find_box(screen: &Screen, profile: &Profile) -> Option<Found> {
    let looks = &profile.composer;
    let prompt = looks.prompt.as_ref()?;
    let (cursor, column) = screen.cursor;
    if cursor >= screen.rows.len() {
        return None;
    }
    let matches = |pattern: &Option<Pattern>, row: usize| {
        pattern.as_ref().is_some_and(|p| row < screen.rows.len() && p.is_match(&padded(screen, row)))
    };
    // Upwards to the row with the prompt.
    let mut first = cursor;
    while !prompt.is_match(&padded(screen, first)) {
        if first == 0 || !matches(&looks.more, first) {
            return None;
        }
        first -= 1;
    }
    if matches(&looks.never, first) {
        return None;
    }
    if looks.above.is_some() && (first == 0 || !matches(&looks.above, first - 1)) {
        return None;
    }
    // Downwards as far as the composer goes.
    let mut last = cursor;
    while last + 1 < screen.rows.len() && !matches(&looks.below, last + 1) && matches(&looks.more, last + 1) {
        last += 1;
    }
    if looks.below.is_some() && last + 1 < screen.rows.len() && !matches(&looks.below, last + 1) {
        return None;
    }
    let head = |row: usize| {
        let pattern = if row == first { Some(prompt) } else { looks.more.as_ref() };
        let text = padded(screen, row);
        let end = pattern.and_then(|p| p.end_in(&text)).unwrap_or(0);
        let width = unicode_width::UnicodeWidthStr::width(&text[..end]);
        // `more` may have matched a whole blank row.
        if row == first || !text[..end].trim().is_empty() { width } else { width.min(heading(screen, first, prompt)) }
    };
    let begin = head(cursor);
    if column < begin {
        return None;
    }
    let hint = hints_at(screen, profile, cursor, column, last, &head);
    let mut lines = Vec::new();
    let mut at_end = true;
    for row in first..=last {
        let from = head(row);
        let mut line = String::new();
        for (at, text, _) in screen.cells(row).filter(|(at, ..)| *at >= from) {
            let behind = row > cursor || (row == cursor && at >= column);
            if behind && hint {
                continue;
            }
            if behind && !squeeze(text).is_empty() {
                at_end = false;
            }
            line.push_str(text);
        }
        lines.push(line.trim_end().to_owned());
    }
    let text = lines.join("\n").trim_end().to_owned();
    Some(Found {
        rows: (first, last),
        text: text.trim_matches(|c: char| squeeze(&c.to_string()).is_empty()).to_owned(),
        at_end,
        at_start: cursor == first && column == begin,
        prompted: true,
    })
}

/// How wide the prompt is.
fn heading(screen: &Screen, first: usize, prompt: &Pattern) -> usize {
    let text = padded(screen, first);
    prompt.end_in(&text).map_or(0, |end| unicode_width::UnicodeWidthStr::width(&text[..end]))
}

/// Whether all that stands at and after the cursor is a hint: dim, or grey
/// with the profile's words. A program that draws its own cursor reverses the
/// hint's first character, and that one counts with the rest; a lone reversed
/// character is a draft.
fn hints_at(
    screen: &Screen,
    profile: &Profile,
    cursor: usize,
    column: usize,
    last: usize,
    head: &dyn Fn(usize) -> usize,
) -> bool {
    let mut cells: Vec<&Cell> = Vec::new();
    let mut words = String::new();
    for row in cursor..=last {
        let from = if row == cursor { column } else { head(row) };
        for (_, text, cell) in screen.cells(row).filter(|(at, ..)| *at >= from) {
            words.push_str(text);
            if !squeeze(text).is_empty() {
                cells.push(cell);
            }
        }
        if row < last {
            words.push(' ');
        }
    }
    let Some((head, rest)) = cells.split_first() else { return false };
    let drawn = head.inverse && !rest.is_empty();
    let all = |is: &dyn Fn(&Cell) -> bool| (drawn || is(head)) && rest.iter().all(|cell| is(cell));
    if all(&|cell| cell.dim) {
        return true;
    }
    all(&|cell| cell.dim || cell.pale) && profile.composer.placeholder.iter().any(|p| p.is_match(words.trim_end()))
}
