//! The machine: room on the disks, jumps of the wall clock, and a daemon that
//! does not stay alive.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Guard, Looks, sighting};
use crate::continuity::alarms::Sighting;
use crate::fsio::{self, boot};
use crate::journal::Filter;
use crate::model::{Detector, EventKind, Severity};
use crate::office::{Office, Result};

/// How long a jump is spoken of, unless the clock comes back.
const JUMP_HOLDS: Duration = Duration::from_secs(10 * 60);

/// The wall clock beside the clock that nobody sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reading {
    /// The start of the machine that it belongs to.
    boot: String,
    /// Wall clock minus boot clock, milliseconds.
    apart: i64,
    /// The wall clock.
    at: Timestamp,
}

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<Reading>,
    jump: Option<Jump>,
}

#[derive(Debug, Clone)]
struct Jump {
    /// By the boot clock.
    when: Duration,
    /// What wall clock and boot clock were apart before; `None` when that was another start.
    before: Option<i64>,
    what: String,
}

impl Clock {
    pub(super) fn reading(&self) -> Option<Reading> {
        self.last.clone()
    }
}

fn reading() -> Reading {
    let (at, since) = (Timestamp::now(), boot::now());
    let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Reading { boot: boot::id(), apart: at.as_millisecond().saturating_sub(since), at }
}

/// What the clock did between two readings, if it is more than `most`.
fn jumped(before: &Reading, now: &Reading, most: Duration) -> Option<String> {
    let most = SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX);
    let span = |by: SignedDuration| {
        // The clocks are read one after the other.
        crate::config::show_duration(Duration::from_secs((by.unsigned_abs() + Duration::from_millis(500)).as_secs()))
    };
    if before.boot != now.boot || now.boot.is_empty() {
        // Another start: time may pass, but it does not go back.
        let back = before.at.duration_since(now.at);
        return (back > most).then(|| format!("the wall clock is {} behind what it was before the start", span(back)));
    }
    let by = SignedDuration::from_millis(now.apart.saturating_sub(before.apart));
    // Only Linux counts sleep in the boot clock: elsewhere a machine that slept looks as if its clock went forward.
    if by > most && cfg!(any(target_os = "linux", target_os = "android")) {
        Some(format!("the wall clock jumped {} forward", span(by)))
    } else if -by > most {
        Some(format!("the wall clock jumped {} back", span(by)))
    } else {
        None
    }
}

impl Office {
    pub(super) fn watch_clock(&self, guard: &Guard, looks: &mut Looks) -> Result<()> {
        let most = self.settings().watch.clock_jump;
        let now = reading();
        let clock = &mut looks.clock;
        let before = clock.last.take().or_else(|| looks.facts.clock.clone());
        let same = before.as_ref().filter(|b| b.boot == now.boot && b.apart.abs_diff(now.apart) < 1_000);
        // Small corrections are taken over; without one there is nothing new to remember.
        clock.last = Some(same.map_or_else(|| now.clone(), |b| Reading { at: b.at, ..b.clone() }));
        if most.is_zero() {
            clock.jump = None;
            self.report(guard, Detector::ClockJump, Vec::new())?;
            return Ok(());
        }
        if let Some(before) = &before
            && let Some(what) = jumped(before, &now, most)
        {
            let back = clock.jump.as_ref().and_then(|jump| jump.before).is_some_and(|was| near(was, now.apart, most));
            clock.jump = (!back).then(|| Jump {
                when: boot::now(),
                before: (before.boot == now.boot).then_some(before.apart),
                what,
            });
        }
        if clock.jump.as_ref().is_some_and(|jump| boot::now().saturating_sub(jump.when) >= JUMP_HOLDS) {
            clock.jump = None;
        }
        let seen = clock.jump.iter().map(|jump| {
            let what = format!("{}; times of messages and ages of snapshots may be wrong", jump.what);
            sighting(Detector::ClockJump, "clock", Severity::Warning, what, self.root().path())
        });
        self.report(guard, Detector::ClockJump, seen.collect())?;
        Ok(())
    }

    pub(super) fn watch_disks(&self, guard: &Guard) -> Result<()> {
        let seen = self.full_disks(|subject| guard.told().standing.stands(Detector::DiskSpace, subject));
        self.report(guard, Detector::DiskSpace, seen)?;
        Ok(())
    }

    /// The disks of the root and of local repositories that are nearly full;
    /// one that `was` so must have a tenth more to be well again.
    pub(in crate::office) fn full_disks(&self, was: impl Fn(&str) -> bool) -> Vec<Sighting> {
        let set = &self.settings().watch;
        let mut paths = vec![("the root", self.root().path().to_owned())];
        // Places that cannot be used are said by the look at the snapshots.
        for place in self.snapshot_repositories().unwrap_or_default() {
            let there = place.local_path().and_then(|p| p.ancestors().find(|p| p.exists()));
            paths.extend(there.map(|p| ("a repository of snapshots", p.to_owned())));
        }
        let mut disks = Vec::new();
        let mut found = Vec::new();
        for (whose, path) in paths {
            let Some(room) = fsio::disk_room(&path) else { continue };
            if disks.contains(&room.disk) {
                continue;
            }
            disks.push(room.disk);
            let subject = path.display().to_string();
            let more = if was(&subject) { 11 } else { 10 };
            let below = |free: u64, wanted: u64| u128::from(free) * 10 < u128::from(wanted) * more;
            let (bytes, files) = (below(room.bytes, set.disk_free), room.files.filter(|f| below(*f, set.disk_files)));
            if !bytes && files.is_none() {
                continue;
            }
            let worst = room.bytes < set.disk_free / 10 || room.files.is_some_and(|f| f < set.disk_files / 10);
            let severity = if worst { Severity::Critical } else { Severity::Warning };
            let left = match files {
                Some(files) if !bytes => format!("{files} more files can be made"),
                _ => format!("{} MB are free", room.bytes / 1_000_000),
            };
            let what = format!("the disk of {whose} is nearly full: {left}");
            found.push(sighting(Detector::DiskSpace, subject, severity, what, &path));
        }
        found
    }

    /// Whether each local repository is there, and how many snapshots lie in
    /// it: when this changes, the health is worth a look.
    #[must_use]
    pub fn repositories_at_a_glance(&self) -> Vec<(bool, usize)> {
        let places = self.snapshot_repositories().unwrap_or_default();
        let glance = |path: &std::path::Path| {
            let names = std::fs::read_dir(path.join("snapshots")).map_or(0, Iterator::count);
            (path.join("config").is_file(), names)
        };
        places.iter().filter_map(|place| place.local_path()).map(glance).collect()
    }

    pub(super) fn watch_crashes(&self, guard: &Guard, looks: &mut Looks) -> Result<()> {
        let set = &self.settings().watch;
        let crashes = &mut looks.crashes;
        let begun = *crashes.begun.get_or_insert_with(boot::now);
        if crashes.ends.is_none() {
            crashes.ends = Some(self.ends_of_daemons(set.crash_window)?);
        }
        let ends = crashes.ends.unwrap_or(0);
        let over = boot::now().saturating_sub(begun) >= set.crash_window;
        let mut seen = Vec::new();
        if set.crash_loop > 0 && ends >= u64::from(set.crash_loop) && !over {
            let span = crate::config::show_duration(set.crash_window);
            let what = format!("the daemon ended {ends} times within {span} without being told to");
            let path = self.root().state().path();
            seen.push(sighting(Detector::CrashLoop, "daemon", Severity::Critical, what, path));
        }
        self.report(guard, Detector::CrashLoop, seen)?;
        Ok(())
    }

    /// How often a daemon was started after one that did not say it stopped.
    fn ends_of_daemons(&self, window: Duration) -> Result<u64> {
        let now = self.now();
        let since = now.checked_sub(SignedDuration::try_from(window).unwrap_or(SignedDuration::ZERO)).unwrap_or(now);
        let kinds = vec![EventKind::Started, EventKind::Stopped];
        let filter = Filter { kinds, since: Some(since), ..Filter::default() };
        let (mut ends, mut runs) = (0, false);
        for record in self.journal().read(filter)?.filter(|r| r.event.at >= since) {
            let starts = record.event.event == EventKind::Started;
            if starts && runs {
                ends += 1;
            }
            runs = starts;
        }
        Ok(ends)
    }
}

fn near(a: i64, b: i64, most: Duration) -> bool {
    u128::from(a.abs_diff(b)) <= most.as_millis()
}

/// What is known of the daemons before.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    ends: Option<u64>,
    /// Since when this one lives, by the boot clock.
    begun: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: &str, apart: i64, wall: i64) -> Reading {
        Reading { boot: boot.into(), apart, at: Timestamp::from_second(wall).unwrap() }
    }

    #[test]
    fn a_jump_is_a_change_of_the_distance_between_the_clocks() {
        let most = Duration::from_secs(60);
        let before = at("b", 1_000_000, 1_000);
        // Asleep for a day: both clocks went on.
        assert_eq!(jumped(&before, &at("b", 1_000_500, 90_000), most), None);
        assert_eq!(jumped(&before, &at("b", 1_059_000, 1_001), most), None, "a correction");
        let back = jumped(&before, &at("b", 1_000_000 - 7_200_000, 1_001), most).unwrap();
        assert_eq!(back, "the wall clock jumped 2h back");
        let forward = jumped(&before, &at("b", 1_000_000 + 7_200_000, 8_201), most);
        assert_eq!(forward.is_some(), cfg!(any(target_os = "linux", target_os = "android")));
        // Over a restart time passes, but does not go back.
        assert_eq!(jumped(&before, &at("c", 0, 90_000), most), None);
        assert!(jumped(&before, &at("c", 0, 900), most).unwrap().contains("behind"));
    }
}
