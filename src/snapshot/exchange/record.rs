//! What an exchange writes down about itself: `.cellphone/restore/ID/`.
//!
//! `state.json` is small and always whole (it is replaced, synced);
//! `plan.json` is written once, before the tree is touched. `in/` holds what
//! is still to come, `out/` what went aside; at the end `left.json` names what
//! did not come. An exchange that died while it
//! prepared has changed nothing, and its folder is litter.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ExchangeError, Plan, Result, Source};
use crate::fsio::{Dir, FileKind};
use crate::mailbox::Exchanged;

const FOLDER: &str = "restore";
const STATE: &str = "state.json";
const PLAN: &str = "plan.json";
const LEFT: &str = "left.json";
const STATE_MAX: u64 = 64 * 1024;
/// Half a million messages.
const PLAN_MAX: u64 = 512 * 1024 * 1024;

/// How far an exchange came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The tree was not touched.
    Preparing,
    /// It may have been.
    Applying,
    /// All of it is done and durable.
    Done,
}

/// One exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name, which begins with its time.
    pub id: String,
    /// How far it came.
    pub phase: Phase,
    /// When it began.
    pub at: Timestamp,
    /// What came back, from where.
    pub source: Source,
    /// What was done, once it is.
    pub done: Option<Exchanged>,
}

/// The folder of all exchanges.
pub(super) fn folder(state: &Dir) -> Result<Dir> {
    Ok(state.child_or_create_durable(FOLDER)?)
}

/// Begins one: a folder of its own, in the phase of preparing.
pub(super) fn begin(state: &Dir, source: Source, at: Timestamp) -> Result<(Record, Dir)> {
    let all = folder(state)?;
    let stamp = crate::model::time::stamp(at);
    let id = format!("{}-{:x}", stamp.replace('.', ""), std::process::id());
    let record = Record { id, phase: Phase::Preparing, at, source, done: None };
    let dir = all.child_or_create_durable(&record.id)?;
    save(&dir, &record)?;
    Ok((record, dir))
}

/// Writes the state down, durably.
pub(super) fn save(dir: &Dir, record: &Record) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(record).map_err(|e| damaged(dir, STATE, &e))?;
    text.push(b'\n');
    Ok(dir.replace(STATE, &text, true)?)
}

/// Writes the plan down, durably.
pub(super) fn save_plan(dir: &Dir, plan: &Plan) -> Result<()> {
    let text = serde_json::to_vec(plan).map_err(|e| damaged(dir, PLAN, &e))?;
    Ok(dir.replace(PLAN, &text, true)?)
}

/// Reads the plan.
pub(super) fn load_plan(dir: &Dir) -> Result<Plan> {
    let plan: Plan = serde_json::from_slice(&dir.read(PLAN, PLAN_MAX)?).map_err(|e| damaged(dir, PLAN, &e))?;
    match astray(&plan) {
        Some(path) => {
            let why = format!("it names {path:?}, which is no path of a root");
            Err(super::staged::unfit(&dir.path().join(PLAN), &why))
        }
        None => Ok(plan),
    }
}

/// A path of the plan that leads out of the tree. Agents can write the file,
/// as they can write all of the tree, but nothing outside by it.
fn astray(plan: &Plan) -> Option<String> {
    let steps = plan.mailboxes.iter().flat_map(|m| &m.steps).chain(&plan.files.steps);
    let mut paths = steps.flat_map(|s| s.out.iter().chain(s.bring.iter().flat_map(|b| [&b.from, &b.path])));
    paths.find(|path| path.split('/').any(|part| matches!(part, "" | "." | ".."))).cloned()
}

/// Writes down what was planned to come and did not, by paths from the root:
/// it was under a lease, was there already, or the exchange was given up.
pub(super) fn save_left(dir: &Dir, left: &[String]) -> Result<()> {
    let text = serde_json::to_vec(left).map_err(|e| damaged(dir, LEFT, &e))?;
    Ok(dir.replace(LEFT, &text, true)?)
}

/// Reads what [`save_left`] wrote.
pub(super) fn load_left(dir: &Dir) -> Result<Vec<String>> {
    match dir.read(LEFT, PLAN_MAX) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| damaged(dir, LEFT, &e)),
        Err(e) if e.is_not_found() => Ok(Vec::new()),
        Err(e) => Err(e.into()),
    }
}

/// Every exchange that can be read, oldest first; one without a state was
/// never begun.
pub(super) fn all(state: &Dir) -> Result<Vec<(Record, Dir)>> {
    let all = match state.child(FOLDER) {
        Err(e) if e.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = all.names()?;
    names.sort();
    let mut found = Vec::new();
    for name in names {
        if all.stat(&name)?.is_none_or(|s| s.kind != FileKind::Dir) {
            continue;
        }
        let dir = all.child(&name)?;
        match dir.read(STATE, STATE_MAX) {
            Ok(bytes) => {
                let record: Record = serde_json::from_slice(&bytes).map_err(|e| damaged(&dir, STATE, &e))?;
                // Its folder is what it is called, whatever the file says: names become paths.
                found.push((Record { id: name, ..record }, dir));
            }
            Err(e) if e.is_not_found() => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(found)
}

/// Removes everything of an exchange, aside tree included.
pub(super) fn remove(state: &Dir, id: &str) -> Result<()> {
    let all = folder(state)?;
    crate::fsio::remove_tree(all.child(id)?.path())?;
    Ok(all.sync()?)
}

/// Removes what exchanges left that never touched the tree. Nobody else is at
/// it: the lock is held.
pub(super) fn sweep(state: &Dir) -> Result<()> {
    let all = folder(state)?;
    for name in all.names()? {
        let Ok(dir) = all.child(&name) else { continue };
        let litter = match dir.read(STATE, STATE_MAX) {
            Ok(bytes) => serde_json::from_slice::<Record>(&bytes).is_ok_and(|r| r.phase == Phase::Preparing),
            Err(e) => e.is_not_found(),
        };
        if litter {
            crate::fsio::remove_tree(dir.path())?;
        }
    }
    Ok(())
}

fn damaged(dir: &Dir, file: &str, e: &serde_json::Error) -> ExchangeError {
    ExchangeError::Damaged { path: dir.path().join(file), why: e.to_string() }
}
