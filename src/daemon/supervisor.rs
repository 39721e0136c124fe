//! Named workers that end only when they are told to.
//!
//! A worker that returns an error or panics is started again, after a pause
//! that doubles from 100 ms to 30 s and starts over once a run lasted a
//! minute. Its panic ends nothing else. What each does is on the [`Board`],
//! which `status` shows.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::office::status::{WorkerState, WorkerStatus};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const HEALTHY: Duration = Duration::from_secs(60);

/// What a worker returns: `Err` with a sentence has it started again.
pub type WorkerResult = Result<(), String>;

/// One run of a worker.
pub type WorkerFuture = Pin<Box<dyn Future<Output = WorkerResult> + Send>>;

/// Tells every worker to end.
#[derive(Debug, Clone)]
pub struct Shutdown {
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { sender: Arc::new(watch::channel(false).0) }
    }
}

impl Shutdown {
    /// Asks for the end.
    pub fn begin(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn begun(&self) -> bool {
        *self.sender.borrow()
    }

    /// Returns once it was asked for.
    pub async fn requested(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.sender.subscribe().wait_for(|begun| *begun).await;
    }
}

/// A worker: its name, and how a run of it begins.
pub struct Worker {
    name: String,
    start: Box<dyn FnMut(Shutdown) -> WorkerFuture + Send>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker. `start` begins a run; the run must end soon after its
    /// [`Shutdown`] was requested.
    pub fn new<F, Fut>(name: impl Into<String>, mut start: F) -> Self
    where
        F: FnMut(Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = WorkerResult> + Send + 'static,
    {
        Self { name: name.into(), start: Box::new(move |shutdown| Box::pin(start(shutdown))) }
    }
}

/// What is known of the workers.
#[derive(Debug, Default)]
pub struct Board {
    workers: Mutex<BTreeMap<String, WorkerStatus>>,
}

impl Board {
    /// All workers by name.
    #[must_use]
    pub fn list(&self) -> Vec<WorkerStatus> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn note(&self, name: &str, change: impl FnOnce(&mut WorkerStatus)) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = workers.entry(name.to_owned()).or_insert_with(|| WorkerStatus {
            name: name.to_owned(),
            state: WorkerState::Running,
            since: Timestamp::now(),
            restarts: 0,
            last_error: None,
        });
        change(entry);
    }
}

/// Starts workers and keeps them alive.
#[derive(Debug)]
pub struct Supervisor {
    board: Arc<Board>,
    shutdown: Shutdown,
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// One without workers.
    #[must_use]
    pub fn new(board: Arc<Board>, shutdown: Shutdown) -> Self {
        Self { board, shutdown, tasks: JoinSet::new() }
    }

    /// Starts a worker. Must be called inside a runtime.
    pub fn start(&mut self, worker: Worker) {
        let board = Arc::clone(&self.board);
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(keep(worker, board, shutdown));
    }

    /// Waits until all have ended after a shutdown was requested, at most
    /// `grace`; gives how many had to be cut off.
    pub async fn finish(mut self, grace: Duration) -> usize {
        self.shutdown.requested().await;
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_ok() {
            return 0;
        }
        let left = self.tasks.len();
        self.tasks.shutdown().await;
        left
    }
}

async fn keep(mut worker: Worker, board: Arc<Board>, shutdown: Shutdown) {
    let mut pause = FIRST_PAUSE;
    loop {
        board.note(&worker.name, |w| {
            w.state = WorkerState::Running;
            w.since = Timestamp::now();
        });
        let begun = Instant::now();
        // A task of its own: a panic in it is a value here.
        let mut run = JoinSet::new();
        run.spawn((worker.start)(shutdown.clone()));
        let ended = run.join_next().await;
        if shutdown.begun() {
            break;
        }
        let why = match ended {
            Some(Ok(Ok(()))) => {
                board.note(&worker.name, |w| w.state = WorkerState::Ended);
                return;
            }
            Some(Ok(Err(why))) => why,
            Some(Err(e)) => format!("it panicked: {}", panic_text(e)),
            None => "it was cancelled".into(),
        };
        if begun.elapsed() >= HEALTHY {
            pause = FIRST_PAUSE;
        }
        tracing::warn!(worker = %worker.name, %why, again_ms = pause.as_millis(), "a worker ended; it is started again");
        board.note(&worker.name, |w| {
            w.state = WorkerState::Waiting;
            w.since = Timestamp::now();
            w.restarts += 1;
            w.last_error = Some(why);
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.requested() => break,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    board.note(&worker.name, |w| w.state = WorkerState::Ended);
}

fn panic_text(e: tokio::task::JoinError) -> String {
    let Ok(payload) = e.try_into_panic() else { return "cancelled".into() };
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
    }

    #[test]
    fn a_worker_that_panics_or_fails_is_started_again_and_the_others_go_on() {
        run(async {
            let board = Arc::new(Board::default());
            let shutdown = Shutdown::default();
            let mut supervisor = Supervisor::new(Arc::clone(&board), shutdown.clone());
            let runs = Arc::new(AtomicU32::new(0));
            let counter = Arc::clone(&runs);
            supervisor.start(Worker::new("shaky", move |end: Shutdown| {
                let n = counter.fetch_add(1, Ordering::SeqCst);
                async move {
                    match n {
                        0 => panic!("first"),
                        1 => Err("second".into()),
                        _ => {
                            end.requested().await;
                            Ok(())
                        }
                    }
                }
            }));
            supervisor.start(Worker::new("steady", |end: Shutdown| async move {
                end.requested().await;
                Ok(())
            }));
            while runs.load(Ordering::SeqCst) < 3 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let list = board.list();
            assert_eq!(list[0].restarts, 2);
            assert_eq!(list[0].last_error.as_deref(), Some("second"));
            assert_eq!((list[1].restarts, list[1].state), (0, WorkerState::Running));
            shutdown.begin();
            assert_eq!(supervisor.finish(Duration::from_secs(5)).await, 0);
            assert!(board.list().iter().all(|w| w.state == WorkerState::Ended));
        });
    }

    #[test]
    fn a_worker_that_does_not_end_is_cut_off() {
        run(async {
            let shutdown = Shutdown::default();
            let mut supervisor = Supervisor::new(Arc::default(), shutdown.clone());
            supervisor.start(Worker::new("deaf", |_| std::future::pending()));
            shutdown.begin();
            assert_eq!(supervisor.finish(Duration::from_millis(20)).await, 1);
        });
    }
}
