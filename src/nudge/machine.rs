//! Whether and when to nudge: a pure state machine per agent.
//!
//! Reads no clock and does no I/O: `step` takes a state, an input and the
//! boot clock, and returns what to do. Promises, tested over generated
//! histories: never two attempts at once; never an attempt when nothing is
//! unread or a hold is in force; a bounded rate and the budget kept, whatever
//! the inputs; urgent mail that wakes nobody reaches captain and people;
//! *woken* only on proof.
//!
//! An episode begins when mail is unread and ends when none is. Within it,
//! unproven nudges are repeated with growing pauses, then the next channel is
//! tried, then the captain is told; the mail waits in the inbox meanwhile.
//! How one attempt ended is judged here; when the next one may begin, in
//! `limits`.

mod limits;
mod values;

use std::collections::VecDeque;
use std::time::Duration;

use super::breaker::Breaker;
use super::outcome::{Outcome, Reason};
pub use super::policy::NudgePolicy;
use crate::model::EventKind;
pub use values::{Action, Input, Phase, Proof, Waiting};

/// How long after an episode a report still proves its submit: a command's
/// report takes milliseconds, on a machine that is overloaded a second.
const LATE: Duration = Duration::from_secs(5);

/// Pauses after a deferral, doubled from the first to the longest. Nothing is
/// wrong then, and a look disturbs nobody: so what stood in the way is noticed
/// to have gone soon after, however long it stood.
const LOOK_FIRST: Duration = Duration::from_millis(125);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The state of one agent's nudges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    phase: Phase,
    waiting: Waiting,
    /// No attempt before this, because of failures and deferrals. Outlives an
    /// episode and moves back only when urgent mail goes to another channel,
    /// once a deadline: the rate stays bounded.
    floor: Duration,
    /// When what was submitted may be said again.
    repeat_at: Duration,
    last_told: Option<Duration>,
    /// Channel in use and tries on it.
    channel: usize,
    tries: u32,
    /// Rounds through all channels without success.
    rounds: u32,
    deferred: Option<(Reason, Duration)>,
    deferrals: u32,
    escalated: bool,
    /// A submit nobody has proved yet. Outlives an episode for [`LATE`]: mail
    /// that is read is seen at once, the report of the command that read it
    /// may still be on its way.
    unproven: bool,
    /// When the episode of such a submit ended.
    ended_at: Option<Duration>,
    breakers: Vec<Breaker>,
    /// When the newest nudges were submitted, as far as the budget asks.
    /// Outlives an episode.
    spent: VecDeque<Duration>,
    /// Urgent mail waits: when it is brought to somebody else, and how often
    /// it was.
    urge_at: Option<Duration>,
    urged: u8,
    /// What the journal has been told about waiting, so that it is told once.
    noted: Option<&'static str>,
    /// Mail came that the journal has told nothing about.
    fresh: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            phase: Phase::Idle,
            waiting: Waiting::default(),
            floor: Duration::ZERO,
            repeat_at: Duration::ZERO,
            last_told: None,
            channel: 0,
            tries: 0,
            rounds: 0,
            deferred: None,
            deferrals: 0,
            escalated: false,
            unproven: false,
            ended_at: None,
            breakers: Vec::new(),
            spent: VecDeque::new(),
            urge_at: None,
            urged: 0,
            noted: None,
            fresh: false,
        }
    }
}

impl State {
    /// Where the agent stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Why the last attempt was put off, while that lasts.
    #[must_use]
    pub fn deferred(&self) -> Option<Reason> {
        self.deferred.map(|(reason, _)| reason)
    }

    /// The same without its pauses; what the budget counts stays.
    #[must_use]
    pub fn without_pauses(self) -> Self {
        Self { spent: self.spent, ..Self::default() }
    }

    /// The channel in use.
    #[must_use]
    pub const fn channel(&self) -> usize {
        self.channel
    }

    /// The breaker of a channel: `closed`, `open` or `half-open`.
    #[must_use]
    pub fn breaker(&self, channel: usize, now: Duration) -> &'static str {
        self.breakers.get(channel).map_or("closed", |b| b.word(now))
    }
}

/// Takes one step. Pure: the same arguments give the same result.
#[must_use]
pub fn step(mut state: State, input: Input, now: Duration, policy: &NudgePolicy) -> (State, Vec<Action>) {
    let mut actions = Vec::new();
    state.breakers.resize_with(policy.channels, Breaker::default);
    if state.channel >= policy.channels {
        state.channel = 0;
    }
    match input {
        Input::Unread { now: waiting, arrived } => state.unread(waiting, arrived, now, policy, &mut actions),
        Input::Ended(outcome) if state.phase == Phase::Attempting => state.ended(&outcome, now, policy, &mut actions),
        // An end that nobody waits for is an echo from before a restart.
        Input::Ended(_) | Input::Tick => {}
        Input::Proof(proof) => state.proof(proof, now, policy, &mut actions),
        Input::Hook { now: waiting, anyway } => state.hook(waiting, anyway, now, policy, &mut actions),
    }
    state.go_on(now, policy, &mut actions);
    (state, actions)
}

fn record(actions: &mut Vec<Action>, kind: EventKind, detail: &[(&str, String)]) {
    let detail = detail.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    actions.push(Action::Record { kind, detail });
}

impl State {
    fn hold_until(&mut self, at: Duration) {
        self.floor = self.floor.max(at);
    }

    fn unread(
        &mut self,
        waiting: Waiting,
        arrived: bool,
        now: Duration,
        policy: &NudgePolicy,
        actions: &mut Vec<Action>,
    ) {
        let had = self.waiting;
        self.waiting = waiting;
        self.fresh |= arrived;
        if arrived {
            self.noted = None;
        }
        self.urgent(had.urgent, now, policy);
        if waiting.unread == 0 {
            match self.phase {
                Phase::Due if had.unread > 0 => record(actions, EventKind::Retracted, &[("unread", "0".to_owned())]),
                // The end of the attempt will find that nothing is unread.
                Phase::Attempting => return,
                _ => {}
            }
            self.rest(now);
            return;
        }
        match self.phase {
            Phase::Idle => self.phase = Phase::Due,
            // More mail since the agent was told: say so once the cooldown is
            // over, together with whatever else comes until then.
            Phase::Submitted | Phase::Woken if arrived => {
                self.phase = Phase::Due;
            }
            _ => {}
        }
    }

    fn rest(&mut self, now: Duration) {
        if self.phase != Phase::Idle {
            self.ended_at = Some(now);
        }
        self.phase = Phase::Idle;
        self.channel = 0;
        self.tries = 0;
        self.rounds = 0;
        self.deferred = None;
        self.escalated = false;
        self.urge_at = None;
        self.urged = 0;
        self.noted = None;
        self.fresh = false;
    }

    fn ended(&mut self, outcome: &Outcome, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>) {
        self.phase = Phase::Due;
        let channel = ("channel", self.channel.to_string());
        match outcome {
            Outcome::Submitted { .. } | Outcome::Delivered => {
                let blind = matches!(outcome, Outcome::Submitted { blind: true });
                let grade = if blind { "blind" } else { "verified" };
                let grade = if *outcome == Outcome::Delivered { "ran" } else { grade };
                record(actions, EventKind::Submitted, &[channel, ("grade", grade.to_owned())]);
                self.told(now, policy);
            }
            Outcome::Typed => {
                record(actions, EventKind::Typed, &[channel]);
                self.told(now, policy);
            }
            Outcome::Deferred(reason) => self.put_off(*reason, now, policy, actions),
            Outcome::Failed(why) => {
                record(actions, EventKind::NudgeFailed, &[channel, ("why", why.clone())]);
                self.deferred = None;
                // A channel that was put off did not fail.
                self.deferrals = 0;
                if let Some(breaker) = self.breakers.get_mut(self.channel) {
                    breaker.failed(now, policy);
                }
                self.next_channel(now, policy, actions, why);
            }
        }
        if self.waiting.unread == 0 {
            self.rest(now);
        }
    }

    fn told(&mut self, now: Duration, policy: &NudgePolicy) {
        if let Some(breaker) = self.breakers.get_mut(self.channel) {
            breaker.worked();
        }
        self.phase = Phase::Submitted;
        self.unproven = true;
        self.ended_at = None;
        self.last_told = Some(now);
        self.spend(now, policy);
        self.deferred = None;
        self.deferrals = 0;
        self.fresh = false;
        self.tries += 1;
        // Who never answers is told less and less often, whatever the channel.
        let unanswered = self.tries.saturating_add(self.rounds.saturating_mul(policy.attempts));
        self.repeat_at = now + policy.cooldown.max(policy.backoff(unanswered));
    }

    fn put_off(&mut self, reason: Reason, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>) {
        let since = match self.deferred {
            Some((_, since)) => since,
            None => now,
        };
        let fresh = std::mem::take(&mut self.fresh);
        if fresh || self.deferred.is_none_or(|(last, _)| last != reason) {
            record(
                actions,
                EventKind::Deferred,
                &[("channel", self.channel.to_string()), ("gate", word(reason)), ("why", reason.explain().to_owned())],
            );
        }
        self.deferred = Some((reason, since));
        let pause = LOOK_FIRST.saturating_mul(1 << self.deferrals.min(4)).min(LOOK_AGAIN).min(policy.retry_first);
        self.deferrals += 1;
        self.hold_until(now + pause);
        if now.saturating_sub(since) >= policy.deferral_limit {
            self.deferred = None;
            self.next_channel(now, policy, actions, reason.explain());
        }
    }

    /// Goes to the next channel; after the last, back to the first with a
    /// growing pause. The captain is told once an episode, and not before the
    /// channels were tried again: the first failure may be a passing one.
    fn next_channel(&mut self, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>, why: &str) {
        let tried_often = self.tries.max(self.deferrals) >= policy.attempts;
        self.tries = 0;
        self.deferrals = 0;
        self.channel += 1;
        if self.channel < policy.channels {
            let detail = [("channel", self.channel.to_string()), ("gate", "next_channel".into()), ("why", why.into())];
            record(actions, EventKind::Deferred, &detail);
            return;
        }
        self.channel = 0;
        self.hold_until(now + policy.backoff(self.rounds));
        self.rounds += 1;
        let enough = tried_often || self.rounds > 1;
        if policy.escalates && enough && !self.escalated && self.waiting.unread > 0 {
            self.escalated = true;
            let words = format!("{} unread; no channel of it worked or was answered; last: {why}", self.waiting.unread);
            record(actions, EventKind::Escalated, &[("why", words.clone())]);
            actions.push(Action::EscalateToCaptain(words));
        }
    }

    fn proof(&mut self, proof: Proof, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>) {
        self.unproven &= self.ended_at.is_none_or(|at| now.saturating_sub(at) <= LATE);
        if !self.unproven {
            return;
        }
        let took = now.saturating_sub(self.last_told.unwrap_or(now));
        let kind = match proof {
            Proof::Woken => EventKind::Woken,
            Proof::Moved => EventKind::Moved,
        };
        record(actions, kind, &[("after_ms", took.as_millis().to_string())]);
        if proof == Proof::Moved {
            // Somebody moved mail; whether the agent woke is still open.
            return;
        }
        self.answered();
        if self.phase == Phase::Submitted {
            self.awake(now, policy);
        }
    }

    /// A hook is held to the limits of every nudge, but types nothing. Not
    /// during an attempt, which says the same.
    fn hook(&mut self, waiting: Waiting, anyway: bool, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>) {
        if waiting.unread == 0 || self.phase == Phase::Attempting {
            return;
        }
        // What a session is told as it begins costs it no step: it is no nudge.
        if !anyway {
            if !self.may_tell(waiting, now, policy) {
                return;
            }
            self.last_told = Some(now);
            self.spend(now, policy);
        }
        record(actions, EventKind::Woken, &[("by", "hook".to_owned())]);
        self.waiting = waiting;
        self.ended_at = None;
        self.deferred = None;
        self.deferrals = 0;
        self.noted = None;
        self.fresh = false;
        self.answered();
        self.awake(now, policy);
    }

    /// The agent is there: what went without an answer before is forgotten.
    fn answered(&mut self) {
        self.unproven = false;
        self.tries = 0;
        self.rounds = 0;
        self.escalated = false;
    }

    fn awake(&mut self, now: Duration, policy: &NudgePolicy) {
        self.phase = Phase::Woken;
        // Woken is not read: its urgent mail has a deadline still.
        self.urge_at = (self.waiting.urgent > 0).then(|| now + policy.urgent_deadline);
        self.urged = 0;
        // What it leaves unread is mentioned again, but at leisure.
        self.repeat_at = now + policy.retry_max.max(policy.cooldown);
    }
}

fn word(reason: Reason) -> String {
    serde_json::to_value(reason).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
