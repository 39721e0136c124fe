//! From an open office to a running daemon, and gracefully back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::house::House;
use super::instance::Instance;
use super::supervisor::{Shutdown, Supervisor, Worker, WorkerResult};
use super::{UpError, alarms, control, detach, drills, hooks, place, ring, scan, signals, snapshots, tend, watch};
use crate::model::{Event, EventKind};
use crate::office::Office;
use crate::office::desk::Desk;

/// How long workers may take to end. An attempt on a window, which is never
/// cut off in the middle, is the longest.
const GRACE: Duration = Duration::from_secs(10);

/// Threads for what blocks: scans, tending, a few windows.
const THREADS: usize = 16;

/// How long an idle thread is kept.
const KEEP: Duration = Duration::from_secs(5);

/// Runs the daemon until it is told to stop: by SIGTERM, SIGINT or the control
/// socket. `ready` is called once it is the only one; what `workers` makes is
/// run beside its own, under the same supervision.
///
/// # Errors
/// When one runs already, or the system gives too little to start. What goes
/// wrong later is in `status` and in the journal.
pub fn up(
    office: Office,
    workers: impl FnOnce(Arc<dyn Desk>) -> Vec<Worker>,
    ready: impl FnOnce(),
) -> Result<(), UpError> {
    detach::leave_terminal();
    let instance = Instance::take(office.root().state())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS)
        .thread_keep_alive(KEEP)
        .build()?;
    let house = Arc::new(House::new(office, Shutdown::default()));
    let desk: Arc<dyn Desk> = Arc::<House>::clone(&house);
    runtime.block_on(live(&house, workers(desk), ready));
    // A thread that hangs on a dead disk must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    house.office().guard_ends(&house.guard);
    house.record(Event::new(Timestamp::now(), EventKind::Stopped).with("pid", std::process::id()));
    drop(instance);
    Ok(())
}

async fn live(house: &Arc<House>, workers: Vec<Worker>, ready: impl FnOnce()) {
    let started = Event::new(Timestamp::now(), EventKind::Started);
    house.record(started.with("pid", std::process::id()).with("version", env!("CARGO_PKG_VERSION")));
    let mut supervisor = Supervisor::new(Arc::clone(&house.board), house.shutdown.clone());
    // Signals first: what comes while the rest starts is not lost.
    supervisor.start(ours("signals", house, signals::run));
    supervisor.start(ours("control", house, control::run));
    supervisor.start(ours("watch", house, watch::run));
    supervisor.start(ours("scan", house, scan::run));
    supervisor.start(ours("ring", house, ring::run));
    supervisor.start(ours("tend", house, tend::run));
    supervisor.start(ours("hooks", house, hooks::run));
    supervisor.start(ours("snapshots", house, snapshots::run));
    supervisor.start(ours("drills", house, drills::run));
    supervisor.start(ours("alarms", house, alarms::run));
    supervisor.start(ours("config", house, config));
    supervisor.start(ours("place", house, place::run));
    for worker in workers {
        supervisor.start(worker);
    }
    ready();
    let cut = supervisor.finish(GRACE).await;
    if cut > 0 {
        tracing::warn!(cut, "workers did not end in time");
    }
}

fn ours<F, Fut>(name: &'static str, house: &Arc<House>, run: F) -> Worker
where
    F: Fn(Arc<House>, Shutdown) -> Fut + Send + 'static,
    Fut: Future<Output = WorkerResult> + Send + 'static,
{
    let house = Arc::clone(house);
    Worker::new(name, move |shutdown| run(Arc::clone(&house), shutdown))
}

/// The worker that reads the configuration when it changed or SIGHUP came.
async fn config(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    /// An editor, or `trust`, writes several files: one reading for all.
    const SETTLE: Duration = Duration::from_millis(100);
    loop {
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = house.pending.config.notified() => {}
        }
        tokio::time::sleep(SETTLE).await;
        // A broken configuration is said in `status`, not a reason to end.
        if let Err(why) = house.reload().await {
            tracing::debug!(%why, "not taken");
        }
    }
}
