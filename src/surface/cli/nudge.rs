//! `cellphone nudge`: rings a window now, or says what would happen.

use std::time::Duration;

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::model::{Action, AgentName, Permission};
use crate::office::control::{self, Answer, ControlError, Request};
use crate::office::hosting::Outcome;
use crate::office::wake::{self, Nudged};
use crate::surface::render::text;

/// A window may be slow to show what was typed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Arguments of `nudge`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct NudgeArgs {
    /// Whose window
    #[arg(required = true)]
    agent: Option<AgentName>,
    /// Look at the window and say what would happen; type nothing
    #[arg(long)]
    dry_run: bool,
    #[command(subcommand)]
    test: Option<Test>,
}

#[derive(Debug, clap::Subcommand)]
enum Test {
    /// Show what the gates see and decide at this moment; type nothing
    Test {
        /// Whose window
        agent: AgentName,
    },
}

impl Run for NudgeArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let Some(agent) = self.agent else {
            return match self.test {
                Some(Test::Test { agent }) => test(cx, &agent),
                None => Err(Failure::new(Code::Usage, "whose window? write: cellphone nudge AGENT")),
            };
        };
        let agent = office.entry(&agent)?.name;
        office.may(Action::On(Permission::Ring, &agent))?;
        if !self.dry_run {
            // The daemon keeps count of what was typed where; ask it first.
            let request = Request::Nudge { agent: agent.clone(), by: office.actor() };
            match control::ask(office.root().state().path(), &request, PATIENCE) {
                Ok(answer) => {
                    let message = match answer {
                        Answer::Done { message } => message,
                        other => format!("{other:?}"),
                    };
                    if cx.json() {
                        return cx.write_json(&json!({ "agent": agent, "message": message }));
                    }
                    return cx.say(&text::line(&message));
                }
                Err(ControlError::NotRunning(_)) => {}
                Err(e) => return Err(e.into()),
            }
        }
        let (channel, attempt) = match wake::nudge_once(&office, agent.as_str(), self.dry_run)? {
            Nudged::Tried(channel, attempt) => (channel, attempt),
            Nudged::NothingUnread if cx.json() => {
                return cx.write_json(&json!({ "agent": agent, "dry_run": false, "outcome": "nothing_unread" }));
            }
            Nudged::NothingUnread => return cx.say(&format!("{agent}: nothing is unread, so it was not rung")),
            Nudged::Held(why) if cx.json() => {
                let outcome = json!({ "held": why });
                cx.write_json(&json!({ "agent": agent, "dry_run": self.dry_run, "outcome": outcome }))?;
                return Err(Failure::Silent(75));
            }
            Nudged::Held(why) => {
                return Err(Failure::new(Code::TryAgain, format!("{agent}: put off: {why}"))
                    .hint(format!("cellphone agents show {agent}")));
            }
        };
        if cx.json() {
            cx.write_json(&json!({
                "agent": agent, "channel": channel, "dry_run": self.dry_run, "outcome": attempt.outcome,
            }))?;
        }
        let would = if self.dry_run { "would be " } else { "" };
        let line = match &attempt.outcome {
            Outcome::Typed | Outcome::Submitted { .. } if self.dry_run => {
                "the window is ready: it would ring".to_owned()
            }
            Outcome::Typed => "typed, not submitted".to_owned(),
            Outcome::Submitted { blind: false } => "typed, read back and submitted".to_owned(),
            Outcome::Submitted { blind: true } => "typed and submitted, without a read-back".to_owned(),
            Outcome::Delivered => format!("{would}run"),
            Outcome::Deferred(reason) => {
                return if cx.json() {
                    Err(Failure::Silent(75))
                } else {
                    Err(Failure::new(Code::TryAgain, format!("{agent}, {channel}: put off: {reason}")))
                };
            }
            Outcome::Failed(why) => {
                return if cx.json() {
                    Err(Failure::Silent(1))
                } else {
                    Err(Failure::new(Code::Failed, format!("{agent}, {channel}: {why}"))
                        .hint(format!("cellphone agents show {agent}")))
                };
            }
        };
        if cx.json() { Ok(()) } else { cx.say(&format!("{agent}, {channel}: {line}")) }
    }
}

/// `nudge test AGENT`: exit code 0 when a nudge would be typed, 75 when it
/// would be put off, 1 when the window cannot be rung.
fn test(cx: &Context, agent: &AgentName) -> Result<(), Failure> {
    let office = cx.office()?;
    let agent = office.entry(agent)?.name;
    let seen = wake::inspect(&office, agent.as_str())?;
    let (verdict, reason, end) = match &seen.outcome {
        Outcome::Deferred(reason) => ("put off", reason.explain().to_owned(), Err(Failure::Silent(75))),
        Outcome::Failed(why) => ("cannot ring", why.clone(), Err(Failure::Silent(1))),
        // What an unfocused window shows is no proof that its composer is empty.
        _ if seen.channel == "screen" => {
            ("ready", "nobody is disturbed; its composer is looked at once it has the focus".to_owned(), Ok(()))
        }
        _ => ("ready", "the composer is empty and nobody is disturbed: it would ring".to_owned(), Ok(())),
    };
    if cx.json() {
        let mut value = serde_json::to_value(&seen).map_err(|e| Failure::new(Code::Failed, e.to_string()))?;
        value["agent"] = json!(agent);
        value["verdict"] = json!(verdict);
        value["reason"] = json!(reason);
        cx.write_json(&value)?;
        return end;
    }
    let verified = match &seen.verified {
        Some(version) => format!("recorded from {}", text::line(version)),
        None => "not verified against the real program".to_owned(),
    };
    let mut out = format!("{agent}, {}: {verdict}\n  {}\n", seen.channel, text::line(&reason));
    out += &format!("  profile   {} ({verified})\n", text::line(&seen.profile));
    out += &match seen.pinned {
        Some(process) => format!("  process   {}, started at tick {}\n", process.pid, process.start),
        None => "  process   none was verified\n".to_owned(),
    };
    if let Some(screen) = &seen.screen {
        let (rows, columns) = screen.size;
        let (row, column) = screen.cursor;
        out += &format!("  screen    {columns}x{rows}, cursor in row {} column {}", row + 1, column + 1);
        out += &match screen.title.as_str() {
            "" => "\n".to_owned(),
            title => format!(", title {}\n", text::line(title)),
        };
        out += &match (&screen.composer_rows, &screen.composer_text) {
            (Some((first, last)), Some(content)) => {
                let place = if first == last {
                    format!("row {}", first + 1)
                } else {
                    format!("rows {}-{}", first + 1, last + 1)
                };
                let what = match content.as_str() {
                    "" => "empty".to_owned(),
                    content if screen.stranded => {
                        format!("a stranded nudge of ours, taken out next time: {}", text::line(content))
                    }
                    content => text::line(content).into(),
                };
                format!("  composer  {place}: {what}\n")
            }
            _ => "  composer  none is seen\n".to_owned(),
        };
        for row in &screen.rows {
            out += &format!("  | {}\n", text::line(row));
        }
    }
    cx.say(out.trim_end())?;
    end
}
