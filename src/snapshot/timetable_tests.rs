//! The timetable over weeks of generated nights.

use proptest::prelude::*;

use super::*;
use crate::config::Settings;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The defaults, in a zone that has no clock changes.
fn settings() -> SnapshotSettings {
    let mut s = Settings::default().snapshot;
    for cron in [&mut s.schedule_full, &mut s.schedule_differential, &mut s.schedule_incremental, &mut s.schedule_check]
    {
        *cron = Cron::parse(&format!("{cron} UTC")).unwrap();
    }
    s.jitter = Duration::ZERO;
    s
}

const MONDAY: &str = "2026-11-23T00:00:00Z";

#[test]
fn a_week_has_a_full_one_a_differential_one_and_five_others() {
    let s = settings();
    let table = Timetable::new(&s, "id", at(MONDAY));
    let (mut done, mut now, mut taken) = (Done::default(), at(MONDAY), Vec::new());
    while now < at("2026-11-30T00:00:00Z") {
        match table.due(&done, Waiting::default(), now) {
            Some(Job::Take(kind)) => {
                taken.push((now.strftime("%a %H").to_string(), kind));
                done.took(kind, now);
            }
            Some(Job::Check) => {
                assert_eq!(now.strftime("%a %H").to_string(), "Sun 05");
                done.check = Some(now);
            }
            None => {}
        }
        now = add(now, Duration::from_secs(600)).unwrap();
    }
    let (full, diff, inc) = (Kind::Full, Kind::Differential, Kind::Incremental);
    let wanted = [
        ("Mon 03", inc),
        ("Tue 03", inc),
        ("Wed 04", diff),
        ("Thu 03", inc),
        ("Fri 03", inc),
        ("Sat 03", inc),
        ("Sun 02", full),
    ];
    assert_eq!(taken, wanted.map(|(when, kind)| (when.to_owned(), kind)));
}

#[test]
fn what_was_slept_through_is_made_up_for_once_and_by_the_strongest() {
    let s = settings();
    let table = Timetable::new(&s, "id", at(MONDAY));
    let mut done = Done { incremental: Some(at("2026-11-23T03:00:00Z")), ..Done::default() };
    // Awake again after a week.
    let now = at("2026-12-01T12:00:00Z");
    assert_eq!(table.due(&done, Waiting::default(), now), Some(Job::Take(Kind::Full)));
    done.took(Kind::Full, now);
    assert_eq!(table.due(&done, Waiting::default(), now), Some(Job::Check));
    done.check = Some(now);
    assert_eq!(table.due(&done, Waiting::default(), now), None);
    assert_eq!(table.next(&done, Waiting::default(), now), Some(at("2026-12-02T04:00:00Z")));
}

#[test]
fn new_mail_is_in_a_snapshot_before_long() {
    let s = settings();
    let table = Timetable::new(&s, "id", at(MONDAY));
    let done = Done { full: Some(at("2026-11-23T09:00:00Z")), ..Done::default() };
    let one = Waiting { messages: 1, since: Some(at("2026-11-23T10:00:00Z")) };
    assert_eq!(table.due(&done, one, at("2026-11-23T10:59:59Z")), None);
    assert_eq!(table.next(&done, one, at("2026-11-23T10:30:00Z")), Some(at("2026-11-23T11:00:00Z")));
    assert_eq!(table.due(&done, one, at("2026-11-23T11:00:00Z")), Some(Job::Take(Kind::Incremental)));
    let many = Waiting { messages: 500, ..one };
    assert_eq!(table.due(&done, many, at("2026-11-23T10:00:01Z")), Some(Job::Take(Kind::Incremental)));
    let never = SnapshotSettings { after: Duration::ZERO, after_messages: 0, ..settings() };
    let table = Timetable::new(&never, "id", at(MONDAY));
    assert_eq!(table.due(&done, many, at("2026-11-23T23:00:00Z")), None);
}

#[test]
fn nothing_is_due_at_the_first_start() {
    let s = settings();
    let table = Timetable::new(&s, "id", at(MONDAY));
    assert_eq!(table.due(&Done::default(), Waiting::default(), at(MONDAY)), None);
}

#[test]
fn roots_of_one_machine_do_not_start_together() {
    let s = SnapshotSettings { jitter: Duration::from_secs(300), ..settings() };
    let next = |id: &str| Timetable::new(&s, id, at(MONDAY)).next(&Done::default(), Waiting::default(), at(MONDAY));
    let times: std::collections::BTreeSet<_> = (0..8).map(|n| next(&format!("root-{n}"))).collect();
    assert!(times.len() > 4, "{times:?}");
    assert!(times.iter().flatten().all(|t| (at("2026-11-23T03:00:00Z")..=at("2026-11-23T03:05:00Z")).contains(t)));
}

proptest! {
    /// Whatever is done late, and however the clock jumps: once it is done,
    /// it is not due again before its next time, and something always comes.
    #[test]
    fn every_history_settles(steps in prop::collection::vec((0_i64..200_000, -50_000_i64..50_000), 1..40)) {
        let s = settings();
        let table = Timetable::new(&s, "id", at(MONDAY));
        let (mut done, mut now) = (Done::default(), at(MONDAY));
        for (on, jump) in steps {
            now = now.checked_add(SignedDuration::from_secs(on)).unwrap();
            let mut jobs = 0;
            while let Some(job) = table.due(&done, Waiting::default(), now) {
                match job {
                    Job::Take(kind) => done.took(kind, now),
                    Job::Check => done.check = Some(now),
                }
                jobs += 1;
                prop_assert!(jobs <= 2, "one snapshot and one check make up for everything");
            }
            let next = table.next(&done, Waiting::default(), now);
            prop_assert!(next.is_some_and(|next| next > now && next <= now.checked_add(SignedDuration::from_hours(49)).unwrap()));
            now = now.checked_add(SignedDuration::from_secs(jump)).unwrap();
        }
    }
}
