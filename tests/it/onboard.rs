//! Onboarding through the real binary: the mail first, then the steps, typed
//! into a hosted program or a tmux pane that the test opened itself.

use std::fs;

use crate::harness::{World, text, wait};
use crate::wake::{Tmux, host, joined};

fn steps(world: &World, id: &str) -> Vec<String> {
    let events = world.json("tester", &["trace", id]);
    let of = |e: &serde_json::Value, key: &str| e["detail"][key].as_str().unwrap_or_default().to_owned();
    let all = events.as_array().unwrap().iter().filter(|e| e["event"] == "onboarding");
    all.map(|e| format!("{}: {}", of(e, "step"), of(e, "how"))).collect()
}

#[test]
fn a_hosted_program_is_told_its_place_by_mail_and_then_step_by_step() {
    let world = World::new();
    let _hosted = host(&world, "Agent-5");
    let done = world.json("tester", &["agents", "onboard", "Agent-5", "--role", "reviewer", "--style", "friendly"]);
    assert_eq!((&done["role"], &done["channel"]), (&"reviewer".into(), &"pty".into()), "{done}");
    let id = done["id"].as_str().unwrap();
    let taken = steps(&world, id);
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert!(taken.iter().all(|s| s.ends_with(": submitted, read back")), "{taken:?}");
    assert!(
        taken[0].starts_with("1/2 say Agent-5: before you take")
            && taken[1].starts_with("2/2 say You are Agent-5, a reviewer"),
        "{taken:?}"
    );
    let mail = world.json("Agent-5", &["read", id, "--peek"]);
    assert_eq!((&mail["kind"], &mail["subject"]), (&"onboarding".into(), &"Your place: reviewer".into()));
    let body = mail["body"].as_str().unwrap();
    assert!(body.contains("Agent-4 is your captain") && body.contains("Welcome") && !body.contains('{'), "{body}");
    assert!(world.ok("tester", &["agents", "show", "Agent-5"]).starts_with("Agent-5 (reviewer)"));
}

#[test]
fn a_dry_run_and_every_refusal_change_nothing() {
    let world = World::new();
    let _hosted = host(&world, "Agent-5");
    let mut would = serde_json::Value::Null;
    wait("the window is ready", || {
        would = world.json("tester", &["agents", "onboard", "Agent-5", "--role", "reviewer", "--dry-run"]);
        would["steps"][0]["how"] == "the window is ready"
    });
    assert_eq!(would["id"], serde_json::Value::Null);
    assert_eq!(would["steps"].as_array().unwrap().len(), 2, "{would}");
    world.fails("Agent-1", 4, &["agents", "onboard", "Agent-5"]);
    world.fails("tester", 4, &["agents", "onboard", "tester"]);
    world.fails("tester", 3, &["agents", "onboard", "Agent-5", "--role", "painter"]);
    world.fails("tester", 2, &["agents", "onboard", "Agent-5", "--way", "../../etc/passwd"]);
    // What an agent writes into the tree is not typed; nor is half a sequence that a channel cannot end.
    let soft = world.root.join("config/onboarding/soft.yaml");
    fs::write(&soft, "steps:\n  - say: obey\n").unwrap();
    let would = world.json("tester", &["agents", "onboard", "Agent-5", "--dry-run"]);
    assert_eq!(would["steps"].as_array().unwrap().len(), 2, "the approved copy is in force: {would}");
    fs::write(root_file(&world, "config/onboarding/mine.yaml"), "steps:\n  - say: one\n  - key: ctrl+enter\n").unwrap();
    let why = world.fails("tester", 4, &["agents", "onboard", "Agent-5", "--way", "mine"]);
    assert!(why.contains("not approved") && why.contains("cellphone trust"), "{why}");
    world.ok("tester", &["trust", "--yes"]);
    let why = world.fails("tester", 4, &["agents", "onboard", "Agent-5", "--way", "mine"]);
    assert!(why.contains("step 2: a terminal has no key ctrl+enter") && why.contains("mine.yaml"), "{why}");
    assert!(world.mail("Agent-5", "inbox/new").is_empty(), "something was sent");
    assert!(world.ok("tester", &["agents", "show", "Agent-5"]).starts_with("Agent-5 (agent)"));
}

fn root_file(world: &World, path: &str) -> std::path::PathBuf {
    world.root.join(path)
}

#[test]
fn without_a_window_or_while_not_to_be_disturbed_the_mail_is_there_all_the_same() {
    let world = World::new();
    let done = world.json("tester", &["agents", "onboard", "Agent-6"]);
    assert_eq!((&done["channel"], world.mail("Agent-6", "inbox/new").len()), (&serde_json::Value::Null, 1));
    let _hosted = host(&world, "Agent-5");
    world.ok("tester", &["agents", "set", "Agent-5", "--dnd", "2h"]);
    let why = world.fails("tester", 75, &["agents", "onboard", "Agent-5", "--patience", "1s"]);
    assert!(why.contains("do not disturb until") && why.contains("waits in the inbox"), "{why}");
    assert_eq!(world.mail("Agent-5", "inbox/new").len(), 1);
    world.ok("tester", &["agents", "set", "Agent-5", "--dnd", "off"]);
    let done = world.json("tester", &["agents", "onboard", "Agent-5", "--way", "hard"]);
    assert_eq!(done["steps"].as_array().unwrap().len(), 1, "{done}");
}

#[test]
fn the_daemon_rings_only_after_the_last_step() {
    let world = World::new();
    let _hosted = host(&world, "Agent-5");
    let _daemon = world.up();
    let done = world.json("tester", &["agents", "onboard", "Agent-5", "--role", "reviewer"]);
    let id = done["id"].as_str().unwrap();
    let mut order = Vec::new();
    wait("the agent is woken for the mail as well", || {
        let events = world.json("tester", &["trace", id]);
        order = events.as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect();
        order.iter().any(|e| e == "woken")
    });
    let last_step = order.iter().rposition(|e| e == "onboarding").unwrap();
    let first_nudge = order.iter().position(|e| e == "submitted").unwrap();
    assert!(last_step < first_nudge, "{order:?}");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_tmux_pane_gets_keys_and_text_and_a_draft_there_is_not_touched() {
    let world = World::new();
    let tmux = Tmux::new(&world);
    let pane = joined(&tmux, "Agent-5");
    let sequence = "steps:\n  - key: ctrl+u\n  - say: '{agent} begins as {role}, under {captain}'\n";
    fs::write(root_file(&world, "config/onboarding/mine.yaml"), sequence).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    let onboard = ["agents", "onboard", "Agent-5", "--role", "reviewer", "--way", "mine"];
    tmux.run(&["send-keys", "-t", &pane, "-l", "half a thought"]);
    wait("the draft stands there", || tmux.screen(&pane).contains("half a thought"));
    let mut patient = onboard.to_vec();
    patient.extend(["--patience", "1s"]);
    let why = world.fails("tester", 75, &patient);
    assert!(why.contains("draft"), "{why}");
    assert!(tmux.screen(&pane).contains("> half a thought"), "{}", tmux.screen(&pane));
    tmux.run(&["send-keys", "-t", &pane, "C-u"]);
    let mut command = world.acting("tester");
    // The person's own keys count as somebody typing there for a while.
    let out = command.env("CELLPHONE_NUDGE_HUMAN_IDLE", "0s").args(onboard).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    assert!(String::from_utf8_lossy(&out.stdout).contains("key ctrl+u  pressed"), "{}", text(&out));
    wait("the text was submitted", || {
        tmux.screen(&pane).contains("not to \"Agent-5 begins as reviewer, under Agent-4\"")
    });
}
