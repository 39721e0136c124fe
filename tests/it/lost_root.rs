//! A root whose `.cellphone/` was removed: another one stands there from the
//! next command on, and that is said until somebody decides which it shall be.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{World, names, wait};

fn id(root: &Path) -> String {
    let identity: Value = serde_json::from_slice(&fs::read(root.join(".cellphone/root.json")).unwrap()).unwrap();
    identity["id"].as_str().unwrap().to_owned()
}

/// What `doctor` says of roots that stood here before.
fn said(world: &World) -> Vec<String> {
    let out = world.acting("tester").args(["doctor", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let all = found.as_array().or_else(|| found["findings"].as_array()).unwrap().iter();
    all.filter(|f| f["check"] == "root").map(|f| format!("{}; {}", f["what"], f["fix"])).collect()
}

/// As `git clean -ffdx` does, and mail that somebody sends right after.
fn lose(world: &World) -> String {
    let before = id(&world.root);
    fs::remove_dir_all(world.root.join(".cellphone")).unwrap();
    for agent in names(&world.root.join("agent_workspaces")) {
        fs::remove_dir_all(world.root.join("agent_workspaces").join(agent)).unwrap();
    }
    world.send("Agent-1", "Agent-2", "what goes on");
    assert_ne!(id(&world.root), before, "a folder of another number and time got the old id");
    before
}

fn alarms(world: &World) -> Vec<(String, String)> {
    let log = world.ok("tester", &["log", "--json"]);
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = events.filter(|e| e["detail"]["detector"] == "lost_root" || e["detector"] == "lost_root");
    ours.map(|e| (e["event"].as_str().unwrap().to_owned(), e.to_string())).collect()
}

#[test]
fn who_lost_the_state_folder_is_told_by_doctor_and_daemon_and_gets_the_id_back() {
    let world = World::new();
    drop(world.up());
    assert_eq!(said(&world), [""; 0]);
    let before = lose(&world);

    let told = said(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&before) && told[0].contains(&format!("--instead-of {before}")), "{told:?}");
    let daemon = world.up();
    wait("the alarm", || alarms(&world).iter().any(|(event, all)| event == "alarm" && all.contains(&before)));
    assert_eq!(said(&world).len(), 1, "the daemon does not settle it");
    drop(daemon);

    world.ok("tester", &["init", world.root.to_str().unwrap(), "--instead-of", &before]);
    assert_eq!(id(&world.root), before);
    assert_eq!(said(&world), [""; 0]);
    let _daemon = world.up();
    wait("all clear", || alarms(&world).iter().any(|(event, _)| event == "all_clear"));
}

#[test]
fn who_begins_anew_at_the_same_place_says_so_by_init() {
    let world = World::new();
    let before = lose(&world);
    assert_eq!(said(&world).len(), 1);
    let out = world.ok("tester", &["init", world.root.to_str().unwrap()]);
    assert!(out.contains(&format!("--instead-of {before}")), "{out}");
    assert_eq!(said(&world), [""; 0]);
    // Nothing outside was thrown away, so it can still be had.
    world.ok("tester", &["init", world.root.to_str().unwrap(), "--instead-of", &before]);
    assert_eq!((id(&world.root), said(&world)), (before, vec![]));
}

#[test]
fn a_root_that_moved_leaves_its_place_to_others() {
    let world = World::new();
    let away = world.root.with_file_name("away");
    fs::rename(&world.root, &away).unwrap();
    drop(world.beside(&away).up());
    let other = world.root.with_file_name("other");
    assert!(world.bare().arg("init").arg(&other).output().unwrap().status.success());
    fs::rename(&other, &world.root).unwrap();
    assert_eq!(said(&world), [""; 0]);
    assert_eq!(said(&world.beside(&away)), [""; 0]);
}

/// What removes everything in the state folder may find it in use, and leave
/// the folder itself: the daemon's lock has gone all the same.
#[test]
fn a_daemon_whose_lock_was_removed_makes_way_for_the_next() {
    let world = World::new();
    let mut first = world.up();
    let state = world.root.join(".cellphone");
    // The daemon writes there meanwhile: what it has just taken away, or made, is no matter.
    for path in names(&state).into_iter().map(|name| state.join(name)) {
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    assert!(!state.join("locks/daemon").exists() && !state.join("control.sock").exists());
    let second = world.up();
    wait("the first daemon to end", || !first.alive());
    let status = world.json("tester", &["status"]);
    assert_eq!(status["daemon"]["pid"], second.pid(), "{status}");
}
