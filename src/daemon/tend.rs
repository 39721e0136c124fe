//! The worker for what time does to mailboxes: letters left in the spool,
//! leases that end, mail that expires, deadlines that pass, copies a power cut
//! took, retention.
//!
//! Each job tells when it is next needed, as far as it knows, and is asked
//! again at a coarse pace besides, because a `mv` tells nobody. A job that
//! fails says why once and is tried again; the others go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};
use crate::office::{Office, Result};

/// What a job answers: how long until it is needed, if it knows.
type Job = fn(&Office) -> Result<Option<Duration>>;

/// Name, pace and job. The pace bounds how late a thing is noticed that no
/// scan and no timer told of.
const JOBS: [(&str, Duration, Job); 5] = [
    ("spool", Duration::from_secs(15), |office| office.recover_spool().map(|report| report.next)),
    ("leases", Duration::from_secs(60), |office| office.return_expired_leases().map(|report| report.next)),
    ("expiry", Duration::from_secs(300), |office| office.expire().map(|report| report.next)),
    ("deadlines", Duration::from_secs(300), |office| office.escalate_deadlines().map(|report| report.next)),
    // Reads the whole journal: for the start, after which only a crash of the machine takes traces.
    ("copies", Duration::from_secs(24 * 3_600), |office| office.restore_traces().map(|report| report.next)),
];

/// Jobs that a scan calls, because what it found may have a time of its own.
const CALLED: [&str; 3] = ["leases", "expiry", "deadlines"];

/// Nothing is looked after more often than this, whatever a job asks for.
const LEAST: Duration = Duration::from_millis(50);

/// Between two rounds that scans called for, in multiples of what the last
/// one took: under a storm of mail, tending takes a twentieth of a processor.
const REST: u32 = 20;

/// The least such pause.
const REST_LEAST: Duration = Duration::from_millis(250);

/// Before a job that failed is tried again.
const RETRY: Duration = Duration::from_secs(15);

struct Due {
    name: &'static str,
    pace: Duration,
    job: Job,
    at: Instant,
    failing: bool,
}

/// Runs until the shutdown.
///
/// # Errors
/// When a job panicked.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    // At once after a start: a sender, or a daemon, may have died in the middle.
    let mut jobs: Vec<Due> = JOBS
        .iter()
        .map(|(name, pace, job)| Due { name, pace: *pace, job: *job, at: Instant::now(), failing: false })
        .collect();
    // Retention is no repair: it does not begin with the start.
    let every = house.office().settings().retention.every;
    jobs.push(Due {
        name: "retention",
        pace: every,
        job: retain,
        at: Instant::now() + every.min(Duration::from_secs(60)),
        failing: false,
    });
    let mut called = false;
    let mut rested = Instant::now();
    loop {
        let mut next = jobs.iter().map(|due| due.at).min().unwrap_or_else(Instant::now);
        if called {
            next = next.min(rested);
        }
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep_until(next) => {}
            () = house.tend.notified(), if !called => {
                called = true;
                continue;
            }
        }
        let begun = Instant::now();
        let answering = called && begun >= rested;
        called &= !answering;
        for due in &mut jobs {
            if due.at > Instant::now() && !(answering && CALLED.contains(&due.name)) {
                continue;
            }
            tend(&house, due).await?;
        }
        if answering {
            rested = Instant::now() + (begun.elapsed() * REST).max(REST_LEAST);
        }
    }
}

async fn tend(house: &Arc<House>, due: &mut Due) -> WorkerResult {
    let (office, job) = (house.office(), due.job);
    let done = tokio::task::spawn_blocking(move || job(&office)).await;
    let again = match done.map_err(|e| format!("{}: {e}", due.name))? {
        Ok(next) => {
            due.failing = false;
            next.map_or(due.pace, |next| next.clamp(LEAST, due.pace))
        }
        Err(e) => {
            if !std::mem::replace(&mut due.failing, true) {
                house.warn(&format!("{} could not be tended: {e}", due.name));
            }
            due.pace.min(RETRY)
        }
    };
    due.at = Instant::now() + again;
    Ok(())
}

fn retain(office: &Office) -> Result<Option<Duration>> {
    if !office.settings().retention.auto {
        return Ok(None);
    }
    let plan = office.retention_plan()?;
    office.retention_apply(&plan)?;
    Ok(Some(office.settings().retention.every))
}
