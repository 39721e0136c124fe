//! The state machine over written and generated histories.

use super::*;
use crate::nudge::policy::{BUDGET_SPAN, Held, Hold};
use proptest::prelude::*;

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

#[test]
fn a_failing_channel_gives_way_and_then_the_captain_is_told() {
    let mut d = Drive::new();
    let _ = d.give(unread(1, 0));
    assert_eq!(attempts(&d.give(Input::Ended(Outcome::failed("gone")))), [1], "the next channel at once");
    let told = d.give(Input::Ended(Outcome::failed("gone too")));
    assert!(told.iter().any(|a| matches!(a, Action::EscalateToCaptain(_))));
    assert_eq!(attempts(&told), [0usize; 0], "a pause before the next round");
    let again = d.after(S * 2, Input::Tick);
    assert_eq!(attempts(&again), [0]);
    let _ = d.give(Input::Ended(Outcome::failed("gone")));
    let second = d.give(Input::Ended(Outcome::failed("gone too")));
    assert!(!second.iter().any(|a| matches!(a, Action::EscalateToCaptain(_))), "once an episode");
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
    // Who was woken has it; a message's own deadline watches over the rest.
    let mut d = Drive::new();
    d.policy.urgent_deadline = S * 60;
    let _ = d.give(unread(1, 1));
    let _ = d.give(DONE);
    let _ = d.give(Input::Proof(Proof::Woken));
    assert_eq!(kinds(&d.after(S * 61, Input::Tick)), []);
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Submitted { blind: false }),
        Just(Outcome::Submitted { blind: true }),
        Just(Outcome::Typed),
        Just(Outcome::Delivered),
        Just(Outcome::Deferred(Reason::Busy)),
        Just(Outcome::Deferred(Reason::Draft)),
        Just(Outcome::failed("x")),
    ]
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        3 => (0usize..4, 0usize..2, any::<bool>()).prop_map(|(n, u, arrived)| Input::Unread {
            now: Waiting { unread: n, urgent: u.min(n) },
            arrived: arrived && n > 0,
        }),
        4 => outcomes().prop_map(Input::Ended),
        1 => Just(Input::Proof(Proof::Woken)),
        1 => Just(Input::Proof(Proof::Moved)),
        3 => Just(Input::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn every_history_keeps_the_promises(
        channels in 0usize..4,
        budget in 0u32..5,
        deadline in prop_oneof![Just(0u64), 1u64..200],
        // Quiet spans, as distances, and whether urgent mail passes.
        quiet in prop::collection::vec((1u64..300, 1u64..300, any::<bool>()), 0..4),
        history in prop::collection::vec((prop_oneof![8 => 0u64..20_000, 1 => 0u64..2_000_000], inputs()), 1..120),
    ) {
        let limits = NudgePolicy { budget, urgent_deadline: S * u32::try_from(deadline).unwrap(), ..NudgePolicy::with_channels(channels) };
        let mut at = S * 1_000;
        let spans: Vec<(Duration, Duration, bool)> = quiet.iter().map(|(gap, long, urgent)| {
            let from = at + Duration::from_secs(*gap);
            at = from + Duration::from_secs(*long);
            (from, at, *urgent)
        }).collect();
        // What whoever reads the clocks would hand in at a time.
        let policy_at = |now: Duration| {
            let holds = spans.iter().filter(|(from, to, _)| *from <= now && now < *to);
            let holds = holds.map(|(_, to, urgent)| hold(Some(*to), *urgent)).collect();
            NudgePolicy { holds, ..limits.clone() }
        };
        let (mut told_at, mut urgent, mut urgent_since) = (Vec::new(), 0, None::<Duration>);
        let mut steps_of_urgent = 0u32;
        let mut state = State::default();
        let mut now = S * 1_000;
        let begun = now;
        let (mut running, mut unread, mut submitted) = (false, 0, false);
        let mut last_told: Option<Duration> = None;
        let (mut started, mut ended) = (0u32, 0u64);
        for (wait, input) in history {
            now += Duration::from_millis(wait);
            let was_running = running;
            let policy = policy_at(now);
            match &input {
                Input::Unread { now: w, .. } => {
                    urgent_since = urgent_since.or((w.urgent > urgent).then_some(now));
                    (unread, urgent) = (w.unread, w.urgent);
                    if urgent == 0 {
                        (urgent_since, steps_of_urgent) = (None, 0);
                    }
                }
                Input::Ended(outcome) => {
                    if was_running && (outcome.told() || *outcome == Outcome::Typed) {
                        if let Some(last) = last_told {
                            prop_assert!(now - last >= policy.urgent_cooldown, "told twice within the cooldown");
                        }
                        last_told = Some(now);
                        submitted = true;
                        told_at.push(now);
                    }
                    running = false;
                    ended += u64::from(was_running && !matches!(outcome, Outcome::Deferred(_)));
                }
                _ => {}
            }
            let (next, actions) = step(state.clone(), input.clone(), now, &policy);
            prop_assert_eq!(&(next.clone(), actions.clone()), &step(state, input.clone(), now, &policy), "pure");
            state = next;
            for action in &actions {
                match action {
                    Action::Attempt { channel } => {
                        prop_assert!(!running, "two attempts at once");
                        prop_assert!(unread > 0, "nothing is unread");
                        prop_assert!(*channel < channels);
                        prop_assert!(policy.held(now, urgent > 0).is_none(), "an attempt in quiet hours");
                        running = true;
                        started += 1;
                    }
                    Action::Record { kind: EventKind::Woken, .. } => {
                        prop_assert!(submitted && input == Input::Proof(Proof::Woken));
                        submitted = false;
                        urgent_since = None;
                    }
                    Action::Record { kind: EventKind::Deferred | EventKind::Escalated | EventKind::NudgeFailed, detail } => {
                        prop_assert!(detail.get("why").is_some_and(|why| !why.is_empty()), "a decision without its reason");
                    }
                    Action::EscalateToCaptain(_) | Action::TellPeople(_) => {
                        prop_assert!(unread > 0);
                        steps_of_urgent += u32::from(matches!(action, Action::TellPeople(_)));
                        prop_assert!(steps_of_urgent <= 1 || urgent == 0, "the people are told once");
                    }
                    Action::WakeAt(at) => prop_assert!(*at > now, "a wake in the past would spin"),
                    _ => {}
                }
            }
            if urgent_since.is_some_and(|since| deadline > 0 && !running && now - since >= limits.urgent_deadline) {
                prop_assert!(state.urged > 0, "urgent mail that wakes nobody waits for nobody");
            }
            if unread > 0 && channels > 0 && !running {
                let later = actions.iter().any(|a| matches!(a, Action::WakeAt(_)));
                prop_assert!(later, "mail is unread and nobody will look again");
            }
        }
        if budget > 0 {
            for (n, first) in told_at.iter().enumerate() {
                let within = told_at[n..].iter().filter(|at| **at - *first < BUDGET_SPAN).count();
                prop_assert!(within <= budget as usize, "{within} nudges within an hour, {budget} allowed");
            }
        }
        // Each attempt but the first four deferrals costs at least a second, and urgent mail skips a pause once a deadline.
        let skipped = (now - begun).as_secs().checked_div(deadline).map_or(0, |n| n + 1);
        let quick = 4 * (2 * ended + 2 + skipped);
        let rounds = (now - begun).as_secs() / LOOK_AGAIN.min(limits.retry_first).as_secs() + 1 + skipped + quick;
        prop_assert!(u64::from(started) <= rounds * channels as u64 + 1, "{} attempts in {:?}", started, now - begun);
    }
}
