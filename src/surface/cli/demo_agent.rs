//! `cellphone demo-agent` (hidden): a program that behaves like a coding
//! agent, for the demo and for tests.
//!
//! It shows a prompt and reads lines. A line that a nudge typed makes it
//! claim its mail through the command line, answer each message once and
//! finish it. Subjects that begin with `Re:` are only finished, or two of
//! them would thank each other for ever.

use std::io::{self, BufRead as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::surface::render::text;

/// How a nudge begins.
const NUDGE: &str = "Cellphone:";

/// Arguments of `demo-agent`.
#[derive(Debug, clap::Args)]
pub(super) struct DemoAgentArgs {}

impl Run for DemoAgentArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let who = std::env::var("CELLPHONE_AGENT").unwrap_or_else(|_| "somebody".into());
        cx.print(&format!("I am {}, ready.\n> ", text::line(&who)))?;
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            match line.trim() {
                "exit" | "quit" => break,
                said if said.starts_with(NUDGE) => work(cx)?,
                "" => {}
                other => cx.say(&format!("I only listen to my mail, not to {:?}.", text::line(other)))?,
            }
            cx.print("> ")?;
        }
        Ok(())
    }
}

/// Claims, answers and finishes until nothing is left.
fn work(cx: &Context) -> Result<(), Failure> {
    while let Some(mail) = call(&["next", "--urgent-first", "--json"])? {
        let text_of = |key: &str| mail.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, token, from, subject) = (text_of("id"), text_of("token"), text_of("from"), text_of("subject"));
        cx.say(&format!("mail from {}: {}", text::line(&from), text::line(&subject)))?;
        if !subject.starts_with("Re:") && from != "system" {
            call(&["reply", &id, "-m", &format!("Read and understood: {subject}"), "--json"])?;
        }
        call(&["done", &id, "--token", &token, "--json"])?;
    }
    io::stdout().flush().map_err(Failure::from)
}

/// Runs this program with these arguments; `None` when it found nothing.
fn call(args: &[&str]) -> Result<Option<Value>, Failure> {
    let failed = |why: String| Failure::new(Code::Failed, format!("cellphone {}: {why}", args.join(" ")));
    let exe = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
    let output = Command::new(exe).args(args).stdin(Stdio::null()).output().map_err(|e| failed(e.to_string()))?;
    match output.status.code() {
        Some(0) => Ok(serde_json::from_slice(&output.stdout).ok()),
        Some(3) => Ok(None),
        _ => Err(failed(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}
