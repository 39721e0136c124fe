//! When the next attempt may begin, and what happens when it may not for too
//! long: pauses, holds, the budget, and the deadline of urgent mail. Each
//! decision to wait is recorded once, with its reason; mail that comes
//! meanwhile has it recorded again.

use std::time::Duration;

use super::{Action, Breaker, EventKind, NudgePolicy, Phase, State, Waiting, record};
use crate::nudge::policy::BUDGET_SPAN;

/// The steps that urgent mail takes when it wakes nobody.
const NEXT_CHANNEL: u8 = 1;
const CAPTAIN: u8 = 2;
const PEOPLE: u8 = 3;

impl State {
    /// When the next attempt may be made, as far as its pauses go.
    #[must_use]
    pub fn not_before(&self, policy: &NudgePolicy) -> Duration {
        let due = self.floor.max(self.cooled(self.waiting, policy));
        if matches!(self.phase, Phase::Submitted | Phase::Woken) { due.max(self.repeat_at) } else { due }
    }

    fn cooled(&self, waiting: Waiting, policy: &NudgePolicy) -> Duration {
        let cooldown = if waiting.urgent > 0 { policy.urgent_cooldown } else { policy.cooldown };
        self.last_told.map_or(Duration::ZERO, |told| told + cooldown)
    }

    /// Whether cooldown, holds and budget let the agent be told of what waits.
    pub(super) fn may_tell(&self, waiting: Waiting, now: Duration, policy: &NudgePolicy) -> bool {
        self.cooled(waiting, policy) <= now
            && policy.held(now, waiting.urgent > 0).is_none()
            && self.budget_opens(now, policy).is_none()
    }

    /// Counts a nudge that was made.
    pub(super) fn spend(&mut self, now: Duration, policy: &NudgePolicy) {
        self.spent.push_back(now);
        while self.spent.len() > policy.budget as usize {
            self.spent.pop_front();
        }
    }

    /// When the budget allows the next nudge; `None` when it does now.
    fn budget_opens(&self, now: Duration, policy: &NudgePolicy) -> Option<Duration> {
        let budget = policy.budget as usize;
        // The oldest of the newest `budget` nudges has to leave the span first.
        let oldest = self.spent.len().checked_sub(budget).filter(|_| budget > 0).and_then(|at| self.spent.get(at))?;
        Some(*oldest + BUDGET_SPAN).filter(|opens| *opens > now)
    }

    /// Starts or stops the clock of urgent mail.
    pub(super) fn urgent(&mut self, had: usize, now: Duration, policy: &NudgePolicy) {
        if self.waiting.urgent == 0 {
            self.urge_at = None;
            self.urged = 0;
        } else if self.waiting.urgent > had && self.urge_at.is_none() && self.urged < PEOPLE {
            self.urge_at = Some(now + policy.urgent_deadline);
        }
    }

    /// Brings urgent mail that woke nobody one step further; says when the
    /// next step is due.
    fn urge(&mut self, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>) -> Option<Duration> {
        let due = self.urge_at.filter(|_| !policy.urgent_deadline.is_zero())?;
        if due > now {
            return Some(due);
        }
        self.urged += 1;
        if self.urged == NEXT_CHANNEL && policy.channels < 2 {
            self.urged = CAPTAIN;
        }
        let after = seconds(policy.urgent_deadline);
        let words = format!("{} urgent unread, and nobody has read it for {after}", self.waiting.urgent);
        let note = |actions: &mut Vec<Action>, to: &str| {
            record(actions, EventKind::Escalated, &[("to", to.to_owned()), ("why", words.clone())]);
        };
        match self.urged {
            NEXT_CHANNEL => {
                self.channel = (self.channel + 1) % policy.channels;
                record(
                    actions,
                    EventKind::Escalated,
                    &[
                        ("to", "the next channel".to_owned()),
                        ("channel", self.channel.to_string()),
                        ("why", words.clone()),
                    ],
                );
                self.tries = 0;
                self.deferrals = 0;
                self.deferred = None;
                // Once a deadline: its pauses belonged to the channel before.
                self.floor = self.floor.min(now);
                self.phase = Phase::Due;
            }
            CAPTAIN if !self.escalated => {
                self.escalated = true;
                note(actions, "the captain");
                actions.push(Action::EscalateToCaptain(words));
            }
            CAPTAIN => {}
            _ => {
                note(actions, "the people");
                actions.push(Action::TellPeople(words));
            }
        }
        self.urge_at = (self.urged < PEOPLE).then(|| now + policy.urgent_deadline);
        self.urge_at
    }

    /// Starts what is due, or says when to look again.
    pub(super) fn go_on(&mut self, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Idle | Phase::Attempting) || self.waiting.unread == 0 {
            return;
        }
        let urge = self.urge(now, policy, actions);
        let start = self.start(now, policy, actions);
        if self.phase != Phase::Attempting {
            actions.extend([urge, start].into_iter().flatten().min().map(Action::WakeAt));
        }
    }

    fn start(&mut self, now: Duration, policy: &NudgePolicy, actions: &mut Vec<Action>) -> Option<Duration> {
        if policy.channels == 0 {
            return None;
        }
        if self.phase != Phase::Due && self.not_before(policy) > now {
            return Some(self.not_before(policy));
        }
        if let Some(hold) = policy.held(now, self.waiting.urgent > 0) {
            self.wait(hold.gate.word(), &hold.words, actions);
            return hold.until;
        }
        if let Some(opens) = self.budget_opens(now, policy) {
            let words =
                format!("{} nudges within the hour are the most; the next in {}", policy.budget, seconds(opens - now));
            self.wait("budget", &words, actions);
            return Some(opens);
        }
        if self.not_before(policy) > now {
            let cooled = self.cooled(self.waiting, policy);
            if cooled > self.floor.max(now) {
                let words = format!("it was told a moment ago; again in {}", seconds(cooled - now));
                self.wait("cooldown", &words, actions);
            }
            return Some(self.not_before(policy));
        }
        if self.unproven && self.tries >= policy.attempts {
            self.next_channel(now, policy, actions, "submitted, but nobody answered");
            self.phase = Phase::Due;
            if self.not_before(policy) > now {
                return Some(self.not_before(policy));
            }
        }
        let free = (self.channel..policy.channels).find(|c| self.breakers.get(*c).is_none_or(|b| b.admits(now)));
        match free {
            Some(channel) => {
                self.channel = channel;
                self.phase = Phase::Attempting;
                self.noted = None;
                actions.push(Action::Attempt { channel });
                None
            }
            None => {
                self.channel = 0;
                let opens = self.breakers.iter().map(Breaker::opens_at).min().unwrap_or(now);
                self.hold_until(opens.max(now + policy.retry_first));
                self.phase = Phase::Due;
                self.wait("breaker", "every channel failed too often and rests for a while", actions);
                Some(self.not_before(policy))
            }
        }
    }

    /// Records a decision to wait, once.
    fn wait(&mut self, gate: &'static str, why: &str, actions: &mut Vec<Action>) {
        if self.noted != Some(gate) {
            self.noted = Some(gate);
            record(actions, EventKind::Deferred, &[("gate", gate.to_owned()), ("why", why.to_owned())]);
        }
    }
}

/// A span for a person, to the second.
fn seconds(span: Duration) -> String {
    let all = span.as_secs().max(1);
    match (all / 3_600, all / 60 % 60, all % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h{m}m"),
    }
}
