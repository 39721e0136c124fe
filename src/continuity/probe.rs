//! Whether a root serves: a real message goes all the way.

use std::time::Duration;

use serde_json::Value;

use super::call::{must, until};
use super::ground::{Ground, HOSTED};
use crate::model::AgentName;

/// A step of a probe has ended by then.
const PATIENCE: Duration = Duration::from_secs(20);
const START: Duration = Duration::from_secs(20);
/// The hosted agent has answered by then.
const ANSWER: Duration = Duration::from_secs(30);

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Writes to an agent, which reads and acknowledges; then to the hosted one,
/// which is rung for, woken, answers and finishes. Gives what was seen.
///
/// # Errors
/// A sentence: the step that did not work.
pub(super) fn prove(ground: &mut Ground, agent: &AgentName) -> Result<String, String> {
    let from = ground.captain.clone();
    let writer = if from == *agent { ground.person.clone() } else { from };
    let run = |ground: &Ground, who: &AgentName, words: &[&str]| -> Result<Value, String> {
        let said = must(ground.site.command().args(["--as", who.as_str(), "--json"]).args(words), PATIENCE)?;
        Ok(said.json().unwrap_or_default())
    };
    let body = "Does everything work? This message is part of a drill.";
    let sent = run(ground, &writer, &["send", "--to", agent.as_str(), "-s", "Drill", "-m", body, "--ack"])?;
    let id = text(&sent, "id").to_owned();
    let delivered = sent.get("delivered").and_then(Value::as_array);
    if !delivered.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(agent.as_str()))) {
        return Err(format!("the message {id} was accepted and not delivered to {agent}"));
    }
    let read = run(ground, agent, &["read", &id])?;
    if !text(&read, "body").contains(body) {
        return Err(format!("{agent} did not read what was sent as {id}"));
    }
    run(ground, agent, &["ack", &id])?;

    if !ground.has_daemon() {
        return Err("no daemon runs: windows do not ring".into());
    }
    ground.host()?;
    // One that is not at its prompt yet would take the mail along without being rung for it.
    let rest = || must(ground.as_person().args(["nudge", HOSTED, "--dry-run", "--json"]), PATIENCE).ok();
    until(START, &format!("{HOSTED} is hosted and does not come to its prompt"), rest)?;
    let hosted = AgentName::new(HOSTED).map_err(|e| e.to_string())?;
    let sent = run(ground, &writer, &["send", "--to", HOSTED, "-s", "Drill", "-m", body, "--priority", "urgent"])?;
    let rung = text(&sent, "id").to_owned();
    let has =
        |events: &[Value], word: &str| events.iter().any(|e| text(e, "event") == word && text(e, "agent") == HOSTED);
    let woken = |ground: &Ground| {
        let recent = must(ground.as_person().args(["log", "-n", "300", "--json"]), PATIENCE).ok()?.out;
        let recent: Vec<Value> = recent.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let begun = recent.iter().position(|e| text(e, "id") == rung)?;
        // The proof names the agent alone: it may have taken more than one message along.
        (has(&recent[begun..], "woken") && has(&recent[begun..], "done")).then_some(())
    };
    if until(ANSWER, "", || woken(ground)).is_err() {
        return Err(format!("{HOSTED} was not woken for {rung}, or did not finish it; {}", last_steps(ground)));
    }
    let answered = |ground: &Ground| {
        let thread = run(ground, &writer, &["thread", &rung]).ok()?;
        thread.as_array()?.iter().any(|m| text(m, "from") == hosted.as_str()).then_some(())
    };
    until(ANSWER, &format!("{HOSTED} did not answer {rung}"), || answered(ground))?;
    Ok(format!("{agent} read and acknowledged {id}; {HOSTED} was rung, woken, and answered {rung}"))
}

/// What became of the last attempts to ring the hosted agent.
fn last_steps(ground: &Ground) -> String {
    let said = must(ground.as_person().args(["log", "-n", "300", "--json"]), PATIENCE).unwrap_or_default().out;
    let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let step = |e: Value| {
        let why = e.get("detail").and_then(|detail| detail.get("why").or_else(|| detail.get("reason")));
        let why = why.and_then(Value::as_str).unwrap_or_default().to_owned();
        (text(&e, "agent") == HOSTED).then(|| format!("{} {why}", text(&e, "event")).trim().to_owned())
    };
    let mut steps: Vec<String> = events.filter_map(step).collect();
    format!("its last events: {}", steps.split_off(steps.len().saturating_sub(8)).join(", "))
}
