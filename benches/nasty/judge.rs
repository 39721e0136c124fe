//! The verdict on one wake, from what the fakes logged and what the journal
//! says.

use serde_json::Value;

use super::Scenario;
use super::world::World;

/// How long a key may be under way to a program, in microseconds: through a
/// multiplexer or an X server, a pseudo-terminal and a busy scheduler.
const CROSSING: u64 = 10_000;

/// One wake, as the logs tell it.
#[derive(Debug, serde::Serialize)]
pub struct Wake {
    pub channel: String,
    pub scenario: String,
    pub id: String,
    /// proven, read, moved, deferred, failed.
    pub end: String,
    pub reasons: Vec<String>,
    /// Milliseconds from the start of `send` to the proof.
    pub proof_ms: Option<f64>,
    /// Milliseconds from the end of the obstacle to the proof.
    pub recovery_ms: Option<f64>,
    /// Bytes of ours at a bystander, or at the target outside its composer.
    pub elsewhere: usize,
    /// Bytes of ours that arrived within [`CROSSING`] of a question.
    pub crossed: usize,
    /// Bytes of ours while a question stood there.
    pub dialogs: usize,
    /// Bytes of ours while something of a human's stood in the composer, and
    /// drafts that were not whole afterwards.
    pub drafts: usize,
    /// Bytes of ours while the program worked.
    pub busy: usize,
    /// `woken` in the journal although nothing ran.
    pub unproven: usize,
}

/// What there was before the wake.
pub struct Before {
    pub start: u128,
    pub target: u64,
    pub bystander: u64,
}

/// Whether a command ran for this message, by the fake's own word.
pub fn ran(world: &World, before: &Before, id: &str) -> bool {
    world.lines_from("target", before.target).iter().any(|l| l["what"] == "ran" && l["id"] == id)
}

/// `over` is when the obstacle had gone, where the fake does not know.
pub fn judge(world: &World, channel: &str, id: String, before: &Before, over: Option<u128>, trace: &[Value]) -> Wake {
    let ran = ran(world, before, &id);
    let log = world.lines_from("target", before.target);
    let beside = world.lines_from("bystander", before.bystander);
    // What was under way when a question came up could not know of it: counted apart.
    let opened: Vec<u64> = log.iter().filter(|l| l["what"] == "obstacle").filter_map(|l| l["at"].as_u64()).collect();
    let crossing = |l: &&Value| {
        let at = l["at"].as_u64().unwrap_or(0);
        world.scenario == Scenario::Late
            && l["state"] == "dialog"
            && opened.iter().any(|o| (*o..o + CROSSING).contains(&at))
    };
    let crossed = log.iter().filter(|l| l["what"] == "byte").filter(crossing).count();
    let log: Vec<Value> = log.iter().filter(|l| l["what"] != "byte" || !crossing(l)).cloned().collect();
    let ours = |state: &str| log.iter().filter(|l| l["what"] == "byte" && l["state"] == state).count();
    let strange = beside.iter().filter(|l| l["what"] == "byte").count();
    let wrong = log.iter().filter(|l| l["what"] == "byte" && l["state"] != "composer").count();
    let changed = log.iter().filter(|l| l["what"] == "draft changed").count();
    let woken = trace.iter().find(|e| e["event"] == "woken");
    let at = woken.and_then(|e| e["at"].as_str()?.parse::<jiff::Timestamp>().ok()).map(|t| t.as_microsecond() as u128);
    let clear = log.iter().filter(|l| l["what"] == "clear").filter_map(|l| l["at"].as_u64()).next_back();
    let over = over.or(clear.map(u128::from));
    let reasons: Vec<String> = trace
        .iter()
        .filter(|e| ["deferred", "nudge_failed"].iter().any(|k| e["event"] == *k))
        .map(|e| {
            let why = e["detail"]["why"].as_str().or(e["why"].as_str()).unwrap_or("?");
            format!("{}: {why}", e["event"].as_str().unwrap_or_default())
        })
        .collect();
    let any = |kind: &str| trace.iter().any(|e| e["event"] == kind);
    let end = match () {
        () if woken.is_some() && ran => "proven",
        // Another wake's turn took it along, before its window rang.
        () if ran && !any("submitted") => "read",
        // It was killed in that turn, and holds the lease still.
        () if !ran && any("claimed") && world.scenario == Scenario::Closed => "read",
        () if any("moved") => "moved",
        () if any("deferred") => "deferred",
        () => "failed",
    };
    // Nothing tells why: all that was written down may.
    let reasons = if end == "failed" && reasons.is_empty() {
        trace.iter().map(|e| e["event"].as_str().unwrap_or("?").to_owned()).collect()
    } else {
        reasons
    };
    let ms = |from: u128| at.map(|at| (at as f64 - from as f64) / 1_000.0);
    Wake {
        channel: channel.to_owned(),
        scenario: world.scenario.name(),
        end: end.to_owned(),
        reasons,
        proof_ms: ms(before.start),
        recovery_ms: over.and_then(ms),
        elsewhere: strange + wrong,
        crossed,
        dialogs: ours("dialog"),
        drafts: ours("draft") + changed,
        busy: ours("busy"),
        unproven: usize::from(woken.is_some() && !ran),
        id,
    }
}
