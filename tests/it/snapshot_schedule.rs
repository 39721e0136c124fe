//! Snapshots by themselves: when mail asks for one, what health says, who
//! hears of it, and a whole way back from a snapshot into the live tree.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{World, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

fn list(world: &World) -> Vec<Value> {
    world.json("Agent-4", &["snapshot", "list"]).as_array().unwrap().clone()
}

fn repository(world: &World) -> PathBuf {
    world.json("Agent-4", &["snapshot", "health"])["repositories"][0]["repository"].as_str().unwrap().into()
}

/// Every person of the roster may manage.
fn person(world: &World) -> String {
    let agents = world.json("Agent-4", &["agents", "list"]);
    let all = agents.as_array().unwrap();
    all.iter().find(|a| a["role"] == "human").unwrap()["name"].as_str().unwrap().to_owned()
}

#[test]
fn the_daemon_takes_one_when_enough_mail_came() {
    let world = World::new();
    world.set("after_messages", "3");
    let _daemon = world.up();
    world.send("Agent-1", "Agent-2", "one");
    world.send("Agent-1", "Agent-2", "two");
    assert!(list(&world).is_empty());
    world.send("Agent-1", "Agent-2", "three");
    wait_for("a snapshot is there", PATIENCE, || list(&world).len() == 1);
    // The first one has nothing to be compared with.
    assert_eq!(list(&world)[0]["kind"], "full");
    for n in 0..3 {
        world.send("Agent-1", "Agent-3", &format!("again {n}"));
    }
    wait_for("another one is there", PATIENCE, || list(&world).len() == 2);
    assert_eq!(list(&world)[1]["kind"], "incremental");
    let ls = world.ok("Agent-4", &["snapshot", "ls", "latest", "agent_workspaces/Agent-3/inbox/new"]);
    assert_eq!(ls.matches("again").count(), 3, "{ls}");
}

#[test]
fn new_mail_is_in_a_snapshot_after_the_time_that_is_set() {
    let world = World::new();
    world.set("after", "1s");
    world.send("Agent-1", "Agent-2", "before the daemon");
    let _daemon = world.up();
    wait_for("a snapshot is there", PATIENCE, || list(&world).len() == 1);
    let ls = world.ok("Agent-4", &["snapshot", "ls", "latest", "agent_workspaces/Agent-2/inbox/new"]);
    assert!(ls.contains("before-the-daemon"), "{ls}");
}

#[test]
fn a_repository_that_is_gone_is_said_and_not_replaced() {
    let world = World::new();
    world.ok("Agent-1", &["snapshot", "create"]);
    let place = repository(&world);
    let away = place.with_extension("away");
    fs::rename(&place, &away).unwrap();
    let said = world.fails("Agent-1", 3, &["snapshot", "create"]);
    assert!(said.contains("is gone") && said.contains("--new-repository"), "{said}");
    assert!(!place.exists());
    let said = world.fails("Agent-1", 6, &["snapshot", "health"]);
    assert!(said.contains("1 target missed"), "{said}");

    world.set("after", "1s");
    let _daemon = world.up();
    world.send("Agent-1", "Agent-2", "hello");
    let told = |subject: &str| world.inbox("Agent-4").iter().filter(|m| m["subject"] == subject).count();
    wait_for("the captain hears of it", PATIENCE, || told("The snapshots need attention") == 1);
    fs::rename(&away, &place).unwrap();
    // It is tried again after a minute, or when it is done by hand; the daemon looks after that.
    world.ok("Agent-1", &["snapshot", "create"]);
    let health = world.json("Agent-1", &["snapshot", "health"]);
    assert_eq!(health["good"], true, "{health}");
    let log = world.ok("Agent-4", &["log", "--json"]);
    assert!(log.contains("snapshot_health"), "{log}");
}

#[test]
fn a_check_and_a_full_disk_are_part_of_the_health() {
    let world = World::new();
    world.ok("Agent-1", &["snapshot", "create"]);
    let before = world.json("Agent-1", &["snapshot", "health"]);
    assert_eq!((before["good"].clone(), before["last_check"].clone()), (true.into(), Value::Null));
    world.ok("Agent-1", &["snapshot", "check"]);
    assert_eq!(world.json("Agent-1", &["snapshot", "health"])["last_check"]["clean"], true);
    // More than any disk has.
    world.set("health_free", "900000TiB");
    let said = world.fails("Agent-1", 6, &["snapshot", "health"]);
    assert!(said.contains("target missed"), "{said}");
}

#[test]
fn an_agent_a_message_and_a_time_come_back_from_a_snapshot() {
    let world = World::new();
    let me = person(&world);
    let id = world.send("Agent-1", "Agent-2", "precious");
    let first = world.json(&me, &["snapshot", "create"]);
    let time = world.json(&me, &["snapshot", "show"])["time"].as_str().unwrap().to_owned();
    let late = world.send("Agent-1", "Agent-2", "later");
    world.ok(&me, &["snapshot", "create"]);
    fs::remove_dir_all(world.folder("Agent-2", "inbox")).unwrap();
    let after = world.send("Agent-3", "Agent-2", "after the loss");

    let plan = world.json(&me, &["snapshot", "restore", "--agent", "Agent-2"]);
    assert_eq!(plan["applied"], false);
    assert_eq!(world.inbox("Agent-2").len(), 1, "a plan changes nothing");
    let done = world.json(&me, &["snapshot", "restore", "--at", &time, "--agent", "Agent-2", "--yes"]);
    assert_eq!(done["record"]["source"]["snapshot"], first["id"], "{done}");
    let ids = || {
        let mut ids: Vec<String> = world.inbox("Agent-2").iter().map(|m| m["id"].as_str().unwrap().into()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(), [id.clone(), after.clone()]);
    world.ok(&me, &["snapshot", "restore", "--message", &late, "--yes"]);
    assert_eq!(ids(), [id.clone(), late.clone(), after.clone()]);
    world.ok(&me, &["snapshot", "restore", "--undo", "--yes"]);
    assert_eq!(ids(), [id, after]);
    // Nothing that was staged for a plan stays.
    assert_eq!(fs::read_dir(world.root.join(".cellphone/staging")).unwrap().count(), 0);
    world.fails("Agent-1", 4, &["snapshot", "restore", "--yes"]);
}

#[test]
fn the_recovery_sheet_says_everything_and_only_to_whoever_may_have_it() {
    let world = World::new();
    world.ok("Agent-1", &["snapshot", "create"]);
    let me = person(&world);
    let sheet = world.ok(&me, &["snapshot", "sheet"]);
    let file = world.json(&me, &["snapshot", "key", "file"]);
    let password = fs::read_to_string(file["password_file"].as_str().unwrap()).unwrap();
    for part in [password.trim(), repository(&world).to_str().unwrap(), world.root.to_str().unwrap(), "restic restore"]
    {
        assert!(sheet.contains(part), "{part}: {sheet}");
    }
    assert!(!world.ok(&me, &["snapshot", "sheet", "--without-password"]).contains(password.trim()));
    world.fails("Agent-1", 4, &["snapshot", "sheet"]);
}

#[test]
#[ignore = "needs restic: run tests/run"]
fn a_lost_machine_comes_back_by_the_recovery_sheet_alone() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "precious");
    let me = person(&world);
    world.ok(&me, &["snapshot", "create"]);
    let sheet = world.ok(&me, &["snapshot", "sheet"]);
    let away = world.home.join("disk");
    fs::rename(repository(&world), &away).unwrap();
    // Another machine: another home, nothing of the first but the repository and the page.
    let other = World::new();
    let field = |name: &str| sheet.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    let mut restic = other.program("restic");
    restic.env("RESTIC_REPOSITORY", &away).env("RESTIC_PASSWORD", field("Password"));
    let target = other.home.join("restored");
    restic.args(["restore", "latest", "--tag", "cellphone", "--target"]).arg(&target);
    let out = restic.output().expect("restic is needed: run tests/run");
    assert!(out.status.success(), "{}", crate::harness::text(&out));
    let them = person(&other);
    other.ok(&them, &["snapshot", "restore", "--staged", target.to_str().unwrap(), "--yes"]);
    assert_eq!(other.inbox("Agent-2")[0]["id"], id.as_str());
}
