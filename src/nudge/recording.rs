//! Reads the recordings of `tests/recordings`: screens of real programs,
//! redrawn by `tests/agents/redraw.py`, which says what their letters mean.

use std::path::Path;

use super::grid::{Cell, Screen};

/// One recorded screen.
pub(super) struct Recording {
    /// Folder and file.
    pub(super) name: String,
    /// The folder: the profile that it is judged by.
    pub(super) program: String,
    /// The verdict that a person gave it.
    pub(super) expect: String,
    /// The screen.
    pub(super) screen: Screen,
}

/// All of them, by name.
pub(super) fn all() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root).unwrap().map(Result::unwrap) {
        for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            let program = folder.file_name().into_string().unwrap();
            let name = format!("{program}/{}", file.file_name().into_string().unwrap());
            let text = std::fs::read_to_string(file.path()).unwrap();
            found.push(read(name, program, &text));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn read(name: String, program: String, text: &str) -> Recording {
    let mut screen = Screen { paste: true, ..Screen::default() };
    let (mut expect, mut width) = (String::new(), 0);
    let pair = |text: &str, by| -> (usize, usize) {
        let (a, b) = text.split_once(by).unwrap();
        (a.parse().unwrap(), b.parse().unwrap())
    };
    for line in text.lines() {
        match line.split_at_checked(1) {
            Some(("|", text)) => screen.rows.push(cells(text, width)),
            Some((":", letters)) => style(screen.rows.last_mut().unwrap(), letters),
            Some(("#", _)) => {}
            _ => match line.split_once(' ').unwrap_or((line, "")) {
                ("size", size) => width = pair(size, 'x').0,
                ("cursor", at) => screen.cursor = pair(at, ','),
                ("alternate", yes) => screen.alternate = yes == "yes",
                ("title", title) => screen.title = title.to_owned(),
                ("expect", verdict) => expect = verdict.to_owned(),
                _ => panic!("{name}: {line:?} is no line of a recording"),
            },
        }
    }
    Recording { name, program, expect, screen }
}

fn cells(text: &str, width: usize) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for c in text.chars() {
        match unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) {
            0 => cells.last_mut().unwrap().text.push(c),
            wide => {
                cells.push(Cell { text: c.to_string(), ..Cell::default() });
                cells.extend((1..wide).map(|_| Cell::default()));
            }
        }
    }
    cells.resize(width.max(cells.len()), Cell::default());
    cells
}

/// One letter for each character; the right half of a wide one has none.
fn style(cells: &mut [Cell], letters: &str) {
    let mut skip = 0;
    let mut letters = letters.chars();
    for cell in cells {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        skip = unicode_width::UnicodeWidthStr::width(cell.text.as_str()).saturating_sub(1);
        let Some(letter) = letters.next() else { return };
        cell.dim = matches!(letter, 'd' | 'D');
        cell.pale = matches!(letter, 'p' | 'P');
        cell.inverse = matches!(letter, 'i' | 'D' | 'P');
    }
}
