//! Whether coordinates can be right: within bounds, on a monitor that is
//! there, no two agents on one spot, the window still the pinned one; and
//! what a changed arrangement of monitors means for them.

use std::collections::BTreeMap;

use super::coords::{corners, display_of, monitors};
use super::coords_picture::picture;
use super::coords_target::At;
use super::{Office, Result};
use crate::model::{AgentName, Permission};
use crate::nudge::proof;
use crate::nudge::screen::{self, Window};
use crate::roster::{Coordinates, Located, MonitorPlace, PinnedWindow, PlaceChange, Point, save_places};

/// Two composers this close are one spot, in pixels.
const SPOT: i32 = 4;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whose coordinates; `None` when it is about all.
    pub agent: Option<AgentName>,
    /// A word for scripts: `bounds`, `monitor`, `spot`, `window`, `picture`,
    /// `unknown`, `display`, `unsupported`.
    pub kind: &'static str,
    /// What it is and what to run, for a person.
    pub words: String,
}

/// One agent's point, then and now.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Whose.
    pub agent: AgentName,
    /// As the file has it.
    pub then: Point,
    /// Where it is on the monitors of now.
    pub now: Located,
}

/// The monitors then and now.
#[derive(Debug, Clone)]
pub struct Layout {
    /// As recorded with the coordinates.
    pub recorded: BTreeMap<String, MonitorPlace>,
    /// As they are.
    pub now: BTreeMap<String, MonitorPlace>,
    /// What is different, for a person.
    pub differences: Vec<String>,
    /// Every agent's point.
    pub points: Vec<Carried>,
}

impl Office {
    /// Everything that is wrong with the coordinates.
    ///
    /// # Errors
    /// A file that cannot be read; what it says wrongly is a finding.
    pub fn check_coordinates(&self) -> Result<Vec<Finding>> {
        let all = self.coordinates()?;
        let mut found: Vec<Finding> = all
            .fallback
            .unsupported()
            .into_iter()
            .map(|words| Finding { agent: None, kind: "unsupported", words })
            .collect();
        let display = self.display_of_all(&all);
        let now = match monitors(display.as_deref()) {
            Ok(now) => now,
            Err(why) => {
                found.push(Finding { agent: None, kind: "display", words: format!("nothing was compared: {why}") });
                BTreeMap::new()
            }
        };
        let windows = screen::windows(display.as_deref()).unwrap_or_default();
        for (name, place) in &all.agents {
            let mut say = |kind, words: String| found.push(Finding { agent: Some(name.clone()), kind, words });
            if self.roster().get(name.as_str()).is_none() {
                say("unknown", format!("{name} is not on the roster; run: cellphone agents list"));
            }
            for (what, at) in [("chat", At::Chat), ("onboarding", At::Onboarding)] {
                let Some((point, monitor)) = at.point(place) else { continue };
                let shown = format!("{what} {},{}", point.0, point.1);
                if let Some(why) = all.forbids(point) {
                    say("bounds", format!("{shown}: {why}; run: cellphone coords set {name} X Y"));
                }
                if now.is_empty() {
                    continue;
                }
                let located = all.locate(point, monitor, &now);
                match located.doubt {
                    Some(why) => say("monitor", format!("{shown}: {why}; run: cellphone coords detect")),
                    None if !now.values().any(|m| m.contains(located.point)) => {
                        say("monitor", format!("{shown} is on no monitor; run: cellphone coords capture {name}"));
                    }
                    None => {}
                }
            }
            if place.active && !now.is_empty() {
                for at in [At::Chat, At::Onboarding] {
                    for (kind, why) in window_faults(self, &all, name, at, &windows, &now) {
                        say(kind, why);
                    }
                }
            }
        }
        found.extend(crowded(&all));
        Ok(found)
    }

    /// The monitors as recorded and as they are, and where that puts the
    /// points.
    ///
    /// # Errors
    /// No display.
    pub fn monitor_layout(&self) -> Result<Layout> {
        let all = self.coordinates()?;
        let now = self.monitors(self.display_of_all(&all).as_deref())?;
        let located = |place: &crate::roster::Place| {
            let then = place.chat?;
            Some((then, all.locate(then, place.monitor.as_deref(), &now)))
        };
        let points = all.agents.iter().filter_map(|(agent, place)| {
            let (then, now) = located(place)?;
            Some(Carried { agent: agent.clone(), then, now })
        });
        let points = points.collect();
        let differences = if all.monitors.is_empty() { Vec::new() } else { differences(&all.monitors, &now) };
        Ok(Layout { recorded: all.monitors.clone(), now, differences, points })
    }

    /// Carries every point to where its monitor is now, and records the
    /// monitors of now.
    ///
    /// # Errors
    /// The actor may not, no display, or the disk.
    pub fn adopt_monitors(&self) -> Result<Layout> {
        self.may(Permission::Roster)?;
        let before = self.monitor_layout()?;
        save_places(self.root(), &carried(&self.coordinates()?, &before.now), Some(&before.now))?;
        Ok(before)
    }

    fn display_of_all(&self, all: &Coordinates) -> Option<String> {
        let of = |name: &AgentName| self.roster().get(name.as_str()).and_then(|agent| display_of(agent, all));
        all.agents.keys().find_map(of).or_else(|| std::env::var("DISPLAY").ok())
    }
}

/// The changes that carry every point along with its monitor.
pub(super) fn carried(all: &Coordinates, now: &BTreeMap<String, MonitorPlace>) -> Vec<(AgentName, PlaceChange)> {
    let move_one = |(name, place): (&AgentName, &crate::roster::Place)| {
        let there = |point: Point, monitor: Option<&str>| {
            let located = all.locate(point, monitor, now);
            (located.moved != (0, 0)).then_some(located)
        };
        let chat = place.chat.and_then(|point| there(point, place.monitor.as_deref()));
        let onboarding = place.onboarding.and_then(|point| there(point, place.onboarding_monitor.as_deref()));
        let along = |window: &Option<PinnedWindow>, point: &Option<Located>| {
            let (old, (dx, dy)) = (window.as_ref()?, point.as_ref()?.moved);
            let area = old.area.map(|(x, y, w, h)| (x.saturating_add(dx), y.saturating_add(dy), w, h));
            Some(PinnedWindow { area, ..old.clone() })
        };
        let change = PlaceChange {
            window: along(&place.window, &chat),
            onboarding_window: along(&place.onboarding_window, &onboarding),
            chat: chat.map(|l| l.point),
            onboarding: onboarding.map(|l| l.point),
            carried: true,
            ..PlaceChange::default()
        };
        (change.chat.is_some() || change.onboarding.is_some()).then(|| (name.clone(), change))
    };
    all.agents.iter().filter_map(move_one).collect()
}

fn window_faults(
    office: &Office,
    all: &Coordinates,
    name: &AgentName,
    at: At,
    windows: &[Window],
    now: &BTreeMap<String, MonitorPlace>,
) -> Vec<(&'static str, String)> {
    let Some(place) = all.get(name.as_str()) else { return Vec::new() };
    let (pinned, option) = match at {
        At::Chat => (&place.window, ""),
        At::Onboarding => (&place.onboarding_window, " --onboarding"),
    };
    let Some(pinned) = pinned else { return Vec::new() };
    let again = format!("run: cellphone coords capture {name}{option}");
    let Some(window) = windows.iter().find(|w| w.id == pinned.id) else {
        return vec![("window", format!("its window is gone; {again}"))];
    };
    let mut faults = Vec::new();
    let is_it = window.class == pinned.class
        && window.pid == Some(pinned.pid)
        && proof::pin(pinned.pid).is_some_and(|process| process.start == pinned.start);
    if !is_it {
        faults.push(("window", format!("its window belongs to another program now; {again}")));
    }
    if let Some((point, monitor)) = at.point(place) {
        let size = pinned.area.map(|(_, _, w, h)| (w, h));
        let (x, y) = all.locate(point, monitor, now).point;
        // A window that was moved takes its point along; one of another size does not.
        let (x0, y0, width, height) = corners(&window.area);
        if size != Some((width, height)) && !window.area.contains(x, y) {
            let shown = format!("{width}x{height} at {x0},{y0}");
            faults.push(("window", format!("{x},{y} is not in its window, which is {shown} now; {again}")));
        }
    }
    match picture(office.root(), name, at) {
        Ok(Some(composer)) if composer.window != (window.area.width, window.area.height) => {
            let words = "its window has another size than when its picture was taken";
            faults.push(("picture", format!("{words}; run: {}", at.register(name))));
        }
        Ok(_) => {}
        Err(why) => faults.push(("picture", why)),
    }
    faults
}

/// Agents whose composers are one spot.
fn crowded(all: &Coordinates) -> Vec<Finding> {
    let points: Vec<(&AgentName, Point)> =
        all.agents.iter().filter(|(_, p)| p.active).filter_map(|(name, place)| Some((name, place.chat?))).collect();
    let mut found = Vec::new();
    for (at, (name, (x, y))) in points.iter().enumerate() {
        for (other, (ox, oy)) in &points[at + 1..] {
            let near = x.abs_diff(*ox) < SPOT as u32 && y.abs_diff(*oy) < SPOT as u32;
            // Windows of their own may lie over each other.
            let window = |n: &AgentName| all.get(n.as_str()).and_then(|p| p.window.as_ref().map(|w| w.id));
            if near && (window(name).is_none() || window(name) == window(other)) {
                let words = format!("{name} and {other} are both at {x},{y}; run: cellphone coords set {other} X Y");
                found.push(Finding { agent: Some((*name).clone()), kind: "spot", words });
            }
        }
    }
    found
}

fn differences(then: &BTreeMap<String, MonitorPlace>, now: &BTreeMap<String, MonitorPlace>) -> Vec<String> {
    let shown = |m: &MonitorPlace| {
        format!("{}x{} at {},{}{}", m.width, m.height, m.x, m.y, if m.primary { ", the main one" } else { "" })
    };
    let mut found: Vec<String> = then
        .iter()
        .filter_map(|(name, was)| match now.get(name) {
            None => Some(format!("{name} is gone; it was {}", shown(was))),
            Some(is) if is != was => Some(format!("{name} was {} and is {}", shown(was), shown(is))),
            Some(_) => None,
        })
        .collect();
    found.extend(
        now.iter().filter(|(name, _)| !then.contains_key(*name)).map(|(n, m)| format!("{n} is new: {}", shown(m))),
    );
    found
}
