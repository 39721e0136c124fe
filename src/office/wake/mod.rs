//! From unread mail to a window that rings, and from a command to the proof.
//!
//! The [`Bell`] holds the state machine of every agent and feeds it: what a
//! scan found, how an attempt ended, which process reported. It writes what
//! the machines record into the journal and queues what they ask for as
//! [`Order`]s; `ring` carries one out, blocking. A report counts as *woken*
//! only when the reporting process descends from the one that was verified
//! when the window was nudged. It may come in before the attempt has ended,
//! so the ancestors of such a process are kept until then. An agent's own hook
//! that tells it of its mail is woken by that.

mod changed;
mod hooked;
mod inspect;
mod limits;
mod once;
mod ring;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::status::WindowStatus;
use super::{Office, Unread};
use crate::model::{AgentName, Event, EventKind, MessageId};
use crate::nudge::loops::Loops;
use crate::nudge::machine::{self, Action, Input, Phase, Proof, State, Waiting};
use crate::nudge::{Attempt, Notice, Outcome, PinnedProcess, Reason};
use crate::roster::Coordinates;

pub use changed::places;
pub use inspect::{Inspection, Seen, inspect};
pub(super) use limits::{held_by_person, policy};
pub use once::{Nudged, nudge_once};
pub use ring::ring;
pub(super) use ring::{target, target_at};

/// Reports that are kept while an attempt is under way.
const REPORTS: usize = 16;

/// Something to be done, away from every lock.
#[derive(Debug)]
pub enum Order {
    /// Try a window.
    Ring {
        /// Which channel of the agent's, by its place on the roster.
        channel: usize,
        /// What there is to say.
        notice: Notice,
    },
    /// Write to the captain.
    TellCaptain {
        /// Whose window is the matter.
        about: AgentName,
        /// What is the matter.
        words: String,
    },
    /// Write to the people.
    TellPeople {
        /// Whose window is the matter.
        about: AgentName,
        /// What is the matter.
        words: String,
    },
    /// Write to the captain that two agents answer each other without end.
    TellOfLoop {
        /// The one whose window was about to ring.
        about: AgentName,
        /// The other.
        other: AgentName,
    },
}

/// An order that was carried out.
#[derive(Debug)]
pub struct Rung {
    agent: AgentName,
    end: End,
}

#[derive(Debug)]
enum End {
    /// The window was tried.
    Tried(Attempt, Vec<MessageId>),
    /// Nothing was unread any more.
    Retracted,
    /// It was no window.
    Told,
}

#[derive(Debug, Default)]
struct Window {
    state: State,
    unread: Unread,
    known: BTreeSet<MessageId>,
    /// What its own hook told it last: that it arrives rings no window.
    told: BTreeSet<MessageId>,
    /// What the last attempt spoke of; it may be read before the attempt ends.
    nudged: Vec<MessageId>,
    due: Option<Duration>,
    pinned: Option<PinnedProcess>,
    /// When each process reported during the attempt, and its ancestors.
    reports: Vec<(Duration, Vec<PinnedProcess>)>,
    moved: bool,
    note: Option<String>,
    seen: Option<Timestamp>,
    /// Why each message waits, as the journal says it.
    noted: BTreeMap<MessageId, String>,
}

/// All windows of a root.
#[derive(Debug, Default)]
pub struct Bell {
    windows: BTreeMap<AgentName, Window>,
    orders: VecDeque<Order>,
    loops: Loops,
    /// Where the windows on the screen are, to notice others.
    places: Coordinates,
}

impl Bell {
    /// A scan found this unread.
    pub fn scanned(&mut self, office: &Office, agent: &AgentName, unread: &Unread, now: Duration) {
        self.between(office, agent, unread, now);
        let window = self.windows.entry(agent.clone()).or_default();
        let ids: BTreeSet<MessageId> = unread.ids.iter().copied().collect();
        let arrived = ids.iter().any(|id| !window.known.contains(id) && !window.told.contains(id));
        let moved = window.known.iter().any(|id| !ids.contains(id));
        let senders = unread.ids.iter().zip(&unread.senders).filter(|(id, _)| !window.known.contains(id));
        let (rules, loops) = (limits::loops(office), &mut self.loops);
        let endless: Vec<&AgentName> = senders
            .map(|(_, from)| from)
            .filter(|from| limits::may_loop(office, agent, from) && loops.arrived(from, agent, now, rules))
            .collect();
        window.noted.retain(|id, _| ids.contains(id));
        window.known = ids;
        window.unread = unread.clone();
        if moved {
            window.moved = true;
            self.drive(office, agent, Input::Proof(Proof::Moved), now);
        }
        for other in endless {
            let event = Event::new(Timestamp::now(), EventKind::Damped).with("with", other);
            self.record(office, agent, vec![event.with("why", "they answer each other without end")]);
            self.orders.push_back(Order::TellOfLoop { about: agent.clone(), other: other.clone() });
        }
        let waiting = Waiting { unread: unread.ids.len(), urgent: unread.urgent };
        self.drive(office, agent, Input::Unread { now: waiting, arrived }, now);
    }

    /// When all urgent mail was read and other came since the last scan: the
    /// time between, in which there was none. The new has its own deadline.
    fn between(&mut self, office: &Office, agent: &AgentName, unread: &Unread, now: Duration) {
        let before = self.windows.get(agent).map(|window| &window.unread).filter(|b| !b.pressing.is_empty());
        let Some(before) = before.filter(|_| !unread.pressing.is_empty()) else { return };
        if before.pressing.iter().all(|id| !unread.pressing.contains(id)) {
            let stayed = before.ids.iter().filter(|id| unread.ids.contains(id)).count();
            let waiting = Waiting { unread: stayed, urgent: 0 };
            self.drive(office, agent, Input::Unread { now: waiting, arrived: false }, now);
        }
    }

    /// A command ran as the agent, in the first process of this line of
    /// ancestors; whether that proves that its window was woken.
    pub fn reported(
        &mut self,
        office: &Office,
        agent: &AgentName,
        command: &str,
        line: Vec<PinnedProcess>,
        now: Duration,
    ) -> bool {
        let Some(agent) = office.roster().get(agent.as_str()).map(|known| known.name.clone()) else { return false };
        let window = self.windows.entry(agent.clone()).or_default();
        window.seen = Some(Timestamp::now());
        let proved = window.pinned.is_some_and(|pinned| line.contains(&pinned));
        if window.state.phase() == Phase::Attempting && window.reports.len() < REPORTS {
            window.reports.push((now, line));
        }
        if !proved {
            return false;
        }
        tracing::debug!(%agent, command, "a command ran below the window that was nudged");
        self.drive(office, &agent, Input::Proof(Proof::Woken), now).contains(&EventKind::Woken)
    }

    /// An order was carried out.
    pub fn ended(&mut self, office: &Office, rung: Rung, now: Duration) {
        let Rung { agent, end } = rung;
        match end {
            End::Told => {}
            End::Retracted => {
                let nothing = Input::Unread { now: Waiting::default(), arrived: false };
                self.drive(office, &agent, nothing, now);
                // The machine waits for an end; this one is recorded as what it is.
                let quiet = Input::Ended(Outcome::Deferred(Reason::Locked));
                self.quietly(office, &agent, quiet, now);
                self.record(office, &agent, vec![Event::new(Timestamp::now(), EventKind::Retracted)]);
            }
            End::Tried(attempt, ids) => {
                if let Some(window) = self.windows.get_mut(&agent) {
                    window.nudged = ids;
                }
                self.tried(office, &agent, attempt, now);
            }
        }
    }

    fn tried(&mut self, office: &Office, agent: &AgentName, attempt: Attempt, now: Duration) {
        let told = attempt.outcome.told();
        let Some(window) = self.windows.get_mut(agent) else { return };
        let reports = std::mem::take(&mut window.reports);
        let moved = std::mem::take(&mut window.moved);
        if attempt.pinned.is_some() {
            window.pinned = attempt.pinned;
        }
        self.drive(office, agent, Input::Ended(attempt.outcome), now);
        if !told {
            return;
        }
        // The agent may have been quicker than the look that follows Enter. What ran before Enter proves nothing.
        let proved = attempt
            .pinned
            .zip(attempt.entered)
            .is_some_and(|(pinned, entered)| reports.iter().any(|(at, line)| *at >= entered && line.contains(&pinned)));
        if proved {
            self.drive(office, agent, Input::Proof(Proof::Woken), now);
        } else if moved {
            self.drive(office, agent, Input::Proof(Proof::Moved), now);
        }
    }

    /// What is to be done next, if anything is due.
    pub fn next_order(&mut self, office: &Office, now: Duration) -> Option<Order> {
        if self.orders.is_empty() {
            let due: Vec<AgentName> = self
                .windows
                .iter()
                .filter(|(_, w)| w.due.is_some_and(|at| at <= now))
                .map(|(a, _)| a.clone())
                .collect();
            for agent in due {
                self.drive(office, &agent, Input::Tick, now);
            }
        }
        self.orders.pop_front()
    }

    /// When something is due, on the boot clock.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        if self.orders.is_empty() { self.windows.values().filter_map(|w| w.due).min() } else { Some(Duration::ZERO) }
    }

    /// After the worker that rings was cut off: attempts that were under way
    /// have failed.
    pub fn restart(&mut self, office: &Office, now: Duration) {
        self.orders.clear();
        let cut: Vec<AgentName> = self
            .windows
            .iter()
            .filter(|(_, w)| w.state.phase() == Phase::Attempting)
            .map(|(agent, _)| agent.clone())
            .collect();
        for agent in cut {
            self.drive(office, &agent, Input::Ended(Outcome::Failed("the attempt was cut off".into())), now);
        }
    }

    /// All windows, for `status`.
    #[must_use]
    pub fn windows(&self) -> Vec<WindowStatus> {
        let word = |phase: Phase| serde_json::to_value(phase).ok().and_then(|v| v.as_str().map(str::to_owned));
        self.windows
            .iter()
            .map(|(agent, window)| WindowStatus {
                agent: agent.clone(),
                state: word(window.state.phase()).unwrap_or_default(),
                unread: window.unread.ids.len(),
                urgent: window.unread.urgent,
                oldest: window.unread.ids.iter().min().map(|id| id.time()),
                note: window.state.deferred().map(|reason| reason.explain().to_owned()).or_else(|| window.note.clone()),
                seen: window.seen,
            })
            .collect()
    }

    /// Feeds a machine and does what it says; gives the kinds it recorded.
    fn drive(&mut self, office: &Office, agent: &AgentName, input: Input, now: Duration) -> Vec<EventKind> {
        let events = self.quietly(office, agent, input, now);
        let kinds = events.iter().map(|event| event.event).collect();
        self.record(office, agent, events);
        kinds
    }

    /// As [`drive`](Self::drive), recording nothing.
    fn quietly(&mut self, office: &Office, name: &AgentName, input: Input, now: Duration) -> Vec<Event> {
        let Some(agent) = office.roster().get(name.as_str()) else {
            self.windows.remove(name);
            return Vec::new();
        };
        let window = self.windows.entry(agent.name.clone()).or_default();
        let mut policy = limits::policy(office, agent, now);
        policy.holds.extend(limits::loop_hold(office, &mut self.loops, &agent.name, &window.unread, now));
        let (state, actions) = machine::step(std::mem::take(&mut window.state), input, now, &policy);
        window.state = state;
        window.due = None;
        let mut events = Vec::new();
        for action in actions {
            match action {
                Action::Attempt { channel } => {
                    window.reports.clear();
                    window.moved = false;
                    self.orders.push_back(Order::Ring { channel, notice: notice(&agent.name, &window.unread) });
                }
                Action::Record { kind, mut detail } => {
                    // A person reads the journal: the channel's name says more than its place.
                    let place = detail.get("channel").and_then(|n| n.parse::<usize>().ok());
                    if let Some(channel) = place.and_then(|n| agent.channels.get(n)) {
                        detail.insert("channel".into(), channel.kind.to_string());
                    }
                    let why = detail.get("why").map(|why| format!(": {why}")).unwrap_or_default();
                    window.note = Some(format!("{}{why}", kind.word()));
                    events.push(Event { detail, ..Event::new(Timestamp::now(), kind) });
                }
                Action::EscalateToCaptain(words) => {
                    self.orders.push_back(Order::TellCaptain { about: agent.name.clone(), words });
                }
                Action::TellPeople(words) => {
                    self.orders.push_back(Order::TellPeople { about: agent.name.clone(), words });
                }
                Action::WakeAt(at) => window.due = Some(at),
            }
        }
        events
    }

    /// Writes the events of a window, once for each message that waits there
    /// (the newest few), so that `trace` of a message shows them.
    fn record(&mut self, office: &Office, agent: &AgentName, events: Vec<Event>) {
        /// More would fill the journal and tell nothing.
        const NAMED: usize = 8;
        if events.is_empty() {
            return;
        }
        let mut window = self.windows.get_mut(agent);
        let mut all = Vec::new();
        for event in events {
            let event = event.agent(agent);
            // How an attempt ended, and its proof, is about what it spoke of.
            let about_attempt =
                matches!(event.event, EventKind::Typed | EventKind::Submitted | EventKind::Woken | EventKind::Moved);
            let about = window.as_deref().map(|w| if about_attempt { &w.nudged } else { &w.unread.ids });
            let ids: Vec<MessageId> = about.into_iter().flatten().rev().take(NAMED).copied().collect();
            if ids.is_empty() {
                all.push(event);
                continue;
            }
            // A message that was told to wait for this reason is not told again.
            let reason = event.detail.get("gate").filter(|_| event.event == EventKind::Deferred);
            let reason =
                reason.map(|gate| format!("{gate} {}", event.detail.get("channel").map_or("", String::as_str)));
            for id in ids {
                let known = match (&reason, window.as_deref_mut()) {
                    (Some(reason), Some(w)) => w.noted.insert(id, reason.clone()).as_ref() == Some(reason),
                    _ => false,
                };
                if !known {
                    all.push(event.clone().id(id));
                }
            }
        }
        // A full or read-only disk must not keep windows from ringing.
        if let Err(e) = office.journal().append(&all) {
            tracing::warn!(error = %e, "the journal was not written");
        }
    }
}

/// What a nudge says of what waits.
pub(in crate::office) fn notice(agent: &AgentName, unread: &Unread) -> Notice {
    Notice {
        agent: agent.clone(),
        new: unread.ids.len(),
        urgent: unread.urgent,
        from: unread.from.clone(),
        ids: unread.ids.clone(),
    }
}
