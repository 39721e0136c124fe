//! Two agents that answer each other without end: noticed, and their ringing
//! slowed down. The mail is delivered all the same.
//!
//! A token bucket for each unordered pair. An answer that follows the other's
//! message within the pace takes a token; a token comes back each time the
//! pace has passed. An empty bucket holds the ringing until the next token.
//! Pure: the caller brings the boot clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::AgentName;

/// Pairs that are remembered; the longest silent goes first.
const PAIRS: usize = 4_096;

/// The size of a bucket and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopLimits {
    /// Tokens in a full bucket; 0: nothing is ever slowed down.
    pub burst: u32,
    /// Time for one token to come back. Not zero.
    pub pace: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    /// Who wrote last, and when.
    last: (AgentName, Duration),
    taken: u32,
    /// From when the next token is counted.
    since: Duration,
    told: bool,
}

impl Pair {
    fn refill(&mut self, now: Duration, pace: Duration) {
        let pace_ms = pace.as_millis().max(1);
        let back = u32::try_from(now.saturating_sub(self.since).as_millis() / pace_ms).unwrap_or(u32::MAX);
        if back >= self.taken {
            self.taken = 0;
            self.since = now;
            self.told = false;
        } else {
            self.taken -= back;
            self.since += pace * back;
        }
    }
}

/// All pairs that have written to each other lately.
#[derive(Debug, Clone, Default)]
pub struct Loops(BTreeMap<(AgentName, AgentName), Pair>);

fn key(a: &AgentName, b: &AgentName) -> (AgentName, AgentName) {
    if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}

impl Loops {
    /// Mail of `from` reached `to`; whether the pair is slowed down from now
    /// on, said once until its bucket is full again.
    pub fn arrived(&mut self, from: &AgentName, to: &AgentName, now: Duration, limits: LoopLimits) -> bool {
        if limits.burst == 0 || from == to {
            return false;
        }
        if self.0.len() >= PAIRS
            && let Some(oldest) = self.0.iter().min_by_key(|(_, pair)| pair.last.1).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
        let fresh = || Pair { last: (from.clone(), now), taken: 0, since: now, told: false };
        let pair = self.0.entry(key(from, to)).or_insert_with(fresh);
        pair.refill(now, limits.pace);
        let quick = pair.last.0 != *from && now.saturating_sub(pair.last.1) <= limits.pace;
        if quick {
            pair.taken = (pair.taken + 1).min(limits.burst);
        }
        pair.last = (from.clone(), now);
        pair.taken >= limits.burst && !std::mem::replace(&mut pair.told, true)
    }

    /// Until when mail between the two does not ring; `None` when it may.
    pub fn held(&mut self, a: &AgentName, b: &AgentName, now: Duration, limits: LoopLimits) -> Option<Duration> {
        let pair = self.0.get_mut(&key(a, b)).filter(|_| limits.burst > 0)?;
        pair.refill(now, limits.pace);
        (pair.taken >= limits.burst).then(|| pair.since + limits.pace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);
    const LIMITS: LoopLimits = LoopLimits { burst: 3, pace: Duration::from_secs(60) };

    fn name(text: &str) -> AgentName {
        AgentName::new(text).unwrap()
    }

    #[test]
    fn answers_within_seconds_empty_the_bucket_and_it_is_said_once() {
        let (a, b) = (name("A"), name("B"));
        let mut loops = Loops::default();
        let mut told = 0;
        for n in 0..20_u32 {
            let (from, to) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
            told += u32::from(loops.arrived(from, to, S * (100 + n), LIMITS));
            assert_eq!(loops.held(&a, &b, S * (100 + n), LIMITS).is_some(), n >= 3, "{n}");
        }
        assert_eq!(told, 1);
        let until = loops.held(&b, &a, S * 119, LIMITS).unwrap();
        assert_eq!(until, S * 161, "a pace after the first quick answer");
        assert_eq!(loops.held(&a, &b, until, LIMITS), None, "one may ring");
        assert!(!loops.arrived(&a, &b, until + S, LIMITS), "still the same loop");
        // Long enough for the bucket to be full: a new loop is told of again.
        for n in 0..4_u32 {
            let (from, to) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
            told += u32::from(loops.arrived(from, to, S * (1_000 + n), LIMITS));
        }
        assert_eq!(told, 2);
    }

    #[test]
    fn one_who_only_sends_and_slow_answers_are_no_loop() {
        let (a, b) = (name("A"), name("B"));
        let mut loops = Loops::default();
        for n in 0..100 {
            assert!(!loops.arrived(&a, &b, S * n, LIMITS));
        }
        for n in 0..100 {
            let (from, to) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
            assert!(!loops.arrived(from, to, S * (200 + 61 * n), LIMITS));
            assert_eq!(loops.held(&a, &b, S * (200 + 61 * n), LIMITS), None);
        }
        for n in 0..100 {
            assert!(!loops.arrived(if n % 2 == 0 { &a } else { &b }, &b, S * n, LoopLimits { burst: 0, ..LIMITS }));
        }
    }

    proptest! {
        /// Whatever they write: the times at which the pair may ring are no
        /// more than the burst and one for each pace.
        #[test]
        fn what_rings_is_bounded(steps in prop::collection::vec((0u64..30, any::<bool>()), 1..200)) {
            let (a, b) = (name("A"), name("B"));
            let mut loops = Loops::default();
            let (mut now, mut rung, mut last) = (S * 1_000, 0u64, None);
            let begun = now;
            for (wait, forth) in steps {
                now += S * u32::try_from(wait).unwrap();
                let (from, to) = if forth { (&a, &b) } else { (&b, &a) };
                loops.arrived(from, to, now, LIMITS);
                let quick = last.is_some_and(|(l, at): (bool, Duration)| l != forth && now - at <= LIMITS.pace);
                last = Some((forth, now));
                if let Some(until) = loops.held(&a, &b, now, LIMITS) {
                    prop_assert!(until > now && until <= now + LIMITS.pace);
                } else if quick {
                    rung += 1;
                }
            }
            prop_assert!(rung <= u64::from(LIMITS.burst) + (now - begun).as_secs() / 60 + 1, "{rung}");
        }
    }
}
