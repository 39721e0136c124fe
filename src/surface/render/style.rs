//! Colour, when a terminal is there and nobody declined it.

use std::io::IsTerminal as _;

/// A role that text plays, not a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Headings and what is unread.
    Strong,
    /// What matters less: ages, ids.
    Faint,
    /// What went well.
    Good,
    /// What wants attention.
    Warn,
    /// What failed.
    Bad,
    /// Something to type.
    Code,
}

/// Whether and how to colour, and how wide the terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Escape sequences may be written.
    pub color: bool,
    /// Columns of the terminal; `None` when output is not a terminal.
    pub width: Option<usize>,
}

impl Style {
    /// No colour and no width: files, pipes, tests.
    pub const PLAIN: Self = Self { color: false, width: None };

    /// What standard output can show.
    #[must_use]
    pub fn stdout() -> Self {
        let out = std::io::stdout();
        if !out.is_terminal() {
            return Self::PLAIN;
        }
        Self { color: color_wanted(), width: columns() }
    }

    /// What standard error can show.
    #[must_use]
    pub fn stderr() -> Self {
        if std::io::stderr().is_terminal() { Self { color: color_wanted(), width: columns() } } else { Self::PLAIN }
    }

    /// The text, coloured when colour is on.
    #[must_use]
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Strong => "1",
            Paint::Faint => "2",
            Paint::Good => "32",
            Paint::Warn => "33",
            Paint::Bad => "31",
            Paint::Code => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

// https://no-color.org: any value but the empty one declines.
fn color_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

fn columns() -> Option<usize> {
    if let Some(n) = std::env::var("COLUMNS").ok().and_then(|c| c.parse::<usize>().ok()).filter(|n| *n > 0) {
        return Some(n);
    }
    #[cfg(unix)]
    let size = rustix::termios::tcgetwinsize(std::io::stdout())
        .or_else(|_| rustix::termios::tcgetwinsize(std::io::stderr()))
        .ok()
        .map(|w| usize::from(w.ws_col))
        .filter(|n| *n > 0);
    #[cfg(not(unix))]
    let size = None;
    Some(size.unwrap_or(80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paints_nothing() {
        assert_eq!(Style::PLAIN.paint(Paint::Bad, "x"), "x");
        let on = Style { color: true, width: None };
        assert_eq!(on.paint(Paint::Strong, "x"), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(on.paint(Paint::Strong, ""), "");
    }
}
