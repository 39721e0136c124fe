//! The real agent programs, woken: Claude Code, Codex and Gemini CLI in tmux
//! and hosted by `cellphone run`, talking to a scripted API on loopback
//! (`tests/agents/server.py`), whose log says what each program took for its
//! user's words and whether a turn was cut off.
//!
//! Fifty wakes for each program and way, in turn while it is ready, busy,
//! asking, holding a draft and just started. The script makes each program
//! run `cellphone inbox` through its own shell tool, so that *woken* is
//! proved as for any agent. Whatever went anywhere else, answered a dialog,
//! changed a draft or cut a turn short fails the test.

// The figures of a run are printed: they are what a person wants of it.
#![allow(clippy::print_stderr)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{BIN, Running, World, wait, wait_for};
use crate::wake::{Tmux, steps};

/// A program that starts, streams and is asked takes a while on a small
/// machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Tmux,
    Hosted,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Obstacle {
    Ready,
    Busy,
    Dialog,
    Draft,
    Started,
}

const ALL: [Obstacle; 5] = [Obstacle::Ready, Obstacle::Busy, Obstacle::Dialog, Obstacle::Draft, Obstacle::Started];

/// What went wrong, counted.
#[derive(Debug, Default, PartialEq)]
struct Harm {
    keystrokes_elsewhere: usize,
    dialogs_answered: usize,
    drafts_changed: usize,
    turns_interrupted: usize,
    woken_without_proof: usize,
}

pub(super) struct Server {
    _running: Running,
    pub(super) port: String,
    log: PathBuf,
}

impl Server {
    pub(super) fn start(world: &World, place: &Path) -> Self {
        let (port, log) = (place.join("port"), place.join("turns.log"));
        let mut command = world.program("python3");
        command.arg(source("server.py")).arg("--port-file").arg(&port).arg("--log").arg(&log);
        let running = Running::start(command);
        wait("the scripted API listens", || port.exists());
        Self { _running: running, port: fs::read_to_string(port).unwrap(), log }
    }

    pub(super) fn turns(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn begun(&self, word: &str) -> usize {
        self.turns().iter().filter(|t| t["begun"] == true && t["text"].as_str().unwrap().contains(word)).count()
    }
}

pub(super) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents").join(name)
}

struct Stage<'a> {
    world: &'a World,
    tmux: &'a Tmux<'a>,
    server: &'a Server,
    program: &'static str,
    way: Way,
    place: PathBuf,
    pane: String,
}

impl Stage<'_> {
    /// Starts the program in a pane, in place of the one before.
    fn start(&mut self, number: usize) {
        if !self.pane.is_empty() {
            self.tmux.run(&["kill-pane", "-t", &self.pane]);
            if self.way == Way::Hosted {
                let socket = self.world.root.join(".cellphone/pty/Agent-2.sock");
                wait("the host has gone", || std::os::unix::net::UnixStream::connect(&socket).is_err());
            }
        }
        let programs =
            std::env::var("CELLPHONE_AGENTS_DIR").expect("the agent programs are needed: run tests/run --long");
        let home = self.place.join(format!("home-{number}"));
        let start = format!(
            "env CELLPHONE_AGENTS_DIR={programs} CELLPHONE_BIN_DIR={} CELLPHONE_AGENT=Agent-2 {} {} {} {} --trusted",
            self.place.join("bin").display(),
            source("start").display(),
            self.program,
            home.display(),
            self.server.port,
        );
        self.pane = self.tmux.window(&match self.way {
            Way::Tmux => format!("{BIN} join Agent-2 --profile {} && exec {start}", self.program),
            Way::Hosted => format!("exec {BIN} run Agent-2 -- {start}"),
        });
        let socket = self.world.root.join(".cellphone/pty/Agent-2.sock");
        match self.way {
            // Its pane is what the roster says now: nobody else's.
            Way::Tmux => wait("the pane is joined", || {
                let shown = self.world.json("Agent-1", &["agents", "show", "Agent-2"]);
                shown.to_string().contains(&format!("\"{}\"", self.pane))
            }),
            Way::Hosted => wait("the program is hosted", || std::os::unix::net::UnixStream::connect(&socket).is_ok()),
        }
    }

    fn await_ready(&self) {
        let dry = || self.world.run("Agent-1", &["nudge", "Agent-2", "--dry-run"]);
        let end = Instant::now() + PATIENCE;
        while !dry().status.success() {
            assert!(Instant::now() < end, "never ready: {}\n{}", crate::harness::text(&dry()), self.screen());
        }
    }

    fn screen(&self) -> String {
        self.tmux.screen(&self.pane)
    }

    /// What the human types.
    fn human(&self, text: &str, submit: bool) {
        self.tmux.run(&["send-keys", "-t", &self.pane, "-l", text]);
        let end: String = text.chars().skip(text.chars().count().saturating_sub(12)).collect();
        wait_for("the human's words appear", PATIENCE, || self.screen().contains(&end));
        if submit {
            // As the programs want it: not within a burst of keys.
            std::thread::sleep(Duration::from_millis(200));
            self.tmux.run(&["send-keys", "-t", &self.pane, "Enter"]);
        }
    }

    fn send(&self, number: usize) -> String {
        self.world.send("Agent-1", "Agent-2", &format!("mail {number}"))
    }

    fn await_deferred(&self, id: &str) {
        wait_for("the nudge is put off", PATIENCE, || steps(self.world, id).iter().any(|s| s == "deferred"));
    }

    /// How often the program ran `cellphone inbox`.
    fn calls(&self) -> usize {
        fs::read_to_string(self.place.join("calls")).unwrap_or_default().lines().filter(|l| *l == "inbox").count()
    }

    /// One wake; gives the time from the end of the obstacle to the proof.
    fn wake(&mut self, number: usize, obstacle: Obstacle, harm: &mut Harm) -> Duration {
        let calls = self.calls();
        let file = |stage: &Self| names(&stage.place, "asked-by-the-script");
        let id = match obstacle {
            Obstacle::Ready => {
                self.await_ready();
                self.send(number)
            }
            Obstacle::Busy => {
                self.await_ready();
                let before = self.server.begun("SLOW");
                self.human(&format!("please be SLOW 2 for {number}"), true);
                wait_for("the program works", PATIENCE, || self.server.begun("SLOW") > before);
                let id = self.send(number);
                self.await_deferred(&id);
                id
            }
            Obstacle::Dialog => {
                self.await_ready();
                self.human(&format!("please ASK me {number}"), true);
                let asked = || ["1. Yes", "1. Allow once"].iter().any(|choice| self.screen().contains(choice));
                wait_for("the program asks", PATIENCE, asked);
                let id = self.send(number);
                self.await_deferred(&id);
                if !asked() || file(self) {
                    harm.dialogs_answered += 1;
                }
                self.tmux.run(&["send-keys", "-t", &self.pane, "Escape"]);
                wait_for("the human has refused", PATIENCE, || !asked());
                id
            }
            Obstacle::Draft => {
                self.await_ready();
                let draft = format!("half a thought {number}");
                self.human(&draft, false);
                let line =
                    |stage: &Self| stage.screen().lines().find(|l| l.contains(&draft)).map(|l| l.trim_end().to_owned());
                let before = line(self);
                let id = self.send(number);
                self.await_deferred(&id);
                if line(self) != before || before.is_none() {
                    harm.drafts_changed += 1;
                }
                let count = draft.len().to_string();
                self.tmux.run(&["send-keys", "-t", &self.pane, "-N", &count, "BSpace"]);
                id
            }
            Obstacle::Started => {
                self.start(number);
                self.send(number)
            }
        };
        let begun = Instant::now();
        let end = begun + PATIENCE;
        while !steps(self.world, &id).iter().any(|s| s == "woken") {
            assert!(
                Instant::now() < end,
                "{} {:?} {obstacle:?} {number}: never woken, {:?}\n{}\n{}",
                self.program,
                self.way,
                steps(self.world, &id),
                self.screen(),
                self.world.daemon_log(),
            );
        }
        let took = begun.elapsed();
        if self.calls() == calls {
            harm.woken_without_proof += 1;
        }
        if file(self) {
            harm.dialogs_answered += 1;
        }
        // It has looked into its inbox; the mail is filed for it.
        self.world.ok("Agent-2", &["read", &id]);
        took
    }
}

/// The `cellphone` that the programs find: it writes down that it was called.
pub(super) fn call_counter(place: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let bin = place.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let script = format!("#!/bin/sh\necho \"$*\" >>{}\nexec {BIN} \"$@\"\n", place.join("calls").display());
    fs::write(bin.join("cellphone"), script).unwrap();
    fs::set_permissions(bin.join("cellphone"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether any home of the stage holds a file that only an answered dialog
/// could have made.
fn names(place: &Path, file: &str) -> bool {
    fs::read_dir(place).unwrap().any(|home| home.unwrap().path().join("work").join(file).exists())
}

/// What the programs took for their user's words must be a human's, or a
/// whole notice; and no turn may have been cut off but by its human.
fn judge(server: &Server, harm: &mut Harm) {
    for turn in server.turns() {
        let text = turn["text"].as_str().unwrap().trim();
        if text.starts_with("Generate a concise") || text.is_empty() {
            continue; // The program's own question for a title.
        }
        let notice = text.starts_with("Cellphone: ") && text.ends_with(" Run: cellphone inbox") && !text.contains('\n');
        let human = text.starts_with("please ") && !text.contains("Cellphone");
        if text.contains("half a thought") {
            harm.drafts_changed += 1;
        } else if !notice && !human {
            harm.keystrokes_elsewhere += 1;
            eprintln!("not anybody's words: {text:?}");
        }
        if turn["begun"] != true && turn["finished"] != true {
            harm.turns_interrupted += 1;
            eprintln!("cut off: {turn}");
        }
    }
}

fn wakes(program: &'static str, way: Way) {
    let world = World::new();
    world.ok("tester", &["agents", "set", "Agent-2", "--profile", program]);
    let tmux = Tmux::new(&world);
    let other = tmux.window("cat");
    let place = world.root.parent().unwrap().join("agents");
    call_counter(&place);
    let server = Server::start(&world, &place);
    let mut stage =
        Stage { world: &world, tmux: &tmux, server: &server, program, way, place: place.clone(), pane: String::new() };
    stage.start(0);
    let _daemon = world.up_with(&[
        ("CELLPHONE_NUDGE_COOLDOWN", "100ms"),
        ("CELLPHONE_NUDGE_URGENT_COOLDOWN", "100ms"),
        ("CELLPHONE_NUDGE_RETRY_FIRST", "100ms"),
        ("CELLPHONE_NUDGE_RETRY_MAX", "300ms"),
        ("CELLPHONE_NUDGE_HUMAN_IDLE", "0s"),
        ("CELLPHONE_NUDGE_ATTEMPTS", "1000"),
        ("CELLPHONE_NUDGE_BREAKER_FAILURES", "1000"),
    ]);
    let mut harm = Harm::default();
    let rounds: usize = std::env::var("CELLPHONE_TEST_ROUNDS").map_or(50, |n| n.parse().unwrap());
    let mut times: Vec<(Obstacle, Duration)> = Vec::new();
    for number in 1..=rounds {
        let obstacle = ALL[(number - 1) % ALL.len()];
        let took = stage.wake(number, obstacle, &mut harm);
        times.push((obstacle, took));
    }
    stage.await_ready();
    judge(&server, &mut harm);
    for pane in [&other, "s:0"] {
        harm.keystrokes_elsewhere += usize::from(!tmux.screen(pane).trim().is_empty());
    }
    let mut report = format!("{program} {way:?}: {} of {rounds} woken", times.len());
    for obstacle in ALL {
        let mut all: Vec<u128> = times.iter().filter(|(o, _)| *o == obstacle).map(|(_, t)| t.as_millis()).collect();
        all.sort_unstable();
        let _ = write!(report, "; {obstacle:?} {all:?} ms");
    }
    eprintln!("{report}; {harm:?}");
    assert_eq!(harm, Harm::default(), "{report}");
}

macro_rules! agents {
    ($($name:ident: $program:literal, $way:ident;)*) => {$(
        #[test]
        #[ignore = "needs tmux and the agent programs: run tests/run --long"]
        fn $name() {
            wakes($program, Way::$way);
        }
    )*};
}

agents! {
    claude_code_in_tmux_is_woken_and_nothing_else_happens: "claude-code", Tmux;
    claude_code_hosted_is_woken_and_nothing_else_happens: "claude-code", Hosted;
    codex_in_tmux_is_woken_and_nothing_else_happens: "codex", Tmux;
    codex_hosted_is_woken_and_nothing_else_happens: "codex", Hosted;
    gemini_cli_in_tmux_is_woken_and_nothing_else_happens: "gemini-cli", Tmux;
    gemini_cli_hosted_is_woken_and_nothing_else_happens: "gemini-cli", Hosted;
}
