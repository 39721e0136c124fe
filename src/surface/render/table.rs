//! Aligned columns that fit the terminal.
//!
//! Widths are terminal cells. On a terminal that is too narrow the flexible
//! column gives way first, then every column from the right; in a pipe
//! nothing is cut, so that `cut` and `grep` see everything.

use super::style::{Paint, Style};
use super::{foreign, text};

const GAP: usize = 2;
const FLEX_LEAST: usize = 8;

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Heading, in capitals by habit.
    pub title: &'static str,
    /// Numbers stand at the right.
    pub right: bool,
    /// Gives way first when the terminal is narrow.
    pub flexible: bool,
}

impl Column {
    /// A column of text.
    #[must_use]
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false, flexible: false }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, flexible: false }
    }

    /// The column that is cut first.
    #[must_use]
    pub const fn flexible(title: &'static str) -> Self {
        Self { title, right: false, flexible: true }
    }
}

/// Rows under headings.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<(String, Option<Paint>)>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of plain cells. Foreign text is made visible here, so a
    /// caller cannot forget it.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        self.painted(cells.iter().map(|c| (c.as_ref().to_owned(), None)).collect());
    }

    /// Adds a row of cells, each with its paint.
    pub fn painted(&mut self, cells: Vec<(String, Option<Paint>)>) {
        self.rows.push(cells.into_iter().map(|(t, p)| (foreign::line(&t).into_owned(), p)).collect());
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each ended by a line feed.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let widths = self.widths(style.width);
        let mut out = String::new();
        let heading = self.columns.iter().map(|c| (c.title.to_owned(), Some(Paint::Faint))).collect::<Vec<_>>();
        for row in std::iter::once(&heading).chain(&self.rows) {
            let mut line = String::new();
            let mut pending = 0;
            for ((cell, paint), (column, width)) in row.iter().zip(self.columns.iter().zip(&widths)) {
                if *width == 0 {
                    continue;
                }
                let shown = text::cut(cell, *width);
                let fill = width - text::width(&shown);
                let painted = paint.map_or_else(|| shown.to_string(), |p| style.paint(p, &shown));
                // Padding is written only when something follows: no blanks
                // at the end of a line.
                line.push_str(&" ".repeat(pending + if column.right { fill } else { 0 }));
                line.push_str(&painted);
                pending = GAP + if column.right { 0 } else { fill };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let cells = self.rows.iter().filter_map(|r| r.get(i)).map(|(t, _)| text::width(t));
                cells.chain([text::width(c.title)]).max().unwrap_or(0)
            })
            .collect();
        let Some(room) = terminal else { return widths };
        let total = |w: &[usize]| w.iter().filter(|n| **n > 0).map(|n| n + GAP).sum::<usize>().saturating_sub(GAP);
        for (i, _) in self.columns.iter().enumerate().filter(|(_, c)| c.flexible) {
            let over = total(&widths).saturating_sub(room);
            widths[i] = widths[i].saturating_sub(over).max(FLEX_LEAST.min(widths[i]));
        }
        // Still too wide: columns go from the right, the first one stays.
        for i in (1..widths.len()).rev() {
            let over = total(&widths).saturating_sub(room);
            if over == 0 {
                break;
            }
            widths[i] = if widths[i] > over + FLEX_LEAST { widths[i] - over } else { 0 };
        }
        if let Some(first) = widths.first_mut() {
            *first = (*first).min(room.max(1));
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut t =
            Table::new(&[Column::text("FROM"), Column::number("N"), Column::flexible("SUBJECT"), Column::text("AGE")]);
        t.row(&["Agent-1", "7", "Review the parser before noon", "3m"]);
        t.row(&["世界", "12", "a\u{1b}[2Jb", "now"]);
        t
    }

    #[test]
    fn aligned_in_a_pipe() {
        let expected = "FROM      N  SUBJECT                        AGE\n\
                        Agent-1   7  Review the parser before noon  3m\n\
                        世界     12  a␛[2Jb                         now\n";
        assert_eq!(sample().render(Style::PLAIN), expected);
    }

    #[test]
    fn narrow_terminals_cut_the_flexible_column_first() {
        let shown = sample().render(Style { color: false, width: Some(34) });
        assert!(shown.lines().all(|l| text::width(l) <= 34), "{shown}");
        assert!(shown.contains("Review the pars…  3m"), "{shown}");
        for width in 1..60 {
            let shown = sample().render(Style { color: false, width: Some(width) });
            assert!(shown.lines().all(|l| text::width(l) <= width), "{width}\n{shown}");
        }
    }

    #[test]
    fn colour_changes_no_alignment() {
        let mut t = Table::new(&[Column::text("A"), Column::text("B")]);
        t.painted(vec![("x".into(), Some(Paint::Good)), ("y".into(), None)]);
        let shown = t.render(Style { color: true, width: Some(80) });
        assert!(shown.ends_with("\u{1b}[32mx\u{1b}[0m  y\n"), "{shown:?}");
    }
}
