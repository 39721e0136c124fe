//! The state machine over written histories; over generated ones, in `histories`.

use super::*;
use crate::nudge::policy::{Held, Hold};

const S: Duration = Duration::from_secs(1);

fn policy() -> NudgePolicy {
    NudgePolicy::with_channels(2)
}

fn unread(n: usize, urgent: usize) -> Input {
    Input::Unread { now: Waiting { unread: n, urgent }, arrived: n > 0 }
}

fn attempts(actions: &[Action]) -> Vec<usize> {
    actions.iter().filter_map(|a| if let Action::Attempt { channel } = a { Some(*channel) } else { None }).collect()
}

fn kinds(actions: &[Action]) -> Vec<EventKind> {
    actions.iter().filter_map(|a| if let Action::Record { kind, .. } = a { Some(*kind) } else { None }).collect()
}

/// Drives a machine and keeps the clock.
struct Drive {
    state: State,
    now: Duration,
    policy: NudgePolicy,
}

impl Drive {
    fn new() -> Self {
        Self { state: State::default(), now: S * 100, policy: policy() }
    }
    fn give(&mut self, input: Input) -> Vec<Action> {
        let (state, actions) = step(std::mem::take(&mut self.state), input, self.now, &self.policy);
        self.state = state;
        actions
    }
    fn after(&mut self, wait: Duration, input: Input) -> Vec<Action> {
        self.now += wait;
        self.give(input)
    }
}

const DONE: Input = Input::Ended(Outcome::Submitted { blind: false });

#[test]
fn mail_rings_at_once_and_proof_ends_it() {
    let mut d = Drive::new();
    assert_eq!(attempts(&d.give(unread(1, 0))), [0]);
    assert_eq!(kinds(&d.give(DONE)), [EventKind::Submitted]);
    assert_eq!(kinds(&d.after(S, Input::Proof(Proof::Woken))), [EventKind::Woken]);
    assert!(d.give(Input::Proof(Proof::Woken)).iter().all(|a| !matches!(a, Action::Record { .. })), "only once");
    assert_eq!(d.give(unread(0, 0)), []);
    assert_eq!(d.state.phase(), Phase::Idle);
}

#[test]
fn what_a_hook_told_rings_no_window_and_hooks_keep_the_limits() {
    let told = |n, urgent, anyway| Input::Hook { now: Waiting { unread: n, urgent }, anyway };
    let mut d = Drive::new();
    assert_eq!(kinds(&d.give(told(1, 0, false))), [EventKind::Woken]);
    assert_eq!(d.state.phase(), Phase::Woken);
    let known = Input::Unread { now: Waiting { unread: 1, urgent: 0 }, arrived: false };
    assert_eq!(attempts(&d.give(known)), [0usize; 0], "the scan finds what was told");
    assert_eq!(kinds(&d.after(S * 29, told(2, 0, false))), [], "within the cooldown");
    assert_eq!(kinds(&d.give(told(2, 1, false))), [EventKind::Woken], "urgent mail waits less long");
    assert_eq!(kinds(&d.give(told(2, 1, true))), [EventKind::Woken], "a session that begins is told");
    d.policy.holds = vec![hold(None, true)];
    assert_eq!(kinds(&d.after(S * 40, told(3, 0, false))), []);
    d.policy.budget = 1;
    assert_eq!(kinds(&d.give(told(3, 1, false))), [EventKind::Woken], "urgent mail passes the hold");
    d.policy.holds.clear();
    assert_eq!(kinds(&d.after(S * 60, told(4, 1, false))), [], "the budget is spent");
    assert_eq!(kinds(&d.give(told(0, 0, true))), [], "nothing waits");

    let mut d = Drive::new();
    assert_eq!(attempts(&d.give(unread(1, 0))), [0]);
    assert_eq!(kinds(&d.give(told(1, 0, true))), [], "the attempt says it");
    let _ = d.give(Input::Ended(Outcome::Deferred(Reason::Busy)));
    assert_eq!(kinds(&d.give(told(1, 0, false))), [EventKind::Woken], "a busy agent hears of it all the same");
    assert_eq!(attempts(&d.after(S * 5, Input::Tick)), [0usize; 0]);
}

#[test]
fn read_meanwhile_retracts_and_several_become_one() {
    let mut d = Drive::new();
    let _ = d.give(unread(1, 0));
    let _ = d.give(DONE);
    for n in 2..9 {
        assert_eq!(attempts(&d.after(S, unread(n, 0))), [0usize; 0], "the cooldown holds");
    }
    assert_eq!(attempts(&d.after(S * 30, Input::Tick)), [0], "one for all of them");
    let _ = d.give(Input::Ended(Outcome::Deferred(Reason::Busy)));
    assert_eq!(kinds(&d.give(unread(0, 0))), [EventKind::Retracted]);
    assert_eq!(d.after(S * 600, Input::Tick), []);
}

#[test]
fn urgent_mail_shortens_the_cooldown_only() {
    let mut d = Drive::new();
    let _ = d.give(unread(1, 0));
    let _ = d.give(DONE);
    assert_eq!(attempts(&d.after(S, unread(2, 1))), [0usize; 0]);
    assert_eq!(attempts(&d.after(S * 4, Input::Tick)), [0], "after 5 s instead of 30");
}

fn tells_captain(actions: &[Action]) -> bool {
    actions.iter().any(|a| matches!(a, Action::EscalateToCaptain(_)))
}

#[test]
fn a_failing_channel_gives_way_and_when_all_failed_again_the_captain_is_told() {
    let mut d = Drive::new();
    let _ = d.give(unread(1, 0));
    assert_eq!(attempts(&d.give(Input::Ended(Outcome::failed("gone")))), [1], "the next channel at once");
    let first = d.give(Input::Ended(Outcome::failed("gone too")));
    assert!(!tells_captain(&first), "it may be a passing failure");
    assert_eq!(attempts(&first), [0usize; 0], "a pause before the next round");
    let mut told = Vec::new();
    for _ in 0..3 {
        d.now = d.now.max(d.state.not_before(&d.policy));
        assert_eq!(attempts(&d.give(Input::Tick)), [0]);
        let _ = d.give(Input::Ended(Outcome::failed("gone")));
        told.push(tells_captain(&d.give(Input::Ended(Outcome::failed("gone too")))));
        d.now += S * 60;
    }
    assert_eq!(told, [true, false, false], "once an episode");
}

#[test]
fn what_was_put_off_a_few_times_and_then_fails_once_is_a_passing_failure_too() {
    let mut d = Drive { policy: NudgePolicy::with_channels(1), ..Drive::new() };
    let _ = d.give(unread(1, 0));
    for _ in 0..4 {
        let _ = d.give(Input::Ended(Outcome::Deferred(Reason::Busy)));
        let _ = d.after(S * 30, Input::Tick);
    }
    assert!(!tells_captain(&d.give(Input::Ended(Outcome::failed("gone")))));
}

#[test]
fn nobody_is_told_of_a_person_and_what_is_never_answered_is_said_less_and_less_often() {
    let second =
        NudgePolicy { cooldown: Duration::ZERO, urgent_cooldown: Duration::ZERO, ..NudgePolicy::with_channels(1) };
    for ends in [Outcome::Delivered, Outcome::failed("no notify-send")] {
        let mut d = Drive { policy: NudgePolicy { escalates: false, ..second.clone() }, ..Drive::new() };
        let (begun, mut rung) = (d.now, attempts(&d.give(unread(1, 0))).len());
        for _ in 0..10 {
            assert!(!tells_captain(&d.give(Input::Ended(ends.clone()))));
            d.now = d.now.max(d.state.not_before(&d.policy));
            let out = d.give(Input::Tick);
            assert!(!tells_captain(&out));
            rung += attempts(&out).len();
        }
        let passed = (d.now - begun).as_secs();
        assert!(rung > 5 && passed > 300, "{rung} in {passed} s");
    }
}

#[test]
fn unproven_nudges_are_repeated_then_fall_back() {
    let mut d = Drive::new();
    let mut used = attempts(&d.give(unread(1, 0)));
    let mut escalated = false;
    for _ in 0..5 {
        let _ = d.give(DONE);
        let actions = d.after(S * 300, Input::Tick);
        escalated |= actions.iter().any(|a| matches!(a, Action::EscalateToCaptain(_)));
        used.extend(attempts(&actions));
    }
    assert_eq!(used, [0, 0, 0, 1, 1, 1]);
    assert!(!escalated);
    let _ = d.give(DONE);
    assert!(d.after(S * 300, Input::Tick).iter().any(|a| matches!(a, Action::EscalateToCaptain(_))));
}

#[test]
fn a_report_that_comes_just_after_the_mail_was_read_still_proves_and_a_later_one_does_not() {
    let read = || unread(0, 0);
    let mut d = Drive::new();
    let _ = d.give(unread(1, 0));
    let _ = d.give(DONE);
    assert_eq!(kinds(&d.give(Input::Proof(Proof::Moved))), [EventKind::Moved]);
    let _ = d.give(read());
    assert_eq!(kinds(&d.after(S, Input::Proof(Proof::Woken))), [EventKind::Woken]);
    assert_eq!(kinds(&d.give(Input::Proof(Proof::Woken))), [], "once");
    let mut d = Drive::new();
    let _ = d.give(unread(1, 0));
    let _ = d.give(read());
    let _ = d.give(DONE);
    assert_eq!(kinds(&d.after(LATE + S, Input::Proof(Proof::Woken))), [], "that was for something else");
}

#[test]
fn a_breaker_opens_and_half_opens() {
    let mut d = Drive::new();
    d.policy.channels = 1;
    let _ = d.give(unread(1, 0));
    for _ in 0..3 {
        let _ = d.give(Input::Ended(Outcome::failed("x")));
        let at = d.state.not_before(&d.policy);
        d.now = d.now.max(at);
        let _ = d.give(Input::Tick);
    }
    assert_eq!(d.state.breaker(0, d.now), "open");
    assert_eq!(d.state.phase(), Phase::Due);
    assert_eq!(attempts(&d.after(S * 60, Input::Tick)), [0], "one try when half-open");
    let _ = d.give(DONE);
    assert_eq!(d.state.breaker(0, d.now), "closed");
}

#[test]
fn a_deferral_is_recorded_once_and_do_not_disturb_holds() {
    let mut d = Drive::new();
    let _ = d.give(unread(1, 0));
    assert_eq!(kinds(&d.give(Input::Ended(Outcome::Deferred(Reason::Draft)))), [EventKind::Deferred]);
    let _ = d.after(S * 5, Input::Tick);
    assert_eq!(kinds(&d.give(Input::Ended(Outcome::Deferred(Reason::Draft)))), []);
    d.policy.holds = vec![hold(None, false)];
    let held = d.after(S * 500, Input::Tick);
    assert_eq!((attempts(&held), kinds(&held)), (vec![], vec![EventKind::Deferred]), "the hold is a reason of its own");
    assert_eq!(d.after(S * 5, Input::Tick), [], "said once, and nothing to wake up for");
    d.policy.holds.clear();
    assert_eq!(attempts(&d.give(Input::Tick)), [0]);
}

fn hold(until: Option<Duration>, urgent_passes: bool) -> Hold {
    Hold { gate: Held::QuietHours, until, urgent_passes, words: "quiet".into() }
}

#[test]
fn quiet_hours_hold_until_their_end_and_urgent_mail_may_break_them() {
    let mut d = Drive::new();
    let end = d.now + S * 3_600;
    d.policy.holds = vec![hold(Some(end), true)];
    assert!(d.give(unread(1, 0)).contains(&Action::WakeAt(end)));
    assert_eq!(attempts(&d.after(S, unread(2, 1))), [0], "urgent mail passes");
    let mut d = Drive::new();
    d.policy.holds = vec![hold(Some(end), false), hold(Some(end + S), true)];
    assert!(d.give(unread(1, 1)).contains(&Action::WakeAt(end)), "not through this one");
    d.now = end;
    assert_eq!(attempts(&d.give(Input::Tick)), [0]);
}

#[test]
fn mail_that_comes_while_others_wait_has_the_reason_recorded_for_itself() {
    let mut d = Drive::new();
    d.policy.holds = vec![hold(None, false)];
    assert_eq!(kinds(&d.give(unread(1, 0))), [EventKind::Deferred]);
    assert_eq!(kinds(&d.give(Input::Tick)), []);
    assert_eq!(kinds(&d.give(unread(2, 0))), [EventKind::Deferred]);
    d.policy.holds.clear();
    let _ = d.give(Input::Tick);
    let _ = d.give(DONE);
    assert_eq!(kinds(&d.after(S, unread(3, 0))), [EventKind::Deferred], "the cooldown is a decision too");
}

#[test]
fn the_budget_is_kept_and_opens_when_the_oldest_is_an_hour_old() {
    let mut d = Drive::new();
    d.policy.budget = 2;
    let begun = d.now;
    for n in 1..3 {
        assert_eq!(attempts(&d.after(S * 60, unread(n, 0))), [0]);
        let _ = d.give(DONE);
        let _ = d.give(Input::Proof(Proof::Woken));
    }
    let out = d.after(S * 60, unread(3, 1));
    assert_eq!((attempts(&out), kinds(&out)), (vec![], vec![EventKind::Deferred]), "not even urgent mail");
    assert!(out.contains(&Action::WakeAt(begun + S * 3_660)), "{out:?}");
    d.state = std::mem::take(&mut d.state).without_pauses();
    assert_eq!(attempts(&d.give(unread(3, 0))), [0usize; 0], "whoever rings by hand keeps it too");
    d.now = begun + S * 3_660;
    assert_eq!(attempts(&d.give(Input::Tick)), [0]);
}

#[test]
fn urgent_mail_that_wakes_nobody_goes_on_to_channel_captain_and_people() {
    let mut d = Drive::new();
    d.policy.urgent_deadline = S * 60;
    assert_eq!(attempts(&d.give(unread(1, 1))), [0]);
    let _ = d.give(DONE);
    let next = d.after(S * 60, Input::Tick);
    assert_eq!((attempts(&next), kinds(&next)), (vec![1], vec![EventKind::Escalated]));
    let _ = d.give(Input::Ended(Outcome::Deferred(Reason::Draft)));
    let captain = d.after(S * 60, Input::Tick);
    assert!(captain.iter().any(|a| matches!(a, Action::EscalateToCaptain(_))), "{captain:?}");
    let _ = d.give(Input::Ended(Outcome::Deferred(Reason::Draft)));
    let people = d.after(S * 60, Input::Tick);
    assert!(people.iter().any(|a| matches!(a, Action::TellPeople(_))), "{people:?}");
    let _ = d.give(Input::Ended(Outcome::Deferred(Reason::Draft)));
    assert!(!d.after(S * 60, Input::Tick).iter().any(|a| matches!(a, Action::TellPeople(_))), "once");
}

#[test]
fn urgent_mail_without_a_channel_or_behind_a_hold_still_reaches_the_captain() {
    for channels in [0, 1] {
        let mut d = Drive::new();
        d.policy = NudgePolicy {
            urgent_deadline: S * 60,
            holds: vec![hold(None, false)],
            ..NudgePolicy::with_channels(channels)
        };
        let at = d.now + S * 60;
        assert!(d.give(unread(1, 1)).contains(&Action::WakeAt(at)));
        let out = d.after(S * 60, Input::Tick);
        assert!(out.iter().any(|a| matches!(a, Action::EscalateToCaptain(_))), "{out:?}");
    }
}

#[test]
fn urgent_mail_that_a_woken_agent_leaves_unread_has_its_deadline_from_then_on() {
    let mut d = Drive::new();
    d.policy.urgent_deadline = S * 60;
    let _ = d.give(unread(1, 1));
    let _ = d.give(DONE);
    let _ = d.after(S * 50, Input::Proof(Proof::Woken));
    assert_eq!(kinds(&d.after(S * 59, Input::Tick)), [], "counted from the wake");
    assert_eq!(kinds(&d.after(S, Input::Tick)), [EventKind::Escalated]);
    // What it reads escalates nothing.
    let mut d = Drive::new();
    d.policy.urgent_deadline = S * 60;
    let _ = d.give(unread(2, 1));
    let _ = d.give(DONE);
    let _ = d.give(Input::Proof(Proof::Woken));
    let _ = d.after(S, unread(1, 0));
    assert_eq!(kinds(&d.after(S * 61, Input::Tick)), []);
}

#[path = "machine_histories.rs"]
mod histories;
