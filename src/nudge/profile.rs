//! How an agent program looks when it is ready, busy or asking, and how it
//! submits: data, read from `config/profiles/*.yaml` by whoever has the
//! approved copy. Nothing in the gates knows a vendor's name.
//!
//! A key that is left out is that of the built-in `generic-shell`, whose
//! gates are the strictest: any program that shows a prompt on the cursor's
//! row. The profiles of `config/profiles/` are embedded, for `init` and for a
//! root that approved none of its own.

use std::fmt;
use std::time::Duration;

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A regular expression, kept with its text.
#[derive(Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Longest program of a pattern, in bytes: a profile is no place for more.
    const LIMIT: usize = 1 << 20;

    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let built = regex::RegexBuilder::new(text).size_limit(Self::LIMIT).build();
        built.map(Self).map_err(|e| format!("{text:?} is no pattern: {}", last_line(&e.to_string())))
    }

    /// Whether it is found in `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Where it is found first: the end, in bytes.
    #[must_use]
    pub fn end_in(&self, text: &str) -> Option<usize> {
        self.0.find(text).map(|found| found.end())
    }
}

/// The crate draws the pattern above its complaint.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.as_str(), f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the composer is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Around the cursor: whatever follows the first prompt of its row.
    #[default]
    Cursor,
    /// As `cursor`, and a row without any prompt counts as an empty composer
    /// when nothing stands in it.
    BareRow,
    /// Rows of their own around the cursor: a first one with a prompt, more
    /// below it, and what the profile says stands above and below.
    Box,
}

/// The composer's looks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Composer {
    /// Where it is.
    pub place: Place,
    /// `box`: how its first row begins, up to the first character typed.
    pub prompt: Option<Pattern>,
    /// `box`: a first row that looks like one and is none: a list's choice.
    pub never: Option<Pattern>,
    /// `box`: how each further row begins.
    pub more: Option<Pattern>,
    /// `box`: the row above the first one.
    pub above: Option<Pattern>,
    /// `box`: the row below the last one.
    pub below: Option<Pattern>,
    /// Hints in an empty composer that are not dim but grey. Dim ones need
    /// no pattern.
    pub placeholder: Vec<Pattern>,
}

/// What tells that a program works, or asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signs {
    /// Patterns over single rows of the screen.
    pub screen: Vec<Pattern>,
    /// Patterns over the window's title.
    pub title: Vec<Pattern>,
}

/// For programs that show nothing while they stream: the marks of a turn in
/// the rows above the composer. The lowest mark decides; without any the
/// program is taken for busy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// A turn has begun.
    pub begins: Vec<Pattern>,
    /// It has ended, or none has begun yet.
    pub rests: Vec<Pattern>,
}

/// How text is put into the composer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Character by character, as a keyboard does.
    #[default]
    Typed,
    /// As a bracketed paste, when the program asked for such.
    Paste,
}

/// What a nudge does while the program is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhileBusy {
    /// It waits.
    #[default]
    Wait,
    /// The program queues input by itself: type, if the composer is empty.
    Queue,
}

/// A key that submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmitKey {
    /// Enter.
    #[default]
    Enter,
    /// Ctrl and Enter; terminals tell it from Enter only if the program
    /// asked them to.
    CtrlEnter,
    /// Alt and Enter.
    AltEnter,
    /// Tab.
    Tab,
}

/// How what was typed is taken out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clear {
    /// A backspace for each character: takes out only what is ours.
    #[default]
    Backspace,
}

/// One program's looks and habits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Its name in the roster, and its file's.
    pub name: String,
    /// The version it was recorded from; absent when it was written from
    /// documentation only.
    pub verified: Option<String>,
    /// File names of the program, by which `join` and `run` recognise it.
    pub programs: Vec<String>,
    /// What a prompt ends with; the composer follows it. For `cursor` and
    /// `bare_row`.
    pub prompts: Vec<String>,
    /// What the composer looks like.
    pub composer: Composer,
    /// What means *busy*.
    pub busy: Signs,
    /// What means that a question is asked.
    pub dialog: Signs,
    /// The marks of a turn, where a program shows no other.
    pub turn: Option<Turn>,
    /// What a nudge does meanwhile.
    pub while_busy: WhileBusy,
    /// Whether the program's own screen is the alternate one.
    pub alternate: bool,
    /// How text goes in.
    pub entry: Entry,
    /// Pause between text and submit, in milliseconds, 150 at most: some
    /// programs take a fast Enter for part of a paste.
    pub pause_ms: u64,
    /// How long the screen (the composer, for a `box`) must have been still,
    /// in milliseconds, 150 at most.
    pub settle_ms: u64,
    /// How long the read-back and the change after Enter are awaited, in
    /// milliseconds.
    pub echo_ms: u64,
    /// How often Enter may be pressed while the text still stands there.
    pub enters: u32,
    /// The key that submits.
    pub submit: SubmitKey,
    /// The key that submits urgent mail.
    pub urgent: SubmitKey,
    /// How the composer is emptied of our text.
    pub clear: Clear,
}

/// Longest pause and longest settling, in milliseconds.
const LONGEST_PAUSE: u64 = 150;
/// Longest wait for an echo, in milliseconds.
const LONGEST_ECHO: u64 = 10_000;
/// Most presses of Enter for one text.
const MOST_ENTERS: u32 = 3;

/// The profiles that come along: name and text.
pub const BUILT_IN: [(&str, &str); 8] = [
    ("claude-code", include_str!("../../config/profiles/claude-code.yaml")),
    ("codex", include_str!("../../config/profiles/codex.yaml")),
    ("gemini-cli", include_str!("../../config/profiles/gemini-cli.yaml")),
    ("cursor", include_str!("../../config/profiles/cursor.yaml")),
    ("aider", include_str!("../../config/profiles/aider.yaml")),
    ("opencode", include_str!("../../config/profiles/opencode.yaml")),
    ("generic-shell", include_str!("../../config/profiles/generic-shell.yaml")),
    ("generic-window", include_str!("../../config/profiles/generic-window.yaml")),
];

impl Default for Profile {
    fn default() -> Self {
        Self::generic_shell()
    }
}

impl Profile {
    /// Reads a profile. `file` is named in complaints.
    ///
    /// # Errors
    /// For a person: which file and key, what is wrong, what to run next.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, String> {
        let fault = |why: String| format!("{file}: {why}; mend it, then run: cellphone trust");
        let profile: Self = serde_yaml::from_slice(bytes).map_err(|e| fault(e.to_string()))?;
        let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".yaml");
        if profile.name != stem {
            return Err(fault(format!("name: {:?} must be the file's own name, {stem:?}", profile.name)));
        }
        profile.check().map_err(fault)?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let at_most = |key: &str, value: u64, most: u64| {
            if value > most { Err(format!("{key}: {value} is more than {most}")) } else { Ok(()) }
        };
        at_most("pause_ms", self.pause_ms, LONGEST_PAUSE)?;
        at_most("settle_ms", self.settle_ms, LONGEST_PAUSE)?;
        at_most("echo_ms", self.echo_ms, LONGEST_ECHO)?;
        at_most("enters", u64::from(self.enters), u64::from(MOST_ENTERS))?;
        if self.enters == 0 {
            return Err("enters: 0 would never submit".to_owned());
        }
        match (self.composer.place, &self.composer.prompt) {
            (Place::Box, None) => Err("composer.prompt: a box needs it".to_owned()),
            (Place::Box, Some(prompt)) if prompt.end_in("").is_some() => {
                Err("composer.prompt: it matches an empty row, so every row would be a composer".to_owned())
            }
            (Place::Cursor, _) if self.prompts.is_empty() => {
                Err("prompts: without any, no row is a composer".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The profile of that name that comes along, if there is one.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Self::parse(name, text.as_bytes()).ok()
    }

    /// Any program that shows a prompt on the cursor's row: shells, REPLs,
    /// the demo's agent.
    #[must_use]
    pub fn generic_shell() -> Self {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect();
        let signs = |list: &[&str]| Signs {
            screen: list.iter().filter_map(|w| Pattern::new(&regex::escape(w)).ok()).collect(),
            title: Vec::new(),
        };
        Self {
            name: "generic-shell".to_owned(),
            verified: None,
            programs: words(&["demo-agent"]),
            prompts: words(&["$", "#", "%", ">", "❯", "›", "»", "λ"]),
            composer: Composer::default(),
            busy: signs(&["esc to interrupt", "Esc to interrupt", "esc to cancel", "ctrl+c to stop"]),
            dialog: signs(&[
                "(y/n)",
                "[y/n]",
                "(Y/n)",
                "[Y/n]",
                "(y/N)",
                "[y/N]",
                "(yes/no",
                "Do you want to",
                "Do you trust",
                "Allow this",
                "assword:",
                "assphrase",
                "Press any key",
                "press enter to",
                "Press Enter to",
                "Enter to confirm",
                "--More--",
            ]),
            turn: None,
            while_busy: WhileBusy::Wait,
            alternate: false,
            entry: Entry::Typed,
            pause_ms: 0,
            settle_ms: 30,
            echo_ms: 1_500,
            enters: 2,
            submit: SubmitKey::Enter,
            urgent: SubmitKey::Enter,
            clear: Clear::Backspace,
        }
    }

    /// The pause between text and Enter.
    #[must_use]
    pub const fn pause(&self) -> Duration {
        Duration::from_millis(self.pause_ms)
    }

    /// How long the screen must have been still.
    #[must_use]
    pub const fn settle(&self) -> Duration {
        Duration::from_millis(self.settle_ms)
    }

    /// How long an echo is awaited.
    #[must_use]
    pub const fn echo(&self) -> Duration {
        Duration::from_millis(self.echo_ms)
    }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
