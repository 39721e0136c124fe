//! Settings: a broken one stops no mail, and `config set` changes one line.

use std::fs;

use super::harness::{World, text, wait};

const SETTINGS: &str = "config/cellphone.yaml";
const AGENTS: &str = "config/agents.yaml";

/// Commands that must go on whatever the configuration says.
fn mail_goes_on(world: &World, about: &str) {
    let out = world.run("Agent-1", &["--json", "send", "--to", "Agent-2", "-s", about, "-m", "body"]);
    assert!(out.status.success(), "{about}: {}", text(&out));
    let sent: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let id = sent["id"].as_str().unwrap().to_owned();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{about}: one line: {said}");
    assert!(said.starts_with("note: ") && said.contains(about) && said.contains("cellphone "), "{said}");
    assert!(world.inbox("Agent-2").iter().any(|m| m["id"] == id.as_str()), "{about}");
    world.ok("Agent-2", &["read", &id]);
    world.ok("Agent-2", &["reply", &id, "-m", "seen"]);
    for args in [&["status", "--json"][..], &["log"], &["thread", &id], &["config", "show"], &["search", "body"]] {
        world.ok("Agent-2", args);
    }
    let status = world.json("Agent-2", &["status"]);
    assert!(status["config"]["faults"][0].as_str().unwrap().contains(about), "{status}");
}

#[test]
fn a_broken_setting_stops_no_mail_and_doctor_puts_the_last_good_file_back() {
    let world = World::new();
    world.ok("tester", &["config", "set", "limits.hops", "77"]);
    let path = world.root.join(SETTINGS);
    let good = fs::read_to_string(&path).unwrap();
    for broken in ["limits:\n  hops: many\n", "limits: [1\n", "nudge:\n  cooldwon: 3s\n", "\u{7f}\u{0}", "lease: 0s\n"]
    {
        fs::write(&path, broken).unwrap();
        mail_goes_on(&world, "config/cellphone.yaml");
        assert_eq!(world.json("Agent-1", &["config", "get", "limits.hops"])["value"], "77", "{broken:?}");
        let out = world.run("tester", &["doctor", "--json"]);
        assert_eq!(out.status.code(), Some(1), "{}", text(&out));
        let findings: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let found = findings.as_array().unwrap().iter().find(|f| f["check"] == "config").unwrap();
        assert!(found["path"].as_str().unwrap().ends_with(SETTINGS) && found["repairable"] == true, "{found}");
        assert_eq!(fs::read_to_string(&path).unwrap(), broken, "looking changes nothing");
        world.ok("tester", &["doctor", "--fix"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), good);
        assert!(world.run("Agent-1", &["inbox"]).stderr.is_empty());
    }
    assert_eq!(fs::read(world.root.join("config/cellphone.yaml.broken")).unwrap(), b"limits:\n  hops: many\n");
}

#[test]
fn a_wrong_line_is_named_with_its_number() {
    let world = World::new();
    fs::write(world.root.join(SETTINGS), "# mine\nlimits:\n  body: big\n").unwrap();
    let out = world.run("Agent-1", &["inbox", "--json"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("cellphone.yaml:3: `limits.body`"), "{said}");
    assert_eq!(out.stdout, b"[]\n", "the answer stays pure");
    world.ok("tester", &["config", "set", "limits.body", "1MiB"]);
    assert!(world.run("Agent-1", &["inbox"]).stderr.is_empty(), "the command that sets it mends it");
}

#[test]
fn a_broken_roster_stops_no_mail_and_grants_nothing() {
    let world = World::new();
    let path = world.root.join(AGENTS);
    let good = fs::read_to_string(&path).unwrap();
    for broken in ["agents: [\n", "agents:\n  Agent-1:\n    rule: captain\n", "agents:\n  Agent-1: {}\n  AGENT-1: {}\n"]
    {
        fs::write(&path, broken).unwrap();
        mail_goes_on(&world, "config/agents.yaml");
        let refused = world.fails("Agent-1", 4, &["agents", "add", "Mine"]);
        assert!(refused.contains("may not change"), "{refused}");
        world.ok("tester", &["doctor", "--fix"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), good);
    }
}

#[test]
fn what_is_put_back_knows_who_was_added_and_doctor_opens_for_nobody_too() {
    let world = World::new();
    world.ok("tester", &["agents", "add", "Newcomer"]);
    let path = world.root.join(AGENTS);
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, "agents: [\n").unwrap();
    world.send("Agent-1", "Newcomer", "still here");
    let out = world.run("Nobody", &["doctor", "--fix"]);
    assert!(out.status.success(), "{}", text(&out));
    assert_eq!(fs::read_to_string(&path).unwrap(), good);
    assert_eq!(world.inbox("Newcomer").len(), 1);
}

#[test]
fn what_could_not_be_used_is_not_approved() {
    let world = World::new();
    let path = world.root.join("config/roles.yaml");
    fs::write(&path, "roles:\n  agent:\n    sned: true\n").unwrap();
    let refused = world.fails("tester", 4, &["trust", "--yes"]);
    assert!(refused.contains("roles.yaml") && refused.contains("cellphone trust"), "{refused}");
    assert!(world.run("Agent-1", &["inbox"]).stderr.is_empty(), "the approved copy holds");
}

#[test]
fn a_wrong_variable_is_named_and_left_out() {
    let world = World::new();
    let out = world.acting("Agent-1").env("CELLPHONE_LIMITS_HOPS", "many").args(["inbox", "--json"]).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    assert!(String::from_utf8_lossy(&out.stderr).contains("CELLPHONE_LIMITS_HOPS"), "{}", text(&out));
}

#[test]
fn a_daemon_starts_and_goes_on_with_a_broken_configuration() {
    let world = World::new();
    let path = world.root.join(SETTINGS);
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, "limits: [\n").unwrap();
    let mut daemon = world.up();
    let error = |world: &World| world.json("tester", &["status"])["daemon"]["config"]["error"].clone();
    assert!(error(&world).as_str().unwrap().contains("cellphone.yaml"), "{}", error(&world));
    fs::write(&path, &good).unwrap();
    wait("the daemon has read the good file", || error(&world).is_null());
    fs::write(&path, "nudge:\n  cooldown: never\n").unwrap();
    wait("the daemon says that the file is broken", || error(&world).as_str().is_some_and(|e| e.contains(":2:")));
    // The rest of the configuration is still read.
    world.ok("tester", &["agents", "add", "Newcomer"]);
    fs::create_dir_all(world.folder("Newcomer", "outbox/Agent-1")).unwrap();
    fs::write(world.folder("Newcomer", "outbox/Agent-1").join("note.md"), "hello\n").unwrap();
    wait("mail of somebody new is sent", || !world.mail("Agent-1", "inbox/new").is_empty());
    assert!(daemon.alive());
}

#[test]
fn config_set_and_unset_change_one_line_and_only_by_who_may() {
    let world = World::new();
    let path = world.root.join(SETTINGS);
    let before = fs::read_to_string(&path).unwrap();
    assert_eq!(
        world.ok("tester", &["config", "set", "nudge.cooldown", "90s"]),
        "nudge.cooldown = 1m30s (default 30s)\n"
    );
    let now = fs::read_to_string(&path).unwrap();
    let wanted = before.replacen("  #cooldown: 30s\n", "  #cooldown: 30s\n  cooldown: 90s\n", 1);
    assert_eq!(now, wanted, "comments and other lines stay");
    let shown = world.json("tester", &["config", "set", "limits.hops", "9"]);
    assert_eq!((shown["key"].as_str(), shown["value"].as_str()), (Some("limits.hops"), Some("9")));
    assert!(shown["origin"].as_str().unwrap().contains("config/cellphone.yaml:"), "{shown}");
    let now = fs::read_to_string(&path).unwrap();
    for (code, key, value) in
        [(3, "limits.hopes", "3"), (2, "lease", "soon"), (2, "lease", "0s"), (2, "limits.body", "-1")]
    {
        let said = world.fails("tester", code, &["config", "set", key, value]);
        assert!(said.contains(key) && said.contains("cellphone config show --about"), "{said}");
    }
    assert!(world.fails("Agent-1", 4, &["config", "set", "lease", "5m"]).contains("may not change"));
    assert_eq!(fs::read_to_string(&path).unwrap(), now, "what was refused changed nothing");
    assert_eq!(world.ok("tester", &["config", "unset", "limits.hops"]), "limits.hops = 100 (the default)\n");
    assert_eq!(world.json("tester", &["config", "get", "limits.hops"])["origin"], "default");
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(kept, now.replace("  hops: 9\n", ""));
    let events = world.ok("tester", &["log", "--json"]);
    assert!(events.contains("limits.hops") && events.contains("\"value\":\"default\""), "{events}");
}

#[test]
fn the_log_is_read_since_a_time_or_an_age() {
    let world = World::new();
    world.ok("tester", &["config", "set", "limits.hops", "9"]);
    let lines = |args: &[&str]| -> Vec<serde_json::Value> {
        let out = world.ok("tester", &[&["log", "--json"], args].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines(&["--since", "1h"]);
    let last = all.last().unwrap();
    assert_eq!(lines(&["--since", last["at"].as_str().unwrap()]).last(), Some(last));
    assert_eq!(lines(&["--since", "1h", "-n", "1"]), std::slice::from_ref(last));
    assert!(lines(&["--since", "2100-01-01T00:00:00Z"]).is_empty());
    let said = world.fails("tester", 2, &["log", "--since", "yesterday"]);
    assert!(said.contains("yesterday") && said.contains("10m"), "{said}");
}

#[test]
fn a_setting_is_changed_whole_or_not_at_all_by_many_at_once() {
    let world = World::new();
    let keys = ["limits.hops", "limits.attempts", "limits.depth", "nudge.attempts"];
    std::thread::scope(|scope| {
        for key in keys {
            let world = &world;
            scope.spawn(move || {
                for n in 1..6 {
                    world.ok("tester", &["config", "set", key, &n.to_string()]);
                }
            });
        }
        for _ in 0..20 {
            let out = world.run("Agent-1", &["inbox"]);
            assert!(out.status.success() && out.stderr.is_empty(), "{}", text(&out));
        }
    });
    for key in keys {
        assert_eq!(world.json("tester", &["config", "get", key])["value"], "5", "{key}: no change was lost");
    }
}
