//! Whether a disaster is noticed, as it would be in life: by the daemon's
//! alarms, by `doctor`, by `snapshot health`, or because nothing begins any
//! more.
//!
//! What was found before the disaster does not count.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::call::{Said, call};
use super::ground::Ground;

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the alarms.
const LOOK: Duration = Duration::from_millis(50);
/// A look by `doctor` costs a reading of the tree: not more often than this,
/// and not before the daemon has had as long.
const DOCTOR: Duration = Duration::from_millis(500);

/// What `doctor` and `snapshot health` found before anything was broken.
#[derive(Debug, Default)]
pub(super) struct Before {
    findings: HashSet<(String, String)>,
    unhealthy: bool,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn ask(ground: &Ground, words: &[&str]) -> Result<Said, String> {
    call(ground.as_person().args(words), PATIENCE)
}

/// What `doctor` finds: check and path, with a sentence.
fn findings(ground: &Ground) -> Vec<(String, String, String)> {
    let said = ask(ground, &["doctor", "--json"]).ok().and_then(|said| said.json()).unwrap_or_default();
    let all = said.as_array().or_else(|| said.get("findings").and_then(Value::as_array)).cloned().unwrap_or_default();
    // An alarm that stands says which detector raised it.
    let check = |f: &Value| Some(text(f, "detector")).filter(|d| !d.is_empty()).unwrap_or(text(f, "check")).to_owned();
    all.iter().map(|f| (check(f), text(f, "path").to_owned(), text(f, "what").to_owned())).collect()
}

impl Before {
    /// Looks before the disaster.
    pub(super) fn look(ground: &Ground) -> Self {
        let findings = findings(ground).into_iter().map(|(check, path, _)| (check, path)).collect();
        Self { findings, unhealthy: unhealthy(ground) }
    }

    /// What `doctor` finds now and did not find then.
    pub(super) fn fresh(&self, ground: &Ground) -> Vec<(String, String, String)> {
        let mut all = findings(ground);
        all.retain(|(check, path, _)| !self.findings.contains(&(check.clone(), path.clone())));
        all
    }

    /// Waits until one of these words is raised; gives who noticed what.
    pub(super) fn wait(
        &self,
        ground: &Ground,
        any_of: &[String],
        within: Duration,
        since: Timestamp,
    ) -> Option<String> {
        let wanted = |word: &str| any_of.iter().any(|one| one == word);
        let begun = Instant::now();
        // No daemon says that it has gone with its root.
        let mut doctor_at = if wanted("no_root") { begun } else { begun + DOCTOR };
        loop {
            if let Some(found) = alarm(ground, &wanted, since) {
                return Some(found);
            }
            if Instant::now() >= doctor_at {
                if wanted("no_root") && begins(ground).is_some_and(|code| code != 0) {
                    return Some("the program does not begin: there is no root any more".into());
                }
                if let Some((check, _, what)) = self.fresh(ground).into_iter().find(|(check, ..)| wanted(check)) {
                    return Some(format!("doctor, as {check}: {what}"));
                }
                if wanted("health") && !self.unhealthy && unhealthy(ground) {
                    return Some("snapshot health: a target is missed".into());
                }
                doctor_at = Instant::now() + DOCTOR;
            }
            if begun.elapsed() > within {
                return None;
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// An alarm that the daemon raised since then.
fn alarm(ground: &Ground, wanted: &impl Fn(&str) -> bool, since: Timestamp) -> Option<String> {
    let said = ask(ground, &["log", "--since", &since.to_string(), "--json"]).ok()?;
    let events = said.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut raised = events.filter(|e| text(e, "event") == "alarm");
    raised.find_map(|e| {
        // Details stand beside the other keys, or below one of their own.
        let detail = e.get("detail").cloned().unwrap_or_else(|| e.clone());
        let detector = text(&detail, "detector");
        wanted(detector).then(|| format!("the daemon, as {detector}: {}", text(&detail, "what")))
    })
}

fn begins(ground: &Ground) -> Option<i32> {
    ask(ground, &["status", "--json"]).ok()?.code
}

fn unhealthy(ground: &Ground) -> bool {
    ask(ground, &["snapshot", "health", "--json"]).is_ok_and(|said| said.code == Some(6))
}
