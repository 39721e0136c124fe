//! What the daemon's detectors watch for, as far as one look finds it: room on
//! the disks, the snapshots, and what they say stands. With `deep`, every
//! message and all data of every repository is read.

use super::{Chart, Check, Trouble};
use crate::office::snapshots::{Depth, Progress};
use crate::office::{Office, OfficeError};

pub(super) fn examine(chart: &mut Chart, office: &Office, deep: bool) {
    disks(chart, office);
    snapshots(chart, office);
    if deep {
        archives(chart, office);
        repositories(chart, office);
    }
}

fn disks(chart: &mut Chart, office: &Office) {
    for full in office.full_disks(|_| false) {
        let advice = "make room: cellphone snapshot prune, or retention.max_bytes for old mail";
        chart.told(Check::DiskSpace, full.path, full.what, advice);
    }
}

fn snapshots(chart: &mut Chart, office: &Office) {
    let path = office.root().path();
    match office.snapshot_health() {
        Ok(health) => {
            for finding in &health.findings {
                chart.told(Check::Snapshots, path, finding, "cellphone snapshot health");
                if let (Some(last), Some(runbook)) = (chart.findings.last_mut(), health.runbook) {
                    last.runbook = Some(runbook.to_owned());
                }
            }
        }
        Err(e) => chart.told(Check::Snapshots, path, e.to_string(), "cellphone snapshot health"),
    }
}

fn archives(chart: &mut Chart, office: &Office) {
    match office.damaged_archives() {
        Ok(found) => {
            for (path, why) in found {
                chart.told(Check::Damage, path, why, "bring it back: cellphone snapshot restore --message ID");
            }
        }
        Err(e) => chart.told(Check::Disk, office.root().path(), e.to_string(), "look at the disk"),
    }
}

fn repositories(chart: &mut Chart, office: &Office) {
    for place in office.snapshot_repositories().unwrap_or_default() {
        let name = place.to_string();
        // One that was never made has nothing to be read; one that is gone is said by the health.
        let checked = match office.snapshot_check(Some(&name), Depth::All, &Progress::default()) {
            Ok(checked) => checked,
            Err(OfficeError { kind: crate::office::ErrorKind::NotFound, .. }) => continue,
            Err(e) => {
                chart.told(Check::Snapshots, &name, e.to_string(), "cellphone snapshot check --read-data");
                continue;
            }
        };
        if let Some(first) = checked.faults.first() {
            let what = format!("{} faults, the first: {first}", checked.faults.len());
            chart.told(Check::Snapshots, &name, what, "cellphone snapshot check --read-data, then repair");
        }
    }
}

/// What stands until it is released, about those subjects: a mailbox that was
/// removed and stands again, a journal that got shorter. What the clock, storms
/// and crashes leave is over by itself, and for the daemon and `status` to say.
pub(super) fn alarms(chart: &mut Chart, office: &Office, about: impl Fn(&str) -> bool) {
    for alarm in office.alarms().into_iter().filter(|alarm| alarm.seen.kept && about(&alarm.seen.subject)) {
        let seen = &alarm.seen;
        let fix = "bring it back (cellphone snapshot restore), or take note of it";
        chart.repairable(Check::Alarm, &seen.path, seen.what.clone(), fix, || {
            office.take_note_of(&alarm).map_err(|e| Trouble(e.to_string(), false))
        });
        if let Some(last) = chart.findings.last_mut() {
            last.detector = Some(seen.detector);
            last.runbook.clone_from(&seen.runbook);
        }
    }
}
