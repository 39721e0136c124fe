//! Coordinates: the first program's format, its bounds, monitors that move,
//! and writes that keep what they do not know.

use std::collections::BTreeMap;

use super::*;
use crate::config::testing::Home;
use crate::config::{COORDINATES, trust};
use crate::model::AgentName;

/// As the first Agent Cellphone wrote it.
const ORIGINAL: &str = r#"{
  "version": "2.0",
  "last_updated": "2025-09-01T00:00:00Z",
  "origin": "top-left",
  "agents": {
    "Agent-1": {
      "active": true,
      "description": "Integration",
      "onboarding_input_coords": [-1265, 171],
      "chat_input_coordinates": [-1269, 481]
    },
    "Agent-2": {
      "chat_input_coordinates": [652.0, 421],
      "onboarding_coordinates": [700, 130],
      "colour": "blue"
    }
  },
  "fallback_behavior": {
    "on_coordinate_failure": "fallback_to_inbox",
    "inbox_delivery": true
  },
  "validation_rules": {
    "min_x": -2000,
    "max_x": 2000,
    "min_y": 0,
    "max_y": 1200,
    "require_positive": false,
    "note": "left monitor"
  }
}
"#;

fn monitors(list: &[(&str, i32, u32, bool)]) -> BTreeMap<String, MonitorPlace> {
    let place = |x, width, primary| MonitorPlace { x, y: 0, width, height: 1080, primary };
    list.iter().map(|(name, x, width, primary)| ((*name).to_owned(), place(*x, *width, *primary))).collect()
}

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

#[test]
fn the_first_programs_file_is_read_unchanged() {
    let home = Home::new();
    let root = home.root();
    assert!(Coordinates::load(&root).unwrap().agents.is_empty());
    home.write(COORDINATES, ORIGINAL);
    assert!(Coordinates::load(&root).unwrap().agents.is_empty(), "not before it is approved");
    trust::approve_one(&root, COORDINATES).unwrap();
    let all = Coordinates::load(&root).unwrap();
    let one = all.get("agent-1").unwrap();
    assert_eq!((one.chat, one.onboarding), (Some((-1269, 481)), Some((-1265, 171))));
    assert_eq!(all.get("Agent-2").unwrap().chat, Some((652, 421)));
    assert_eq!(all.fallback.on_coordinate_failure.as_deref(), Some("fallback_to_inbox"));
    assert!(all.forbids((-2001, 5)).unwrap().contains("-2000") && all.forbids((5, -1)).is_some());
    assert_eq!(all.forbids((-1999, 5)), None);
    let refused = |text: &str, what: &str| {
        home.write(COORDINATES, text);
        trust::approve_one(&root, COORDINATES).unwrap();
        let why = Coordinates::load(&root).unwrap_err().to_string();
        assert!(why.contains(what) && why.contains("coordinates.json"), "{why}");
    };
    refused("{\"agents\": {\"Agent-1\": {\"chat_input_coordinates\": [1]}}}", "[x, y]");
    refused("{\"agents\": {\"../x\": {}}}", "name");
    refused("{\"origin\": \"bottom-left\"}", "top-left");
    refused("{", "line");
}

#[test]
fn a_write_keeps_order_and_foreign_keys_and_approves_only_itself() {
    let home = Home::new();
    let root = home.root();
    home.write(COORDINATES, ORIGINAL);
    trust::approve_one(&root, COORDINATES).unwrap();
    // A stranger's edit beside ours stays without effect.
    home.write(COORDINATES, &ORIGINAL.replace("652.0", "1"));
    let change = PlaceChange { chat: Some((-5, 6)), onboarding: Some((7, 8)), ..PlaceChange::default() };
    save_places(&root, &[(name("agent-1"), change)], None).unwrap();
    let text = String::from_utf8(root.read(COORDINATES).unwrap().unwrap()).unwrap();
    let wanted = ORIGINAL
        .replace("652.0", "1")
        .replace("[-1269, 481]", "[-5, 6]")
        .replace("\"onboarding_input_coords\": [-1265, 171]", "\"onboarding_input_coords\": [7, 8]");
    assert_eq!(text, wanted);
    let all = Coordinates::load(&root).unwrap();
    assert_eq!(all.get("Agent-1").unwrap().chat, Some((-5, 6)));
    assert_eq!(all.get("Agent-2").unwrap().chat, Some((652, 421)), "the approved one");
    let far = PlaceChange { chat: Some((9_999, 0)), ..PlaceChange::default() };
    assert!(save_places(&root, &[(name("Agent-1"), far)], None).unwrap_err().to_string().contains("bound"));
    assert_eq!(String::from_utf8(root.read(COORDINATES).unwrap().unwrap()).unwrap(), wanted);
    let seen = monitors(&[("DP-1", 0, 1920, true)]);
    let new = PlaceChange { chat: Some((1, 2)), monitor: Some("DP-1".into()), ..PlaceChange::default() };
    save_places(&root, &[(name("Agent-7"), new)], Some(&seen)).unwrap();
    let all = Coordinates::load(&root).unwrap();
    assert_eq!((all.monitors.clone(), all.get("Agent-7").unwrap().monitor.as_deref()), (seen, Some("DP-1")));
}

#[test]
fn a_point_moves_with_its_monitor() {
    let then = monitors(&[("left", 0, 1280, false), ("main", 1280, 1920, true)]);
    let mut all = Coordinates { monitors: then, ..Coordinates::default() };
    // The left one was put to the right.
    let now = monitors(&[("main", 0, 1920, true), ("left", 1920, 1280, false)]);
    assert_eq!(all.locate((100, 50), None, &now).point, (2020, 50));
    assert_eq!(all.locate((1300, 50), Some("main"), &now).point, (20, 50));
    let gone = all.locate((100, 50), None, &monitors(&[("main", 0, 1920, true)]));
    assert!(gone.doubt.unwrap().contains("left"));
    let smaller = all.locate((100, 50), Some("left"), &monitors(&[("left", 0, 800, true)]));
    assert!(smaller.doubt.unwrap().contains("800"));
    // Without a record, negative points count from the main monitor's corner.
    all.monitors.clear();
    all.agents.insert(name("Agent-1"), Place { chat: Some((-1269, 481)), ..Place::default() });
    let both = monitors(&[("left", 0, 1280, false), ("main", 1280, 1920, true)]);
    assert_eq!(all.locate((-1269, 481), None, &both).point, (11, 481));
    assert_eq!(all.locate((652, 421), None, &both).point, (1932, 421));
    // Where the platform itself counts so, nothing is moved.
    let native = monitors(&[("left", -1280, 1280, false), ("main", 0, 1920, true)]);
    assert_eq!(all.locate((-1269, 481), None, &native).point, (-1269, 481));
}

#[test]
fn one_negative_point_or_bound_of_any_sort_says_how_the_file_counts() {
    let both = monitors(&[("left", 0, 1280, false), ("main", 1280, 1920, true)]);
    let onboarding = Place { chat: Some((5, 5)), onboarding: Some((-9, 5)), ..Place::default() };
    let by_point = Coordinates { agents: [(name("Agent-1"), onboarding)].into(), ..Coordinates::default() };
    let rules = Rules { min_x: Some(-2000), ..Rules::default() };
    let by_bound = Coordinates { rules, ..Coordinates::default() };
    for all in [by_point, by_bound] {
        assert_eq!(all.locate((5, 5), None, &both).point, (1285, 5));
        assert_eq!(all.given(&[(5, 5)], &both), (1280, 0));
        let noted = Coordinates { monitors: both.clone(), ..all };
        assert_eq!((noted.given(&[(5, 5)], &both), noted.given(&[(-5, 5)], &both)), ((0, 0), (1280, 0)));
    }
}

#[test]
fn a_lookup_takes_less_than_a_millisecond() {
    let home = Home::new();
    let root = home.root();
    home.write(COORDINATES, ORIGINAL);
    trust::approve_one(&root, COORDINATES).unwrap();
    let best = (0..20)
        .map(|_| {
            let begun = std::time::Instant::now();
            assert!(Coordinates::load(&root).unwrap().get("Agent-2").is_some());
            begun.elapsed()
        })
        .min();
    assert!(best.unwrap() < std::time::Duration::from_millis(1), "{best:?}");
}
