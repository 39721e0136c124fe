//! What a nudge of a window needs to know, from the roster, the coordinates
//! and the pictures.

use std::sync::Arc;

use serde::Deserialize;

use super::coords::monitors;
use super::coords_picture::picture;
use crate::config::{COORDINATES, Root};
use crate::model::AgentName;
use crate::nudge::screen::picture::Area;
use crate::nudge::{ScreenTarget, Spot};
use crate::roster::{Agent, Channel, Coordinates, Located, Place, Point};

/// Which of an agent's two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Where it listens.
    #[default]
    Chat,
    /// Where a new conversation has its composer.
    Onboarding,
}

impl At {
    /// The point in an entry, and the monitor it was taken on.
    pub(super) fn point(self, place: &Place) -> Option<(Point, Option<&str>)> {
        match self {
            Self::Chat => Some((place.chat?, place.monitor.as_deref())),
            Self::Onboarding => Some((place.onboarding?, place.onboarding_monitor.as_deref())),
        }
    }

    /// The command that takes the picture there.
    pub(super) fn register(self, name: &AgentName) -> String {
        let option = if self == Self::Onboarding { " --onboarding" } else { "" };
        format!("cellphone coords register {name}{option}")
    }
}

/// What the screen channel needs to know of an agent: the window pinned on
/// the roster, else the captured one (the onboarding point's own before both);
/// the point, carried along with its monitor; and the picture of the empty
/// composer there.
pub(super) fn screen_target(
    root: &Root,
    agent: &Agent,
    channel: &Channel,
    at: At,
) -> std::result::Result<ScreenTarget, String> {
    let all = Coordinates::load(root).map_err(|e| e.to_string())?;
    let place = all.get(agent.name.as_str()).filter(|place| place.active);
    let own = place.and_then(|place| place.onboarding_window.clone()).filter(|_| at == At::Onboarding);
    let pin = channel.pin.clone().filter(|_| own.is_none()).unwrap_or_default();
    let captured = own.or_else(|| place.and_then(|place| place.window.clone()));
    let display = channel.target.clone().or_else(|| captured.as_ref().and_then(|w| w.display.clone()));
    // Points in one window say nothing of another.
    let others = captured.as_ref().is_some_and(|w| pin.window.is_some_and(|id| id != w.id));
    let place = place.filter(|_| !others);
    let mut target = match captured {
        Some(window) if pin.window.is_none() => ScreenTarget {
            window: Some(window.id),
            class: Some(window.class),
            pid: Some(window.pid),
            start: Some(window.start),
            title: window.title,
            home: window.area.map(|(x, y, width, height)| Area { x, y, width, height }),
            ..ScreenTarget::default()
        },
        _ => ScreenTarget {
            window: pin.window,
            class: pin.class,
            pid: pin.pid,
            start: pin.start,
            title: pin.title,
            ..ScreenTarget::default()
        },
    };
    let point = place.and_then(|place| at.point(place));
    if point.is_none() && at == At::Onboarding {
        return Err(format!(
            "{COORDINATES} does not say where in this window the onboarding point of {0} is; run: cellphone coords \
             capture {0} --onboarding",
            agent.name
        ));
    }
    if let Some((point, monitor)) = point {
        let Located { point: (x, y), moved, doubt } = all.locate(point, monitor, &monitors(display.as_deref())?);
        // A window that is where it was relative to its point needs no monitor.
        if let (Some(why), None) = (doubt, target.home) {
            return Err(format!(
                "the coordinates {},{} cannot be used: {why}; run: cellphone coords detect",
                point.0, point.1
            ));
        }
        target.spot = Some(Spot { x, y });
        target.home = target.home.map(|home| home.moved(moved.0, moved.1));
    }
    target.composer = picture(root, &agent.name, at)?.map(Arc::new);
    target.display = display;
    Ok(target)
}
