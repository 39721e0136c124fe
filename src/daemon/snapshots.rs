//! The worker that takes snapshots when they are due, checks repositories and
//! looks after their health.
//!
//! Each job runs in a process of its own, with a low priority: it may need
//! much memory for a moment, and what damage does to it ends nothing here. One
//! after the other, so never two at once; the repository's own lock keeps a
//! person's apart. A shutdown interrupts it, which leaves the repository whole.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::Instant;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};
use crate::office::snapshots::{Job, Kind, Outlook};

/// How often the clock is looked at: a machine that slept, or was set.
const PACE: Duration = Duration::from_secs(60);
/// The least pause.
const LEAST: Duration = Duration::from_millis(500);
/// How long mail may gather before the journal is looked at because of it.
const REST: Duration = Duration::from_secs(2);
/// After a job that failed; doubled each time, up to [`LONGEST`].
const RETRY: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3_600);
/// How often the health is looked at when nothing was done.
const HEALTH: Duration = Duration::from_secs(3_600);

/// Runs until the shutdown.
///
/// # Errors
/// When a look panicked, or this program cannot be found on the disk.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    let mut outlook: Option<Outlook> = None;
    let (mut failures, mut not_before) = (0_u32, Instant::now());
    let mut health_at = Instant::now() + PACE;
    loop {
        let office = house.office();
        let held = outlook.take();
        let looked = tokio::task::spawn_blocking(move || {
            let mut outlook = match held {
                Some(outlook) => outlook,
                None => Outlook::open(&office)?,
            };
            outlook.update()?;
            let due = outlook.due(&office);
            Ok::<_, crate::office::OfficeError>((outlook, due))
        });
        let (job, next) = match looked.await.map_err(|e| format!("snapshots: {e}"))? {
            Ok((kept, due)) => {
                outlook = Some(kept);
                due
            }
            Err(e) => {
                if failures == 0 {
                    house.warn(&format!("the schedule of snapshots cannot be kept: {e}"));
                }
                (failures, not_before) = (failures.saturating_add(1), Instant::now() + later(failures));
                (None, None)
            }
        };
        if let Some(job) = job.filter(|_| Instant::now() >= not_before) {
            match carry_out(&house, job, &shutdown).await {
                Ok(()) => failures = 0,
                Err(_) if shutdown.begun() => return Ok(()),
                Err(why) => {
                    house.warn(&format!("{} did not succeed: {why}", words(job).join(" ")));
                    (failures, not_before) = (failures.saturating_add(1), Instant::now() + later(failures));
                }
            }
            health_at = Instant::now();
        }
        if Instant::now() >= health_at {
            look_after(&house).await?;
            health_at = Instant::now() + HEALTH;
        }
        let due = next.map_or(PACE, |at| until(at).clamp(LEAST, PACE));
        let pause = due.max(not_before.saturating_duration_since(Instant::now()).min(PACE));
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
            () = house.health.notified() => health_at = Instant::now(),
            () = house.snapshots.notified() => tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(REST) => {}
            },
        }
    }
}

fn later(failures: u32) -> Duration {
    RETRY.saturating_mul(1 << failures.min(10)).min(LONGEST)
}

fn until(at: jiff::Timestamp) -> Duration {
    at.duration_since(jiff::Timestamp::now()).try_into().unwrap_or(Duration::ZERO)
}

/// The command line of a job.
fn words(job: Job) -> Vec<&'static str> {
    match job {
        Job::Take(Kind::Full) => vec!["snapshot", "create", "--full"],
        Job::Take(Kind::Differential) => vec!["snapshot", "create", "--differential"],
        Job::Take(Kind::Incremental) => vec!["snapshot", "create"],
        Job::Check => vec!["snapshot", "check"],
    }
}

/// Runs one job to its end; interrupts it when the daemon is to end.
async fn carry_out(house: &House, job: Job, shutdown: &Shutdown) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let office = house.office();
    let mut command = Command::new(program);
    command.arg("--root").arg(house.root.path()).arg("--as").arg(office.actor().as_str());
    command.args(office.said().iter().flat_map(|said| ["--set".to_owned(), said.as_argument()]));
    command.args(words(job)).arg("--background");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(|e| e.to_string())?;
    let pid = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let out = tokio::select! {
        out = &mut ended => out,
        () = shutdown.requested() => {
            if let Some(pid) = pid {
                // It ends by itself, and says so.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
            }
            ended.await
        }
    };
    let out = out.map_err(|e| e.to_string())?;
    if out.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&out.stderr);
    let line = said.lines().find(|line| line.contains("error")).or_else(|| said.lines().next()).unwrap_or_default();
    Err(if line.is_empty() { out.status.to_string() } else { line.chars().filter(|c| !c.is_control()).collect() })
}

/// Looks at the health, and tells whoever must know.
async fn look_after(house: &Arc<House>) -> WorkerResult {
    let office = house.office();
    let guarded = Arc::clone(house);
    let looked = tokio::task::spawn_blocking(move || {
        let health = office.snapshot_health()?;
        office.tell_snapshot_health(&guarded.guard, &health)
    });
    if let Err(e) = looked.await.map_err(|e| format!("snapshots: {e}"))? {
        house.warn(&format!("the health of the snapshots is not known: {e}"));
    }
    Ok(())
}
