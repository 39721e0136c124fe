//! Changing entries of `config/coordinates.json`: atomically, within the
//! file's own rules, and with everything that is foreign left as it is.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::coordinates::{Coordinates, MonitorPlace, PinnedWindow, Point, main_corner};
use super::coordinates_read::at_the_top;
use super::ordered::Json;
use crate::config::{COORDINATES, ConfigError, Root, trust};
use crate::model::AgentName;

/// A change of one agent's entry; `None` leaves a part as it is.
#[derive(Debug, Clone, Default)]
pub struct PlaceChange {
    /// Where its composer is.
    pub chat: Option<Point>,
    /// Where a new conversation's composer is.
    pub onboarding: Option<Point>,
    /// The monitor.
    pub monitor: Option<String>,
    /// The window.
    pub window: Option<PinnedWindow>,
    /// The monitor of the onboarding point.
    pub onboarding_monitor: Option<String>,
    /// The window of the onboarding point.
    pub onboarding_window: Option<PinnedWindow>,
    /// The profile.
    pub profile: Option<String>,
    /// The points are known ones that go along with their monitor: no bounds
    /// forbid that.
    pub carried: bool,
}

/// Changes entries, and records the monitors of now when they are given; the
/// bounds of a file that counted from the main monitor count as the monitors
/// do then. Everything else in the file stays, in its order. The same edit is made in
/// the approved copy, so that a stranger's change beside it stays unapproved.
///
/// # Errors
/// A file that cannot be read as it is, or a point that the file's own rules
/// forbid; nothing is changed then.
pub fn save_places(
    root: &Root,
    changes: &[(AgentName, PlaceChange)],
    monitors: Option<&BTreeMap<String, MonitorPlace>>,
) -> Result<(), ConfigError> {
    let _held = root.lock("coordinates")?;
    let copy = trust::approved(root, COORDINATES)?;
    // A tree without the file starts from what was approved.
    let tree = root.read(COORDINATES)?.or_else(|| copy.clone());
    let edited = |bytes: Option<Vec<u8>>, path: &Path| -> Result<String, ConfigError> {
        let bytes = bytes.unwrap_or_else(|| b"{}".to_vec());
        let fault = |e: serde_json::Error| ConfigError::invalid(path, Some(e.line()), e.to_string());
        let mut json: Json = serde_json::from_slice(&bytes).map_err(fault)?;
        let mut before = Coordinates::parse(&bytes, path)?;
        if let Some(now) = monitors.filter(|_| before.counts_from_main()) {
            move_rules(&mut before, &mut json, main_corner(now)).map_err(fault)?;
        }
        let top = at_the_top(&bytes, path)?.is_some();
        for (name, change) in changes {
            let given = [change.chat, change.onboarding].into_iter().flatten().filter(|_| !change.carried);
            let forbidden = given.into_iter().find_map(|p| before.forbids(p));
            if let Some(why) = forbidden {
                return Err(ConfigError::Refused(format!("{name}: {why} (`validation_rules` in {})", path.display())));
            }
            let known = before.agents.keys().find(|known| known.same(name.as_str()));
            let agents = if top { &mut json } else { json.entry("agents") };
            let entry = agents.entry(known.unwrap_or(name).as_str());
            change_entry(entry, change).map_err(fault)?;
        }
        if let Some(monitors) = monitors {
            *json.entry("monitors") = Json::of(monitors).map_err(fault)?;
        }
        let after = json.text();
        Coordinates::parse(after.as_bytes(), path)?;
        Ok(after)
    };
    let tree = edited(tree, &root.path().join(COORDINATES))?;
    let copy = edited(copy, &trust::approved_path(root, COORDINATES))?;
    root.dir().child_or_create("config")?.replace("coordinates.json", tree.as_bytes(), true)?;
    trust::approve_bytes(root, COORDINATES, copy.as_bytes())
}

fn move_rules(all: &mut Coordinates, json: &mut Json, (dx, dy): Point) -> Result<(), serde_json::Error> {
    let rules = &mut all.rules;
    let bounds = [
        ("min_x", &mut rules.min_x, dx),
        ("max_x", &mut rules.max_x, dx),
        ("min_y", &mut rules.min_y, dy),
        ("max_y", &mut rules.max_y, dy),
    ];
    for (key, bound, by) in bounds {
        if let (Some(bound), true) = (bound, by != 0) {
            *bound = bound.saturating_add(by);
            *json.entry("validation_rules").entry(key) = Json::of(bound)?;
        }
    }
    Ok(())
}

fn change_entry(entry: &mut Json, change: &PlaceChange) -> Result<(), serde_json::Error> {
    if !matches!(entry, Json::Object(_)) {
        *entry = Json::object();
    }
    if let Some((x, y)) = change.chat {
        if entry.get("x").is_some() && entry.get("chat_input_coordinates").is_none() {
            *entry.entry("x") = Json::Plain(Value::from(x));
            *entry.entry("y") = Json::Plain(Value::from(y));
        } else {
            *entry.entry("chat_input_coordinates") = Json::of(&(x, y))?;
        }
    }
    if let Some(point) = change.onboarding {
        // Under the name that the file has for it.
        let old = "onboarding_input_coords";
        let key = if entry.get(old).is_some() { old } else { "onboarding_coordinates" };
        *entry.entry(key) = Json::of(&point)?;
    }
    if let Some(monitor) = &change.monitor {
        *entry.entry("monitor") = Json::Plain(monitor.as_str().into());
    }
    if let Some(window) = &change.window {
        *entry.entry("window") = Json::of(window)?;
    }
    if let Some(monitor) = &change.onboarding_monitor {
        *entry.entry("onboarding_monitor") = Json::Plain(monitor.as_str().into());
    }
    if let Some(window) = &change.onboarding_window {
        *entry.entry("onboarding_window") = Json::of(window)?;
    }
    if let Some(profile) = &change.profile {
        *entry.entry("profile") = Json::Plain(profile.as_str().into());
    }
    Ok(())
}
