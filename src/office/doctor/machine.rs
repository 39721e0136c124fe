//! This machine's own: `.cellphone/`, the spool, the daemon, the limits of
//! the system.

use std::time::Duration;

use super::{Chart, Check, Patient, age, is_alive, writer_is_dead};
use crate::config::trust::{self, TrustState};
use crate::config::{SETTINGS, good, strict};
use crate::fsio::{Dir, FileKind};
use crate::identity::KeyRing;
use crate::office::{Office, control};
use crate::post::Post;

/// A letter in the spool longer than this was left by a sender that died.
const STUCK: Duration = Duration::from_secs(10);

/// Folders the daemon watches for each mailbox.
const FOLDERS_EACH: u64 = 5;

pub(super) fn examine(chart: &mut Chart, patient: &Patient<'_>) {
    private(chart, patient);
    strangers(chart, patient);
    spool(chart, patient);
    daemon(chart, patient);
    watches(chart, patient);
}

/// A restore that died in the middle: the files that are still to come lie
/// prepared, so it can always be finished.
pub(super) fn restore(chart: &mut Chart, office: &Office) {
    let path = office.root().state().path().join("restore");
    match office.restore_unfinished() {
        Ok(None) => {}
        Ok(Some(record)) => {
            let what = format!("the restore {} was begun and not finished", record.id);
            let fix = "finish it (cellphone snapshot restore --resume)";
            chart.repairable(Check::Restore, path.join(&record.id), what, fix, || {
                office.restore_resume().map(drop).map_err(|e| super::Trouble(e.to_string(), false))
            });
        }
        Err(e) => chart.told(Check::Restore, path, e.to_string(), "look at the disk and at the permissions"),
    }
}

/// A drill on this tree that was cut short: a plain copy of the tree is there.
pub(super) fn drill(chart: &mut Chart, office: &Office) {
    let path = office.root().state().path().join("drill-live");
    match office.drill_cut_short() {
        Ok(false) => {}
        Ok(true) => {
            let what = "a drill on this tree was cut short, and what it broke may still be so";
            chart.repairable(Check::Drill, path, what, "make the tree whole (cellphone drill back)", || {
                office.drill_back().map(drop).map_err(|e| super::Trouble(e.to_string(), false))
            });
        }
        Err(e) => chart.told(Check::Drill, path, e.to_string(), "look at the disk and at the permissions"),
    }
}

/// The chain of the journal. Nothing repairs it: what was written over is
/// gone, and a chain that was mended would prove nothing.
pub(super) fn journal(chart: &mut Chart, office: &Office) {
    let path = office.root().state().path().join("journal");
    match office.journal().verify() {
        Ok(Ok(_)) => {}
        Ok(Err(broken)) => {
            let advice = "somebody edited the record, or the disk lost a part; mail itself is in the mailboxes";
            chart.told(Check::Journal, broken.path.clone(), broken.to_string(), advice);
        }
        Err(e) => chart.told(Check::Journal, path, e.to_string(), "look at the disk and at the permissions"),
    }
}

/// Files of configuration and variables that cannot be used. The last good
/// text is put back; the broken one stays beside it.
pub(super) fn configuration(chart: &mut Chart, office: &Office) {
    let root = office.root();
    for fault in office.faults() {
        let what = format!("{}; {}", fault.what, fault.instead);
        let path = fault.path.clone().unwrap_or_else(|| root.path().to_owned());
        match fault.restorable {
            Some(relative) => {
                let fix = "put the last good one back, and keep this one beside it; or mend it by hand";
                chart.repairable(Check::Config, path, what, fix, || {
                    good::put_back(root, relative).map(drop).map_err(|e| super::Trouble(e.to_string(), false))
                });
            }
            None => chart.told(Check::Config, path, what, fault.fix.clone()),
        }
    }
}

/// A root that stood here before and has gone with its `.cellphone/`.
pub(super) fn seat(chart: &mut Chart, office: &Office) {
    let path = office.root().path();
    let before = office.stood_here_before();
    for id in chart.checked(path, before.map_err(|e| super::Trouble(e.to_string(), false))).unwrap_or_default() {
        let advice = format!(
            "cellphone init {} --instead-of {id}, to have that one again; without --instead-of, to keep this one",
            path.display()
        );
        chart.told(Check::Root, path, crate::office::watch::lost_root(&id), advice);
    }
}

/// Approved copies that no longer are what the tree says.
pub(super) fn approvals(chart: &mut Chart, office: &Office) {
    let root = office.root();
    if trust::lies_inside(root) {
        let what = "the approved copies lie inside the root, where agents can write";
        chart.told(Check::Config, root.outside(), what, "set XDG_STATE_HOME to a folder outside the root");
    }
    if let Err(e) = strict::check(root, office.settings()) {
        chart.told(Check::Mode, root.path(), e.to_string(), "cellphone doctor, to look again");
    } else if !office.settings().trust.strict_modes {
        let what = "owners and modes of the folders above it are not looked at (trust.strict_modes is false)";
        chart.told(Check::Mode, root.path(), what, "unset CELLPHONE_TRUST_STRICT_MODES");
    }
    if strict::is_asked_by_the_tree(root, office.settings()) {
        let what = "trust.strict_modes: false has no effect here, because agents can write this file";
        let advice = "to switch it off: CELLPHONE_TRUST_STRICT_MODES=false in the environment";
        chart.told(Check::Config, root.path().join(SETTINGS), what, advice);
    }
    match trust::status(root) {
        Err(e) => chart.told(Check::Config, root.path(), e.to_string(), "cellphone trust"),
        Ok(items) => {
            // What is new has no effect and hides nothing; a change does.
            for item in items.iter().filter(|item| item.state == TrustState::Changed) {
                let what = "changed since it was approved; the approved copy is in force";
                chart.told(Check::Config, root.path().join(&item.path), what, "look at it, then run `cellphone trust`");
            }
        }
    }
}

/// Private keys that others can read: they sign nothing until that is mended.
pub(super) fn keys(chart: &mut Chart, office: &Office) {
    let folder = KeyRing::of(office.root()).folder().to_owned();
    let Ok(dir) = Dir::open(&folder) else { return };
    let Some(names) = chart.checked(&folder, dir.names()) else { return };
    for name in names {
        let Ok(Some(stat)) = dir.stat(&name) else { continue };
        // A link may stand where it likes: it is not followed.
        if stat.kind == FileKind::File && stat.mode & 0o077 != 0 {
            let what = format!("a key others may read (mode {:03o})", stat.mode & 0o777);
            chart.repairable(Check::Mode, folder.join(&name), what, "set mode 600", || Ok(dir.set_mode(&name, 0o600)?));
        }
    }
}

/// Folders that the roster does not name are no mailboxes. One in which
/// something waits was meant to be one.
fn strangers(chart: &mut Chart, patient: &Patient<'_>) {
    let folders = patient.tree.agents();
    let Some(folders) = chart.checked(patient.state.path(), folders) else { return };
    let waits = |dir: &Dir, folder: &str| {
        let names = dir.below(folder).and_then(|d| d.names()).unwrap_or_default();
        names.into_iter().any(|name| !name.starts_with('.'))
    };
    let Ok(workspaces) = patient.tree.workspaces() else { return };
    for agent in folders.iter().filter(|a| !patient.agents.iter().any(|known| known.same(a.as_str()))) {
        let Ok(home) = workspaces.child(agent.as_str()) else { continue };
        let waiting: Vec<&str> = ["inbox/new", "outbox"].into_iter().filter(|f| waits(&home, f)).collect();
        if !waiting.is_empty() {
            let what = format!("{agent} is not on the roster; what lies in {} waits", waiting.join(" and "));
            let advice = format!("cellphone agents add {agent}, or move the folder away");
            chart.told(Check::Misplaced, home.path(), what, advice);
        }
    }
}

fn private(chart: &mut Chart, patient: &Patient<'_>) {
    let state = patient.state;
    let own = state.own_stat();
    let Some(own) = chart.checked(state.path(), own) else { return };
    if cfg!(unix) && own.mode & 0o077 != 0 {
        let what = format!("others may look into it (mode {:03o}); the control socket is there", own.mode & 0o777);
        chart.repairable(Check::Mode, state.path(), what, "set mode 700", || Ok(state.set_mode(".", 0o700)?));
    }
    for name in ["locks", "journal", "spool", "pty"] {
        let Ok(Some(stat)) = state.stat(name) else { continue };
        let path = state.path().join(name);
        if stat.kind != FileKind::Dir {
            chart.told(Check::Folder, path, "it is not a folder", "move it away; the program makes it anew");
        } else if cfg!(unix) && stat.mode & 0o077 != 0 {
            let what = format!("others may look into it (mode {:03o})", stat.mode & 0o777);
            chart.repairable(Check::Mode, path, what, "set mode 700", || Ok(state.set_mode(name, 0o700)?));
        }
    }
}

fn spool(chart: &mut Chart, patient: &Patient<'_>) {
    let Ok(spool) = patient.state.child("spool") else { return };
    let mut stuck = 0;
    for name in spool.names().unwrap_or_default() {
        let Ok(Some(stat)) = spool.stat(&name) else { continue };
        let path = spool.path().join(&name);
        if stat.kind != FileKind::File {
            let what = "no letter: only regular files belong into the spool";
            chart.told(Check::Spool, path, what, "look at it, then move it away");
        } else if name.ends_with(".spool") {
            if age(stat.modified) >= STUCK {
                stuck += 1;
            }
        } else if age(stat.modified) >= patient.tmp_after || writer_is_dead(&name) {
            let what = "a letter that its sender left unfinished; it was never acknowledged";
            chart.repairable(Check::Temporary, path, what, "remove it", || Ok(spool.remove(&name)?));
        }
    }
    if stuck > 0 {
        let what = format!("{stuck} accepted letters wait for recipients");
        chart.repairable(Check::Spool, spool.path(), what, "finish their delivery", || {
            let post = Post::new(patient.tree, patient.state);
            post.recover(|name| patient.agents.contains(name))?;
            match post.spooled()? {
                0 => Ok(()),
                left => Err(super::Trouble(format!("{left} still cannot be delivered; see the daemon's log"), false)),
            }
        });
    }
}

fn daemon(chart: &mut Chart, patient: &Patient<'_>) {
    let state = patient.state;
    let held = control::daemon_lock_held(state);
    let Some(held) = chart.checked(state.path(), held) else { return };
    let recorded = control::recorded_pid(state);
    if held {
        if control::probe(state.path(), Duration::from_millis(500)).is_none() {
            let who = recorded.map_or_else(String::new, |pid| format!(" (process {pid})"));
            let what = format!("a daemon{who} holds its lock and does not answer");
            chart.told(
                Check::Daemon,
                state.path().join(control::SOCKET),
                what,
                "end that process, then run `cellphone up --detach`",
            );
        }
        return;
    }
    for name in [control::PID_FILE, control::SOCKET] {
        if matches!(state.stat(name), Ok(Some(_))) {
            let alive = if name == control::PID_FILE && recorded.is_some_and(is_alive) {
                "; its process is another program now"
            } else {
                ""
            };
            let what = format!("left by a daemon that has gone{alive}");
            chart.repairable(Check::Daemon, state.path().join(name), what, "remove it", || Ok(state.remove(name)?));
        }
    }
}

fn watches(chart: &mut Chart, patient: &Patient<'_>) {
    if let Err(fault) = crate::fsio::watch::has_events(patient.state.path()) {
        chart.told(Check::Watch, patient.state.path(), fault.to_string(), "mail is found by polling (watch.poll)");
        return;
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let limit = |name: &str| -> Option<(String, u64)> {
        let path = format!("/proc/sys/fs/inotify/{name}");
        let value = std::fs::read_to_string(&path).ok()?.trim().parse().ok()?;
        Some((path, value))
    };
    let needed = patient.agents.len() as u64 * FOLDERS_EACH + 16;
    // Other programs of the same user share the limit, so half of it should do.
    for (name, least) in [("max_user_watches", needed * 2), ("max_user_instances", 8), ("max_queued_events", 1_024)] {
        let Some((path, value)) = limit(name) else { continue };
        if value < least {
            let what = format!(
                "fs.inotify.{name} is {value}; with {} mailboxes at least {least} is needed",
                patient.agents.len()
            );
            chart.told(Check::Watch, path, what, format!("sudo sysctl fs.inotify.{name}={}", least.max(65_536)));
        }
    }
}
