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

/// Events among which an alarm is looked for: a storm writes thousands.
const RECENT: &str = "5000";
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the alarms.
const LOOK: Duration = Duration::from_millis(50);
/// A look by `doctor` costs a reading of the tree: not more often than this.
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

/// Something that `doctor` found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The word of its check.
    pub(super) check: String,
    /// The detector that found it first, if one did.
    detector: String,
    /// Where.
    pub(super) path: String,
    /// A sentence.
    pub(super) what: String,
}

fn findings(ground: &Ground) -> Vec<Found> {
    let said = ask(ground, &["doctor", "--json"]).ok().and_then(|said| said.json()).unwrap_or_default();
    let all = said.as_array().or_else(|| said.get("findings").and_then(Value::as_array)).cloned().unwrap_or_default();
    let found = |f: &Value| {
        let [check, detector, path, what] = ["check", "detector", "path", "what"].map(|key| text(f, key).to_owned());
        Found { check, detector, path, what }
    };
    all.iter().map(found).collect()
}

impl Before {
    /// Looks before the disaster.
    pub(super) fn look(ground: &Ground) -> Self {
        let findings = findings(ground).into_iter().map(|found| (found.check, found.path)).collect();
        Self { findings, unhealthy: unhealthy(ground) }
    }

    /// What `doctor` finds now and did not find then.
    pub(super) fn fresh(&self, ground: &Ground) -> Vec<Found> {
        let mut all = findings(ground);
        all.retain(|found| !self.findings.contains(&(found.check.clone(), found.path.clone())));
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
        let mut doctor_at = begun;
        loop {
            if let Some(found) = alarm(ground, &wanted, since) {
                return Some(found);
            }
            if Instant::now() >= doctor_at {
                if wanted("no_root") && begins(ground).is_some_and(|code| code != 0) {
                    return Some("the program does not begin: there is no root any more".into());
                }
                let found = self.fresh(ground).into_iter().find(|f| wanted(&f.check) || wanted(&f.detector));
                if let Some(Found { check, what, .. }) = found {
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
    let said = ask(ground, &["log", "-n", RECENT, "--json"]).ok()?;
    let events = said.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut raised = events.filter(|e| text(e, "event") == "alarm").filter(|e| {
        let at = text(e, "at").parse::<Timestamp>();
        at.is_ok_and(|at| at >= since)
    });
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
