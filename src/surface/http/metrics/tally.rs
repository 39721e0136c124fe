//! What happened, counted line by line of the journal.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Labels, meets, short};
use crate::model::{AgentName, Event, EventKind, MessageId};
use crate::office::setup::Objectives;

/// Messages under way that are remembered, to tell how long they took.
const UNDER_WAY: usize = 20_000;

/// Values of one label that are told apart; others count as `other`.
const VALUES: usize = 64;

/// The newest of what was put in.
#[derive(Debug)]
struct Recent<K, V> {
    of: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    fn new() -> Self {
        Self { of: HashMap::new(), order: VecDeque::new() }
    }

    fn put(&mut self, key: K, value: V) {
        if self.of.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        // What was taken meanwhile stands in the order until its turn comes.
        while self.order.len() > UNDER_WAY {
            if let Some(oldest) = self.order.pop_front() {
                self.of.remove(&oldest);
            }
        }
    }
}

/// A message in an inbox.
#[derive(Debug, Clone, Copy)]
struct Waits {
    since: Timestamp,
    woken: bool,
    /// Nobody answered in time, which was counted.
    late: bool,
}

/// Counts of what happened.
#[derive(Debug)]
pub(super) struct Tally {
    events: Family<Labels, Counter>,
    nudges: Family<Labels, Counter>,
    wakes: Family<Labels, Counter>,
    deferrals: Family<Labels, Counter>,
    objectives: Family<Labels, Counter>,
    delivery: Histogram,
    wake: Histogram,
    response: Histogram,
    accepted: Recent<MessageId, Timestamp>,
    waits: Recent<(MessageId, AgentName), Waits>,
    /// What the journal says of several messages at once is counted once.
    last: HashMap<AgentName, (EventKind, Timestamp)>,
    gates: Vec<String>,
}

/// Bounds of what takes a tenth of a second to a day.
fn long() -> Histogram {
    Histogram::new([
        0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0,
    ])
}

impl Tally {
    pub(super) fn new(registry: &mut Registry, objectives: Family<Labels, Counter>) -> Self {
        let tally = Self {
            events: Family::default(),
            nudges: Family::default(),
            wakes: Family::default(),
            deferrals: Family::default(),
            objectives,
            delivery: short(),
            wake: long(),
            response: long(),
            accepted: Recent::new(),
            waits: Recent::new(),
            last: HashMap::new(),
            gates: Vec::new(),
        };
        registry.register("events", "Lines of the journal by kind", tally.events.clone());
        registry.register("nudges", "Windows that were rung, by channel and grade of proof", tally.nudges.clone());
        registry.register("wakes", "Agents that proved to be awake, and by what", tally.wakes.clone());
        registry.register("deferrals", "Nudges that were put off, by gate", tally.deferrals.clone());
        for (name, help, histogram) in [
            ("delivery", "From accepted to in the recipient's inbox", &tally.delivery),
            ("wake", "From delivered to the proof that its agent was woken", &tally.wake),
            ("response", "From delivered to read, claimed, acknowledged or filed", &tally.response),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
        tally
    }

    /// Counts one line of the journal.
    pub(super) fn add(&mut self, event: &Event, aims: &Objectives) {
        self.events.get_or_create(&vec![("event", event.event.word())]).inc();
        self.time(event, aims);
        let Some(agent) = &event.agent else { return };
        let this = (event.event, event.at);
        if self.last.get(agent) == Some(&this) {
            return;
        }
        if self.last.len() < UNDER_WAY {
            self.last.insert(agent.clone(), this);
        }
        let detail = |key: &str| event.detail.get(key).map(String::as_str);
        match event.event {
            EventKind::Typed | EventKind::Submitted => {
                let channel = ("channel", self.bounded(detail("channel").unwrap_or("unknown")));
                let grade = ("grade", self.bounded(detail("grade").unwrap_or("typed")));
                self.nudges.get_or_create(&vec![channel, grade]).inc();
            }
            EventKind::Woken => {
                let by = ("by", self.bounded(detail("by").unwrap_or("command")));
                self.wakes.get_or_create(&vec![by]).inc();
            }
            EventKind::Deferred => {
                let gate = ("gate", self.bounded(detail("gate").unwrap_or("unknown")));
                self.deferrals.get_or_create(&vec![gate]).inc();
            }
            _ => {}
        }
    }

    /// What nobody answered in time by now was not answered in time.
    pub(super) fn late(&mut self, now: Timestamp, aims: &Objectives) {
        for waits in self.waits.of.values_mut().filter(|waits| !waits.late) {
            if now.duration_since(waits.since).as_secs_f64() > aims.response.as_secs_f64() {
                waits.late = true;
                meets(&self.objectives, "response", false);
            }
        }
    }

    /// A word as the value of a label, of which there are only so many.
    fn bounded(&mut self, word: &str) -> String {
        if !self.gates.iter().any(|known| known == word) {
            if self.gates.len() >= VALUES {
                return "other".to_owned();
            }
            self.gates.push(word.to_owned());
        }
        word.to_owned()
    }

    /// How long the message of this line took so far.
    fn time(&mut self, event: &Event, aims: &Objectives) {
        let Some(id) = event.id else { return };
        let seconds = |since: Timestamp| event.at.duration_since(since).as_secs_f64().max(0.0);
        if event.event == EventKind::Accepted {
            self.accepted.put(id, event.at);
            return;
        }
        let Some(agent) = &event.agent else { return };
        let key = (id, agent.clone());
        match event.event {
            EventKind::Delivered => {
                if let Some(accepted) = self.accepted.of.get(&id) {
                    let took = seconds(*accepted);
                    self.delivery.observe(took);
                    meets(&self.objectives, "delivery", took <= aims.delivery.as_secs_f64());
                }
                self.waits.put(key, Waits { since: event.at, woken: false, late: false });
            }
            EventKind::Woken => {
                if let Some(waits) = self.waits.of.get_mut(&key).filter(|waits| !waits.woken) {
                    waits.woken = true;
                    self.wake.observe(seconds(waits.since));
                }
            }
            EventKind::Read | EventKind::Claimed | EventKind::Acked | EventKind::Archived => {
                if let Some(waits) = self.waits.of.remove(&key) {
                    let took = seconds(waits.since);
                    self.response.observe(took);
                    if !waits.late {
                        meets(&self.objectives, "response", took <= aims.response.as_secs_f64());
                    }
                }
            }
            _ => {}
        }
    }
}
