//! Where the agents' composers are: pointing at them, and setting points.
//!
//! Whoever sets coordinates approves them. Their pictures are in
//! `coords_picture`; what a nudge makes of both, in `coords_target`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::coords_picture::picture;
use super::{ErrorKind, Office, OfficeError, Result};
use crate::fsio::Dir;
use crate::model::{Action, AgentName, Event, EventKind, Permission};
use crate::nudge::proof;
use crate::nudge::screen::{self, Window};
use crate::roster::{
    Agent, Channel, ChannelKind, Coordinates, MonitorPlace, PinnedWindow, PlaceChange, save_agent, save_places,
};

pub use super::coords_target::At;
pub use crate::nudge::screen::picture::{Area, Composer, Image};
pub use crate::nudge::screen::png::encode as png;
pub use crate::roster::{Coordinates as AllCoordinates, Located, MonitorPlace as Monitor, Place, Point};

/// How long a person has to point.
pub const POINTING: Duration = Duration::from_secs(60);

/// How a window is chosen.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A person points at the composer and presses the left button.
    Point(Duration),
    /// The only window whose title matches; `*` stands for anything.
    Title(String),
    /// The only window of a class.
    Class(String),
    /// The only window of a process.
    Pid(u32),
    /// A window by its id.
    Window(u32),
}

/// What was captured.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Whose.
    pub agent: AgentName,
    /// The window.
    pub window: PinnedWindow,
    /// Its title now.
    pub title: String,
    /// The point in it, when one is known.
    pub point: Option<Point>,
    /// The monitor of that point.
    pub monitor: Option<String>,
    /// Whether a picture of its composer, in this size, is there.
    pub registered: bool,
    /// Whether a screen channel was added to the roster for it.
    pub channel_added: bool,
}

pub(super) fn failed(why: impl Into<String>) -> OfficeError {
    OfficeError::new(ErrorKind::Failed, why)
}

impl Office {
    /// Everybody's coordinates, as approved.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn coordinates(&self) -> Result<Coordinates> {
        Ok(Coordinates::load(self.root())?)
    }

    /// The monitors of a display as they are now.
    ///
    /// # Errors
    /// No such display.
    pub fn monitors(&self, display: Option<&str>) -> Result<BTreeMap<String, MonitorPlace>> {
        monitors(display).map_err(failed)
    }

    /// Sets an agent's points, in pixels of the whole screen; negative ones,
    /// and all of a file that counts so, count from the main monitor's corner.
    /// Where there is a display, they must lie on one of its monitors, which
    /// is noted.
    ///
    /// # Errors
    /// The actor may not, nobody has this name, a point that the file's rules
    /// forbid or that is on no monitor.
    pub fn set_coordinates(&self, name: &AgentName, chat: Point, onboarding: Option<Point>) -> Result<Place> {
        let agent = self.placeable(name)?;
        let all = self.coordinates()?;
        let display = display_of(&agent, &all);
        // Without a display (over ssh, say) the file's own rules are all that can be checked.
        let now = monitors(display.as_deref()).ok();
        let given: Vec<Point> = [Some(chat), onboarding].into_iter().flatten().collect();
        let (dx, dy) = all.given(&given, now.as_ref().unwrap_or(&all.monitors));
        let moved = |(x, y): Point| (x.saturating_add(dx), y.saturating_add(dy));
        let (chat, onboarding) = (moved(chat), onboarding.map(moved));
        let mut change = PlaceChange { chat: Some(chat), onboarding, ..PlaceChange::default() };
        if let Some(now) = &now {
            for (given, point) in given.iter().zip([Some(chat), onboarding].into_iter().flatten()) {
                if on(point, now).is_none() {
                    return Err(OfficeError::new(
                        ErrorKind::Usage,
                        format!("{},{} is on no monitor", given.0, given.1),
                    )
                    .hint("cellphone coords detect shows where the monitors are"));
                }
            }
            change.monitor = on(chat, now);
            change.onboarding_monitor = onboarding.and_then(|point| on(point, now));
        }
        // A window that is there tells where it was when the point was taken.
        let windows = screen::windows(display.as_deref()).unwrap_or_default();
        let as_now = |window: &PinnedWindow| {
            let found = windows.iter().find(|w| w.id == window.id);
            PinnedWindow { area: found.map(|w| corners(&w.area)), ..window.clone() }
        };
        if let Some(place) = all.get(name.as_str()) {
            change.window = place.window.as_ref().map(as_now);
            change.onboarding_window = onboarding.and(place.onboarding_window.as_ref().map(as_now));
        }
        self.place(&agent.name, change, now.as_ref())?;
        self.place_of(&agent.name)
    }

    /// Pins an agent's window, chosen as `how` says, and the point in it: that
    /// of its composer or that of onboarding, each with a window of its own.
    ///
    /// # Errors
    /// The actor may not, no such window or several, or nobody points.
    pub fn capture(&self, name: &AgentName, how: &Choice, at: Option<Point>, of: At) -> Result<Captured> {
        let agent = self.placeable(name)?;
        let all = self.coordinates()?;
        let display = display_of(&agent, &all);
        let (window, point) = match how {
            Choice::Point(limit) => {
                let (x, y, window) = screen::pick(display.as_deref(), *limit).map_err(failed)?;
                let window = window.ok_or_else(|| {
                    failed(format!("there is no window at {x},{y}")).hint("point at the composer of the agent")
                })?;
                (window, Some((x, y)))
            }
            other => (the_only(other, screen::windows(display.as_deref()).map_err(failed)?)?, at),
        };
        let pid = window.pid.ok_or_else(|| failed("the window does not say which process it belongs to"))?;
        let start =
            proof::pin(pid).ok_or_else(|| failed(format!("process {pid} of the window is not on this machine")))?;
        let title = if let Choice::Title(pattern) = how { Some(pattern.clone()) } else { None };
        let now = monitors(display.as_deref()).map_err(failed)?;
        // Nobody pointed: the point that is known is kept where it lies in this window.
        let place = all.get(name.as_str());
        let known = place.and_then(|place| of.point(place)).map(|(point, on)| all.locate(point, on, &now).point);
        let point = point.or(known).filter(|(x, y)| window.area.contains(*x, *y));
        if at.is_some() && point.is_none() {
            let Area { x, y, width, height } = window.area;
            return Err(failed(format!("the point is not in the window, which is {width}x{height} at {x},{y}")));
        }
        let monitor = point.and_then(|point| on(point, &now));
        let (class, area) = (window.class.clone(), Some(corners(&window.area)));
        let pin = PinnedWindow { display, id: window.id, class, pid, start: start.start, title, area };
        let mut change = PlaceChange::default();
        if of == At::Onboarding {
            (change.onboarding, change.onboarding_monitor) = (point, monitor.clone());
            change.onboarding_window = Some(pin.clone());
        } else {
            (change.chat, change.monitor) = (point, monitor.clone());
        }
        // The first window that is shown is the one that rings.
        let pinned = agent.channels.iter().any(|c| c.pin.as_ref().is_some_and(|pin| pin.window.is_some()));
        let rings = of == At::Chat || !(pinned || place.is_some_and(|place| place.window.is_some()));
        if rings {
            change.window = Some(pin.clone());
        }
        self.place(&agent.name, change, Some(&now))?;
        let channel_added = rings && self.give_channel(agent, &pin)?;
        let size = (window.area.width, window.area.height);
        let registered = picture(self.root(), name, of).is_ok_and(|p| p.is_some_and(|p| p.window == size));
        let agent = name.clone();
        Ok(Captured { agent, window: pin, title: window.title, point, monitor, registered, channel_added })
    }

    /// Windows on the display an agent is on, or on the usual one.
    ///
    /// # Errors
    /// No such display.
    pub fn windows(&self, display: Option<&str>) -> Result<Vec<Window>> {
        screen::windows(display).map_err(failed)
    }

    /// Writes a drawing beside whatever else a person keeps; an older one of
    /// that name is replaced.
    ///
    /// # Errors
    /// No such folder, or the disk.
    pub fn keep_drawing(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .ok_or_else(|| OfficeError::new(ErrorKind::Usage, format!("{} is no name of a file", path.display())))?;
        Ok(Dir::open(folder)?.replace(name, bytes, false)?)
    }

    pub(super) fn place(
        &self,
        name: &AgentName,
        change: PlaceChange,
        monitors: Option<&BTreeMap<String, MonitorPlace>>,
    ) -> Result<()> {
        // Points that were taken on other monitors would be read as if they
        // had been taken on these: they are carried over with the same write.
        let all = self.coordinates()?;
        // So are those of a file that counted from the main monitor, once the
        // monitors are noted.
        let mut changes = match monitors {
            Some(now) if *now != all.monitors => super::coords_check::carried(&all, now),
            _ => Vec::new(),
        };
        changes.push((name.clone(), change));
        save_places(self.root(), &changes, monitors)?;
        let now = jiff::Timestamp::now();
        self.note(&[Event::new(now, EventKind::Config).agent(name).with("coordinates", "set")]);
        Ok(())
    }

    /// The agent, when the actor may say where it is.
    pub(super) fn placeable(&self, name: &AgentName) -> Result<Agent> {
        self.may(Action::On(Permission::Roster, name))?;
        self.entry(name)
    }

    fn place_of(&self, name: &AgentName) -> Result<Place> {
        Ok(self.coordinates()?.get(name.as_str()).cloned().unwrap_or_default())
    }

    /// A window that is pinned rings only through a channel; an older pin on
    /// the roster would go before it.
    fn give_channel(&self, mut agent: Agent, window: &PinnedWindow) -> Result<bool> {
        let before = agent.channels.clone();
        match agent.channels.iter_mut().find(|c| c.kind == ChannelKind::Screen) {
            Some(channel) => channel.pin = None,
            None => {
                let mut channel = Channel::new(ChannelKind::Screen);
                channel.target.clone_from(&window.display);
                agent.channels.push(channel);
            }
        }
        if agent.channels == before {
            return Ok(false);
        }
        let added = agent.channels.len() > before.len();
        save_agent(self.root(), &agent)?;
        Ok(added)
    }
}

fn the_only(choice: &Choice, windows: Vec<Window>) -> Result<Window> {
    let fits = |window: &Window| match choice {
        Choice::Point(_) => false,
        Choice::Title(pattern) => screen::title_matches(pattern, &window.title),
        Choice::Class(class) => window.class.eq_ignore_ascii_case(class),
        Choice::Pid(pid) => window.pid == Some(*pid),
        Choice::Window(id) => window.id == *id,
    };
    let list = |windows: &[Window]| {
        let shown: Vec<String> = windows.iter().map(|w| format!("{:#x} {} {:?}", w.id, w.class, w.title)).collect();
        shown.join(", ")
    };
    let (mut found, others): (Vec<Window>, Vec<Window>) = windows.into_iter().partition(fits);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(OfficeError::new(ErrorKind::NotFound, format!("no window fits; there are: {}", list(&others)))
            .hint("cellphone coords capture AGENT, and point at it")),
        _ => Err(OfficeError::new(ErrorKind::Conflict, format!("several windows fit: {}", list(&found)))
            .hint("cellphone coords capture AGENT --window ID")),
    }
}

/// The monitor that a point is on.
fn on(point: Point, now: &BTreeMap<String, MonitorPlace>) -> Option<String> {
    now.iter().find(|(_, monitor)| monitor.contains(point)).map(|(name, _)| name.clone())
}

pub(super) const fn corners(area: &Area) -> (i32, i32, u32, u32) {
    (area.x, area.y, area.width, area.height)
}

/// The display of an agent's window: the channel's, else the one it was
/// captured on, else the usual one.
pub(super) fn display_of(agent: &Agent, all: &Coordinates) -> Option<String> {
    let channel = agent.channels.iter().find(|c| c.kind == ChannelKind::Screen).and_then(|c| c.target.clone());
    channel
        .or_else(|| all.get(agent.name.as_str())?.window.as_ref()?.display.clone())
        .or_else(|| std::env::var("DISPLAY").ok())
}

/// The monitors of a display, as the file notes them.
pub(super) fn monitors(display: Option<&str>) -> std::result::Result<BTreeMap<String, MonitorPlace>, String> {
    let place = |m: screen::Monitor| {
        let Area { x, y, width, height } = m.area;
        (m.name, MonitorPlace { x, y, width, height, primary: m.primary })
    };
    Ok(screen::monitors(display)?.into_iter().map(place).collect())
}
