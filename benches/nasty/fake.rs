//! A fake agent program: raw mode, a composer between two rules, and one
//! nasty habit. Logs every byte it receives with the state it was in, one
//! JSON line each; it is the only witness the verdicts are built on.
//!
//! The human's bytes are `=` and Ctrl-U, which no nudge contains; every other
//! byte is ours. The bench arms a nasty act by creating `LOG.arm`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::{Scenario, now};

/// How long an obstacle stands, in milliseconds.
pub const OBSTACLE: u64 = 700;

/// How long a busy program is silent, in milliseconds.
const BUSY: u64 = 5_000;

pub struct Fake {
    scenario: Scenario,
    log: File,
    arm: PathBuf,
    bin: String,
    composer: String,
    output: Vec<String>,
    state: &'static str,
    until: Option<Instant>,
    last_text: Instant,
    swallow: bool,
    ask: bool,
    /// When a question is to come up.
    late: Option<Instant>,
    tick: u64,
}

/// The terminal's bytes as they come; gives the mode before.
pub fn raw() -> Termios {
    let stdin = std::io::stdin();
    let mut mode = tcgetattr(&stdin).unwrap();
    let before = mode.clone();
    mode.make_raw();
    tcsetattr(&stdin, OptionalActions::Now, &mode).unwrap();
    before
}

/// Adds a line in one piece: what is killed in the middle leaves no half of one.
fn record(mut log: &File, line: &serde_json::Value) {
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}

impl Fake {
    pub fn new(scenario: Scenario, log: &Path, bin: &str) -> Self {
        Self {
            scenario,
            log: OpenOptions::new().create(true).append(true).open(log).unwrap(),
            arm: log.with_extension("arm"),
            bin: bin.to_owned(),
            composer: String::new(),
            output: vec!["fake agent".to_owned()],
            state: if scenario == Scenario::Bystander { "bystander" } else { "composer" },
            until: None,
            last_text: Instant::now(),
            swallow: false,
            ask: false,
            late: None,
            tick: 0,
        }
    }

    fn note(&mut self, what: &str, byte: Option<u8>) {
        let line = serde_json::json!({"at": now() as u64, "what": what, "state": self.state(), "byte": byte, "composer": self.composer});
        record(&self.log, &line);
    }

    fn state(&self) -> &'static str {
        if self.state == "composer" && self.composer.contains('=') { "draft" } else { self.state }
    }

    fn draw(&mut self) {
        let size = tcgetwinsize(std::io::stdin()).unwrap();
        let width = usize::from(size.ws_col.max(20));
        let mut text = String::from("\x1b[?25l\x1b[H\x1b[2J");
        let mut out = std::io::stdout();
        if self.scenario == Scenario::Flicker && self.tick % 8 == 1 {
            out.write_all(text.as_bytes()).unwrap();
            out.flush().unwrap();
            std::thread::sleep(Duration::from_millis(3));
        }
        // Four rows of output, so that the composer stays where it is.
        let from = self.output.len().saturating_sub(4);
        for row in 0..4 {
            let line = self.output.get(from + row).map_or("", String::as_str);
            text.extend(line.chars().take(width - 1));
            text.push_str("\r\n");
        }
        let rule = "─".repeat(width - 1);
        match self.state {
            "dialog" => text.push_str("Do you want to proceed?\r\n❯ 1. Yes\r\n  2. No\r\n"),
            "gone" | "bystander" => text.push_str("$ "),
            "busy" if self.scenario == Scenario::Lookalike => {
                text.push_str(&format!(
                    "the screen was:\r\n{rule}\r\n❯ \r\n{rule}\r\n\r\nWriting (esc to interrupt)\r\n"
                ));
            }
            "busy" => text.push_str("Working (esc to interrupt)\r\n"),
            _ => {
                if self.scenario == Scenario::Spinner {
                    text.push_str(["| idle", "/ idle", "- idle", "\\ idle"][self.tick as usize % 4]);
                }
                text.push_str(&format!("\r\n{rule}\r\n❯ "));
                let all: Vec<char> = self.composer.chars().collect();
                for (n, row) in all.chunks(width - 6).enumerate() {
                    text.push_str(if n == 0 { "" } else { "\r\n  " });
                    text.extend(row);
                }
                text.push_str(&format!("\x1b7\r\n{rule}\x1b8"));
            }
        }
        text.push_str("\x1b[?25h");
        out.write_all(text.as_bytes()).unwrap();
        if self.scenario == Scenario::Encoding {
            out.write_all(b"\x1b7\x1b[1;20H\xff\xfe\xc3\x28\xf0\x9f\x1b8").unwrap();
        }
        out.flush().unwrap();
    }

    fn obstacle(&mut self, state: &'static str) {
        self.state = state;
        let busy = if self.scenario == Scenario::Busy { BUSY } else { OBSTACLE };
        self.until = Some(Instant::now() + Duration::from_millis(busy));
        self.note("obstacle", None);
    }

    fn armed(&mut self) {
        match self.scenario {
            Scenario::Swallow => self.swallow = true,
            Scenario::Dialog | Scenario::Late => self.ask = true,
            Scenario::Asking => self.obstacle("dialog"),
            Scenario::Busy | Scenario::Lookalike => self.obstacle("busy"),
            Scenario::Exits => self.obstacle("gone"),
            Scenario::Draft => {
                self.composer = "=half a thought=".to_owned();
                self.obstacle("composer");
            }
            _ => {}
        }
        self.note("armed", None);
        self.draw();
    }

    fn key(&mut self, byte: u8) {
        self.note(if matches!(byte, b'=' | 0x15) { "human" } else { "byte" }, Some(byte));
        if self.state != "composer" {
            return;
        }
        match byte {
            b'\r' | b'\n' => self.enter(),
            0x7f | 0x08 => drop(self.composer.pop()),
            0x15 => {
                self.composer.clear();
                self.note("clear", None);
            }
            b' '..=b'~' => {
                self.composer.push(char::from(byte));
                self.last_text = Instant::now();
                if self.ask && self.composer.ends_with("cellphone inbox") {
                    self.ask = false;
                    if self.scenario == Scenario::Late {
                        // Another moment each time: within the profile's pause, and after the last look.
                        self.late = Some(Instant::now() + Duration::from_micros(self.tick * 997 % 90_000));
                    } else {
                        self.obstacle("dialog");
                    }
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self) {
        if std::mem::take(&mut self.swallow) {
            return self.note("swallowed", None);
        }
        if self.scenario == Scenario::Paste && self.last_text.elapsed() < Duration::from_millis(120) {
            return self.note("ignored", None);
        }
        let line = std::mem::take(&mut self.composer);
        self.output.push(line.clone());
        self.note("accepted", None);
        if !line.starts_with("Cellphone:") || line.contains('=') {
            return;
        }
        self.state = "busy";
        self.draw();
        while Command::new(&self.bin)
            .args(["next", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|claimed| {
                let Ok(mail) = serde_json::from_slice::<serde_json::Value>(&claimed.stdout) else { return false };
                let (Some(id), Some(token)) = (mail["id"].as_str(), mail["token"].as_str()) else { return false };
                let (id, token) = (id.to_owned(), token.to_owned());
                record(&self.log, &serde_json::json!({"at": now() as u64, "what": "ran", "id": id}));
                Command::new(&self.bin)
                    .args(["done", &id, "--token", &token])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|s| s.success())
            })
        {}
        self.state = "composer";
        self.note("turn ended", None);
    }

    pub fn run(mut self) {
        let before = raw();
        self.note("started", None);
        self.draw();
        let mut buffer = [0; 4096];
        loop {
            let stdin = std::io::stdin();
            let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
            let pause = if self.late.is_some() { 200_000 } else { 10_000_000 };
            let wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: pause };
            let ready = poll(&mut fds, Some(&wait)).unwrap_or(0);
            self.tick += 1;
            if ready > 0 {
                let Ok(n) = stdin.lock().read(&mut buffer) else { return };
                if n == 0 {
                    return;
                }
                for byte in &buffer[..n] {
                    self.key(*byte);
                }
                self.draw();
            }
            if fs::remove_file(self.arm.with_extension("exit")).is_ok() {
                tcsetattr(std::io::stdin(), OptionalActions::Now, &before).unwrap();
                print!("\x1b[H\x1b[2J");
                return;
            }
            if fs::remove_file(&self.arm).is_ok() {
                self.armed();
            }
            if self.state == "composer" && self.late.is_some_and(|at| at <= Instant::now()) {
                self.late = None;
                self.obstacle("dialog");
                self.draw();
            }
            if self.until.is_some_and(|at| at <= Instant::now()) {
                self.until = None;
                self.state = "composer";
                if self.scenario == Scenario::Draft {
                    let whole = self.composer == "=half a thought=";
                    self.note(if whole { "draft kept" } else { "draft changed" }, None);
                    self.composer.clear();
                }
                self.note("clear", None);
                self.draw();
            }
            if matches!(self.scenario, Scenario::Spinner | Scenario::Flicker) && self.tick.is_multiple_of(4) {
                self.draw();
            }
        }
    }
}
