//! Generated histories of looks, held against what the header promises.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const PAUSE: Duration = Duration::from_secs(100);
const DETECTORS: [Detector; 2] = [Detector::DiskSpace, Detector::MissingMailbox];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn sighting(detector: usize, subject: u8, severity: u8, kept: bool) -> Sighting {
    Sighting {
        detector: DETECTORS[detector],
        subject: format!("s{subject}"),
        severity: [Severity::Notice, Severity::Warning, Severity::Critical][usize::from(severity)],
        what: "it is so".into(),
        path: "/x".into(),
        runbook: None,
        kept,
    }
}

#[test]
fn it_is_said_once_again_after_the_pause_and_when_it_is_over() {
    let mut all = Standing::default();
    let seen = || vec![sighting(0, 0, 1, false)];
    let look = |all: &mut Standing, seen, t| all.looked(DETECTORS[0], seen, at(t), PAUSE);
    let words = |news: Vec<News>| news.iter().map(|n| (n.change, n.tell)).collect::<Vec<_>>();
    assert_eq!(words(look(&mut all, seen(), 0)), [(Change::Raised, true)]);
    assert_eq!(words(look(&mut all, seen(), 99)), []);
    assert_eq!(words(look(&mut all, seen(), 100)), [(Change::Again, true)]);
    assert_eq!(words(look(&mut all, vec![], 101)), [(Change::Clear, true)]);
    // It comes back within the pause: the journal hears of it, people do not.
    assert_eq!(words(look(&mut all, seen(), 102)), [(Change::Raised, false)]);
    assert_eq!(words(look(&mut all, vec![sighting(0, 0, 2, false)], 103)), [(Change::Worse, true)]);
    // A clock that went back does not silence it.
    assert_eq!(words(look(&mut all, vec![sighting(0, 0, 2, false)], -500)), [(Change::Again, true)]);
}

#[test]
fn what_is_kept_stands_until_it_is_released() {
    let mut all = Standing::default();
    assert_eq!(all.looked(DETECTORS[1], vec![sighting(1, 0, 2, true)], at(0), PAUSE).len(), 1);
    assert_eq!(all.looked(DETECTORS[1], vec![], at(1), PAUSE), []);
    assert_eq!(all.looked(DETECTORS[1], vec![], at(100), PAUSE)[0].change, Change::Again);
    let over = all.clear(|a| a.seen.subject == "s0");
    assert_eq!((over.len(), over[0].change, over[0].tell), (1, Change::Clear, true));
    assert!(all.list().is_empty());
}

#[test]
fn it_is_read_back_as_it_was_written() {
    let mut all = Standing::default();
    let _ = all.looked(DETECTORS[1], vec![sighting(1, 0, 2, true), sighting(1, 1, 0, false)], at(0), PAUSE);
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), all);
}

#[derive(Debug, Clone)]
enum Step {
    Look(usize, Vec<(u8, u8, bool)>),
    Release(u8),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..2, prop::collection::vec((0u8..3, 0u8..3, any::<bool>()), 0..4))
            .prop_map(|(d, seen)| Step::Look(d, seen)),
        1 => (0u8..3).prop_map(Step::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn every_history_keeps_the_promises(history in prop::collection::vec((0i64..120, steps()), 1..60)) {
        let mut all = Standing::default();
        // What stands by the news alone, and whether somebody heard of it.
        let mut standing: BTreeMap<(Detector, String), bool> = BTreeMap::new();
        let mut heard: BTreeMap<(Detector, String), (i64, Severity)> = BTreeMap::new();
        let mut said: BTreeMap<(Detector, String), i64> = BTreeMap::new();
        let mut now = 0;
        for (pause, step) in history {
            now += pause;
            let (news, seen) = match step {
                Step::Look(d, seen) => {
                    let seen: Vec<Sighting> =
                        seen.into_iter().map(|(s, severity, kept)| sighting(d, s, severity, kept)).collect();
                    (all.looked(DETECTORS[d], seen.clone(), at(now), PAUSE), Some((DETECTORS[d], seen)))
                }
                Step::Release(s) => (all.clear(|a| a.seen.subject == format!("s{s}")), None),
            };
            for one in news {
                let key = (one.alarm.seen.detector, one.alarm.seen.subject.clone());
                match one.change {
                    Change::Raised => prop_assert!(standing.insert(key.clone(), false).is_none()),
                    Change::Again | Change::Worse => prop_assert!(standing.contains_key(&key)),
                    Change::Clear => {
                        let told = standing.remove(&key);
                        prop_assert_eq!(told, Some(one.tell), "whoever heard of it hears of its end, and nobody else");
                        continue;
                    }
                }
                if one.change == Change::Again {
                    prop_assert!(now - said[&key] >= 100);
                }
                said.insert(key.clone(), now);
                if one.tell {
                    let severity = one.alarm.seen.severity;
                    prop_assert!(severity >= Severity::Warning);
                    if let Some((when, before)) = heard.insert(key.clone(), (now, severity)) {
                        prop_assert!(now - when >= 100 || severity > before, "told twice within the pause");
                    }
                    standing.insert(key, true);
                }
            }
            let stands: Vec<(Detector, String)> =
                all.list().into_iter().map(|a| (a.seen.detector, a.seen.subject)).collect();
            prop_assert_eq!(stands.len(), standing.len());
            prop_assert!(stands.iter().all(|key| standing.contains_key(key)));
            if let Some((detector, seen)) = seen {
                for one in &seen {
                    prop_assert!(all.stands(detector, &one.subject));
                }
                for alarm in all.list().iter().filter(|a| a.seen.detector == detector && !a.seen.kept) {
                    prop_assert!(seen.iter().any(|s| s.subject == alarm.seen.subject), "it stands and is not seen");
                }
            }
        }
    }
}
