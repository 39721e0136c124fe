//! Onboarding through the real binary: the mail first, then the steps, typed
//! into a hosted program or a tmux pane that the test opened itself.

use std::fs;

use crate::harness::{World, text, wait};
use crate::screen::{Desk, lines};
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
    let mut taken = steps(&world, id);
    // A busy machine may find the program at work for a moment.
    taken.retain(|step| !step.contains(": put off: "));
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
fn a_mode_gives_the_whole_team_its_roles_and_duties() {
    let world = World::new();
    let _hosted = host(&world, "Agent-7");
    let mode = ["agents", "onboard", "--mode", "production_ready"];
    let before = world.json("tester", &["agents", "list"]);
    let would = world.json("tester", &[&mode[..], &["--dry-run"]].concat());
    let agents = would["agents"].as_array().unwrap();
    assert_eq!((agents.len(), &agents[0]["agent"], &agents[0]["role"]), (8, &"Agent-4".into(), &"captain".into()));
    assert!(agents.iter().all(|a| a["why"].is_null() && a["done"]["id"].is_null()), "{would}");
    assert_eq!(world.json("tester", &["agents", "list"]), before, "a dry run changes nothing");
    assert!((1..=8).all(|n| world.mail(&format!("Agent-{n}"), "inbox/new").is_empty()));
    // Who may not, and what is no mode.
    world.fails("Agent-1", 4, &mode);
    let why = world.fails("tester", 3, &["agents", "onboard", "--mode", "production_redy"]);
    assert!(why.contains("live_ops_growth") && why.contains("production_ready"), "{why}");
    world.fails("tester", 2, &["agents", "onboard", "--mode", "production_ready", "Agent-1"]);
    world.fails("tester", 2, &["agents", "onboard"]);
    let done = world.json("tester", &mode);
    assert!(done["agents"].as_array().unwrap().iter().all(|a| a["why"].is_null()), "{done}");
    let role = |name: &str| world.json("tester", &["agents", "show", name])["role"].clone();
    assert_eq!(
        [role("Agent-4"), role("Agent-7"), role("Agent-8"), role("Agent-1")],
        ["captain", "reviewer", "operator", "agent"]
    );
    for n in 1..=8 {
        let name = format!("Agent-{n}");
        let mail = world.inbox(&name);
        assert_eq!((mail.len(), &mail[0]["kind"]), (1, &"onboarding".into()), "{name}");
        let body = world.json(&name, &["read", mail[0]["id"].as_str().unwrap(), "--peek"])["body"].to_string();
        let lead = if n == 4 { "You are Agent-4, the captain" } else { "Agent-4" };
        assert!(body.contains(&format!("You are {name}")) && body.contains(lead) && !body.contains('{'), "{body}");
    }
    let six = world.json("Agent-6", &["read", world.inbox("Agent-6")[0]["id"].as_str().unwrap(), "--peek"]);
    assert!(six["body"].as_str().unwrap().contains("You look for ways in"), "{six}");
    let of_seven = done["agents"].as_array().unwrap().iter().find(|a| a["agent"] == "Agent-7").unwrap();
    assert_eq!(of_seven["done"]["channel"], "pty", "{of_seven}");
}

#[test]
fn a_mode_that_cannot_be_carried_out_changes_nobody_and_one_that_is_not_approved_is_not_used() {
    let world = World::new();
    let modes = world.root.join("config/onboarding/modes");
    let mode = |name: &str| ["agents", "onboard", "--mode", name].map(str::to_owned);
    let fails = |code: i32, name: &str| {
        let line = mode(name);
        world.fails("tester", code, &line.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let mine = "about: two of us\nagents:\n  Agent-1: {role: reviewer, duty: 'You read for {captain}.'}\n  Stranger: {role: agent, duty: nothing}\n";
    fs::write(modes.join("mine.yaml"), mine).unwrap();
    assert!(fails(4, "mine").contains("not approved"));
    world.ok("tester", &["trust", "--yes"]);
    let done = world.ok("tester", &["agents", "onboard", "--mode", "mine"]);
    assert!(done.contains("passed over: Stranger") && done.contains("Agent-1 is reviewer"), "{done}");
    // The second one's role has no text: the first one is not changed either.
    let broken = "about: x\nagents:\n  Agent-2: {role: reviewer, duty: a}\n  Agent-3: {role: painter, duty: b}\n";
    fs::write(modes.join("broken.yaml"), broken).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    assert!(fails(3, "broken").contains("roles/painter.md"));
    assert!(world.ok("tester", &["agents", "show", "Agent-2"]).starts_with("Agent-2 (agent)"));
    fs::write(modes.join("two.yaml"), "about: x\nagents:\n  A: {role: human, duty: a}\n").unwrap();
    assert!(world.fails("tester", 4, &["trust", "--yes"]).contains("modes/two.yaml: A: only agents"));
    // A window that may not be disturbed keeps nobody else waiting.
    fs::remove_file(modes.join("two.yaml")).unwrap();
    let _hosted = host(&world, "Agent-1");
    world.ok("tester", &["agents", "set", "Agent-1", "--dnd", "on"]);
    let out = world.run("tester", &["agents", "onboard", "--mode", "memory_nexus", "--patience", "1s"]);
    assert_eq!(out.status.code(), Some(75), "{}", text(&out));
    assert!((2..=8).all(|n| world.mail(&format!("Agent-{n}"), "inbox/new").len() == 1), "{}", text(&out));
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

/// A program with two conversations, in rows 9 and 5: Ctrl+T goes to the
/// other. What is submitted goes to a file, after the number of its place.
const TWO_PLACES: &str = r#"stty -icanon -echo
rows=(9 5); at=0; line=
draw() {
    local end=$line
    if (( ${#end} > 60 )); then end=${end: -60}; fi
    printf '\033[%d;1H> \033[K%s' "${rows[at]}" "$end"
}
printf '\033[2J'; at=1; draw; at=0; draw
while IFS= read -rsN1 c; do
    case $c in
        $'\x14') echo key >> "$1"; at=$((1 - at)); line= ;;
        $'\n') echo "$at:$line" >> "$1"; line= ;;
        $'\x7f' | $'\b') line=${line%?} ;;
        *) line+=$c ;;
    esac
    draw
done
"#;

#[test]
#[ignore = "needs Xvfb, openbox, xterm and xdotool: run tests/run"]
fn a_window_is_onboarded_the_soft_way_by_keys_and_text_at_both_of_its_points() {
    let desk = Desk::new();
    let world = &desk.world;
    let home = world.root.parent().unwrap();
    let (script, log) = (home.join("two.bash"), home.join("two.log"));
    fs::write(&script, TWO_PLACES).unwrap();
    let mut xterm = desk.xterm("one", "70x10+20+20", &["bash", script.to_str().unwrap(), log.to_str().unwrap()]);
    let point = |row| {
        let (x, y) = desk.row_of("one", row);
        (x.to_string(), y.to_string())
    };
    let ((x, y), (ox, oy)) = (point(9), point(5));
    desk.ok(&["coords", "capture", "Agent-5", "--title", "one", "--at", &x, &y]);
    let onboard = ["agents", "onboard", "Agent-5", "--role", "reviewer", "--style", "friendly"];
    // What is missing is told beforehand, one after the other.
    let refused = |code: i32, word: &str| {
        let out = desk.run(&onboard);
        assert_eq!(out.status.code(), Some(code), "{}", text(&out));
        let why = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(why.contains(word) && why.contains("nothing was sent"), "{why}");
        assert!(world.ok("tester", &["agents", "show", "Agent-5"]).starts_with("Agent-5 (agent)"));
        assert!(world.mail("Agent-5", "inbox/new").is_empty());
    };
    refused(4, "onboarding point");
    desk.ok(&["coords", "capture", "Agent-5", "--onboarding", "--title", "one", "--at", &ox, &oy]);
    refused(4, "cellphone coords register Agent-5\n");
    desk.ok(&["coords", "register", "Agent-5"]);
    refused(4, "cellphone coords register Agent-5 --onboarding");
    desk.xdotool(&["windowactivate", "--sync", &desk.window("one")]);
    desk.xdotool(&["key", "ctrl+t"]);
    wait("the other conversation", || lines(&log).len() == 1);
    desk.ok(&["coords", "register", "Agent-5", "--onboarding"]);
    desk.xdotool(&["windowactivate", "--sync", &desk.window("one")]);
    desk.xdotool(&["key", "ctrl+t"]);
    wait("the first one", || lines(&log).len() == 2);
    assert!(desk.ok(&["coords", "list"]).contains("by picture, both"));
    let would = desk.json(&[&onboard[..], &["--dry-run"]].concat());
    assert!(would["steps"].as_array().unwrap().iter().all(|s| s["how"] == "the window is ready"), "{would}");
    assert_eq!(lines(&log).len(), 2, "a dry run presses nothing");
    let done = desk.json(&onboard);
    let how: Vec<_> = done["steps"].as_array().unwrap().iter().map(|s| s["how"].as_str().unwrap()).collect();
    assert_eq!(how, ["pressed", "submitted, read back", "pressed", "submitted, read back"], "{done}");
    wait("all of it", || lines(&log).len() == 6);
    let seen = lines(&log).split_off(2);
    assert!(seen[0] == "0:" && seen[1].starts_with("0:Agent-5: before you take") && seen[2] == "key", "{seen:?}");
    assert!(seen[3].starts_with("1:You are Agent-5, a reviewer") && seen[3].contains("Welcome"), "{seen:?}");
    // A draft keeps the key back, and a window that has gone the mail.
    desk.xdotool(&["windowactivate", "--sync", &desk.window("one")]);
    desk.xdotool(&["key", "ctrl+t"]);
    wait("the first one again", || lines(&log).len() == 7);
    desk.xdotool(&["type", "--delay", "0", "draft"]);
    let put_off = desk.run(&["agents", "onboard", "Agent-5", "--patience", "1s"]);
    assert_eq!(put_off.status.code(), Some(75), "{}", text(&put_off));
    assert_eq!(lines(&log).len(), 7);
    let mails = world.mail("Agent-5", "inbox/new").len();
    drop(xterm.0.kill());
    wait("it has gone", || desk.window_now("one").is_empty());
    let gone = desk.run(&["agents", "onboard", "Agent-5", "--role", "agent"]);
    assert_eq!(gone.status.code(), Some(1), "{}", text(&gone));
    assert_eq!(world.mail("Agent-5", "inbox/new").len(), mails);
    assert!(world.ok("tester", &["agents", "show", "Agent-5"]).starts_with("Agent-5 (reviewer)"));
}
