//! The monitors and where on them the agents listen, as they are to be drawn:
//! in a terminal, as a picture, or on a page.

use std::collections::BTreeMap;

use crate::office::coords::{Monitor, Point};
use crate::office::{Office, Result};

/// One agent's points, on the monitors of now.
#[derive(Debug)]
pub struct Mark {
    /// Whose.
    pub name: String,
    /// The composer, as the file says it.
    pub said: Option<Point>,
    /// The composer, where it is now.
    pub chat: Option<Point>,
    /// The composer of a new conversation, where it is now.
    pub onboarding: Option<Point>,
    /// The monitor it was noted on.
    pub monitor: Option<String>,
    /// Why it may not be there.
    pub doubt: Option<String>,
}

/// What is drawn.
#[derive(Debug)]
pub struct Drawing {
    /// The monitors by name.
    pub monitors: BTreeMap<String, Monitor>,
    /// The agents' points.
    pub marks: Vec<Mark>,
    /// Why the monitors of now are not shown.
    pub remark: Option<String>,
}

impl Drawing {
    /// The monitors of now; where there is no display, those that were noted
    /// with the coordinates.
    ///
    /// # Errors
    /// The coordinates cannot be read.
    pub fn of(office: &Office) -> Result<Self> {
        let all = office.coordinates()?;
        let (monitors, remark) = match office.monitor_layout() {
            Ok(layout) => (layout.now, None),
            Err(e) => (all.monitors.clone(), Some(format!("the monitors as they were noted: {e}"))),
        };
        let marks = all.agents.iter().map(|(name, place)| {
            let at = |point, monitor| all.locate(point, monitor, &monitors);
            let chat = place.chat.map(|point| at(point, place.monitor.as_deref()));
            Mark {
                name: name.to_string(),
                said: place.chat,
                monitor: place.monitor.clone(),
                onboarding: place.onboarding.map(|point| at(point, place.onboarding_monitor.as_deref()).point),
                doubt: chat.as_ref().and_then(|located| located.doubt.clone()),
                chat: chat.map(|located| located.point),
            }
        });
        let marks = marks.collect();
        Ok(Self { monitors, marks, remark })
    }

    /// What frames everything: left, top, width, height; at least a pixel.
    #[must_use]
    pub fn frame(&self) -> (i32, i32, i32, i32) {
        let mut corners: Vec<Point> = Vec::new();
        for m in self.monitors.values() {
            corners.push((m.x, m.y));
            corners.push((m.x.saturating_add_unsigned(m.width), m.y.saturating_add_unsigned(m.height)));
        }
        corners.extend(self.marks.iter().flat_map(|m| [m.chat, m.onboarding]).flatten());
        let left = corners.iter().map(|c| c.0).min().unwrap_or(0);
        let top = corners.iter().map(|c| c.1).min().unwrap_or(0);
        let right = corners.iter().map(|c| c.0).max().unwrap_or(1);
        let bottom = corners.iter().map(|c| c.1).max().unwrap_or(1);
        (left, top, (right - left).max(1), (bottom - top).max(1))
    }

    /// A monitor in a line.
    #[must_use]
    pub fn title(name: &str, m: &Monitor) -> String {
        format!("{name} {}x{} at {},{}", m.width, m.height, m.x, m.y)
    }
}
