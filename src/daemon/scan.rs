//! The worker that scans what hints pointed at.
//!
//! Takes all that waits at once: picks up outboxes, reads which mail is
//! unread, and hands that to the windows. A mailbox that cannot be scanned (a
//! disk that fails, a folder that became a link) is named and tried again;
//! the others go on.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::house::House;
use super::pending::{Batch, Target};
use super::supervisor::{Shutdown, WorkerResult};
use crate::fsio::boot;
use crate::model::AgentName;

/// Before a mailbox that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// After a scan it rests for as long as the scan took, and no longer than this.
const REST: Duration = Duration::from_millis(100);

/// Runs until the shutdown.
///
/// # Errors
/// When a scan panicked.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    loop {
        let batch = tokio::select! {
            () = shutdown.requested() => return Ok(()),
            batch = house.pending.take() => batch,
        };
        let worker = Arc::clone(&house);
        let redo = batch.clone();
        let timers = batch.everything || !batch.mail.is_empty();
        let begun = tokio::time::Instant::now();
        let scanned = tokio::task::spawn_blocking(move || scan(&worker, batch)).await;
        match scanned {
            Ok(again) => again.into_iter().for_each(|(target, pause)| later(&house, target, pause)),
            Err(e) => {
                // Nothing that was hinted at is forgotten.
                redo.mail.into_iter().for_each(|agent| house.pending.add(Target::Mail(agent)));
                house.pending.add_everything();
                return Err(format!("a scan failed: {e}"));
            }
        }
        house.ring.notify_one();
        house.snapshots.notify_one();
        if timers {
            // What came may expire, what went may have been claimed.
            house.tend.notify_one();
        }
        // Half of the time is left to others, and what comes meanwhile is one batch.
        let rest = begun.elapsed().min(REST);
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Hints at it again after a pause.
fn later(house: &Arc<House>, target: Target, pause: Duration) {
    let house = Arc::clone(house);
    tokio::spawn(async move {
        tokio::select! {
            () = house.shutdown.requested() => {}
            () = tokio::time::sleep(pause) => house.pending.add(target),
        }
    });
}

fn scan(house: &House, batch: Batch) -> Vec<(Target, Duration)> {
    let office = house.office();
    let mut again = Vec::new();
    let mut failed = None;
    let all: Vec<AgentName> = office.roster().agents().iter().map(|agent| agent.name.clone()).collect();
    let known = |agents: std::collections::BTreeSet<AgentName>| -> Vec<AgentName> {
        if batch.everything { all.clone() } else { agents.into_iter().filter(|a| all.contains(a)).collect() }
    };
    // A folder that the roster does not name is no mailbox, neither for what comes nor for what goes: once it does,
    // everything is looked at again.
    let outboxes = known(batch.outboxes);
    let mail = known(batch.mail);
    // Outboxes first: what they hold may be mail for the others, whose hints then come by themselves.
    for agent in outboxes {
        match office.pick_up_outboxes(Some(&agent)) {
            Ok(report) => {
                let pause = report.next.map(|pause| pause + Duration::from_millis(5));
                again.extend(pause.map(|pause| (Target::Outbox { agent, folder: false }, pause)));
            }
            Err(e) => {
                failed = Some(format!("the outbox of {agent}: {e}"));
                again.push((Target::Outbox { agent, folder: false }, AGAIN));
            }
        }
    }
    let scanned = mail.len() as u64;
    for agent in mail {
        match office.unread(&agent) {
            Ok(unread) => house.bell().scanned(&office, &agent, &unread, boot::now()),
            Err(e) => {
                failed = Some(format!("the mailbox of {agent}: {e}"));
                again.push((Target::Mail(agent), AGAIN));
            }
        }
    }
    let micros = batch.since.map_or(0, |since| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
    if let Some(why) = &failed {
        house.warn(&format!("a scan did not work: {why}"));
    }
    house.note_scan(|status| {
        status.last = Some(Timestamp::now());
        status.mailboxes += scanned;
        status.last_micros = micros;
        status.worst_micros = status.worst_micros.max(micros);
        if failed.is_some() || batch.everything {
            status.error = failed;
        }
    });
    again
}
