//! SIGTERM and SIGINT end the daemon gracefully, SIGHUP has it read its
//! configuration anew. A limit on the size of files (`ulimit -f`) fails the
//! write, as a full disk does, and does not end the daemon.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};

/// Runs until the shutdown, which the first signal of ending requests. A
/// second one ends the process the hard way: whoever sends two means it.
///
/// # Errors
/// When a handler cannot be installed.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    let handler = |kind| signal(kind).map_err(|e| format!("cannot handle signals: {e}"));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut hangup = handler(SignalKind::hangup())?;
    // That there is a handler is all: without one SIGXFSZ ends the process.
    let _limit = handler(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    loop {
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            _ = terminate.recv() => house.shutdown.begin(),
            _ = interrupt.recv() => house.shutdown.begin(),
            _ = hangup.recv() => house.pending.config.notify_one(),
        }
    }
}
