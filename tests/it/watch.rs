//! What watches over a root all the time, by the real daemon: each detector
//! raises its alarm in a real root and clears it, once, to whom it concerns.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Running, World, c_program, names, wait, wait_for};
use crate::hostile::hook;

/// The alarms and all-clears of a detector, as the journal has them.
pub fn said(world: &World, detector: &str) -> Vec<Value> {
    let log = world.ok("Agent-4", &["log", "-n", "100000", "--json"]);
    let all = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let all = all.flat_map(|v| v.as_array().cloned().unwrap_or_else(|| vec![v]));
    all.filter(|e| e["event"] == "alarm" || e["event"] == "all_clear")
        .filter(|e| e["detail"]["detector"] == detector)
        .collect()
}

pub fn kinds(world: &World, detector: &str) -> Vec<String> {
    said(world, detector).iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect()
}

/// Subjects of the captain's messages about alarms.
pub fn told(world: &World, word: &str) -> Vec<String> {
    let all = world.inbox("Agent-4");
    let subjects = all.iter().map(|m| m["subject"].as_str().unwrap().to_owned());
    subjects.filter(|s| s.starts_with(word)).collect()
}

pub fn standing(world: &World) -> Vec<String> {
    let status = world.json("Agent-1", &["status"]);
    let alarms = status["alarms"].as_array().unwrap_or_else(|| panic!("{status}"));
    alarms.iter().map(|a| a["detector"].as_str().unwrap().to_owned()).collect()
}

/// A daemon whose mailboxes are known to it.
fn up(world: &World, environment: &[(&str, &str)]) -> Running {
    let running = world.up_with(environment);
    wait("the mailboxes are known", || {
        fs::read_to_string(world.root.join(".cellphone/alarms.json")).is_ok_and(|text| text.contains("Agent-8"))
    });
    running
}

/// Waits until the end of the journal is known to the daemon.
fn journal_known(world: &World) {
    wait("the journal was gone through", || {
        fs::read_to_string(world.root.join(".cellphone/watch.json")).is_ok_and(|text| text.contains("\"last\""))
    });
}

#[test]
fn a_mailbox_that_is_removed_is_said_before_it_is_made_again() {
    let world = World::new();
    hook(&world.root, "alarm", &format!("cat >>'{}'", world.home.join("hooked").display()));
    world.ok("tester", &["trust", "--yes"]);
    world.send("Agent-1", "Agent-3", "precious");
    world.ok("tester", &["snapshot", "create"]);
    let _daemon = up(&world, &[]);
    // At once: while it is emptied file by file, the daemon makes it anew.
    fs::rename(world.folder("Agent-3", "inbox"), world.home.join("away")).unwrap();
    // A look that was under way may have missed `tmp` alone, a notice, before the next one saw all of it.
    wait("the alarm is in the journal", || {
        said(&world, "missing_mailbox").last().is_some_and(|e| e["detail"]["severity"] == "critical")
    });
    let alarm = &said(&world, "missing_mailbox").pop().unwrap();
    assert_eq!(alarm["agent"], "Agent-3", "{alarm}");
    assert_eq!(alarm["detail"]["runbook"], "cellphone drill plan lost-inbox");
    wait("it is made again", || world.folder("Agent-3", "inbox/new").is_dir());
    wait("the captain hears of it", || told(&world, "Alarm").len() == 1);
    wait("the hook gets it", || {
        fs::read_to_string(world.home.join("hooked")).is_ok_and(|text| text.contains("\"missing_mailbox\""))
    });
    // That the folder stands again brings nothing back.
    assert_eq!(standing(&world), ["missing_mailbox"]);
    let text = world.ok("Agent-1", &["status"]);
    assert!(text.contains("critical") && text.contains("cellphone drill plan lost-inbox"), "{text}");
    world.ok("tester", &["snapshot", "restore", "--agent", "Agent-3", "--yes"]);
    wait("all is clear", || kinds(&world, "missing_mailbox").last().is_some_and(|kind| kind == "all_clear"));
    wait("the captain hears of that", || told(&world, "All clear").len() == 1);
    assert_eq!((told(&world, "Alarm").len(), standing(&world).len()), (1, 0));
    assert_eq!(world.inbox("Agent-3").len(), 1);
}

#[test]
fn a_mailbox_that_never_held_a_message_is_restored_as_the_empty_one_it_was() {
    let world = World::new();
    let _daemon = up(&world, &[]);
    world.ok("tester", &["snapshot", "create"]);
    // At one moment: the daemon makes folders anew while they are removed one by one.
    fs::rename(world.root.join("agent_workspaces/Agent-6"), world.root.join("away")).unwrap();
    wait("the alarm is in the journal", || kinds(&world, "missing_mailbox") == ["alarm"]);
    world.ok("tester", &["snapshot", "restore", "--agent", "Agent-6", "--yes"]);
    wait("all is clear", || kinds(&world, "missing_mailbox").last().is_some_and(|kind| kind == "all_clear"));
    let why = world.fails("tester", 3, &["snapshot", "restore", "--agent", "Agent-77", "--yes"]);
    assert!(why.contains("Agent-77"), "{why}");
}

#[test]
fn all_mailboxes_at_once_are_one_alarm_and_somebody_may_take_note_of_it() {
    let world = World::new();
    let daemon = up(&world, &[]);
    let before = world.root.join("agent_workspaces");
    fs::rename(&before, world.root.join("away")).unwrap();
    // A look that was under way may have seen some mailboxes go before the folder of all, or every one of the nine.
    wait("the alarm is in the journal", || {
        let said = said(&world, "missing_mailbox");
        said.len() == 9 || said.iter().any(|e| e["detail"]["subject"] == "all")
    });
    // A restart says nothing twice.
    wait("they are made again", || world.folder("Agent-8", "dead").is_dir() && world.folder("tester", "dead").is_dir());
    drop(daemon);
    let before = kinds(&world, "missing_mailbox");
    let _daemon = up(&world, &[]);
    journal_known(&world);
    assert_eq!(kinds(&world, "missing_mailbox"), before);
    let found = world.run("tester", &["--json", "doctor"]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let alarm = found.as_array().unwrap().iter().find(|f| f["check"] == "alarm").unwrap_or_else(|| panic!("{found}"));
    assert_eq!(alarm["detector"], "missing_mailbox");
    world.run("tester", &["doctor", "--fix"]);
    wait("all is clear", || standing(&world).is_empty());
    // What stands is asked of a file; the line in the journal is the daemon's, a moment later.
    wait("each is said to be over", || {
        kinds(&world, "missing_mailbox").iter().filter(|k| *k == "all_clear").count() == before.len()
    });
}

#[test]
fn a_mailbox_that_went_while_no_daemon_ran_is_said_by_the_next() {
    let world = World::new();
    drop(up(&world, &[]));
    fs::remove_dir_all(world.root.join("agent_workspaces/Agent-5")).unwrap();
    let _daemon = world.up();
    wait("the alarm is in the journal", || kinds(&world, "missing_mailbox") == ["alarm"]);
    assert!(said(&world, "missing_mailbox")[0]["detail"]["what"].as_str().unwrap().contains("Agent-5"));
}

#[test]
fn what_is_switched_off_says_nothing() {
    let world = World::new();
    world.set("off", "[missing_mailbox]");
    let _daemon = up(&world, &[]);
    // At once: while it is emptied file by file, the daemon makes it anew.
    fs::rename(world.folder("Agent-3", "inbox"), world.home.join("away")).unwrap();
    wait("it is made again", || world.folder("Agent-3", "inbox/new").is_dir());
    journal_known(&world);
    fs::remove_file(world.root.join(".cellphone/journal/journal.jsonl")).unwrap();
    world.send("Agent-1", "Agent-2", "a line of the journal");
    wait("another detector looked meanwhile", || kinds(&world, "journal_chain") == ["alarm"]);
    assert_eq!(said(&world, "missing_mailbox"), Vec::<Value>::new());
}

/// Changes one character of the body.
fn spoil(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let mut other = text.clone();
    let last = other.trim_end().len() - 1;
    other.replace_range(last..=last, "#");
    assert_ne!(text, other);
    fs::write(path, other).unwrap();
}

#[test]
fn a_message_that_rots_is_found_by_the_slow_look_and_by_a_deep_one() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "rots");
    world.ok("Agent-2", &["read", &id]);
    world.ok("Agent-2", &["archive", &id]);
    let day = names(&world.folder("Agent-2", "archive")).into_iter().find(|n| n.starts_with("20")).unwrap();
    let folder = world.folder("Agent-2", &format!("archive/{day}"));
    let file = folder.join(names(&folder).into_iter().find(|n| n.contains("rots")).unwrap());
    let whole = fs::read(&file).unwrap();
    spoil(&file);
    let found = world.run("tester", &["--json", "doctor", "--deep"]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert!(found.as_array().unwrap().iter().any(|f| f["check"] == "damage"), "{found}");
    let _daemon = up(&world, &[("CELLPHONE_WATCH_ALARM_AGAIN", "1s")]);
    wait_for("the slow look finds it", Duration::from_secs(90), || !said(&world, "damage").is_empty());
    let alarm = &said(&world, "damage")[0];
    assert_eq!(alarm["detail"]["path"], file.to_str().unwrap(), "{alarm}");
    // What still stands is said again after the pause, and no sooner.
    wait_for("it is said again", Duration::from_secs(60), || said(&world, "damage").len() >= 2);
    let times: Vec<jiff::Timestamp> =
        said(&world, "damage").iter().map(|e| e["at"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times[1].duration_since(times[0]) >= jiff::SignedDuration::from_secs(1), "{times:?}");
    assert_eq!(said(&world, "damage")[1]["detail"]["change"], "still stands");
    fs::write(&file, whole).unwrap();
    wait_for("all is clear", Duration::from_secs(60), || {
        kinds(&world, "damage").last().is_some_and(|k| k == "all_clear")
    });
}

#[test]
fn a_journal_that_is_lost_edited_or_shorter_is_said() {
    let world = World::new();
    for n in 0..5 {
        world.send("Agent-1", "Agent-2", &format!("line {n}"));
    }
    let _daemon = up(&world, &[]);
    journal_known(&world);
    let file = world.root.join(".cellphone/journal/journal.jsonl");
    let edited = fs::read_to_string(&file).unwrap().replacen("Agent-2", "Agent-7", 1);
    fs::write(world.root.join("edited"), edited).unwrap();
    fs::rename(world.root.join("edited"), &file).unwrap();
    let broken =
        |e: &Value| e["detail"]["subject"] == "chain" && e["detail"]["what"].as_str().unwrap().contains("line 2");
    wait("the edit is found", || said(&world, "journal_chain").iter().any(broken));
    fs::remove_dir_all(world.root.join(".cellphone/journal")).unwrap();
    wait("the loss is found", || {
        said(&world, "journal_chain").iter().any(|e| e["detail"]["what"].as_str().unwrap().contains("it had"))
    });
    assert!(world.run("tester", &["doctor", "--fix"]).status.code().is_some());
    wait("somebody took note of it", || standing(&world).is_empty());
}

#[test]
fn a_storm_is_said_and_over_when_somebody_reads() {
    let world = World::new();
    let _daemon = up(&world, &[("CELLPHONE_WATCH_STORM_MESSAGES", "20")]);
    for n in 0..20 {
        world.send("Agent-1", "Agent-2", &format!("flood {n}"));
    }
    wait("the storm is said", || kinds(&world, "mail_storm") == ["alarm"]);
    assert_eq!(said(&world, "mail_storm")[0]["agent"], "Agent-2");
    for message in world.inbox("Agent-2").iter().take(11) {
        world.ok("Agent-2", &["read", message["id"].as_str().unwrap()]);
    }
    wait("it is over", || kinds(&world, "mail_storm") == ["alarm", "all_clear"]);
    assert_eq!((told(&world, "Alarm").len(), told(&world, "All clear").len()), (1, 1));
}

#[test]
fn a_broken_configuration_is_said_until_it_is_mended() {
    let world = World::new();
    let _daemon = up(&world, &[]);
    let file = world.root.join("config/cellphone.yaml");
    let good = fs::read(&file).unwrap();
    fs::write(&file, "limits: [\n").unwrap();
    wait("it is said", || kinds(&world, "configuration") == ["alarm"]);
    assert_eq!(said(&world, "configuration")[0]["detail"]["runbook"], "cellphone drill plan broken-config");
    fs::write(&file, good).unwrap();
    wait("it is over", || kinds(&world, "configuration") == ["alarm", "all_clear"]);
}

#[test]
fn a_daemon_that_is_killed_again_and_again_says_so() {
    let world = World::new();
    for _ in 0..3 {
        let running = world.up();
        running.signal("KILL");
        drop(running);
    }
    let mut daemon = up(&world, &[]);
    wait("the loop is said", || kinds(&world, "crash_loop") == ["alarm"]);
    assert!(daemon.alive());
    // One that stopped as it should is no crash, and with a window that is over neither are the others.
    daemon.signal("TERM");
    wait("it stops", || !daemon.alive());
    let _daemon = up(&world, &[("CELLPHONE_WATCH_CRASH_WINDOW", "1s")]);
    wait("it is over", || kinds(&world, "crash_loop") == ["alarm", "all_clear"]);
}

#[test]
fn a_repository_that_is_taken_away_is_noticed_at_once() {
    let world = World::new();
    world.ok("tester", &["snapshot", "create"]);
    let place = world.json("tester", &["snapshot", "health"])["repositories"][0]["repository"].clone();
    let place = Path::new(place.as_str().unwrap()).to_owned();
    let away = place.with_extension("away");
    let _daemon = up(&world, &[]);
    fs::rename(&place, &away).unwrap();
    wait_for("the alarm", Duration::from_secs(90), || kinds(&world, "snapshots") == ["alarm"]);
    fs::rename(&away, &place).unwrap();
    wait_for("all is clear", Duration::from_secs(90), || kinds(&world, "snapshots") == ["alarm", "all_clear"]);
    let subjects = world.inbox("Agent-4");
    assert_eq!(subjects.iter().filter(|m| m["subject"] == "The snapshots need attention").count(), 1, "told once");
}

#[test]
#[cfg(target_os = "linux")]
fn a_wall_clock_that_jumps_is_said_until_it_is_back() {
    let world = World::new();
    let shim = c_program("old_clock", &["-shared", "-fPIC"]);
    let shift = world.home.join("shift");
    fs::write(&shift, "0").unwrap();
    let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("CLOCK_SHIFT_FILE", shift.to_str().unwrap())];
    let _daemon = up(&world, &environment);
    journal_known(&world);
    fs::write(&shift, "-7200").unwrap();
    wait("the jump back is said", || kinds(&world, "clock_jump") == ["alarm"]);
    assert!(said(&world, "clock_jump")[0]["detail"]["what"].as_str().unwrap().contains("2h back"));
    fs::write(&shift, "0").unwrap();
    wait("it is over", || kinds(&world, "clock_jump") == ["alarm", "all_clear"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_drill_that_is_due_runs_by_itself_when_nobody_is_at_work() {
    let world = World::new();
    let shim = c_program("old_clock", &["-shared", "-fPIC"]);
    // Forty days later: every scenario must be drilled, and nobody did anything since.
    let later = [("LD_PRELOAD", shim.to_str().unwrap()), ("CLOCK_SHIFT", "3456000")];
    let ended = |world: &World| world.ok("Agent-4", &["log", "-n", "100000", "--json"]).contains("\"event\":\"drill\"");
    {
        let mut daemon = world.up_with(&[later[0], later[1], ("CELLPHONE_DRILL_HOURS", "00:00-24:00")]);
        wait_for("a drill ended", Duration::from_secs(120), || ended(&world));
        // The next one is under way: a shutdown ends it as well.
        daemon.signal("TERM");
        wait("the daemon stops", || !daemon.alive());
    }
    let health = world.json("Agent-4", &["snapshot", "health"]);
    assert!(health["last_drill"]["scenario"].is_string(), "{health}");
    assert_eq!(world.mail("Agent-1", "inbox/new").len(), 0, "the tree itself is left as it is");
}

#[test]
#[ignore = "mounts a tmpfs: run tests/run as root"]
fn a_disk_that_is_nearly_full_is_said_before_it_is_full() {
    let mount = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| assert!(std::process::Command::new(args[0]).args(&args[1..]).status().unwrap().success());
    run(&["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", mount.path().to_str().unwrap()]);
    {
        let world = World::inside(mount.path());
        let _daemon = up(&world, &[("CELLPHONE_WATCH_DISK_FREE", "32MiB")]);
        journal_known(&world);
        assert_eq!(kinds(&world, "disk_space"), Vec::<String>::new());
        fs::write(mount.path().join("fill"), vec![7; 40 << 20]).unwrap();
        wait("it is said", || kinds(&world, "disk_space") == ["alarm"]);
        let found = world.run("tester", &["--set", "watch.disk_free=32MiB", "--json", "doctor"]);
        assert!(String::from_utf8_lossy(&found.stdout).contains("\"disk_space\""));
        fs::remove_file(mount.path().join("fill")).unwrap();
        wait("it is over", || kinds(&world, "disk_space") == ["alarm", "all_clear"]);
    }
    run(&["umount", mount.path().to_str().unwrap()]);
}
