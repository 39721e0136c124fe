//! Screen coordinates of the agents' composers, from the approved copy of
//! `config/coordinates.json`: where the program clicks is no agent's to say.
//!
//! The file is that of the first Agent Cellphone, unchanged
//! (`chat_input_coordinates`, `onboarding_coordinates` or
//! `onboarding_input_coords`, `validation_rules`, `fallback_behavior`; what
//! else was in use is read by `coordinates_read`), with three things more: the
//! monitor and the window that were pointed at, for each of the two points,
//! and the monitors as they were then. Keys that nobody here knows are kept. A
//! point is in pixels of the whole screen, from its top left corner.
//!
//! Monitors move: a point is carried along with the monitor it was taken on
//! ([`Coordinates::locate`]). A file without recorded monitors in which some
//! point or bound is negative was written where the main monitor's corner is
//! 0, 0 (as on Windows), and is read so until the monitors are recorded.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::coordinates_read::{at_the_top, number, point, word};
use crate::config::{COORDINATES, ConfigError, Root, trust};
use crate::model::AgentName;

/// A point or a corner, in pixels; negative to the left of the main monitor
/// or above it, where the platform counts so.
pub type Point = (i32, i32);

/// The window that belongs to the coordinates, as it was when it was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedWindow {
    /// The X display, as `:0`; `DISPLAY` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Its id.
    pub id: u32,
    /// Its class.
    pub class: String,
    /// Its process.
    pub pid: u32,
    /// When that process started.
    pub start: u64,
    /// Pattern of its title: `*` stands for anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where it was: x, y, width, height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<(i32, i32, u32, u32)>,
}

/// One agent's entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where its composer is.
    #[serde(default, rename = "chat_input_coordinates", deserialize_with = "point")]
    pub chat: Option<Point>,
    /// Where a new conversation's composer is.
    #[serde(default, rename = "onboarding_coordinates", deserialize_with = "point")]
    pub onboarding: Option<Point>,
    /// The same under its older name.
    #[serde(default, skip_serializing, rename = "onboarding_input_coords", deserialize_with = "point")]
    pub(super) older: Option<Point>,
    /// As `chat`, in two keys.
    #[serde(default, skip_serializing, deserialize_with = "number")]
    pub(super) x: Option<i32>,
    #[serde(default, skip_serializing, deserialize_with = "number")]
    pub(super) y: Option<i32>,
    /// `inactive` in the oldest format, for `active: false`.
    #[serde(default, skip_serializing, deserialize_with = "word")]
    pub(super) status: Option<String>,
    /// The monitor it is on, as the platform names it.
    #[serde(default, deserialize_with = "word")]
    pub monitor: Option<String>,
    /// The window it is in.
    #[serde(default)]
    pub window: Option<PinnedWindow>,
    /// The monitor of the onboarding point.
    #[serde(default, deserialize_with = "word")]
    pub onboarding_monitor: Option<String>,
    /// The window of the onboarding point, when it was shown by itself.
    #[serde(default)]
    pub onboarding_window: Option<PinnedWindow>,
    /// How the program in it looks, where the roster does not say.
    #[serde(default)]
    pub profile: Option<String>,
    /// Whether the coordinates are in use.
    #[serde(default = "yes")]
    pub active: bool,
    /// What a person wrote about it.
    #[serde(default)]
    pub description: Option<String>,
}

/// A monitor as it was when the coordinates were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorPlace {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
    /// To the right.
    pub width: u32,
    /// Down.
    pub height: u32,
    /// Whether it was the main one.
    #[serde(default)]
    pub primary: bool,
}

/// Bounds that a person set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Least x.
    #[serde(deserialize_with = "number")]
    pub min_x: Option<i32>,
    /// Least y.
    #[serde(deserialize_with = "number")]
    pub min_y: Option<i32>,
    /// Greatest x.
    #[serde(deserialize_with = "number")]
    pub max_x: Option<i32>,
    /// Greatest y.
    #[serde(deserialize_with = "number")]
    pub max_y: Option<i32>,
    /// Nothing may be negative.
    pub require_positive: bool,
}

/// What happens when coordinates do not work. Mail is in the inbox whatever
/// stands here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fallback {
    /// `fallback_to_inbox`: nothing else is meant by it.
    pub on_coordinate_failure: Option<String>,
    /// Whether the mail waits in the inbox then: always.
    pub inbox_delivery: Option<bool>,
    /// Whether somebody is told: the captain is, when every channel failed.
    pub notification_on_fallback: Option<bool>,
}

/// The coordinates of everyone who has some.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinates {
    /// Which corner is 0, 0: always `top-left`.
    #[serde(default)]
    pub(super) origin: Option<String>,
    /// By agent.
    #[serde(default)]
    pub agents: BTreeMap<AgentName, Place>,
    /// The monitors when they were taken.
    #[serde(default)]
    pub monitors: BTreeMap<String, MonitorPlace>,
    /// Bounds.
    #[serde(default, rename = "validation_rules")]
    pub rules: Rules,
    /// What else happens.
    #[serde(default, rename = "fallback_behavior")]
    pub fallback: Fallback,
}

/// Where a point of the file is on the monitors of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// In pixels of the whole screen.
    pub point: Point,
    /// How far its monitor has moved since.
    pub moved: Point,
    /// Why the point may be wrong all the same, for a person.
    pub doubt: Option<String>,
}

const fn yes() -> bool {
    true
}

const fn is_negative((x, y): Point) -> bool {
    x < 0 || y < 0
}

impl Fallback {
    /// What stands there and is not done, for a person.
    #[must_use]
    pub fn unsupported(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut say = |key: &str, value: &str, why: &str| {
            found.push(format!("fallback_behavior.{key}: {value} is not supported: {why}"));
        };
        if let Some(other) = self.on_coordinate_failure.as_ref().filter(|what| *what != "fallback_to_inbox") {
            say("on_coordinate_failure", other, "mail is in the inbox whatever happens (fallback_to_inbox)");
        }
        if self.inbox_delivery == Some(false) {
            say("inbox_delivery", "false", "mail is in the inbox before anything is typed");
        }
        if self.notification_on_fallback == Some(false) {
            say("notification_on_fallback", "false", "the captain is told when no channel works");
        }
        found
    }
}

impl MonitorPlace {
    /// Whether a point lies on it.
    #[must_use]
    pub fn contains(&self, (x, y): Point) -> bool {
        let (x, y) = (i64::from(x) - i64::from(self.x), i64::from(y) - i64::from(self.y));
        x >= 0 && y >= 0 && x < i64::from(self.width) && y < i64::from(self.height)
    }
}

impl Coordinates {
    /// Reads the approved copy; without one there are none.
    ///
    /// # Errors
    /// Names the file and the line.
    pub fn load(root: &Root) -> Result<Self, ConfigError> {
        let Some(bytes) = trust::approved(root, COORDINATES)? else { return Ok(Self::default()) };
        Self::parse(&bytes, &trust::approved_path(root, COORDINATES))
    }

    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, ConfigError> {
        let mut all: Self =
            serde_json::from_slice(bytes).map_err(|e| ConfigError::invalid(path, Some(e.line()), e.to_string()))?;
        if all.origin.as_ref().is_some_and(|origin| origin != "top-left") {
            return Err(ConfigError::invalid(path, None, "`origin` can only be `top-left`"));
        }
        if let Some(agents) = at_the_top(bytes, path)? {
            all.agents = agents;
        }
        for place in all.agents.values_mut() {
            place.active &= place.status.take().is_none_or(|status| status != "inactive");
            place.chat = place.chat.or(place.x.take().zip(place.y.take()));
            place.onboarding = place.onboarding.or(place.older.take());
        }
        Ok(all)
    }

    /// One agent's entry, without regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Place> {
        self.agents.iter().find(|(known, _)| known.same(name)).map(|(_, place)| place)
    }

    /// What forbids a point by the file's own rules, for a person.
    #[must_use]
    pub fn forbids(&self, (x, y): Point) -> Option<String> {
        let Rules { min_x, min_y, max_x, max_y, require_positive } = self.rules;
        let too = |what: &str, value: i32, bound: i32| Some(format!("{what} {value} is beyond its bound of {bound}"));
        match (x, y) {
            _ if min_x.is_some_and(|least| x < least) => too("x", x, min_x?),
            _ if max_x.is_some_and(|most| x > most) => too("x", x, max_x?),
            _ if min_y.is_some_and(|least| y < least) => too("y", y, min_y?),
            _ if max_y.is_some_and(|most| y > most) => too("y", y, max_y?),
            _ if require_positive && (x < 0 || y < 0) => Some(format!("{x},{y} is negative")),
            _ => None,
        }
    }

    /// Where a point is now. `monitor` names the one it was taken on, where
    /// that is known.
    #[must_use]
    pub fn locate(&self, (x, y): Point, monitor: Option<&str>, now: &BTreeMap<String, MonitorPlace>) -> Located {
        let carried = |by: Point, doubt| {
            let point = (x.saturating_add(by.0), y.saturating_add(by.1));
            Located { point, moved: by, doubt }
        };
        let named = monitor.and_then(|name| self.monitors.get_key_value(name));
        let then = named.or_else(|| self.monitors.iter().find(|(_, place)| place.contains((x, y))));
        if let Some((name, then)) = then {
            return match now.get(name) {
                None => carried((0, 0), Some(format!("its monitor {name} is not there now"))),
                Some(now) => {
                    let resized = (now.width, now.height) != (then.width, then.height);
                    let doubt = resized.then(|| {
                        format!(
                            "its monitor {name} was {}x{} and is {}x{} now",
                            then.width, then.height, now.width, now.height
                        )
                    });
                    carried((now.x - then.x, now.y - then.y), doubt)
                }
            };
        }
        match self.counts_from_main() {
            true => carried(main_corner(now), None),
            false => carried((0, 0), None),
        }
    }

    /// How far points that a person gives now are moved: those of a file that
    /// counts from the main monitor, and negative ones, count from there.
    #[must_use]
    pub fn given(&self, points: &[Point], now: &BTreeMap<String, MonitorPlace>) -> Point {
        let from_main = self.counts_from_main() || points.iter().any(|point| is_negative(*point));
        if from_main { main_corner(now) } else { (0, 0) }
    }

    /// Whether 0, 0 is the main monitor's corner.
    pub(super) fn counts_from_main(&self) -> bool {
        let bounds = [self.rules.min_x, self.rules.min_y];
        let points = self.agents.values().flat_map(|place| [place.chat, place.onboarding]);
        self.monitors.is_empty()
            && (bounds.into_iter().flatten().any(|least| least < 0) || points.flatten().any(is_negative))
    }
}

/// How far points that count from the main monitor's corner are moved; not at
/// all where the platform counts so.
pub(super) fn main_corner(now: &BTreeMap<String, MonitorPlace>) -> Point {
    let main = now.values().find(|m| m.primary).filter(|_| now.values().all(|m| m.x >= 0 && m.y >= 0));
    main.map_or((0, 0), |main| (main.x, main.y))
}
