//! How things stand at the moment they are asked for.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::Labels;
use crate::model::{Event, EventKind};
use crate::office::Office;
use crate::office::status::{DaemonStatus, WorkerState};

/// Agents that have figures of their own: the first of the roster.
const AGENTS: usize = 500;

/// Scenarios of drills that have.
const SCENARIOS: usize = 100;

pub(super) type Number = Gauge<f64, AtomicU64>;
type Numbers = Family<Labels, Number>;

/// What stands, by name.
#[derive(Debug)]
pub(super) struct Figures {
    unread: Numbers,
    urgent: Numbers,
    claimed: Numbers,
    oldest: Numbers,
    seen: Numbers,
    windows: Numbers,
    queues: Numbers,
    workers: Numbers,
    restarts: Family<Labels, Counter>,
    alarms: Numbers,
    dead: Number,
    config: Number,
    started: Number,
    scan: Number,
    snapshot: Number,
    drills: Numbers,
    due: Numbers,
    passed: Numbers,
    aims: Numbers,
    /// The newest snapshot, once it was looked for.
    taken: Option<Option<Timestamp>>,
    /// Drills ended since they were looked at.
    drilled: bool,
}

impl Figures {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The program", Info::new(version));
        let mut many = |name: &str, help: &str| {
            let family = Numbers::default();
            registry.register(name, help, family.clone());
            family
        };
        let unread = many("agent_unread", "Messages that wait");
        let urgent = many("agent_urgent", "How many of them are urgent or critical");
        let claimed = many("agent_claimed", "Messages held under a lease");
        let oldest = many("agent_oldest_unread_timestamp_seconds", "When the oldest that waits was sent; 0 for none");
        let seen = many("agent_seen_timestamp_seconds", "When the agent last ran a command; 0 for never");
        let windows = many("windows", "Windows by the state of their ringing");
        let queues = many("queue", "What waits in the daemon");
        let workers = many("workers", "Workers of the daemon by state");
        let alarms = many("alarms", "Alarms that stand, by detector and severity");
        let drills = many("drill_timestamp_seconds", "When a drill of the scenario last began; 0 for never");
        let due = many("drill_due_timestamp_seconds", "When the next one has to be");
        let passed = many("drill_passed", "1 when the last one passed");
        let aims = many("objective_seconds", "What is aimed at");
        let restarts = Family::<Labels, Counter>::default();
        registry.register("worker_restarts", "How often workers were started again", restarts.clone());
        let mut one = |name: &str, help: &str| {
            let number = Number::default();
            registry.register(name, help, number.clone());
            number
        };
        Self {
            dead: one("dead_letters", "Messages in dead/"),
            config: one("config_good", "1 while the configuration can be read"),
            started: one("start_timestamp_seconds", "When the daemon started"),
            scan: one("scan_last_seconds", "From the hint to the end of the last scan"),
            snapshot: one("snapshot_timestamp_seconds", "When the newest snapshot was begun; 0 for none"),
            taken: None,
            drilled: true,
            unread,
            urgent,
            claimed,
            oldest,
            seen,
            windows,
            queues,
            workers,
            restarts,
            alarms,
            drills,
            due,
            passed,
            aims,
        }
    }

    /// What a line of the journal says of snapshots and drills.
    pub(super) fn heed(&mut self, event: &Event) {
        match event.event {
            EventKind::Snapshot => {
                let began = event.detail.get("began").and_then(|began| began.parse().ok());
                if began.is_some() {
                    self.taken = Some(began);
                }
            }
            EventKind::Drill => self.drilled = true,
            _ => {}
        }
    }

    /// Looks at everything. What cannot be looked at keeps its last value, or
    /// has none: alarms tell of it.
    pub(super) fn look(&mut self, office: &Office, daemon: &DaemonStatus) {
        self.look_at_agents(office, daemon);
        self.look_at_daemon(daemon);
        for family in [&self.alarms, &self.aims] {
            family.clear();
        }
        for alarm in office.alarms() {
            let detector = ("detector", alarm.seen.detector.word().to_owned());
            let labels = vec![detector, ("severity", alarm.seen.severity.word().to_owned())];
            self.alarms.get_or_create(&labels).inc();
        }
        let aims = &office.settings().objectives;
        let all = [("delivery", aims.delivery), ("response", aims.response), ("backup", aims.backup)];
        for (name, aim) in all.into_iter().chain([("lookup", aims.lookup)]) {
            self.aims.get_or_create(&vec![("objective", name.to_owned())]).set(aim.as_secs_f64());
        }
        self.config.set(f64::from(u8::from(office.faults().is_empty() && daemon.config.error.is_none())));
        if let Ok(dead) = office.dead_list() {
            self.dead.set(count(dead.len()));
        }
        let taken = *self.taken.get_or_insert_with(|| newest_snapshot(office));
        self.snapshot.set(instant(taken));
        if std::mem::take(&mut self.drilled)
            && let Ok(standing) = office.standing_of_drills()
        {
            for one in standing.into_iter().take(SCENARIOS) {
                let labels = vec![("scenario", one.scenario)];
                self.drills.get_or_create(&labels).set(instant(one.last.as_ref().map(|last| last.at)));
                self.due.get_or_create(&labels).set(instant(Some(one.next)));
                if let Some(last) = one.last {
                    self.passed.get_or_create(&labels).set(f64::from(u8::from(last.passed)));
                }
            }
        }
    }

    fn look_at_agents(&self, office: &Office, daemon: &DaemonStatus) {
        let families = [&self.unread, &self.urgent, &self.claimed, &self.oldest, &self.seen, &self.windows];
        // Who left the roster has no figures any more.
        families.into_iter().for_each(Family::clear);
        for glance in office.glance().unwrap_or_default().into_iter().take(AGENTS) {
            let labels = vec![("agent", glance.name.to_string())];
            self.unread.get_or_create(&labels).set(count(glance.unread));
            self.claimed.get_or_create(&labels).set(count(glance.claimed));
            let window = daemon.windows.iter().find(|window| window.agent == glance.name);
            self.urgent.get_or_create(&labels).set(count(window.map_or(0, |window| window.urgent)));
            self.oldest.get_or_create(&labels).set(instant(window.and_then(|window| window.oldest)));
            self.seen.get_or_create(&labels).set(instant(window.and_then(|window| window.seen)));
        }
        for window in &daemon.windows {
            self.windows.get_or_create(&vec![("state", window.state.clone())]).inc();
        }
    }

    fn look_at_daemon(&self, daemon: &DaemonStatus) {
        let queues = &daemon.queues;
        let all = [("scans", queues.scans), ("outboxes", queues.outboxes), ("ringing", queues.ringing)];
        let http = [("connections", queues.connections), ("listeners", daemon.http.listeners)];
        for (name, length) in all.into_iter().chain(http) {
            self.queues.get_or_create(&vec![("queue", name.to_owned())]).set(count(length));
        }
        let states =
            [("running", WorkerState::Running), ("waiting", WorkerState::Waiting), ("ended", WorkerState::Ended)];
        for (word, state) in states {
            let all = daemon.workers.iter().filter(|worker| worker.state == state).count();
            self.workers.get_or_create(&vec![("state", word.to_owned())]).set(count(all));
        }
        for worker in &daemon.workers {
            let counter = self.restarts.get_or_create(&vec![("worker", worker.name.clone())]);
            counter.inc_by(worker.restarts.saturating_sub(counter.get()));
        }
        self.started.set(instant(Some(daemon.started)));
        self.scan.set(count(usize::try_from(daemon.scan.last_micros).unwrap_or(usize::MAX)) / 1e6);
    }
}

/// When the newest snapshot of the journal was begun.
fn newest_snapshot(office: &Office) -> Option<Timestamp> {
    /// Lines about snapshots that were given up may stand before it.
    const LINES: usize = 20;
    let filter = crate::office::Filter { kinds: vec![EventKind::Snapshot], ..Default::default() };
    let lines = office.newest_about(filter, LINES).ok()?;
    lines.iter().rev().find_map(|line| line.event.detail.get("began")?.parse().ok())
}

/// Seconds since 1970; 0 for never.
fn instant(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64())
}

/// A number as a figure: exact below 2^53.
pub(super) fn count(n: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let figure = n as f64;
    figure
}
