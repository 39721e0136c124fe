//! `cellphone hook` (hidden): what the hooks run that `integrate` writes into
//! an agent program's settings.
//!
//! Says nothing unless it knows which agent runs it, and never acts as the
//! person. Ends with 0 or 1, since a program would take 2 as an order to block
//! what it was about to do.

use std::io::{self, IsTerminal as _, Read as _};

use serde::Deserialize;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::office::Office;
use crate::office::integrate;

/// Arguments of `hook`.
#[derive(Debug, clap::Args)]
pub(super) struct HookArgs {
    /// The agent program
    program: String,
    /// start, tool, stop or prompt
    moment: String,
    /// Who runs it, when CELLPHONE_AGENT does not say it
    #[arg(long)]
    agent: Option<String>,
}

/// What a program hands to its hook, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct Handed {
    /// What was submitted.
    #[serde(default)]
    prompt: String,
    /// Set in an agent that this one started: the mail is not its own.
    agent_id: Option<String>,
}

impl Run for HookArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        self.told(cx).map_err(|failure| match failure {
            Failure::Report { message, hint, .. } => Failure::Report { code: Code::Failed, message, hint },
            other => other,
        })
    }
}

impl HookArgs {
    fn told(&self, cx: &Context) -> Result<(), Failure> {
        let handed = handed()?;
        let from_environment = std::env::var("CELLPHONE_AGENT").ok().filter(|name| !name.is_empty());
        let by_name = from_environment.is_none();
        let Some(name) = from_environment.or_else(|| self.agent.clone()) else { return Ok(()) };
        let unknown = |what: &str, word: &str| {
            Failure::new(Code::Usage, format!("{word:?} is no {what} with hooks")).hint("cellphone integrate PROGRAM")
        };
        let moment = integrate::moment(&self.moment).ok_or_else(|| unknown("moment", &self.moment))?;
        if integrate::answer(&self.program, moment, "").is_none() {
            return Err(unknown("program", &self.program));
        }
        if handed.agent_id.is_some() {
            return Ok(());
        }
        let office = Office::open_with(cx.globals.root.as_deref(), Some(&name), &cx.said)?;
        let Some(words) = office.hooked(moment, &handed.prompt, by_name)? else { return Ok(()) };
        match integrate::answer(&self.program, moment, &words) {
            Some(answer) => cx.write_json(&answer),
            None => Ok(()),
        }
    }
}

/// Reads all of what the program hands over: it may wait until that is taken.
fn handed() -> Result<Handed, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(Handed::default());
    }
    let mut text = Vec::new();
    stdin.lock().read_to_end(&mut text)?;
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(Handed::default());
    }
    serde_json::from_slice(&text)
        .map_err(|e| Failure::new(Code::Failed, format!("what the program handed to its hook is not understood: {e}")))
}
