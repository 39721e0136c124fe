//! The limits of one agent's nudges, from the settings, the roster and the
//! clocks: what the state machine is handed, since it reads none of them.

use std::time::Duration;

use jiff::{Timestamp, Zoned};

use crate::model::{AgentName, Role};
use crate::nudge::loops::{LoopLimits, Loops};
use crate::nudge::machine::NudgePolicy;
use crate::nudge::policy::{Held, Hold};
use crate::office::{Office, Unread};
use crate::roster::{Agent, Dnd};

/// A hold by the wall clock is looked at again this often: somebody may set
/// the clock, and the boot clock does not notice.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// Whether an onboarding still goes on is looked at this often.
const ONBOARDING: Duration = Duration::from_secs(2);

/// The limits of an agent's nudges now.
pub(in crate::office) fn policy(office: &Office, agent: &Agent, now: Duration) -> NudgePolicy {
    let set = &office.settings().nudge;
    let own = &agent.nudge;
    let cooldown = own.cooldown.unwrap_or(set.cooldown);
    let zoned = Zoned::now();
    // The people are the last to be told; behind them is nobody.
    let urgent_deadline = if agent.is_human() || !set.enabled {
        Duration::ZERO
    } else {
        own.urgent_deadline.unwrap_or(set.urgent_deadline)
    };
    NudgePolicy {
        cooldown,
        urgent_cooldown: set.urgent_cooldown.min(cooldown),
        retry_first: set.retry_first,
        retry_max: set.retry_max,
        attempts: set.attempts,
        breaker_failures: set.breaker_failures,
        breaker_open: set.breaker_rest,
        holds: all_holds(office, agent, &zoned, now),
        budget: own.budget.unwrap_or(set.budget),
        urgent_deadline,
        escalates: !agent.is_human(),
        ..NudgePolicy::with_channels(if set.enabled { agent.channels.len() } else { 0 })
    }
}

/// The hold that keeps a window silent now, if any does.
pub(super) fn held(office: &Office, agent: &Agent, urgent: bool) -> Option<Hold> {
    let holds = all_holds(office, agent, &Zoned::now(), Duration::ZERO);
    holds.into_iter().find(|hold| !(urgent && hold.urgent_passes))
}

fn all_holds(office: &Office, agent: &Agent, zoned: &Zoned, now: Duration) -> Vec<Hold> {
    let mut holds = holds(office, agent, zoned, now);
    if office.is_being_onboarded(&agent.name) {
        let words = "it is being onboarded".to_owned();
        holds.push(Hold { gate: Held::Onboarding, until: Some(now + ONBOARDING), urgent_passes: false, words });
    }
    holds
}

/// Why nothing may be typed to an agent now, as its owner wishes; `None` when
/// it may.
pub(in crate::office) fn held_by_person(office: &Office, agent: &Agent) -> Option<String> {
    holds(office, agent, &Zoned::now(), Duration::ZERO).into_iter().next().map(|hold| hold.words)
}

fn holds(office: &Office, agent: &Agent, zoned: &Zoned, now: Duration) -> Vec<Hold> {
    let set = &office.settings().nudge;
    let until = |end: Timestamp| {
        let left = Duration::try_from(end.duration_since(zoned.timestamp())).unwrap_or_default();
        Some(now + left.min(LOOK_AGAIN))
    };
    let clock = |end: Timestamp| {
        let end = end.to_zoned(zoned.time_zone().clone());
        let day = if end.date() == zoned.date() { "%H:%M" } else { "%a %H:%M" };
        end.strftime(day).to_string()
    };
    let mut holds = Vec::new();
    if agent.nudge.dnd.holds(zoned.timestamp()) {
        let (until, words) = match agent.nudge.dnd {
            Dnd::Until(end) => (until(end), format!("do not disturb until {}", clock(end))),
            _ => (None, "do not disturb is on".to_owned()),
        };
        holds.push(Hold { gate: Held::DoNotDisturb, until, urgent_passes: false, words });
    }
    if let Some(end) = agent.nudge.quiet.as_ref().unwrap_or(&set.quiet).end(zoned) {
        let urgent_passes = agent.nudge.quiet_urgent.unwrap_or(set.quiet_urgent);
        let words = format!("quiet hours until {}", clock(end));
        holds.push(Hold { gate: Held::QuietHours, until: until(end), urgent_passes, words });
    }
    holds
}

/// How fast two agents may answer each other.
pub(super) fn loops(office: &Office) -> LoopLimits {
    let set = &office.settings().nudge;
    LoopLimits { burst: set.loop_burst, pace: set.loop_pace }
}

/// Whether mail between the two can be a loop: people and the program itself
/// end by themselves.
pub(super) fn may_loop(office: &Office, one: &AgentName, other: &AgentName) -> bool {
    let machine = |name: &AgentName| office.roster().get(name.as_str()).is_some_and(|a| a.role != Role::human());
    machine(one) && machine(other)
}

/// The hold on a window whose mail is all from endless conversations. What is
/// urgent among it rings all the same.
pub(super) fn loop_hold(
    office: &Office,
    known: &mut Loops,
    agent: &AgentName,
    unread: &Unread,
    now: Duration,
) -> Option<Hold> {
    let mut until: Option<Duration> = None;
    let mut with = Vec::new();
    for other in &unread.from {
        let end = may_loop(office, agent, other).then(|| known.held(agent, other, now, loops(office))).flatten()?;
        // The first of them that may ring again rings.
        until = Some(until.map_or(end, |known| known.min(end)));
        with.push(other.as_str());
    }
    let words = format!("it and {} answer each other without end", with.join(", "));
    until.map(|_| Hold { gate: Held::Loop, until, urgent_passes: true, words })
}
