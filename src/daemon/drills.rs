//! The worker that runs drills that are due by themselves: in the hours of the
//! settings, when nobody is at work, one scenario after the other, each in a
//! process of its own at a low priority. A shutdown interrupts one, and so does
//! the end of the hours; a drill on a copy leaves the tree as it is. One on the
//! tree itself that somebody ran and that was cut short is taken back here.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use tokio::process::Command;
use tokio::time::Instant;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};

/// How often it is looked whether one may run.
const PACE: Duration = Duration::from_secs(60);
/// Before the first look: the start of a machine has enough to do.
const FIRST: Duration = Duration::from_secs(10);
/// After one that could not be run.
const RETRY: Duration = Duration::from_secs(3_600);
/// The exit code of a drill that missed a target: it ran, and told so itself.
const MISSED: i32 = 6;

/// Runs until the shutdown.
///
/// # Errors
/// When a look panicked.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    let (mut not_before, mut pause) = (Instant::now(), FIRST);
    loop {
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(pause.max(not_before.saturating_duration_since(Instant::now()))) => pause = PACE,
        }
        if let Err(why) = go_back(&house).await {
            house.warn(&format!("a drill on this tree was cut short, and drill back did not succeed: {why}"));
        }
        let office = house.office();
        let Some(end) = office.drill_hours_end(&Zoned::now()) else { continue };
        let looked = tokio::task::spawn_blocking(move || office.a_drill_may_begin());
        match looked.await.map_err(|e| format!("drills: {e}"))? {
            Ok(true) => {}
            Ok(false) => continue,
            Err(e) => {
                house.warn(&format!("it is not known which drills are due: {e}"));
                not_before = Instant::now() + RETRY;
                continue;
            }
        }
        if let Err(why) = carry_out(&house, end, &shutdown).await {
            house.warn(&format!("drill run --due did not succeed: {why}"));
            not_before = Instant::now() + RETRY;
        }
    }
}

/// Makes the tree whole after a drill on it that was cut short, by whoever is
/// there first; a daemon always is.
async fn go_back(house: &House) -> Result<(), String> {
    let office = house.office();
    let looked = tokio::task::spawn_blocking(move || office.drill_cut_short()).await.map_err(|e| e.to_string())?;
    if !looked.map_err(|e| e.to_string())? {
        return Ok(());
    }
    let out = ours(house, &["drill", "back"])?.output().await.map_err(|e| e.to_string())?;
    if out.status.success() { Ok(()) } else { Err(said(&out)) }
}

/// This program, for this root and whoever the daemon acts as.
fn ours(house: &House, words: &[&str]) -> Result<Command, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let office = house.office();
    let mut command = Command::new(program);
    command.arg("--root").arg(house.root.path()).arg("--as").arg(office.actor().as_str());
    command.args(office.said().iter().flat_map(|said| ["--set".to_owned(), said.as_argument()]));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// The line that tells why it failed.
fn said(out: &std::process::Output) -> String {
    let said = String::from_utf8_lossy(&out.stderr);
    let line = said.lines().find(|line| line.contains("error")).or_else(|| said.lines().next()).unwrap_or_default();
    if line.is_empty() { out.status.to_string() } else { line.chars().filter(|c| !c.is_control()).collect() }
}

/// Runs what is due; interrupts it when the daemon or the hours end.
async fn carry_out(house: &House, end: Timestamp, shutdown: &Shutdown) -> Result<(), String> {
    let child = ours(house, &["drill", "run", "--due", "--background"])?.spawn().map_err(|e| e.to_string())?;
    let pid = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let left = end.duration_since(Timestamp::now()).try_into().unwrap_or(Duration::ZERO);
    let (out, cut) = tokio::select! {
        out = &mut ended => (out, false),
        () = async { tokio::select! { () = shutdown.requested() => {}, () = tokio::time::sleep(left) => {} } } => {
            if let Some(pid) = pid {
                // It cleans up by itself, and says so.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
            }
            (ended.await, true)
        }
    };
    let out = out.map_err(|e| e.to_string())?;
    if cut || out.status.success() || out.status.code() == Some(MISSED) {
        return Ok(());
    }
    Err(said(&out))
}
