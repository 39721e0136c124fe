//! The wake benchmark: fake agent programs, each nasty in one way, rung by a
//! real daemon over tmux, hosted terminals and X windows. Verdicts come from what the
//! fakes logged, byte by byte, not from our own claims.
//!
//! `cargo bench --bench nasty -- [--count N] [--only SCENARIO] [--channel tmux|pty|screen] [--raw FILE]`
//! or `benches/compare nasty`. Fails when a zero is not a zero.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub
)]

mod desk;
mod fake;
mod hosted;
mod judge;
mod report;
mod stage;
mod tmux;
mod world;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Nothing in the way.
    Plain,
    /// The first Enter is swallowed.
    Swallow,
    /// Enter is ignored for 120 ms after text.
    Paste,
    /// A question comes up between text and Enter.
    Dialog,
    /// A question is up already.
    Asking,
    /// Redraws all the time, over a blank screen.
    Flicker,
    /// A half-typed draft stands in the composer.
    Draft,
    /// Works, and prints nothing.
    Busy,
    /// Idle, with something that moves.
    Spinner,
    /// The pane is in copy-mode.
    CopyMode,
    /// The pane's program is replaced by a stranger.
    Reused,
    /// The human types from the moment of sending on.
    Typing,
    /// Its output looks like an empty composer.
    Lookalike,
    /// Prints what is no UTF-8.
    Encoding,
    /// Thirty columns.
    Narrow,
    /// Leaves a shell's prompt behind for a while.
    Exits,
    /// The human types the moment our text arrives.
    Middle,
    /// A question comes up at any moment after the text.
    Late,
    /// A window is put over it between check and key.
    Covered,
    /// It is moved then.
    Moved,
    /// It is minimised then.
    Minimised,
    /// It is closed then, and comes back.
    Closed,
    /// Another window takes the focus then.
    Stolen,
    /// Not rung: beside each target.
    Bystander,
}

impl Scenario {
    pub const ALL: [Self; 23] = [
        Self::Plain,
        Self::Swallow,
        Self::Paste,
        Self::Dialog,
        Self::Asking,
        Self::Flicker,
        Self::Draft,
        Self::Busy,
        Self::Spinner,
        Self::CopyMode,
        Self::Reused,
        Self::Typing,
        Self::Lookalike,
        Self::Encoding,
        Self::Narrow,
        Self::Exits,
        Self::Middle,
        Self::Late,
        Self::Covered,
        Self::Moved,
        Self::Minimised,
        Self::Closed,
        Self::Stolen,
    ];

    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Bystander]).find(|s| s.name() == name)
    }

    /// Whether nothing stands in the way.
    pub const fn free(self) -> bool {
        matches!(self, Self::Plain | Self::Spinner | Self::Encoding | Self::Narrow)
    }

    /// Whether it can happen there.
    fn fits(self, channel: &str) -> bool {
        match self {
            Self::CopyMode => channel == "tmux",
            // An xterm this narrow leaves pixels of its rules behind, which no picture forgives.
            Self::Narrow => channel != "screen",
            Self::Reused => channel != "pty",
            Self::Covered | Self::Moved | Self::Minimised | Self::Closed | Self::Stolen => channel == "screen",
            Self::Bystander => false,
            _ => true,
        }
    }
}

/// Microseconds since 1970.
pub fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [word, scenario, log, bin] = &args[..]
        && word == "fake"
    {
        return fake::Fake::new(Scenario::parse(scenario).unwrap(), Path::new(log), bin).run();
    }
    let (mut count, mut only, mut channel, mut raw) = (2_000, None, None, None);
    let mut bin = env!("CARGO_BIN_EXE_cellphone").to_owned();
    let mut left = args.iter();
    while let Some(arg) = left.next() {
        let mut value = || left.next().unwrap_or_else(|| panic!("{arg} needs a value")).clone();
        match arg.as_str() {
            "--count" => count = value().parse().unwrap_or_else(|e| panic!("--count: {e}")),
            "--only" => {
                let name = value();
                only = Some(Scenario::parse(&name).unwrap_or_else(|| panic!("--only: there is no scenario {name}")));
            }
            "--channel" => channel = Some(value()),
            "--raw" => raw = Some(value()),
            // A hosted program is started in another folder.
            "--bin" => bin = std::path::absolute(value()).unwrap().display().to_string(),
            _ => panic!("{arg}: unknown; see the head of benches/nasty/main.rs"),
        }
    }
    let channels: Vec<&str> = match channel.as_deref() {
        None => vec!["tmux", "pty", "screen"],
        Some(one @ ("tmux" | "pty" | "screen")) => vec![one],
        Some(other) => panic!("--channel: {other} is none of tmux, pty, screen"),
    };
    let mut parts = Vec::new();
    for channel in channels {
        for scenario in Scenario::ALL.into_iter().filter(|s| only.is_none_or(|o| o == *s)) {
            if scenario.fits(channel) {
                parts.push((channel, scenario));
            }
        }
    }
    // Half of the wakes are unobstructed: their tail is what is promised.
    let weight = |s: Scenario| if s == Scenario::Plain { 8 } else { 1 };
    let all: usize = parts.iter().map(|(_, s)| weight(*s)).sum();
    let raw = raw.unwrap_or_else(|| "target/nasty.jsonl".to_owned());
    let mut wakes = Vec::new();
    for (channel, scenario) in parts {
        let rounds = (count * weight(scenario)).div_ceil(all).max(1);
        eprintln!("{channel} {}: {rounds} wakes", scenario.name());
        wakes.extend(stage::play(&bin, channel, scenario, rounds));
        report::keep(&wakes, &raw);
    }
    let good = report::print(&wakes, &raw);
    std::process::exit(i32::from(!good));
}
