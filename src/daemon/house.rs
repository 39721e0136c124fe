//! What the workers share.
//!
//! The office (configuration, roster, mailboxes) is swapped whole when the
//! configuration changes: a worker keeps the one it began with until its next
//! step. A configuration that cannot be read leaves the last good one in
//! force, and `status` says so until it can. Locks here are held for moments,
//! never over I/O but the journal's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::pending::{Pending, Places};
use super::place::Place;
use super::supervisor::{Board, Shutdown};
use crate::config::{Origin, Override, Root};
use crate::fsio::boot;
use crate::journal::{Follower, Journal};
use crate::model::{Action, AgentName, Event, EventKind, MessageId, Permission};
use crate::nudge::PinnedProcess;
use crate::office::desk::Desk;
use crate::office::status::{ConfigStatus, DaemonStatus, HttpStatus, QueueStatus, ScanStatus, WatchStatus};
use crate::office::wake::{self, Bell};
use crate::office::watch::Guard;
use crate::office::{Office, running};

/// Warnings that are remembered for `status`.
const WARNINGS: usize = 20;

/// How a warning about the configuration begins.
const BROKEN: &str = "the configuration is broken, the last good one holds";

/// The daemon's shared state.
pub(super) struct House {
    pub(super) root: Root,
    pub(super) places: Places,
    pub(super) place: Place,
    pub(super) pending: Pending,
    pub(super) shutdown: Shutdown,
    pub(super) board: Arc<Board>,
    /// Wakes the worker that rings windows.
    pub(super) ring: Notify,
    /// Wakes the worker that tends leases and deadlines: a timer may be nearer now.
    pub(super) tend: Notify,
    /// Wakes the worker that takes snapshots: mail moved, or there are other settings.
    pub(super) snapshots: Notify,
    /// What its detectors remember.
    pub(super) guard: Guard,
    /// Wakes the worker whose detectors look.
    pub(super) alarms: Notify,
    /// Wakes the look at the health of the snapshots.
    pub(super) health: Notify,
    pub(super) ringing: AtomicUsize,
    office: RwLock<Arc<Office>>,
    bell: Mutex<Bell>,
    watch: Mutex<WatchStatus>,
    scan: Mutex<ScanStatus>,
    config: Mutex<ConfigStatus>,
    http: Mutex<HttpStatus>,
    /// What was set at run time, and goes with this process.
    runtime: Mutex<Vec<Override>>,
    warnings: Mutex<VecDeque<String>>,
    connections: AtomicUsize,
    started: Timestamp,
}

/// What of an office's configuration cannot be used.
fn told(office: &Office) -> Option<String> {
    let faults: Vec<&str> = office.faults().iter().map(|fault| fault.what.as_str()).collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panicking worker held is plain data, whole at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl House {
    pub(super) fn new(office: Office, shutdown: Shutdown) -> Self {
        let root = office.root().clone();
        let places = Places { root: root.path().to_owned(), outside: root.outside() };
        let started = Timestamp::now();
        let error = told(&office).map(|what| format!("{BROKEN}: {what}"));
        office.keep_good();
        office.keep_seat();
        let bell = Bell::of(&office);
        Self {
            place: Place::of(root.state()),
            root,
            places,
            pending: Pending::default(),
            shutdown,
            board: Arc::default(),
            ring: Notify::new(),
            tend: Notify::new(),
            snapshots: Notify::new(),
            guard: Guard::open(&office),
            alarms: Notify::new(),
            health: Notify::new(),
            ringing: AtomicUsize::new(0),
            office: RwLock::new(Arc::new(office.staying())),
            bell: Mutex::new(bell),
            watch: Mutex::default(),
            scan: Mutex::default(),
            config: Mutex::new(ConfigStatus { loaded: started, error }),
            http: Mutex::default(),
            runtime: Mutex::default(),
            warnings: Mutex::default(),
            connections: AtomicUsize::new(0),
            started,
        }
    }

    /// The office as the configuration in force makes it.
    pub(super) fn office(&self) -> Arc<Office> {
        Arc::clone(&self.office.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The state of all windows.
    pub(super) fn bell(&self) -> MutexGuard<'_, Bell> {
        locked(&self.bell)
    }

    pub(super) fn note_watch(&self, change: impl FnOnce(&mut WatchStatus)) {
        change(&mut locked(&self.watch));
    }

    pub(super) fn note_scan(&self, change: impl FnOnce(&mut ScanStatus)) {
        change(&mut locked(&self.scan));
    }

    pub(super) fn count_connection(&self, more: bool) {
        if more {
            self.connections.fetch_add(1, Ordering::Relaxed);
        } else {
            self.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Says something that a person should see: log, journal and `status`.
    pub(super) fn warn(&self, what: &str) {
        tracing::warn!("{what}");
        {
            let mut warnings = locked(&self.warnings);
            if warnings.back().is_some_and(|last| last.ends_with(what)) {
                return;
            }
            if warnings.len() == WARNINGS {
                warnings.pop_front();
            }
            warnings.push_back(format!("{} {what}", crate::model::time::rfc3339(Timestamp::now())));
        }
        self.record(Event::new(Timestamp::now(), EventKind::Warning).with("what", what));
    }

    /// Writes into the journal. A journal that cannot be written (a full or
    /// read-only disk) ends nothing.
    pub(super) fn record(&self, event: Event) {
        if let Err(e) = self.office().journal().append(&[event]) {
            tracing::warn!(error = %e, "the journal was not written");
        }
    }

    /// Reads the configuration anew. A broken one changes nothing.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<(), String> {
        let house = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || house.read_config()).await;
        read.map_err(|e| format!("the configuration could not be read: {e}"))?
    }

    /// What is set at run time.
    pub(super) fn runtime_settings(&self) -> BTreeMap<String, String> {
        locked(&self.runtime).iter().map(|one| (one.key().to_owned(), one.value().to_owned())).collect()
    }

    /// Sets something for as long as this process runs, or takes it back.
    pub(super) async fn set_at_run_time(
        self: &Arc<Self>,
        actor: &AgentName,
        key: &str,
        value: Option<String>,
    ) -> Result<(), String> {
        let (house, actor, key) = (Arc::clone(self), actor.clone(), key.to_owned());
        let done = tokio::task::spawn_blocking(move || house.change_run_time(&actor, &key, value.as_deref())).await;
        done.map_err(|e| format!("the setting could not be changed: {e}"))?
    }

    fn change_run_time(&self, actor: &AgentName, key: &str, value: Option<&str>) -> Result<(), String> {
        let admitted = self.office().admit_runtime(actor, key, value).map_err(|e| e.to_string())?;
        let before = {
            let mut all = locked(&self.runtime);
            let before = all.clone();
            all.retain(|one| one.key() != key);
            all.extend(value.map(|_| admitted));
            before
        };
        let read = self.read_config();
        if (self.office().settings().origin(key) == Origin::Runtime) != value.is_some() {
            *locked(&self.runtime) = before;
            return Err(read.err().unwrap_or_else(|| "the configuration was not taken".into()));
        }
        let any = !locked(&self.runtime).is_empty();
        running::hint(self.root.state(), any).map_err(|e| format!("it holds in the daemon alone: {e}"))
    }

    /// Looks at everything anew, configuration included: somebody brought files
    /// back. What is broken in the configuration is told as ever.
    pub(super) async fn rescan(self: &Arc<Self>) {
        let _ = self.reload().await;
        self.pending.add_everything_but_config();
        self.tend.notify_one();
        self.ring.notify_one();
    }

    fn read_config(&self) -> Result<(), String> {
        let runtime = locked(&self.runtime).clone();
        let fresh = self.office().anew(&runtime);
        let broken = match &fresh {
            Ok(fresh) => told(fresh),
            Err(e) => Some(e.to_string()),
        };
        match fresh {
            // What is broken falls back to what was kept; only without that the office stays as it was.
            Ok(fresh) if fresh.faults().iter().all(|f| f.kept || f.path.is_none()) => {
                fresh.keep_good();
                let before = self.office();
                let places = wake::places(&fresh);
                let others = self.bell().changed(&before, &fresh, places);
                let changed =
                    before.settings() != fresh.settings() || before.roster() != fresh.roster() || !others.is_empty();
                let fresh = fresh.remembering(&before);
                if before.settings().log.filter != fresh.settings().log.filter {
                    crate::observe::change(&fresh.settings().log.filter);
                }
                *self.office.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                let had_error = {
                    let mut config = locked(&self.config);
                    match broken {
                        Some(_) => false,
                        None => {
                            config.loaded = Timestamp::now();
                            config.error.take().is_some()
                        }
                    }
                };
                if changed || had_error {
                    self.record(Event::new(Timestamp::now(), EventKind::Config).with("what", "read"));
                    // New mailboxes, other channels, other pauses.
                    self.complete_layouts(&[]);
                    self.alarms.notify_one();
                    self.pending.add_everything_but_config();
                    self.tend.notify_one();
                    self.ring.notify_one();
                    self.snapshots.notify_one();
                }
            }
            _ => {}
        }
        let Some(what) = broken else { return Ok(()) };
        let why = format!("{BROKEN}: {what}");
        let news = locked(&self.config).error.replace(why.clone()).as_ref() != Some(&why);
        if news {
            self.record(Event::new(Timestamp::now(), EventKind::Config).with("error", &what));
            self.alarms.notify_one();
            self.warn(&why);
        }
        Err(why)
    }

    /// An agent ran a command in the first process of this line of ancestors:
    /// whether that proves it woken.
    pub(super) fn reported(&self, agent: &AgentName, command: &str, line: Vec<PinnedProcess>) -> bool {
        let office = self.office();
        let woken = self.bell().reported(&office, agent, command, line, boot::now());
        self.ring.notify_one();
        woken
    }

    /// A hook of an agent's program found this unread: whether it may say so.
    pub(super) fn hooked(&self, agent: &AgentName, ids: Vec<MessageId>, urgent: usize, anyway: bool) -> bool {
        let office = self.office();
        let told = self.bell().hooked(&office, agent, ids, urgent, anyway, boot::now());
        self.ring.notify_one();
        told
    }

    /// Has a window tried without waiting for its pauses.
    pub(super) fn nudge_now(&self, agent: &AgentName, by: &AgentName) -> Result<(), String> {
        let office = self.office();
        let Some(agent) = office.roster().get(agent.as_str()) else {
            return Err(format!("{agent} is not on the roster; see `cellphone agents list`"));
        };
        let answer = office.roster().decide(by, &Action::On(Permission::Ring, &agent.name));
        if !answer.allowed {
            return Err(answer.refusal());
        }
        self.bell().forget_pauses(&agent.name);
        self.pending.add(super::pending::Target::Mail(agent.name.clone()));
        self.ring.notify_one();
        Ok(())
    }

    /// The events after a position in the journal, and the next position.
    /// Begins at the journal's end.
    pub(super) async fn journal_since(self: &Arc<Self>, position: Option<Follower>) -> (Vec<Event>, Option<Follower>) {
        let journal: Journal = self.office().journal().clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut follower = match position {
                Some(follower) => follower,
                None => journal.follow(None)?,
            };
            let events = follower.next_batch()?.into_iter().map(|record| record.event).collect();
            Ok::<_, crate::journal::JournalError>((events, Some(follower)))
        })
        .await;
        match read {
            Ok(Ok(found)) => found,
            Ok(Err(e)) => {
                tracing::warn!(error = %e, "the journal could not be read");
                (Vec::new(), None)
            }
            Err(_) => (Vec::new(), None),
        }
    }

    pub(super) fn status(&self) -> DaemonStatus {
        let (scans, outboxes) = self.pending.lengths();
        DaemonStatus {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            root: self.root.path().to_owned(),
            started: self.started,
            workers: self.board.list(),
            watch: locked(&self.watch).clone(),
            scan: locked(&self.scan).clone(),
            queues: QueueStatus {
                scans,
                outboxes,
                ringing: self.ringing.load(Ordering::Relaxed),
                connections: self.connections.load(Ordering::Relaxed),
            },
            config: locked(&self.config).clone(),
            http: locked(&self.http).clone(),
            windows: self.bell().windows(),
            warnings: locked(&self.warnings).iter().cloned().collect(),
        }
    }
}

impl Desk for House {
    fn office(&self) -> Arc<Office> {
        Self::office(self)
    }

    fn status(&self) -> DaemonStatus {
        Self::status(self)
    }

    fn nudge(&self, agent: &AgentName, by: &AgentName) -> Result<(), String> {
        self.nudge_now(agent, by)
    }

    fn note_http(&self, change: &mut dyn FnMut(&mut HttpStatus)) {
        change(&mut locked(&self.http));
    }
}
