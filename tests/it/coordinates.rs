//! `config/coordinates.json` as the first program wrote it, through the real
//! binary: read, checked at `trust`, and changed without moving anybody.

use std::fs;

use serde_json::{Value, json};

use crate::harness::World;
use crate::screen::Desk;

const ORIGINAL: &str = r#"{
  "agents": {
    "Agent-1": {"chat_input_coordinates": [-610, 481], "onboarding_input_coords": [-600, 171], "monitor": 1},
    "Agent-2": {"chat_input_coordinates": [52.0, 421]}
  },
  "validation_rules": {"min_x": -2000, "max_x": 690.0, "min_y": 0, "max_y": 1200}
}
"#;

fn approve(world: &World, text: &str) {
    fs::write(world.root.join("config/coordinates.json"), text).unwrap();
    world.ok("tester", &["trust", "--yes"]);
}

fn of<'a>(list: &'a Value, agent: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|entry| entry["agent"] == agent).unwrap()
}

#[test]
#[ignore = "needs Xvfb, openbox and xrandr: run tests/run"]
fn negative_points_count_from_the_main_monitor_and_setting_one_moves_no_other() {
    let desk = Desk::new();
    desk.monitors("LEFT", "700/185x700/185+0+0", "*MAIN", "700/185x700/185+700+0");
    approve(&desk.world, ORIGINAL);
    let places = || {
        let seen = desk.json(&["coords", "show"]);
        ["Agent-1", "Agent-2"].map(|agent| of(&seen["agents"], agent).clone())
    };
    let before = places();
    assert_eq!((&before[0]["chat"], &before[1]["chat"]), (&json!([90, 481]), &json!([752, 421])));
    assert!(desk.ok(&["coords", "validate"]).contains("right"));
    // The file's bounds count as its points do.
    assert!(!desk.run(&["coords", "set", "Agent-3", "695", "10"]).status.success());
    let set = desk.json(&["coords", "set", "Agent-3", "-600", "100", "--onboarding", "-500", "60"]);
    assert_eq!((&set["chat"], &set["onboarding"]), (&json!([100, 100]), &json!([200, 60])), "{set}");
    assert_eq!((&set["monitor"], &set["onboarding_monitor"]), (&json!("LEFT"), &json!("LEFT")));
    assert_eq!(places(), before, "nobody else moved");
    assert!(desk.ok(&["coords", "validate"]).contains("right"), "the bounds went along");
    // Once the monitors are noted, negative points still count from the main one.
    let said = desk.ok(&["coords", "set", "Agent-3", "-690", "100"]);
    assert!(said.contains("listens at 10,100 on LEFT (-690,100 from the main monitor"), "{said}");
    assert_eq!(places(), before);
    let off = desk.run(&["coords", "set", "Agent-3", "-900", "10"]);
    assert_eq!(off.status.code(), Some(2));
}

#[test]
fn the_oldest_format_is_read_and_stays_as_it_is() {
    let world = World::new();
    approve(
        &world,
        r#"{
  "Agent-1": {"x": -1269.0, "y": 481, "monitor": 2, "status": "active"},
  "Agent-2": {"x": 652, "y": 421, "monitor": 1, "status": "inactive"}
}
"#,
    );
    let list = world.json("tester", &["coords", "list"]);
    let one = of(&list, "Agent-1");
    assert_eq!((&one["chat"], &one["monitor"], &one["active"]), (&json!([-1269, 481]), &json!("2"), &json!(true)));
    assert_eq!(of(&list, "Agent-2")["active"], false);
    world.ok("tester", &["coords", "set", "Agent-2", "653", "422"]);
    world.ok("tester", &["coords", "set", "Agent-3", "5", "6"]);
    let text = fs::read_to_string(world.root.join("config/coordinates.json")).unwrap();
    assert!(!text.contains("\"agents\"") && text.contains("\"x\": 653"), "{text}");
    let list = world.json("tester", &["coords", "list"]);
    assert_eq!((list.as_array().unwrap().len(), &of(&list, "Agent-3")["chat"]), (3, &json!([5, 6])));
}

#[test]
fn what_cannot_be_used_is_not_approved_and_what_is_not_done_is_named() {
    let world = World::new();
    let path = world.root.join("config/coordinates.json");
    fs::write(&path, r#"{"agents": {"Agent-1": {"chat_input_coordinates": [1]}}}"#).unwrap();
    let why = world.fails("tester", 4, &["trust", "--yes"]);
    assert!(why.contains("coordinates.json") && why.contains("[x, y]"), "{why}");
    approve(
        &world,
        r#"{"agents": {}, "fallback_behavior": {"inbox_delivery": false, "notification_on_fallback": false}}"#,
    );
    let out = world.run("tester", &["--json", "coords", "validate"]);
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let named = found["findings"].as_array().unwrap().iter().filter(|f| f["kind"] == "unsupported").count();
    assert_eq!(named, 2, "{found}");
}

#[test]
fn the_profile_of_the_coordinates_holds_where_the_roster_has_none() {
    let world = World::new();
    approve(&world, r#"{"agents": {"Agent-1": {"profile": "codex"}}}"#);
    world.ok("tester", &["agents", "set", "Agent-1", "--channel", "screen"]);
    let profile = || {
        let out = world.run("tester", &["--json", "nudge", "test", "Agent-1"]);
        serde_json::from_slice::<Value>(&out.stdout).unwrap()["profile"].clone()
    };
    assert_eq!(profile(), "codex");
    world.ok("tester", &["agents", "set", "Agent-1", "--profile", "claude-code"]);
    assert_eq!(profile(), "claude-code");
}
