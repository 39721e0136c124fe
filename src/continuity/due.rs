//! Which scenarios must be drilled when: a pure function of how often each
//! must be, of the drills there were, of the root's birth, and of the time.
//!
//! A drill that passed holds for as long as the scenario says. One that failed
//! is repeated after a day, or sooner where it must be drilled more often: what
//! it found is repaired or it is found again. A root that was never drilled
//! owes its first one a whole interval after its birth.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::outcome::Outcome;

/// When a drill that failed is repeated at the latest.
const AGAIN: Duration = Duration::from_secs(86_400);
/// How far ahead of our clock a drill may have begun; one beyond that was
/// dated by a clock that was wrong, and would silence what is due until then.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// A drill there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Of which scenario.
    pub scenario: String,
    /// When it began.
    pub at: Timestamp,
    /// Whether it passed.
    pub passed: bool,
}

impl From<&Outcome> for Past {
    fn from(outcome: &Outcome) -> Self {
        Self { scenario: outcome.scenario.clone(), at: outcome.began, passed: outcome.passed }
    }
}

/// How a scenario stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub scenario: String,
    /// The last drill.
    pub last: Option<Past>,
    /// When one last passed.
    pub last_passed: Option<Timestamp>,
    /// When the next one must be.
    pub next: Timestamp,
    /// By how much it is overdue; `None` while it is not.
    pub overdue: Option<Duration>,
}

/// How each scenario stands, in the order they are given.
#[must_use]
pub fn standing(scenarios: &[(String, Duration)], past: &[Past], born: Timestamp, now: Timestamp) -> Vec<Standing> {
    scenarios.iter().map(|(name, every)| stands(name, *every, past, born, now)).collect()
}

/// Those that must be drilled now, the longest overdue first.
#[must_use]
pub fn due(scenarios: &[(String, Duration)], past: &[Past], born: Timestamp, now: Timestamp) -> Vec<Standing> {
    let mut all = standing(scenarios, past, born, now);
    all.retain(|one| one.overdue.is_some());
    all.sort_by(|a, b| b.overdue.cmp(&a.overdue).then_with(|| a.scenario.cmp(&b.scenario)));
    all
}

fn stands(name: &str, every: Duration, past: &[Past], born: Timestamp, now: Timestamp) -> Standing {
    let real = |one: &&Past| one.scenario == name && one.at.duration_since(now) <= AHEAD;
    let last = past.iter().filter(real).max_by_key(|one| one.at);
    let last_passed = past.iter().filter(real).filter(|one| one.passed).map(|one| one.at).max();
    let next = match last {
        Some(one) if one.passed => later(one.at, every),
        Some(one) => later(one.at, every.min(AGAIN)),
        // An id from a clock that was wrong postpones nothing for ever.
        None => later(born.min(now), every),
    };
    let overdue = Duration::try_from(now.duration_since(next)).ok();
    Standing { scenario: name.to_owned(), last: last.cloned(), last_passed, next, overdue }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 86_400;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    fn run(scenario: &str, day: i64, passed: bool) -> Past {
        Past { scenario: scenario.into(), at: at(day), passed }
    }

    #[test]
    fn when_a_drill_is_due() {
        let every = [("lost-disk".to_owned(), Duration::from_secs(30 * DAY))];
        // What there was; today; the day of the next one; by how many days it is overdue.
        let table: [(&[Past], i64, i64, Option<u64>); 8] = [
            (&[], 10, 30, None),
            (&[], 30, 30, Some(0)),
            (&[run("lost-disk", 5, true)], 10, 35, None),
            (&[run("lost-disk", 5, true)], 40, 35, Some(5)),
            (&[run("lost-disk", 5, true), run("lost-disk", 9, false)], 10, 10, Some(0)),
            (&[run("lost-disk", 5, false), run("lost-disk", 9, true)], 10, 39, None),
            (&[run("other", 9, true)], 31, 30, Some(1)),
            // Dated by a clock that was years ahead.
            (&[run("lost-disk", 5, true), run("lost-disk", 900, true)], 40, 35, Some(5)),
        ];
        for (past, today, next, overdue) in table {
            let found = standing(&every, past, at(0), at(today)).remove(0);
            assert_eq!(
                (found.next, found.overdue),
                (at(next), overdue.map(|d| Duration::from_secs(d * DAY))),
                "{past:?}"
            );
            assert_eq!(due(&every, past, at(0), at(today)).len(), usize::from(overdue.is_some()));
        }
        let found = standing(&every, &[run("lost-disk", 5, true), run("lost-disk", 9, false)], at(0), at(10)).remove(0);
        assert_eq!((found.last_passed, found.last.map(|l| l.passed)), (Some(at(5)), Some(false)));
    }

    #[test]
    fn what_must_be_drilled_more_often_than_daily_is_repeated_as_often() {
        let every = [("lost-disk".to_owned(), Duration::from_secs(3_600))];
        let found = standing(&every, &[run("lost-disk", 5, false)], at(0), at(5)).remove(0);
        assert_eq!(found.next.duration_since(at(5)).as_secs(), 3_600);
    }

    #[test]
    fn a_root_of_the_future_owes_a_drill_all_the_same() {
        let every = [("lost-disk".to_owned(), Duration::from_secs(30 * DAY))];
        assert_eq!(standing(&every, &[], at(900), at(0)).remove(0).next, at(30));
    }

    proptest! {
        #[test]
        fn due_is_what_stands_overdue_and_drilling_it_ends_that(
            runs in prop::collection::vec((0_usize..4, 0_i64..400, any::<bool>()), 0..40),
            every in prop::collection::vec(0_u64..90, 4),
            today in 0_i64..400,
        ) {
            let scenarios: Vec<(String, Duration)> =
                every.iter().enumerate().map(|(i, days)| (format!("s{i}"), Duration::from_secs(days * DAY + 1))).collect();
            let past: Vec<Past> = runs.iter().map(|(i, day, passed)| run(&format!("s{i}"), *day, *passed)).collect();
            let all = standing(&scenarios, &past, at(0), at(today));
            let mut owed = due(&scenarios, &past, at(0), at(today));
            prop_assert!(owed.windows(2).all(|w| w[0].overdue >= w[1].overdue));
            prop_assert!(all.iter().all(|one| one.overdue.is_some() == (one.next <= at(today))));
            owed.sort_by(|a, b| a.scenario.cmp(&b.scenario));
            prop_assert_eq!(&owed, &all.iter().filter(|one| one.overdue.is_some()).cloned().collect::<Vec<_>>());
            // Later nothing that was due is less so.
            let after = due(&scenarios, &past, at(0), at(today) + SignedDuration::from_secs(60));
            prop_assert!(owed.iter().all(|one| past.iter().any(|p| p.at > at(today)) || after.iter().any(|a| a.scenario == one.scenario)));
            let done: Vec<Past> = past.iter().cloned().chain(scenarios.iter().map(|(name, _)| Past {
                scenario: name.clone(), at: at(today) + SignedDuration::from_mins(10), passed: true,
            })).collect();
            prop_assert!(due(&scenarios, &done, at(0), at(today)).is_empty());
        }
    }
}
