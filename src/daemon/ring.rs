//! The worker that rings windows.
//!
//! When and which is decided by the state machines behind the bell; each
//! attempt is a blocking conversation with a window and runs on a thread of
//! its own, a few at a time. What is being typed when the daemon is told to
//! stop is finished: half a line is never left in a window.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};
use crate::fsio::boot;
use crate::office::wake::{self, Order, Rung};

/// Windows rung at once.
const AT_ONCE: usize = 8;

/// Without anything due, the bell is asked this often: never early.
const IDLE: Duration = Duration::from_secs(3_600);

/// Runs until the shutdown.
///
/// # Errors
/// When an attempt panicked: its agent's turn is ended as failed first.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    // A run before this one may have been cut off in the middle of an attempt.
    house.bell().restart(&house.office(), boot::now());
    let mut attempts: JoinSet<Rung> = JoinSet::new();
    loop {
        // Between two looks of its own worker another daemon may have begun to ring for a root that was put back.
        while attempts.len() < AT_ONCE && !super::place::ends(&house) {
            let office = house.office();
            let Some(order) = house.bell().next_order(&office, boot::now()) else { break };
            start(&house, &mut attempts, order);
        }
        house.ringing.store(attempts.len(), Ordering::Relaxed);
        let due = house.bell().next_due().map_or(IDLE, |at| at.saturating_sub(boot::now()).min(IDLE));
        tokio::select! {
            () = shutdown.requested() => break,
            () = house.ring.notified() => {}
            () = tokio::time::sleep(due), if attempts.len() < AT_ONCE => {}
            Some(ended) = attempts.join_next() => {
                let rung = ended.map_err(|e| format!("an attempt failed: {e}"))?;
                house.bell().ended(&house.office(), rung, boot::now());
            }
        }
    }
    while let Some(Ok(rung)) = attempts.join_next().await {
        house.bell().ended(&house.office(), rung, boot::now());
    }
    Ok(())
}

fn start(house: &Arc<House>, attempts: &mut JoinSet<Rung>, order: Order) {
    let office = house.office();
    attempts.spawn_blocking(move || wake::ring(&office, order));
}
