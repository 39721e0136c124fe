//! How a command ends when it does not end well: what happened, to which
//! file, what to run next, and the exit code scripts rely on.

use std::io;

use serde_json::json;

use crate::office::setup::redact;
use crate::surface::render::{Paint, Style, json, text};

/// The ways to fail, each with its exit code: those of every use case.
pub use crate::office::ErrorKind as Code;

/// Why a command ended.
#[derive(Debug)]
pub enum Failure {
    /// Something to report.
    Report {
        /// Exit code.
        code: Code,
        /// What happened, naming the file.
        message: String,
        /// The next command to run, or what to change.
        hint: Option<String>,
    },
    /// The reader of our output has gone; it has what it wanted.
    BrokenPipe,
    /// Everything was said already; only the exit code is left.
    Silent(u8),
    /// clap prints this one in its own way.
    Clap(clap::Error),
}

impl Failure {
    /// A failure with this code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Report { code, message: message.into(), hint: None }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Report { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// What is printed to standard error; empty when nothing is.
    #[must_use]
    pub fn render(&self, as_json: bool, style: Style) -> String {
        redact(&self.rendered(as_json, style)).into_owned()
    }

    fn rendered(&self, as_json: bool, style: Style) -> String {
        let (code, message, hint) = match self {
            Self::Report { code, message, hint } => (*code, message.clone(), hint.clone()),
            Self::Clap(e) if as_json => (Code::Usage, clap_message(e), None),
            Self::Clap(e) if style.color => return e.render().ansi().to_string(),
            Self::Clap(e) => return e.render().to_string(),
            Self::BrokenPipe | Self::Silent(_) => return String::new(),
        };
        if as_json {
            let mut error = json!({ "kind": code.word(), "code": code.exit_code(), "message": message });
            if let (Some(hint), Some(map)) = (hint, error.as_object_mut()) {
                map.insert("hint".into(), hint.into());
            }
            return json::line(&json!({ "error": error })).unwrap_or_default();
        }
        let mut out = format!("{} {}\n", style.paint(Paint::Bad, "cellphone:"), text::block(message.trim_end()));
        if let Some(hint) = hint {
            out += &format!("  {} {}\n", style.paint(Paint::Faint, "try:"), text::block(hint.trim_end()));
        }
        out
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match self {
            Self::Report { code, .. } => code.exit_code(),
            Self::BrokenPipe => 0,
            Self::Silent(code) => *code,
            Self::Clap(e) => u8::from(e.use_stderr()) * 2,
        }
    }
}

/// The first paragraph of clap's message, without its `error:`.
fn clap_message(e: &clap::Error) -> String {
    let text = e.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    first.trim_start_matches("error: ").trim_end().to_owned()
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Self::new(Code::Failed, format!("cannot write the answer: {e}"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(e: serde_json::Error) -> Self {
        match e.io_error_kind() {
            Some(io::ErrorKind::BrokenPipe) => Self::BrokenPipe,
            _ => Self::new(Code::Failed, format!("cannot write the answer as JSON: {e}")),
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(e: clap::Error) -> Self {
        Self::Clap(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_and_what_next() {
        let f = Failure::new(Code::Conflict, "the lease on 01K3 is over\u{1b}[2J").hint("cellphone next");
        assert_eq!(f.render(false, Style::PLAIN), "cellphone: the lease on 01K3 is over␛[2J\n  try: cellphone next\n");
        assert_eq!(f.exit(), 5);
        let parsed: serde_json::Value = serde_json::from_str(&f.render(true, Style::PLAIN)).unwrap();
        assert_eq!(parsed["error"]["kind"], "conflict");
        assert_eq!(parsed["error"]["code"], 5);
        assert_eq!(parsed["error"]["hint"], "cellphone next");
    }

    #[test]
    fn broken_pipe_is_success() {
        let f = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((f.exit(), f.render(false, Style::PLAIN)), (0, String::new()));
    }
}
