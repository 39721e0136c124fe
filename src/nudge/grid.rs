//! A picture of a terminal as text: what the gates judge.
//!
//! Made from a real emulator (`vt100`, in the host) or from `tmux
//! capture-pane`. A value: the gates are pure functions over it.

use serde::{Deserialize, Serialize};

/// One character cell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// Its text; empty for a blank and for the right half of a wide one.
    pub text: String,
    /// Shown dim: programs show hints in an empty composer so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dim: bool,
    /// Shown in a grey of full colour. Some programs show hints so, some
    /// themes everything: it counts only with a profile's `placeholder`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pale: bool,
    /// Shown reversed: how programs draw a cursor of their own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub inverse: bool,
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A terminal's rows and where its cursor stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Screen {
    /// Rows from the top, each with its cells from the left.
    pub rows: Vec<Vec<Cell>>,
    /// Row and column of the cursor, from 0.
    pub cursor: (usize, usize),
    /// A full-screen program uses the alternate screen.
    pub alternate: bool,
    /// The program asked for bracketed paste.
    pub paste: bool,
    /// The title that the program gave its window: several say there whether
    /// they work, wait or ask.
    #[serde(default)]
    pub title: String,
}

/// Box drawing and blanks: decoration around a composer, never a draft.
fn is_frame(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || ('\u{2500}'..='\u{259f}').contains(&c))
}

impl Screen {
    /// Reads lines as `tmux capture-pane -p -e` prints them: text with SGR
    /// sequences, of which only [`Cell`]'s attributes are kept.
    #[must_use]
    pub fn from_lines(text: &str, cursor: (usize, usize)) -> Self {
        let mut style = Style::default();
        let rows = text.lines().map(|line| read_line(line, &mut style)).collect();
        Self { rows, cursor, ..Self::default() }
    }

    /// One row as text, blanks in their places.
    #[must_use]
    pub fn row(&self, row: usize) -> String {
        self.part(row, 0, usize::MAX, true)
    }

    /// The row's text in a range of columns; without `dim` cells when asked.
    fn part(&self, row: usize, from: usize, to: usize, dim: bool) -> String {
        let Some(cells) = self.rows.get(row) else { return String::new() };
        let mut text = String::new();
        let mut skip = 0;
        for (at, cell) in cells.iter().enumerate() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let wide = unicode_width::UnicodeWidthStr::width(cell.text.as_str());
            skip = wide.saturating_sub(1);
            if at < from || at >= to {
                continue;
            }
            let blank = cell.text.is_empty() || (cell.dim && !dim);
            text.push_str(if blank { " " } else { &cell.text });
        }
        text
    }

    /// The cells of a row in their columns, each with its text (blanks as
    /// one) and its cell; the right half of a wide character is left out.
    pub(super) fn cells(&self, row: usize) -> impl Iterator<Item = (usize, &str, &Cell)> {
        let mut skip = 0;
        self.rows.get(row).into_iter().flatten().enumerate().filter_map(move |(at, cell)| {
            if skip > 0 {
                skip -= 1;
                return None;
            }
            skip = unicode_width::UnicodeWidthStr::width(cell.text.as_str()).saturating_sub(1);
            Some((at, if cell.text.is_empty() { " " } else { cell.text.as_str() }, cell))
        })
    }

    /// The row's text before the cursor, dim cells left out.
    #[must_use]
    pub fn before_cursor(&self) -> String {
        self.padded_to_cursor(false)
    }

    /// The same with its dim cells.
    #[must_use]
    pub fn all_before_cursor(&self) -> String {
        self.padded_to_cursor(true)
    }

    fn padded_to_cursor(&self, dim: bool) -> String {
        let text = self.part(self.cursor.0, 0, self.cursor.1, dim);
        // A capture cuts the blanks at the end of a row.
        let width = unicode_width::UnicodeWidthStr::width(text.as_str());
        text + &" ".repeat(self.cursor.1.saturating_sub(width))
    }

    /// Whether nothing but hints and frames follows the cursor in its row.
    #[must_use]
    pub fn blank_after_cursor(&self) -> bool {
        is_frame(&self.part(self.cursor.0, self.cursor.1, usize::MAX, false))
    }

    /// All rows above and up to the cursor, without blanks, frames and
    /// hints: what is compared, because a composer may break lines anywhere.
    #[must_use]
    pub fn squeezed_to_cursor(&self) -> String {
        let mut text = String::new();
        for row in 0..self.cursor.0 {
            text.push_str(&self.part(row, 0, usize::MAX, false));
        }
        text.push_str(&self.before_cursor());
        squeeze(&text)
    }

    /// The whole text, rows joined by line feeds, ends trimmed.
    #[must_use]
    pub fn text(&self) -> String {
        let rows: Vec<String> = (0..self.rows.len()).map(|r| self.row(r).trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }
}

/// The text without blanks and frames.
#[must_use]
pub fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !is_frame(c.encode_utf8(&mut [0; 4]))).collect()
}

/// What the SGR sequences so far say.
#[derive(Debug, Clone, Copy, Default)]
struct Style {
    faint: bool,
    shade: Shade,
    inverse: bool,
}

/// What a foreground colour means to the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shade {
    #[default]
    Plain,
    /// Bright black and the darker greys of the palette: hints.
    Grey,
    /// The other greys: hints of some programs, text of some themes.
    Pale,
}

/// What a palette colour means.
pub(super) const fn palette(colour: u16) -> Shade {
    match colour {
        8 | 236..=248 => Shade::Grey,
        59 | 102 | 145 | 249 | 250 => Shade::Pale,
        _ => Shade::Plain,
    }
}

/// What a full colour means: greys between black and white are pale.
pub(super) fn full_colour(red: u8, green: u8, blue: u8) -> Shade {
    let (low, high) = (red.min(green).min(blue), red.max(green).max(blue));
    if high - low <= 16 && (90..=200).contains(&high) { Shade::Pale } else { Shade::Plain }
}

impl Cell {
    pub(super) fn styled(text: String, faint: bool, shade: Shade, inverse: bool) -> Self {
        Self { text, dim: faint || shade == Shade::Grey, pale: shade == Shade::Pale, inverse }
    }
}

fn read_line(line: &str, style: &mut Style) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            let mut sequence = String::new();
            for c in chars.by_ref() {
                sequence.push(c);
                if c != '[' && ('@'..='~').contains(&c) {
                    break;
                }
            }
            if let Some(codes) = sequence.strip_prefix('[').and_then(|s| s.strip_suffix('m')) {
                apply_sgr(codes, style);
            }
            continue;
        }
        let width = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        let cell = |text| Cell::styled(text, style.faint, style.shade, style.inverse);
        match width {
            // A combining mark belongs to the cell before it.
            0 => {
                if let Some(last) = cells.iter_mut().rfind(|cell| !cell.text.is_empty()) {
                    last.text.push(c);
                }
            }
            _ => {
                cells.push(cell(c.to_string()));
                cells.extend((1..width).map(|_| cell(String::new())));
            }
        }
    }
    cells
}

/// Follows the attributes that matter.
fn apply_sgr(codes: &str, style: &mut Style) {
    let mut codes = codes.split([';', ':']).map(|c| c.parse::<u16>().unwrap_or(0));
    let byte = |code: Option<u16>| u8::try_from(code.unwrap_or(0)).unwrap_or(u8::MAX);
    while let Some(code) = codes.next() {
        match code {
            0 => *style = Style::default(),
            2 => style.faint = true,
            7 => style.inverse = true,
            22 => style.faint = false,
            27 => style.inverse = false,
            90 => style.shade = Shade::Grey,
            30..=37 | 39 | 91..=97 => style.shade = Shade::Plain,
            38 if codes.next() == Some(5) => style.shade = palette(codes.next().unwrap_or(0)),
            38 => style.shade = full_colour(byte(codes.next()), byte(codes.next()), byte(codes.next())),
            48 | 58 => {
                let skip = if codes.next() == Some(5) { 0 } else { 2 };
                codes.nth(skip);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dim_hints_are_not_a_draft() {
        let screen = Screen::from_lines("> \u{1b}[2mTry a question\u{1b}[0m", (0, 2));
        assert_eq!(screen.before_cursor(), "> ");
        assert!(screen.blank_after_cursor());
        assert_eq!(screen.row(0), "> Try a question");
        let grey = Screen::from_lines("> \u{1b}[38;5;244mTry\u{1b}[39m x", (0, 2));
        assert!(!grey.blank_after_cursor(), "only the grey part is a hint");
    }

    #[test]
    fn frames_and_breaks_do_not_matter() {
        let screen = Screen::from_lines("│ > Cellphone: 2   │\n│   new for A      │", (1, 13));
        assert_eq!(screen.squeezed_to_cursor(), ">Cellphone:2newforA");
        assert!(screen.blank_after_cursor());
    }

    #[test]
    fn wide_characters_take_two_cells() {
        let screen = Screen::from_lines("❯ 日本x", (0, 6));
        assert_eq!(screen.before_cursor(), "❯ 日本");
        assert!(!screen.blank_after_cursor());
    }
}
