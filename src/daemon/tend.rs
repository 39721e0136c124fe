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
use crate::office::{Office, Result, TendReport};

/// What a job answers: when it is needed again, if it knows, and with what it
/// did not work.
type Job = fn(&Office) -> Result<TendReport>;

/// Name, pace and job. The pace bounds how late a thing is noticed that no
/// scan and no timer told of.
const JOBS: [(&str, Duration, Job); 6] = [
    ("spool", Duration::from_secs(15), Office::recover_spool),
    ("leases", Duration::from_secs(60), |office| Ok(office.return_expired_leases())),
    ("expiry", Duration::from_secs(300), |office| Ok(office.expire())),
    ("deadlines", Duration::from_secs(300), |office| Ok(office.escalate_deadlines())),
    // Looks through everything and may read the whole journal: for the start. Afterwards what scans meet is enough.
    ("traces", Duration::from_secs(24 * 3_600), Office::restore_traces),
    ("new traces", Duration::from_secs(24 * 3_600), Office::restore_sighted),
];

/// Jobs that a scan calls, because what it found may have a time of its own.
const CALLED: [&str; 4] = ["leases", "expiry", "deadlines", "new traces"];

/// Nothing is looked after more often than this, whatever a job asks for.
const LEAST: Duration = Duration::from_millis(50);

/// Between two rounds that scans called for, in multiples of what the last
/// one took: under a storm of mail, tending takes a twentieth of a processor.
const REST: u32 = 20;

/// The least such pause.
const REST_LEAST: Duration = Duration::from_millis(250);

/// Before a job that failed is tried again; doubled each time, up to its pace.
const RETRY: Duration = Duration::from_secs(15);

struct Due {
    name: &'static str,
    pace: Duration,
    job: Job,
    at: Instant,
    /// How often in a row something was left undone.
    failures: u32,
}

/// Runs until the shutdown.
///
/// # Errors
/// When a job panicked.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    // At once after a start: a sender, or a daemon, may have died in the middle.
    let mut jobs: Vec<Due> = JOBS
        .iter()
        .map(|(name, pace, job)| Due { name, pace: *pace, job: *job, at: Instant::now(), failures: 0 })
        .collect();
    // Retention is no repair: it does not begin with the start.
    let every = house.office().settings().retention.every;
    jobs.push(Due {
        name: "retention",
        pace: every,
        job: retain,
        at: Instant::now() + every.min(Duration::from_secs(60)),
        failures: 0,
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
    let (next, fault) = match done.map_err(|e| format!("{}: {e}", due.name))? {
        Ok(report) => (report.next, report.fault),
        Err(e) => (None, Some(e.to_string())),
    };
    let mut again = next.map_or(due.pace, |next| next.clamp(LEAST, due.pace));
    match fault {
        None => due.failures = 0,
        Some(why) => {
            if due.failures == 0 {
                house.warn(&format!("{} could not be tended everywhere: {why}", due.name));
            }
            again = again.min(RETRY.saturating_mul(1 << due.failures.min(16)));
            due.failures += 1;
        }
    }
    due.at = Instant::now() + again;
    Ok(())
}

fn retain(office: &Office) -> Result<TendReport> {
    if !office.settings().retention.auto {
        return Ok(TendReport::default());
    }
    let report = office.retain()?;
    Ok(TendReport { next: Some(office.settings().retention.every), ..report })
}
