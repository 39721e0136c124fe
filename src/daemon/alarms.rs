//! The worker whose detectors look all the time (`office::watch`).
//!
//! Every few seconds it takes the looks that cost little and reads some
//! messages again; what the journal gained and a change of the configuration
//! wake it sooner. A look that cannot be taken says why once. Reading messages
//! is done on a thread that lets all others go first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};

/// Between two looks that nothing asked for.
const PACE: Duration = Duration::from_secs(10);
/// Between two looks at the least: under a storm of mail the journal grows all the time.
const LEAST: Duration = Duration::from_secs(1);

/// Runs until the shutdown.
///
/// # Errors
/// When a look panicked.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    let mut failing: BTreeSet<&'static str> = BTreeSet::new();
    let mut places = Some(glance(&house).await?);
    let mut scrubbed = Instant::now();
    let mut all = true;
    loop {
        let begun = Instant::now();
        // From here on: what is written while it looks wakes it as well.
        let journal = house.pending.journal.notified();
        tokio::pin!(journal);
        let looking = Arc::clone(&house);
        let faults = tokio::task::spawn_blocking(move || looking.office().guard(&looking.guard, all)).await;
        let mut faults = faults.map_err(|e| format!("alarms: {e}"))?;
        if scrubbed.elapsed() >= PACE {
            let since = scrubbed.elapsed();
            scrubbed = Instant::now();
            faults.extend(scrub(&house, since).await?.map(|why| ("the messages", why)));
            let now = Some(glance(&house).await?);
            // A look at the health costs more: when something changed.
            if places != now {
                house.health.notify_one();
            }
            places = now;
        }
        for (name, why) in &faults {
            if !failing.contains(name) {
                house.warn(&format!("{name} could not be looked at: {why}"));
            }
        }
        if all {
            failing = faults.into_iter().map(|(name, _)| name).collect();
        } else {
            failing.extend(faults.into_iter().map(|(name, _)| name));
        }
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep_until(begun + LEAST) => {}
        }
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep_until(scrubbed + PACE) => all = true,
            () = house.alarms.notified() => all = true,
            // Under a flow of mail that is every second, and the others need not be.
            () = &mut journal => all = false,
        }
    }
}

/// What a glance at the repositories shows.
async fn glance(house: &Arc<House>) -> Result<Vec<(bool, usize)>, String> {
    let house = Arc::clone(house);
    let looked = tokio::task::spawn_blocking(move || house.office().repositories_at_a_glance());
    looked.await.map_err(|e| format!("alarms: {e}"))
}

/// Reads some messages again, on a thread of its own; says what went wrong.
async fn scrub(house: &Arc<House>, since: Duration) -> Result<Option<String>, String> {
    let house = Arc::clone(house);
    let (tell, told) = tokio::sync::oneshot::channel();
    let read = move || {
        // On Linux this is of the thread alone; elsewhere it would be of the whole process.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(10);
        // Nobody listens any more when the daemon ends.
        let _ = tell.send(house.office().guard_messages(&house.guard, since).err().map(|e| e.to_string()));
    };
    std::thread::Builder::new().name("scrub".into()).spawn(read).map_err(|e| format!("alarms: {e}"))?;
    told.await.map_err(|_| "reading messages again panicked".to_owned())
}
