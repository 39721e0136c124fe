//! The worker that runs a person's hooks on what the journal says.
//!
//! Without an approved hook it only looks, now and then, whether there is one.
//! Hooks run one after the other on a thread of their own: they are a person's
//! programs and may be slow, and mail never waits for them.

use std::sync::Arc;
use std::time::Duration;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};

/// How late a hook may run.
const PACE: Duration = Duration::from_millis(500);
/// How late an approval is noticed.
const IDLE: Duration = Duration::from_secs(5);

/// Runs until the shutdown; a batch of hooks that runs is finished first.
///
/// # Errors
/// When a batch panicked.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    let mut follower = None;
    let mut failing = false;
    loop {
        // The first look is at once: hooks of before the start may be due.
        let office = house.office();
        if !office.has_hooks() {
            follower = None;
        } else {
            let begun = follower.take();
            let job = tokio::task::spawn_blocking(move || {
                let mut follower = match begun {
                    Some(follower) => follower,
                    None => office.follow_for_hooks()?,
                };
                office.run_hooks(&mut follower).map(|_| follower)
            });
            match job.await.map_err(|e| format!("hooks: {e}"))? {
                Ok(next) => {
                    follower = Some(next);
                    failing = false;
                }
                Err(e) => {
                    if !std::mem::replace(&mut failing, true) {
                        house.warn(&format!("hooks could not be run: {e}"));
                    }
                }
            }
        }
        let pause = if follower.is_some() { PACE } else { IDLE };
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}
