//! The demo's story, each step verified.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use super::stage::Stage;
use crate::surface::render::{Paint, age, text};

/// Long enough for a loaded machine; the whole takes some seconds.
const PATIENCE: Duration = Duration::from_secs(12);
/// Mail that is sent while no daemon runs.
const MEANWHILE: usize = 20;
/// The two that are hosted, and the captain of a new root.
const HOSTED: [&str; 2] = ["Agent-1", "Agent-2"];
const CAPTAIN: &str = "Agent-4";

/// One verified step.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    what: String,
    seconds: f64,
    details: Vec<String>,
}

/// Tells the story as it happens.
struct Account<'a> {
    cx: &'a Context,
    steps: Vec<Step>,
}

impl Account<'_> {
    fn step(&mut self, what: &str, begun: Instant, details: Vec<String>) -> Result<(), Failure> {
        let took = begun.elapsed();
        if !self.cx.json() {
            let tick = self.cx.paint(Paint::Good, "ok");
            let time = self.cx.paint(Paint::Faint, &format!("{:>7}", age::span(took)));
            self.cx.say(&format!("{tick} {time}  {what}"))?;
            for line in &details {
                self.cx.say(&format!("            {}", text::line(line)))?;
            }
        }
        self.steps.push(Step { what: what.to_owned(), seconds: took.as_secs_f64(), details });
        Ok(())
    }
}

fn wrong(what: impl Into<String>) -> Failure {
    Failure::new(Code::Failed, what)
}

/// Plays it all.
pub(super) fn play(cx: &Context, stage: &mut Stage) -> Result<Vec<Step>, Failure> {
    let mut account = Account { cx, steps: Vec::new() };
    set_up(&mut account, stage)?;
    let mut sent = Vec::new();
    sent.push(exchange(&mut account, stage)?);
    sent.push(urgent(&mut account, stage)?);
    sent.push(broadcast(&mut account, stage)?);
    sent.extend(crash(&mut account, stage)?);
    audit(&mut account, stage, &sent)?;
    Ok(account.steps)
}

fn set_up(account: &mut Account<'_>, stage: &mut Stage) -> Result<(), Failure> {
    let begun = Instant::now();
    let root = stage.root().display().to_string();
    stage.call(&["init", &root, "--json"])?;
    for agent in HOSTED {
        stage.call(&["agents", "set", agent, "--channel", "pty", "--json"])?;
    }
    account.step("a working root, with mailboxes for eight agents and a person", begun, vec![root])?;

    let begun = Instant::now();
    start_daemon(stage)?;
    account.step("the daemon watches", begun, Vec::new())?;

    let begun = Instant::now();
    for agent in HOSTED {
        stage.start(
            agent,
            &["run", agent, "--", &std::env::current_exe().map_err(Failure::from)?.display().to_string(), "demo-agent"],
        )?;
    }
    let sockets: Vec<_> = HOSTED.iter().map(|a| stage.root().join(format!(".cellphone/pty/{a}.sock"))).collect();
    stage.until("both agents are hosted", PATIENCE, |_| Ok(sockets.iter().all(|s| s.exists()).then_some(())))?;
    account.step("Agent-1 and Agent-2 sit at their prompts, each in a terminal of its own", begun, Vec::new())
}

fn start_daemon(stage: &mut Stage) -> Result<(), Failure> {
    stage.start("daemon", &["up"])?;
    stage.until("the daemon answers", PATIENCE, |s| {
        let status = s.call(&["status", "--json"])?;
        Ok((status.pointer("/daemon/running") == Some(&Value::Bool(true))).then_some(()))
    })
}

/// A message that was acknowledged, and who must have it.
struct Acknowledged {
    id: String,
    recipients: Vec<String>,
}

fn acknowledged(answer: &Value) -> Result<Acknowledged, Failure> {
    let id = answer["id"].as_str().ok_or_else(|| wrong(format!("send answered without an id: {answer}")))?;
    let recipients = answer["delivered"].as_array().into_iter().flatten();
    let recipients = recipients.filter_map(|v| v.as_str().map(str::to_owned)).collect();
    Ok(Acknowledged { id: id.to_owned(), recipients })
}

fn events(stage: &Stage, id: &str) -> Result<Vec<Value>, Failure> {
    Ok(stage.call_as(CAPTAIN, &["trace", id])?.as_array().cloned().unwrap_or_default())
}

fn find<'a>(events: &'a [Value], event: &str, agent: &str) -> Option<&'a Value> {
    events.iter().find(|e| e["event"] == event && e["agent"] == agent)
}

/// Milliseconds from the acceptance of a message to one of its events.
fn after(events: &[Value], event: &str, agent: &str) -> Option<String> {
    let at = |e: &Value| e["at"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
    let begun = at(events.iter().find(|e| e["event"] == "accepted")?)?;
    let done = at(find(events, event, agent)?)?;
    Some(format!("{event} after {}", age::span(Duration::try_from(done.duration_since(begun)).unwrap_or_default())))
}

/// Waits until an agent finished a message, and was woken for it when asked.
fn finished(stage: &mut Stage, id: &str, agent: &str, woken: bool) -> Result<Vec<Value>, Failure> {
    stage.until(&format!("{agent} has finished {id}"), PATIENCE, |s| {
        let mut events = events(s, id)?;
        if find(&events, "done", agent).is_none() {
            return Ok(None);
        }
        if woken && find(&events, "woken", agent).is_none() {
            // An agent may claim the mail before the daemon has written down
            // that it rang; then the proof names the agent alone.
            let since = events.first().and_then(|e| e["at"].as_str()).unwrap_or_default().to_owned();
            let recent = s.call_lines(&["log", "-n", "200", "--json"])?;
            let proof = recent.into_iter().find(|e| {
                e["event"] == "woken" && e["agent"] == agent && e["at"].as_str().is_some_and(|at| at >= since.as_str())
            });
            let Some(proof) = proof else { return Ok(None) };
            events.push(proof);
        }
        Ok(Some(events))
    })
}

/// Waits until both agents sit at their prompts. An agent that is still
/// working takes new mail along without being rung for it.
fn at_rest(stage: &mut Stage) -> Result<(), Failure> {
    stage.until("both agents are at their prompts", PATIENCE, |s| {
        let ready = HOSTED.iter().all(|agent| s.call(&["nudge", agent, "--dry-run", "--json"]).is_ok());
        Ok(ready.then_some(()))
    })
}

fn timings(events: &[Value], agent: &str) -> String {
    let steps = ["delivered", "typed", "submitted", "woken", "claimed", "done"];
    format!("{agent}: {}", steps.iter().filter_map(|e| after(events, e, agent)).collect::<Vec<_>>().join(", "))
}

fn exchange(account: &mut Account<'_>, stage: &mut Stage) -> Result<Acknowledged, Failure> {
    at_rest(stage)?;
    let begun = Instant::now();
    let question = stage.call_as(
        "Agent-1",
        &["send", "--to", "Agent-2", "-s", "Review the parser", "-m", "Branch parse-2, please. Is the lexer right?"],
    )?;
    let sent = acknowledged(&question)?;
    let seen = finished(stage, &sent.id, "Agent-2", true)?;
    // The answer comes back and wakes the one who asked.
    let answer = stage.until("Agent-1 has the answer", PATIENCE, |s| {
        let all = s.call_as("Agent-1", &["thread", &sent.id])?;
        Ok(all.as_array().into_iter().flatten().find(|m| m["from"] == "Agent-2").cloned())
    })?;
    let id = answer["id"].as_str().unwrap_or_default().to_owned();
    let back = finished(stage, &id, "Agent-1", true)?;
    let lines = vec![timings(&seen, "Agent-2"), timings(&back, "Agent-1")];
    account.step("Agent-1 asked, Agent-2's terminal rang, it answered, and Agent-1's rang", begun, lines)?;
    Ok(sent)
}

fn urgent(account: &mut Account<'_>, stage: &mut Stage) -> Result<Acknowledged, Failure> {
    at_rest(stage)?;
    let begun = Instant::now();
    let answer = stage.call_as(
        CAPTAIN,
        &["send", "--to", "Agent-1", "-s", "Stop the release", "-m", "A test is red.", "--priority", "urgent"],
    )?;
    let sent = acknowledged(&answer)?;
    let seen = finished(stage, &sent.id, "Agent-1", true)?;
    let kept = stage.call_as("Agent-1", &["read", &sent.id, "--peek"])?;
    if kept["priority"] != "urgent" {
        return Err(wrong(format!("the captain's message is {}, not urgent", kept["priority"])));
    }
    account.step("urgent mail from the captain, Agent-4, was answered", begun, vec![timings(&seen, "Agent-1")])?;
    Ok(sent)
}

fn broadcast(account: &mut Account<'_>, stage: &mut Stage) -> Result<Acknowledged, Failure> {
    at_rest(stage)?;
    let begun = Instant::now();
    let answer =
        stage.call_as(CAPTAIN, &["send", "--to", "@all", "-s", "Stand-up in ten minutes", "-m", "Bring numbers."])?;
    let sent = acknowledged(&answer)?;
    if sent.recipients.len() < 8 || sent.recipients.iter().any(|r| r == CAPTAIN) {
        return Err(wrong(format!("the broadcast reached {}", sent.recipients.join(", "))));
    }
    for agent in HOSTED {
        finished(stage, &sent.id, agent, true)?;
    }
    let who = format!("{} mailboxes hold one copy each; both terminals rang", sent.recipients.len());
    account.step("a broadcast reached everyone but its sender", begun, vec![who])?;
    Ok(sent)
}

fn crash(account: &mut Account<'_>, stage: &mut Stage) -> Result<Vec<Acknowledged>, Failure> {
    let begun = Instant::now();
    let pid = stage.kill("daemon")?;
    let mut sent = Vec::new();
    for n in 0..MEANWHILE {
        let to = HOSTED[n % 2];
        let key = format!("crash-{n}");
        let subject = format!("Sent while nobody watched, {}", n + 1);
        let args = ["send", "--to", to, "-s", &subject, "-m", "Still here?", "--idempotency-key", &key];
        sent.push(acknowledged(&stage.call_as(CAPTAIN, &args)?)?);
        // A sender that did not hear the answer sends again: once is once.
        if n == 0 && stage.call_as(CAPTAIN, &args)?["id"] != json!(sent[0].id) {
            return Err(wrong("the same idempotency key gave a second message"));
        }
    }
    account.step(
        &format!("the daemon (process {pid}) was killed with -9; {MEANWHILE} messages were accepted meanwhile"),
        begun,
        Vec::new(),
    )?;
    let begun = Instant::now();
    start_daemon(stage)?;
    for (n, message) in sent.iter().enumerate() {
        finished(stage, &message.id, HOSTED[n % 2], false)?;
    }
    account.step("started again, it rang both terminals, and every message was worked through", begun, Vec::new())?;
    Ok(sent)
}

/// The folders have the last word: one copy per recipient, none dead.
fn audit(account: &mut Account<'_>, stage: &mut Stage, sent: &[Acknowledged]) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut copies = 0;
    for message in sent {
        let found = stage.copies(&message.id);
        for who in &message.recipients {
            let here: Vec<_> = found.iter().filter(|(owner, _)| owner == who).collect();
            if here.len() != 1 || here.iter().any(|(_, folder)| folder == "dead") {
                return Err(wrong(format!(
                    "{who} has {} of {}: {here:?}",
                    text::count(here.len(), "copy"),
                    message.id
                )));
            }
            copies += 1;
        }
    }
    let total = text::count(sent.len(), "acknowledged message");
    account.step(&format!("counted in the folders: {total}, {copies} copies, each once"), begun, Vec::new())
}
