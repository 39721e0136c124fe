//! Bringing a restored tree back: what the plan says, what is done, and that
//! it can be taken back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{World, names, photograph, text, wait};

/// A copy of what a snapshot holds, as `restic restore` would leave it.
pub fn stage(world: &World, name: &str) -> PathBuf {
    let to = world.home.join(name);
    fs::create_dir_all(to.join(".cellphone")).unwrap();
    for part in ["agent_workspaces", "config", "hooks", ".cellphone/journal", ".cellphone/spool"] {
        if world.root.join(part).exists() {
            let copied = Command::new("cp").arg("-a").arg(world.root.join(part)).arg(to.join(part)).output().unwrap();
            assert!(copied.status.success(), "{}", text(&copied));
        }
    }
    to
}

pub fn restore(world: &World, staged: &Path, more: &[&str]) -> Value {
    let mut args = vec!["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"];
    args.extend(more);
    world.json("tester", &args)
}

/// Every message of every mailbox: which folder it is in, by agent and id.
pub fn mail(world: &World) -> BTreeMap<(String, String, bool), Vec<String>> {
    let mut found: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for path in photograph(&world.root.join("agent_workspaces")).into_keys().filter(|p| p.is_file()) {
        let inside = path.strip_prefix(world.root.join("agent_workspaces")).unwrap().to_str().unwrap().to_owned();
        let (agent, below) = inside.split_once('/').unwrap();
        let stem = below.strip_suffix(".md").unwrap_or("").split(',').next().unwrap();
        if stem.len() > 60 {
            let id = stem[stem.len() - 26..].to_owned();
            found.entry((agent.to_owned(), id, below.starts_with("sent/"))).or_default().push(below.to_owned());
        }
    }
    found
}

fn place(world: &World, agent: &str, id: &str) -> Vec<String> {
    let places = mail(world).remove(&(agent.to_owned(), id.to_owned(), false)).unwrap_or_default();
    places.iter().map(|p| p.rsplit_once('/').unwrap().0.to_owned()).collect()
}

/// Three messages to Agent-2 (waiting, read, filed), a copy of that, and then
/// another life: everything moved on, and one more arrived.
fn moved_on(world: &World) -> (PathBuf, [String; 4]) {
    let [waiting, read, filed] = ["waiting", "seen", "filed"].map(|s| world.send("Agent-1", "Agent-2", s));
    world.ok("Agent-2", &["read", &read]);
    world.ok("Agent-2", &["archive", &filed]);
    let staged = stage(world, "staged");
    world.ok("Agent-2", &["read", &waiting]);
    world.ok("Agent-2", &["archive", &read]);
    let day = names(&world.folder("Agent-2", "archive"));
    let name = |id: &str| world.mail("Agent-2", &format!("archive/{}", day[0])).into_iter().find(|n| n.contains(id));
    fs::remove_file(world.folder("Agent-2", "archive").join(&day[0]).join(name(&filed).unwrap())).unwrap();
    let newer = world.send("Agent-1", "Agent-2", "newer");
    (staged, [waiting, read, filed, newer])
}

#[test]
fn the_plan_is_shown_and_without_yes_nothing_is_changed() {
    let world = World::new();
    let (staged, [waiting, _, filed, newer]) = moved_on(&world);
    let before = photograph(&world.root.join("agent_workspaces"));
    let shown = world.ok("tester", &["snapshot", "restore", "--staged", staged.to_str().unwrap()]);
    assert!(shown.contains("add --yes") && shown.contains(&waiting) && shown.contains(&filed), "{shown}");
    let plan = world.json("tester", &["snapshot", "restore", "--staged", staged.to_str().unwrap()]);
    assert_eq!(plan["applied"], false);
    let two = plan["plan"]["mailboxes"].as_array().unwrap().iter().find(|m| m["agent"] == "Agent-2").unwrap().clone();
    assert_eq!(two["steps"].as_array().unwrap().len(), 3, "{two}");
    assert!(two["kept"][0].as_str().unwrap().contains(&newer), "{two}");
    assert_eq!(photograph(&world.root.join("agent_workspaces")), before);
    assert!(!world.root.join(".cellphone/restore").exists());
    // Nor by somebody who may not.
    let why = world.fails("Agent-2", 4, &["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"]);
    assert!(why.contains("may not"), "{why}");
    assert_eq!(photograph(&world.root.join("agent_workspaces")), before);
}

#[test]
fn the_whole_root_comes_back_newer_mail_stays_and_undo_and_its_undo_bring_each_life_back() {
    let world = World::new();
    let (staged, [waiting, read, filed, newer]) = moved_on(&world);
    fs::write(world.root.join("config/roles.yaml"), "roles: {}\n").unwrap();
    let roles = fs::read(staged.join("config/roles.yaml")).unwrap();
    let second_life = mail(&world);
    let done = restore(&world, &staged, &[]);
    assert_eq!((&done["applied"], &done["daemon"]), (&Value::from(true), &Value::from("not_running")), "{done}");
    let places = |id: &str| place(&world, "Agent-2", id);
    assert_eq!(places(&waiting), ["inbox/new"]);
    assert_eq!(places(&read), ["inbox/cur"]);
    assert!(places(&filed)[0].starts_with("archive/"));
    assert_eq!(places(&newer), ["inbox/new"]);
    assert_eq!(fs::read(world.root.join("config/roles.yaml")).unwrap(), roles);
    let first_life = mail(&world);
    // Again: there is nothing to do.
    assert_eq!(restore(&world, &staged, &[])["applied"], false);
    let event = world.ok("tester", &["--json", "log", "-n", "20"]);
    assert!(event.contains("\"restored\"") && event.contains("Agent-2"), "{event}");

    let later = world.send("Agent-1", "Agent-2", "after the restore");
    let undo = || world.json("tester", &["snapshot", "restore", "--undo", "--yes"]);
    assert_eq!(undo()["applied"], true);
    let mut expected = second_life;
    let arrived = mail(&world).into_iter().filter(|((_, id, _), _)| *id == later).collect::<Vec<_>>();
    assert_eq!(arrived.len(), 2);
    expected.extend(arrived.clone());
    assert_eq!(mail(&world), expected);
    assert_eq!(fs::read(world.root.join("config/roles.yaml")).unwrap(), b"roles: {}\n");
    // The undo is undone.
    undo();
    let mut expected = first_life;
    expected.extend(arrived);
    assert_eq!(mail(&world), expected);
    assert_eq!(fs::read(world.root.join("config/roles.yaml")).unwrap(), roles);
    world.ok("tester", &["doctor"]);
    // What lies aside is listed, and goes only with --yes.
    let aside = world.json("tester", &["snapshot", "restore", "--list"]);
    assert_eq!(aside.as_array().unwrap().len(), 3, "{aside}");
    let id = aside[0]["record"]["id"].as_str().unwrap();
    world.ok("tester", &["snapshot", "restore", "--forget", id]);
    assert_eq!(world.json("tester", &["snapshot", "restore", "--list"]).as_array().unwrap().len(), 3);
    world.ok("tester", &["snapshot", "restore", "--forget", id, "--yes"]);
    assert_eq!(world.json("tester", &["snapshot", "restore", "--list"]).as_array().unwrap().len(), 2);
}

#[test]
fn one_agent_one_path_one_message_come_back_alone() {
    let world = World::new();
    let ids = ["Agent-2", "Agent-3"].map(|to| [world.send("Agent-1", to, "one"), world.send("Agent-1", to, "two")]);
    let staged = stage(&world, "staged");
    for agent in ["Agent-2", "Agent-3"] {
        fs::remove_dir_all(world.folder(agent, "")).unwrap();
    }
    fs::remove_file(world.root.join("config/roles.yaml")).unwrap();
    let place = |agent: &str, id: &str| place(&world, agent, id);
    restore(&world, &staged, &["--message", &ids[0][0][18..]]);
    assert_eq!((place("Agent-2", &ids[0][0]).len(), place("Agent-2", &ids[0][1]).len()), (1, 0));
    restore(&world, &staged, &["--agent", "agent-2"]);
    assert_eq!((place("Agent-2", &ids[0][1]).len(), place("Agent-3", &ids[1][0]).len()), (1, 0));
    let path =
        format!("agent_workspaces/Agent-3/inbox/new/{}", names(&staged.join("agent_workspaces/Agent-3/inbox/new"))[0]);
    restore(&world, &staged, &["--path", &path]);
    assert_eq!((place("Agent-3", &ids[1][0]).len(), place("Agent-3", &ids[1][1]).len()), (1, 0));
    assert!(!world.root.join("config/roles.yaml").exists());
    restore(&world, &staged, &["--path", "config/roles.yaml"]);
    assert!(world.root.join("config/roles.yaml").exists());
    let staged = staged.to_str().unwrap();
    for (code, args) in [
        (3, ["--message", "01ZZZZZZZZZZ"]),
        (2, ["--path", "../elsewhere"]),
        (2, ["--path", ".cellphone/locks"]),
        (3, ["--path", "config/nothing.yaml"]),
        (3, ["--agent", "Nobody"]),
    ] {
        world.fails("tester", code, &[&["snapshot", "restore", "--staged", staged, "--yes"][..], &args].concat());
    }
}

#[test]
fn newer_mail_that_is_discarded_lies_aside_and_comes_back() {
    let world = World::new();
    let (staged, [_, _, _, newer]) = moved_on(&world);
    let done = restore(&world, &staged, &["--agent", "Agent-2", "--discard-newer"]);
    assert!(place(&world, "Agent-2", &newer).is_empty());
    let aside = PathBuf::from(done["aside"].as_str().unwrap());
    let lies = names(&aside.join("agent_workspaces/Agent-2/inbox/new"));
    assert!(lies.iter().any(|name| name.contains(&newer)), "{lies:?}");
    world.ok("tester", &["snapshot", "restore", "--undo", "--yes"]);
    assert_eq!(place(&world, "Agent-2", &newer), ["inbox/new"]);
}

#[test]
fn a_claim_of_the_snapshot_comes_back_as_waiting_mail_and_a_live_claim_stays_with_its_holder() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "job");
    let first = world.json("Agent-2", &["next", "--lease", "1h"]);
    let staged = stage(&world, "staged");
    let token = first["token"].as_str().unwrap().to_owned();
    // Held now: left alone.
    let done = restore(&world, &staged, &[]);
    assert_eq!(done["applied"], false, "{done}");
    assert_eq!(done["plan"]["mailboxes"][1]["leased"].as_array().unwrap().len(), 1, "{done}");
    world.ok("Agent-2", &["done", &id, "--token", &token]);
    restore(&world, &staged, &[]);
    assert_eq!(place(&world, "Agent-2", &id), ["inbox/new"]);
    // The token of that day is worth nothing, and the attempt was counted.
    world.fails("Agent-2", 5, &["done", &id, "--token", &token]);
    let second = world.json("Agent-2", &["next"]);
    assert_eq!((&second["id"], &second["attempts"]), (&Value::from(id.as_str()), &Value::from(2)), "{second}");
    let fresh = second["token"].as_str().unwrap();
    assert!(fresh.parse::<u64>().unwrap() > token.parse::<u64>().unwrap());
    world.ok("Agent-2", &["done", &id, "--token", fresh]);
}

#[test]
fn a_root_that_was_lost_comes_back_with_its_journal_and_names_go_on_upwards() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "before");
    world.ok("Agent-2", &["read", &id]);
    // Dropped, and not yet picked up.
    fs::write(world.folder("Agent-3", "outbox").join("note.md"), "later\n").unwrap();
    let staged = stage(&world, "deep/a/b/staged");
    let lines = fs::read_to_string(world.root.join(".cellphone/journal/journal.jsonl")).unwrap();
    fs::remove_dir_all(&world.root).unwrap();
    let out = world.bare().arg("init").arg(&world.root).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    // A restic restore puts the tree below its whole path.
    let done = restore(&world, &world.home.join("deep"), &[]);
    assert_eq!(done["plan"]["journal"]["journal"], "brought_back", "{done}");
    assert_eq!(place(&world, "Agent-2", &id), ["inbox/cur"]);
    assert!(world.folder("Agent-3", "outbox").join("note.md").exists());
    let now = fs::read_to_string(world.root.join(".cellphone/journal/journal.jsonl")).unwrap();
    assert!(now.starts_with(&lines) && now.contains("\"restored\""), "{now}");
    world.ok("tester", &["trace", &id]);
    let doctor = world.run("tester", &["doctor"]);
    assert!(!text(&doctor).contains("journal"), "{}", text(&doctor));
    let newest = |agent: &str| world.mail(agent, "inbox/new").pop().unwrap();
    let next = world.send("Agent-1", "Agent-2", "after");
    let old = world.mail("Agent-2", "inbox/cur");
    assert!(newest("Agent-2").contains(&next) && newest("Agent-2") > old[0]);
    assert!(staged.exists());
}

#[test]
fn a_journal_that_is_whole_goes_on_and_a_damaged_one_lies_aside() {
    let world = World::new();
    world.send("Agent-1", "Agent-2", "one");
    let staged = stage(&world, "staged");
    let id = world.send("Agent-1", "Agent-2", "two");
    let journal = world.root.join(".cellphone/journal/journal.jsonl");
    let plan = world.json("tester", &["snapshot", "restore", "--staged", staged.to_str().unwrap()]);
    assert_eq!(plan["plan"]["journal"]["journal"], "kept", "{plan}");
    // Somebody edits a line.
    let live = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, live.replacen("accepted", "accepteD", 1)).unwrap();
    let done = restore(&world, &staged, &[]);
    assert_eq!(done["plan"]["journal"]["journal"], "brought_back", "{done}");
    assert!(done["journal_lines"].as_u64().unwrap() > 0, "{done}");
    let now = fs::read_to_string(&journal).unwrap();
    assert!(now.contains(&id) && !now.contains("accepteD"));
    let aside = PathBuf::from(done["aside"].as_str().unwrap()).join(".cellphone/journal/journal.jsonl");
    assert!(fs::read_to_string(aside).unwrap().contains("accepteD"));
    assert!(!text(&world.run("tester", &["doctor"])).contains("journal"));
}

#[test]
fn a_running_daemon_notices_what_came_back() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "one");
    let staged = stage(&world, "staged");
    let _daemon = world.up();
    fs::remove_file(world.folder("Agent-2", "inbox/new").join(&world.mail("Agent-2", "inbox/new")[0])).unwrap();
    let mut wait_for_mail = world.acting("Agent-2");
    let mut waiting = crate::harness::Running::start({
        wait_for_mail.args(["wait", "--timeout", "20s"]);
        wait_for_mail
    });
    let done = restore(&world, &staged, &[]);
    assert_eq!(done["daemon"], "told", "{done}");
    assert_eq!(waiting.code(), Some(0));
    assert_eq!(place(&world, "Agent-2", &id), ["inbox/new"]);
    wait("status tells of one unread", || world.json("tester", &["status"]).to_string().contains("\"unread\":1"));
}

/// A file that waited in an outbox is not sent twice, and is no further away
/// than its path.
#[test]
fn a_draft_of_the_snapshot_stays_away_where_its_owner_sent_mail_since_unless_its_path_is_named() {
    let world = World::new();
    let note = world.folder("Agent-3", "outbox").join("note.md");
    fs::write(&note, "---\nto: Agent-2\n---\nlater\n").unwrap();
    let staged = stage(&world, "staged");
    fs::remove_file(&note).unwrap();
    world.send("Agent-3", "Agent-2", "perhaps that note");
    let done = restore(&world, &staged, &[]);
    let three = done["plan"]["mailboxes"].as_array().unwrap().iter().find(|m| m["agent"] == "Agent-3").unwrap().clone();
    assert_eq!(three["drafts"][0], "outbox/note.md", "{done}");
    assert!(!note.exists());
    restore(&world, &staged, &["--path", "agent_workspaces/Agent-3/outbox/note.md"]);
    assert!(note.exists());
}

#[test]
fn an_undo_finds_what_its_owner_moved_since_and_its_undo_brings_it_back_to_there() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "job");
    let staged = stage(&world, "staged");
    let file = world.folder("Agent-2", "inbox/new").join(&world.mail("Agent-2", "inbox/new")[0]);
    fs::remove_file(&file).unwrap();
    restore(&world, &staged, &[]);
    assert!(file.exists());
    world.ok("Agent-2", &["read", &id]);
    let seen = place(&world, "Agent-2", &id);
    assert_eq!(seen, ["inbox/cur"]);
    // The undo takes it wherever it is, and the undo of that brings it back to there.
    world.ok("tester", &["snapshot", "restore", "--undo", "--yes"]);
    assert!(place(&world, "Agent-2", &id).is_empty());
    world.ok("tester", &["snapshot", "restore", "--undo", "--yes"]);
    assert_eq!(place(&world, "Agent-2", &id), seen);
}

#[test]
fn a_letter_that_waited_in_the_spool_is_delivered_to_whoever_does_not_have_it() {
    let world = World::new();
    let sent = world.json("Agent-1", &["send", "--to", "Agent-2,Agent-5", "-s", "both", "-m", "body"]);
    let id = sent["id"].as_str().unwrap();
    let staged = stage(&world, "staged");
    let file = world.mail("Agent-2", "inbox/new")[0].clone();
    let letter = fs::read(world.folder("Agent-2", "inbox/new").join(&file)).unwrap();
    // As it stood before its sender had delivered any of it.
    let mut entry =
        format!("{{\"name\":\"{file}\",\"from\":\"Agent-1\",\"recipients\":[\"Agent-2\",\"Agent-5\"]}}\n").into_bytes();
    entry.extend(letter);
    fs::create_dir_all(staged.join(".cellphone/spool")).unwrap();
    fs::write(staged.join(".cellphone/spool").join(file.replace(".md", ".spool")), entry).unwrap();
    for agent in ["Agent-2", "Agent-5"] {
        fs::remove_file(staged.join(format!("agent_workspaces/{agent}/inbox/new")).join(&file)).unwrap();
    }
    fs::remove_file(world.folder("Agent-5", "inbox/new").join(&file)).unwrap();
    world.ok("Agent-2", &["archive", id]);
    restore(&world, &staged, &[]);
    // Whatever is sent next finishes what stands in the spool.
    world.send("Agent-3", "Agent-4", "next");
    assert_eq!(place(&world, "Agent-5", id), ["inbox/new"]);
    assert_eq!(place(&world, "Agent-2", id).len(), 1);
    assert!(names(&world.root.join(".cellphone/spool")).is_empty());
}
