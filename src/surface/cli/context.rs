//! What every command gets: the options before it, and where to write.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use crate::office::Office;
use crate::office::control::{self, Presence};
use crate::office::setup::{self, Override};
use crate::surface::render::{Paint, Style, json};

/// The options that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Globals {
    /// The working root; otherwise CELLPHONE_ROOT, then upwards from here
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(super) root: Option<PathBuf>,
    /// Who acts; otherwise CELLPHONE_AGENT
    #[arg(long = "as", global = true, value_name = "AGENT", help_heading = "Everywhere")]
    pub(super) actor: Option<String>,
    /// A setting for this command alone, as nudge.cooldown=10s; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = "Everywhere")]
    pub(super) set: Vec<String>,
    /// Answer in JSON: one document, or a line per event
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(super) json: bool,
}

/// What a command works with.
///
/// A command that an agent runs on its mail is told to the daemon, which may
/// take it for the proof that the agent was woken. The answer is awaited when
/// the context ends, after the command's work.
#[derive(Debug)]
pub(super) struct Context {
    /// The options before the command.
    pub(super) globals: Globals,
    /// What `--set` says.
    pub(super) said: Vec<Override>,
    /// How standard output looks.
    pub(super) style: Style,
    /// When the command began; ages are relative to it.
    pub(super) now: Timestamp,
    /// The command, when it is one that an agent runs on its mail.
    mailbox_command: Option<&'static str>,
    presence: RefCell<Option<Presence>>,
}

impl Context {
    /// For these options, on this process's standard output.
    ///
    /// # Errors
    /// `--set` says something that is no setting.
    pub(super) fn new(globals: Globals, mailbox_command: Option<&'static str>) -> Result<Self, Failure> {
        let style = if globals.json { Style::PLAIN } else { Style::stdout() };
        let said = setup::said(&globals.set)?;
        Ok(Self { globals, said, style, now: Timestamp::now(), mailbox_command, presence: RefCell::new(None) })
    }

    /// Opens the office of the root, as the actor.
    ///
    /// # Errors
    /// No root, or nobody of that name.
    pub(super) fn office(&self) -> Result<Office, Failure> {
        self.office_with(None)
    }

    /// The same with one more setting, `KEY=VALUE`, that an option stands for.
    ///
    /// # Errors
    /// As [`office`](Self::office).
    pub(super) fn office_with(&self, setting: Option<String>) -> Result<Office, Failure> {
        let mut said = self.said.clone();
        said.extend(setup::said(setting.as_slice())?);
        let office = Office::open_with(self.globals.root.as_deref(), self.globals.actor.as_deref(), &said)?;
        self.warn_of(&office);
        if let Some(command) = self.mailbox_command {
            let presence = control::report_presence(office.root().state().path(), &office.actor(), command);
            self.presence.replace(Some(presence));
        }
        Ok(office)
    }

    /// Says which part of the configuration cannot be used: on standard error,
    /// a line each, whatever form the answer has.
    pub(super) fn warn_of(&self, office: &Office) {
        for fault in office.faults() {
            self.put_note(&fault.to_string());
        }
    }

    /// Whether the answer is JSON.
    #[must_use]
    pub(super) const fn json(&self) -> bool {
        self.globals.json
    }

    /// Text in a role.
    #[must_use]
    pub(super) fn paint(&self, paint: Paint, text: &str) -> String {
        self.style.paint(paint, text)
    }

    /// Writes text as it is. Foreign parts of it were made visible before.
    ///
    /// # Errors
    /// The reader has gone, or the disk behind it is full.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        self.write_bytes(text.as_bytes())
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As [`print`](Self::print).
    pub(super) fn write_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// As [`print`](Self::print).
    pub(super) fn say(&self, line: &str) -> Result<(), Failure> {
        self.print(&format!("{line}\n"))
    }

    /// Writes one JSON document on one line.
    ///
    /// # Errors
    /// As [`print`](Self::print).
    pub(super) fn write_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.print(&json::line(value)?)
    }

    /// Says something beside the answer: on standard error, and not under
    /// `--json`, whose answer holds it.
    pub(super) fn note(&self, line: &str) {
        if !self.json() {
            self.put_note(line);
        }
    }

    fn put_note(&self, line: &str) {
        let shown = crate::surface::render::text::line(&setup::redact(line)).into_owned();
        let _ = writeln!(io::stderr(), "{} {shown}", Style::stderr().paint(Paint::Warn, "note:"));
    }
}
