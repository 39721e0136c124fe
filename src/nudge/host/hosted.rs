//! The hosted program as a [`Terminal`]: its pseudo-terminal, the emulator
//! behind it, and what the human does to it.

use std::io::Write;
use std::num::NonZeroU16;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::keys::Keys;
use crate::fsio::boot;
use crate::nudge::converse::{Look, Stop, Terminal};
use crate::nudge::foreground;
use crate::nudge::gates::Seen;
use crate::nudge::grid::{Cell, Screen, Shade, full_colour, palette};
use crate::nudge::key::Key;
use crate::nudge::outcome::Reason;
use crate::nudge::profile::SubmitKey;
use crate::nudge::proof;
use crate::nudge::target::PinnedProcess;

/// What all threads of a host share.
pub(super) struct Hosted {
    emulator: Mutex<Emulator>,
    changed: Condvar,
    writer: Mutex<Box<dyn Write + Send>>,
    human: Mutex<Human>,
    /// Held by whoever writes to the program: for one chunk of the human's
    /// keys, or for the whole of a nudge, so that the two never mix.
    typing: Mutex<()>,
    process: PinnedProcess,
}

struct Emulator {
    parser: vt100::Parser<Answers>,
    at: Instant,
    version: u64,
}

#[derive(Default)]
struct Human {
    keys: Keys,
    last: Option<Instant>,
}

/// A thread that panicked leaves nothing half-done behind these locks.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the queries that programs wait for, where no outer terminal does,
/// and keeps the title.
#[derive(Default)]
struct Answers {
    headless: bool,
    out: Vec<u8>,
    title: String,
}

impl vt100::Callbacks for Answers {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        // Longer ones are nobody's title.
        self.title = String::from_utf8_lossy(title).chars().filter(|c| !c.is_control()).take(256).collect();
    }

    fn unhandled_csi(&mut self, screen: &mut vt100::Screen, i1: Option<u8>, _: Option<u8>, params: &[&[u16]], c: char) {
        if !self.headless {
            return;
        }
        let first = params.first().and_then(|p| p.first()).copied().unwrap_or(0);
        match (i1, c, first) {
            (None, 'n', 5) => self.out.extend(b"\x1b[0n"),
            (None | Some(b'?'), 'n', 6) => {
                let (row, column) = screen.cursor_position();
                let mark = if i1.is_some() { "?" } else { "" };
                self.out.extend(format!("\x1b[{mark}{};{}R", row + 1, column + 1).into_bytes());
            }
            // A VT220 with colour, as most terminals say.
            (None, 'c', 0) => self.out.extend(b"\x1b[?62;22c"),
            (Some(b'>'), 'c', 0) => self.out.extend(b"\x1b[>0;0;0c"),
            _ => {}
        }
    }
}

fn at_least_one(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN)
}

impl Hosted {
    pub(super) fn new(
        writer: Box<dyn Write + Send>,
        process: PinnedProcess,
        (rows, columns): (u16, u16),
        headless: bool,
    ) -> Self {
        let answers = Answers { headless, ..Answers::default() };
        let parser = vt100::Parser::new_with_callbacks(at_least_one(rows), at_least_one(columns), 0, answers);
        Self {
            emulator: Mutex::new(Emulator { parser, at: Instant::now(), version: 0 }),
            changed: Condvar::new(),
            writer: Mutex::new(writer),
            human: Mutex::default(),
            typing: Mutex::new(()),
            process,
        }
    }

    pub(super) const fn process(&self) -> PinnedProcess {
        self.process
    }

    /// Takes what the program printed.
    pub(super) fn printed(&self, bytes: &[u8]) {
        let answers = {
            let mut emulator = hold(&self.emulator);
            emulator.parser.process(bytes);
            emulator.at = Instant::now();
            emulator.version += 1;
            std::mem::take(&mut emulator.parser.callbacks_mut().out)
        };
        self.changed.notify_all();
        if !answers.is_empty() {
            drop(self.write(&answers));
        }
    }

    pub(super) fn resize(&self, rows: u16, columns: u16) {
        let mut emulator = hold(&self.emulator);
        emulator.parser.set_size(at_least_one(rows), at_least_one(columns));
        emulator.at = Instant::now();
        emulator.version += 1;
    }

    /// Passes the human's bytes on, after a nudge that is being typed.
    pub(super) fn human(&self, bytes: &[u8]) -> std::io::Result<()> {
        {
            let mut human = hold(&self.human);
            if human.keys.take(bytes) {
                human.last = Some(Instant::now());
            }
        }
        let _typing = hold(&self.typing);
        self.write(bytes)
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut writer = hold(&self.writer);
        writer.write_all(bytes)?;
        writer.flush()
    }

    pub(super) fn screen(&self) -> Screen {
        picture(&hold(&self.emulator).parser)
    }

    /// The right to type, for one nudge.
    pub(super) fn typist(&self, human_idle: Duration) -> Option<Typist<'_>> {
        let _typing = self.typing.try_lock().ok()?;
        Some(Typist { hosted: self, human_idle, version: 0, begun: Instant::now(), entered: None, _typing })
    }
}

/// Holds the human's keys back while it lives.
pub(super) struct Typist<'a> {
    hosted: &'a Hosted,
    human_idle: Duration,
    version: u64,
    begun: Instant,
    entered: Option<Duration>,
    _typing: MutexGuard<'a, ()>,
}

impl Typist<'_> {
    /// When the key that submits was pressed first, on the boot clock.
    pub(super) const fn entered(&self) -> Option<Duration> {
        self.entered
    }

    fn check(&self) -> Result<(), Stop> {
        match proof::pin(self.hosted.process.pid) {
            Some(now) if now == self.hosted.process => Ok(()),
            _ => Err(Stop::Failed("the hosted program has ended".to_owned())),
        }
    }

    /// Writes while the program shows what was judged: the last thing that is
    /// looked at before the bytes go.
    fn send(&self, bytes: &[u8], judged: &Screen) -> Result<(), Stop> {
        self.check()?;
        if self.hosted.screen() != *judged {
            return Err(Stop::Deferred(Reason::Unsettled));
        }
        self.hosted.write(bytes).map_err(|e| Stop::Failed(format!("the hosted program cannot be written to: {e}")))
    }
}

impl Terminal for Typist<'_> {
    fn look(&mut self) -> Result<Look, Stop> {
        self.check()?;
        let (screen, still) = {
            let emulator = hold(&self.hosted.emulator);
            self.version = emulator.version;
            (picture(&emulator.parser), emulator.at.elapsed())
        };
        let human = hold(&self.hosted.human);
        let seen = Seen {
            human_quiet: human.last.map(|at| at.elapsed()),
            human_idle: self.human_idle,
            human_draft: human.keys.draft(),
            still: Some(still),
            copy_mode: false,
            synchronized: false,
            bare_shell: foreground::is_left_to_a_shell(self.hosted.process.pid),
        };
        Ok(Look { screen, seen })
    }

    fn put(&mut self, text: &str, paste: bool, judged: &Screen) -> Result<(), Stop> {
        // A key that came in since the gates were looked at waits behind us.
        if hold(&self.hosted.human).last.is_some_and(|at| at > self.begun) {
            return Err(Stop::Deferred(Reason::HumanActive));
        }
        let clean = crate::nudge::notice::without_controls(text);
        let text = if paste { format!("\x1b[200~{clean}\x1b[201~") } else { clean };
        self.send(text.as_bytes(), judged)
    }

    fn submit(&mut self, key: SubmitKey, judged: &Screen) -> Result<(), Stop> {
        let bytes: &[u8] = match key {
            SubmitKey::Enter => b"\r",
            SubmitKey::CtrlEnter => b"\x1b[13;5u",
            SubmitKey::AltEnter => b"\x1b\r",
            SubmitKey::Tab => b"\t",
        };
        let now = boot::now();
        self.send(bytes, judged)?;
        self.entered.get_or_insert(now);
        Ok(())
    }

    fn erase(&mut self, times: usize, judged: &Screen) -> Result<(), Stop> {
        self.send(&vec![0x7f; times], judged)
    }

    fn key(&mut self, key: Key, judged: &Screen) -> Result<(), Stop> {
        if hold(&self.hosted.human).last.is_some_and(|at| at > self.begun) {
            return Err(Stop::Deferred(Reason::HumanActive));
        }
        let bytes = key.bytes().ok_or_else(|| Stop::Failed(format!("a terminal has no key {key}")))?;
        self.send(&bytes, judged)
    }

    fn look_again(&mut self, _: &Screen, limit: Duration) -> Result<Look, Stop> {
        let emulator = hold(&self.hosted.emulator);
        let seen = self.version;
        drop(self.hosted.changed.wait_timeout_while(emulator, limit, |e| e.version == seen));
        self.look()
    }
}

/// What the emulator makes of a program's output, for comparing it with
/// another's.
#[cfg(test)]
pub(in crate::nudge) fn picture_of(bytes: &[u8], (rows, columns): (u16, u16)) -> Screen {
    let answers = Answers::default();
    let mut parser = vt100::Parser::new_with_callbacks(at_least_one(rows), at_least_one(columns), 0, answers);
    parser.process(bytes);
    picture(&parser)
}

fn picture(parser: &vt100::Parser<Answers>) -> Screen {
    let (screen, title) = (parser.screen(), parser.callbacks().title.clone());
    let (rows, columns) = screen.size();
    let shade = |colour| match colour {
        vt100::Color::Default => Shade::Plain,
        vt100::Color::Idx(index) => palette(u16::from(index)),
        vt100::Color::Rgb(red, green, blue) => full_colour(red, green, blue),
    };
    let cell = |row, column| {
        screen.cell(row, column).map_or_else(Cell::default, |cell| {
            Cell::styled(cell.contents().to_owned(), cell.dim(), shade(cell.fgcolor()), cell.inverse())
        })
    };
    let (row, column) = screen.cursor_position();
    Screen {
        rows: (0..rows.get()).map(|r| (0..columns.get()).map(|c| cell(r, c)).collect()).collect(),
        cursor: (usize::from(row), usize::from(column)),
        alternate: screen.alternate_screen(),
        paste: screen.bracketed_paste(),
        title,
    }
}
