//! The promises of the state machine over generated histories.

use proptest::prelude::*;

use super::*;
use crate::nudge::policy::BUDGET_SPAN;

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
        1 => (0usize..4, 0usize..2, any::<bool>()).prop_map(|(n, u, anyway)| Input::Hook {
            now: Waiting { unread: n, urgent: u.min(n) },
            anyway,
        }),
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
                        if let Input::Hook { now: waiting, anyway } = input {
                            prop_assert!(waiting.unread > 0 && !running);
                            let cooled = last_told.is_none_or(|last| now - last >= policy.urgent_cooldown);
                            let may = cooled && policy.held(now, waiting.urgent > 0).is_none();
                            prop_assert!(anyway || may, "a hook told within the cooldown or in quiet hours");
                            (unread, urgent) = (waiting.unread, waiting.urgent);
                            if !anyway {
                                last_told = Some(now);
                                told_at.push(now);
                            }
                        } else {
                            prop_assert!(submitted && input == Input::Proof(Proof::Woken));
                        }
                        submitted = false;
                        (urgent_since, steps_of_urgent) = ((urgent > 0).then_some(now), 0);
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
