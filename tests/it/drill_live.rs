//! Drills on the root itself: that it is as it was afterwards, also when one is
//! killed, and that nobody gets there by accident.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::drill::{Drill, drill, kinds, own, report, world};
use crate::harness::{World, long, photograph, text, wait};

/// Mail, configuration and hooks; what the alarms wrote to the captain is new,
/// as it would be in life.
fn tree(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = ["agent_workspaces", "config", "hooks"];
    let mut all: BTreeMap<_, _> = folders.iter().flat_map(|folder| photograph(&world.root.join(folder))).collect();
    all.retain(|_, bytes| !String::from_utf8_lossy(bytes).contains("\nfrom: system\n"));
    all
}

/// What a drill on the root could leave behind, but for its report.
fn left(world: &World) -> Vec<PathBuf> {
    let id: Value = serde_json::from_slice(&fs::read(world.root.join(".cellphone/root.json")).unwrap()).unwrap();
    let outside = world.home.join(".local/state/cellphone").join(id["id"].as_str().unwrap());
    let mut all: Vec<PathBuf> = [world.root.join(".cellphone/drill-live"), outside.join("drill-live")]
        .into_iter()
        .filter(|p| p.exists())
        .collect();
    for folder in [world.root.join("agent_workspaces"), outside.join("keys"), world.root.join(".cellphone/restore")] {
        let names = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let restored = folder.ends_with("restore");
        all.extend(names.filter(|p| restored || p.file_name().unwrap().to_string_lossy().starts_with("Drill-")));
    }
    let approved = outside.join("approved/config/agents.yaml");
    all.extend(Some(approved).filter(|p| fs::read_to_string(p).is_ok_and(|text| text.contains("Drill-"))));
    all
}

fn live<'a>(scenario: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[scenario, "--live", "--confirm", scenario], more].concat()
}

/// Nothing is wrong, but for what the settings of tests bring along.
fn is_well(world: &World) {
    let out = world.acting("tester").args(["doctor", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let found = found.as_array().or_else(|| found["findings"].as_array()).unwrap();
    let about: Vec<_> = found.iter().filter(|f| f["check"] != "watch" && f["check"] != "snapshots").collect();
    assert!(about.is_empty(), "{about:#?}");
}

#[test]
fn the_root_itself_is_broken_brought_back_and_as_it_was() {
    let world = world();
    let _daemon = world.up();
    let before = tree(&world);
    let some: &[&str] = match long() {
        true => &["lost-inbox", "bit-rot-messages", "lost-journal", "scrambled-coordinates", "broken-config"],
        false => &["lost-inbox", "broken-config"],
    };
    for scenario in some {
        let (code, drills) = drill(&world, &live(scenario, &["--seed", "4"]));
        assert_eq!((code, &drills[0]["passed"]), (0, &Value::Bool(true)), "{scenario}: {:#}", drills[0]["findings"]);
        let report = report(&drills[0]);
        assert_eq!(report["ground"], "live");
        assert!(report["replay"].as_str().unwrap().contains("--live --agent Agent-"), "{report:#}");
        assert!(report["traffic"]["acknowledged"].as_u64().unwrap() > 0, "{report:#}");
        assert!(report["verified"]["expected"].as_u64().unwrap() > 200, "{report:#}");
        assert!(tree(&world) == before, "after {scenario} the root is not as it was");
        assert_eq!(left(&world), Vec::<PathBuf>::new());
        is_well(&world);
    }
    // The journal is whole, and tells of it.
    let log = world.ok("tester", &["log", "-n", "1000"]);
    assert!(log.contains("live=begun") && log.contains("live=whole again"), "{log}");
}

#[test]
fn a_daemon_that_was_killed_on_purpose_runs_again() {
    let world = world();
    drop(world.ok("tester", &["up", "--detach"]));
    let before = tree(&world);
    let (code, drills) = drill(&world, &live("crash-loop", &[]));
    world.ok("tester", &["down"]);
    assert_eq!(code, 0, "{:#}", drills[0]["findings"]);
    assert!(tree(&world) == before);
    assert_eq!(left(&world), Vec::<PathBuf>::new());
}

#[test]
fn killed_at_any_phase_the_root_is_made_whole_by_whoever_comes_next() {
    let world = world();
    let _daemon = world.up();
    let before = tree(&world);
    let phases: &[&str] = match long() {
        true => {
            &["preparation", "steady_state", "disaster", "detection", "recovery", "verification", "service", "cleanup"]
        }
        false => &["steady_state", "detection", "cleanup"],
    };
    let ways: [&[&str]; 2] = [&["drill", "back"], &["doctor", "--fix"]];
    let scenarios = ["lost-inbox", "broken-config", "bit-rot-messages"];
    for (n, phase) in phases.iter().enumerate() {
        let mut drill = Drill::start(&world, &live(scenarios[n % scenarios.len()], &[]));
        drill.until(phase);
        drill.kill();
        let way = ways[n % ways.len()];
        // The daemon may be at it already.
        wait("the tree is made whole", || {
            let out = world.run("tester", way);
            assert!(matches!(out.status.code(), Some(0 | 1 | 75)), "killed in {phase}: {}", text(&out));
            left(&world).is_empty()
        });
        let after = tree(&world);
        let differ: Vec<_> = before.iter().filter(|(path, bytes)| after.get(*path) != Some(*bytes)).collect();
        assert!(
            after == before,
            "killed in {phase}, it is not as it was: {:?}",
            differ.iter().map(|d| d.0).collect::<Vec<_>>()
        );
    }
    let (code, drills) = drill(&world, &live("lost-inbox", &[]));
    assert_eq!(code, 0, "{:#}", drills[0]["findings"]);
}

#[test]
fn what_others_do_meanwhile_stays_although_the_plan_brings_everything_back() {
    let world = world();
    let _daemon = world.up();
    let filed = world.send("Agent-1", "Agent-5", "to be filed");
    let mut drill_steps = String::new();
    for (title, words) in [
        ("Somebody files a message", format!("--as Agent-5 archive {filed}")),
        ("And changes a setting", "config set nudge.cooldown 77s".to_owned()),
        ("The plan brings everything back", "snapshot restore {snapshot} --yes".to_owned()),
        ("Look whether anything is wrong", "doctor --fix".to_owned()),
    ] {
        drill_steps += &format!("  - title: {title}\n    run: cellphone --root {{root}} {words}\n    exits: [0, 1]\n");
    }
    let inbox = "  - {do: delete, path: 'agent_workspaces/{agent}/inbox'}\n";
    own(&world, "busy", inbox, "  any_of: [missing_mailbox, folder]\n  within: 1m\n", &drill_steps);
    let (_, drills) = drill(&world, &live("busy", &["--agent", "Agent-2"]));
    assert!(!kinds(&drills[0]).contains(&"not_clean"), "{:#}", drills[0]);
    assert_eq!(world.ok("tester", &["config", "get", "nudge.cooldown"]).trim(), "1m17s");
    assert!(world.inbox("Agent-5").iter().all(|m| m["id"] != filed.as_str()), "a filed message is back in the inbox");
    assert_eq!(left(&world), Vec::<PathBuf>::new());
    is_well(&world);
}

#[test]
fn nobody_gets_there_by_accident() {
    let world = world();
    let before = tree(&world);
    let why = world.fails("tester", 2, &["drill", "run", "lost-inbox", "--live"]);
    assert!(why.contains("--confirm lost-inbox"), "{why}");
    world.fails("tester", 2, &["drill", "run", "lost-inbox", "--live", "--confirm", "lost-disk"]);
    world.fails("tester", 2, &["drill", "run", "--all", "--live"]);
    world.fails("tester", 2, &["drill", "run", "lost-inbox", "broken-config", "--live", "--confirm", "lost-inbox"]);
    let why = world.fails("tester", 4, &["drill", "run", "lost-disk", "--live", "--confirm", "lost-disk"]);
    assert!(why.contains("on a copy only"), "{why}");
    world.fails("Agent-1", 4, &["drill", "run", "lost-inbox", "--live", "--confirm", "lost-inbox"]);
    world.fails("tester", 3, &["drill", "run", "lost-inbox", "--live", "--confirm", "lost-inbox", "--agent", "Nobody"]);
    // Without a daemon nobody would notice.
    let (code, drills) = drill(&world, &live("lost-inbox", &[]));
    assert_eq!((code, kinds(&drills[0])), (6, vec!["not_steady"]), "{:#}", drills[0]);
    assert!(tree(&world) == before);
    assert_eq!(left(&world), Vec::<PathBuf>::new());
    let said = world.ok("tester", &["drill", "back"]);
    assert!(said.contains("No drill"), "{said}");
}

#[test]
fn a_person_at_a_terminal_types_its_name() {
    let world = world();
    let _daemon = world.up();
    let ask = |answer: &str| {
        let mut command = world.program("python3");
        command.env("NO_COLOR", "1").args([
            "-c",
            TYPED,
            crate::harness::BIN,
            "--root",
            world.root.to_str().unwrap(),
            answer,
        ]);
        command.stdin(Stdio::null());
        let out = command.output().unwrap();
        (out.status.code().unwrap(), text(&out))
    };
    let (code, said) = ask("lost-disk");
    assert!(code == 2 && said.contains("nothing was done"), "{code}: {said}");
    let (code, said) = ask("lost-inbox");
    assert!(
        code == 0 && said.contains("delete agent_workspaces/Agent-") && said.contains("lost-inbox  One agent"),
        "{said}"
    );
}

/// Runs it on a terminal, and types when it is asked.
const TYPED: &str = r#"
import os, pty, sys
program, answer = sys.argv[1:4], sys.argv[4]
pid, master = pty.fork()
if pid == 0:
    os.execv(program[0], program + ["--as", "tester", "drill", "run", "lost-inbox", "--live"])
said, typed = b"", False
while True:
    try:
        some = os.read(master, 4096)
    except OSError:
        break
    if not some:
        break
    said += some
    if b"to go on: " in said and not typed:
        typed = True
        os.write(master, (answer + "\n").encode())
sys.stdout.write(said.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
