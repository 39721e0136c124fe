//! Where the agents' composers are: pointing at them, their pictures, and
//! what a nudge needs to know of both.
//!
//! Whoever sets coordinates approves them. Pictures of empty composers are
//! kept outside the tree, where approved copies are: what an agent could
//! change there would make the program take its draft for an empty composer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::Root;
use crate::fsio::Dir;
use crate::model::{AgentName, Event, EventKind};
use crate::nudge::converse::Stop;
use crate::nudge::screen::{self, Window};
use crate::nudge::{ScreenTarget, Spot, Target, Way, proof};
use crate::roster::{
    Agent, Channel, ChannelKind, Coordinates, MonitorPlace, PinnedWindow, PlaceChange, save_agent, save_places,
};

pub use crate::nudge::screen::picture::{Area, Composer, Image};
pub use crate::nudge::screen::png::encode as png;
pub use crate::roster::{Coordinates as AllCoordinates, Located, MonitorPlace as Monitor, Place, Point};

/// Folder of the pictures, outside the tree.
const PICTURES: &str = "pictures";
/// Largest picture that is read.
const LARGEST: u64 = 16 << 20;
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

fn failed(why: impl Into<String>) -> OfficeError {
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

    /// Sets an agent's points, in pixels of the whole screen. Where there is
    /// a display, they must lie on one of its monitors, which is noted.
    ///
    /// # Errors
    /// The actor may not, nobody has this name, a point that the file's rules
    /// forbid or that is on no monitor.
    pub fn set_coordinates(&self, name: &AgentName, chat: Point, onboarding: Option<Point>) -> Result<Place> {
        let agent = self.may_place(name)?;
        let all = self.coordinates()?;
        let display = display_of(&agent, &all);
        // Without a display (over ssh, say) the file's own rules are all that can be checked.
        let now = monitors(display.as_deref()).ok();
        let mut change = PlaceChange { chat: Some(chat), onboarding, ..PlaceChange::default() };
        if let Some(now) = &now {
            let on = |point: Point| now.iter().find(|(_, m)| m.contains(point)).map(|(name, _)| name.clone());
            for point in [Some(chat), onboarding].into_iter().flatten() {
                if on(point).is_none() {
                    return Err(OfficeError::new(
                        ErrorKind::Usage,
                        format!("{},{} is on no monitor", point.0, point.1),
                    )
                    .hint("cellphone coords detect shows where the monitors are"));
                }
            }
            change.monitor = on(chat);
        }
        // A window that is there tells where it was when the point was taken.
        if let Some(mut window) = all.get(name.as_str()).and_then(|place| place.window.clone()) {
            let found =
                screen::windows(display.as_deref()).ok().and_then(|w| w.into_iter().find(|w| w.id == window.id));
            window.area = found.map(|w| corners(&w.area));
            change.window = Some(window);
        }
        self.place(&agent.name, change, now.as_ref())?;
        self.place_of(&agent.name)
    }

    /// Pins an agent's window, chosen as `how` says, and the point in it.
    ///
    /// # Errors
    /// The actor may not, no such window or several, or nobody points.
    pub fn capture(&self, name: &AgentName, how: &Choice, at: Option<Point>, onboarding: bool) -> Result<Captured> {
        let agent = self.may_place(name)?;
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
        // Nobody pointed: the point that is known is kept where it lies in this window.
        let known = all.get(name.as_str()).and_then(|place| place.chat);
        let point = point.or(known).filter(|(x, y)| window.area.contains(*x, *y));
        if at.is_some() && point.is_none() {
            let Area { x, y, width, height } = window.area;
            return Err(failed(format!("the point is not in the window, which is {width}x{height} at {x},{y}")));
        }
        let now = monitors(display.as_deref()).map_err(failed)?;
        let monitor = point.and_then(|p| now.iter().find(|(_, m)| m.contains(p)).map(|(name, _)| name.clone()));
        let (class, area) = (window.class.clone(), Some(corners(&window.area)));
        let pin = PinnedWindow { display, id: window.id, class, pid, start: start.start, title, area };
        let (chat, other) = if onboarding { (None, point) } else { (point, None) };
        let change = PlaceChange {
            chat,
            onboarding: other,
            monitor: monitor.clone(),
            window: Some(pin.clone()),
            ..PlaceChange::default()
        };
        self.place(&agent.name, change, Some(&now))?;
        let channel_added = self.give_channel(agent, &pin)?;
        let size = (window.area.width, window.area.height);
        let registered = picture(self.root(), name).is_ok_and(|p| p.is_some_and(|p| p.window == size));
        let agent = name.clone();
        Ok(Captured { agent, window: pin, title: window.title, point, monitor, registered, channel_added })
    }

    /// Takes the picture of an agent's empty composer; types nothing.
    ///
    /// # Errors
    /// The actor may not, the window is not the pinned one, the person works
    /// there, or too much moves in the composer.
    pub fn register_composer(&self, name: &AgentName, region: Option<Area>, output: Vec<Area>) -> Result<Composer> {
        let agent = self.may_place(name)?;
        let channel = agent.channels.iter().find(|c| c.kind == ChannelKind::Screen).ok_or_else(|| {
            failed(format!("{name} has no screen channel")).hint(format!("cellphone coords capture {name}"))
        })?;
        let screen = screen_target(self.root(), &agent, channel).map_err(failed)?;
        // What is registered anew is looked at anew.
        let screen = ScreenTarget { composer: None, ..screen };
        let target = Target::new(agent.name.clone(), Way::Screen(screen.clone()));
        let composer = screen::register(&target, &screen, region, output).map_err(|stop| match stop {
            Stop::Deferred(reason) => OfficeError::new(ErrorKind::TryAgain, format!("{name}: {reason}")),
            Stop::Failed(why) => failed(why),
        })?;
        let bytes = screen::png::encode_composer(&composer).map_err(failed)?;
        let dir = Dir::create_all(&self.root().outside())?.child_or_create(PICTURES)?;
        dir.replace(&picture_name(name), &bytes, true)?;
        let now = jiff::Timestamp::now();
        self.note(&[Event::new(now, EventKind::Config).agent(name).with("picture", "registered")]);
        Ok(composer)
    }

    /// Where an agent's picture is kept, and the picture.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn composer(&self, name: &AgentName) -> Result<Option<Composer>> {
        picture(self.root(), name).map_err(failed)
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
        let mut changes = match monitors {
            Some(now) if *now != all.monitors && !all.monitors.is_empty() => super::coords_check::carried(&all, now),
            _ => Vec::new(),
        };
        changes.retain(|(known, _)| !known.same(name.as_str()));
        changes.push((name.clone(), change));
        save_places(self.root(), &changes, monitors)?;
        let now = jiff::Timestamp::now();
        self.note(&[Event::new(now, EventKind::Config).agent(name).with("coordinates", "set")]);
        Ok(())
    }

    /// The agent, when the actor may say where it is: its own place, or
    /// everybody's for who manages the roster.
    pub(super) fn may_place(&self, name: &AgentName) -> Result<Agent> {
        if !self.actor().same(name.as_str()) {
            self.must_manage()?;
        }
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

fn picture_name(name: &AgentName) -> String {
    format!("{}.png", name.as_str().to_ascii_lowercase())
}

/// The picture of an agent's empty composer, if one was taken.
pub(super) fn picture(root: &Root, name: &AgentName) -> std::result::Result<Option<Composer>, String> {
    let path = root.outside().join(PICTURES);
    let read = Dir::open(&path).and_then(|dir| dir.read(&picture_name(name), LARGEST));
    match read {
        Ok(bytes) => screen::png::decode_composer(&bytes).map(Some).map_err(|why| {
            format!("{}: {why}; run: cellphone coords register {name}", path.join(picture_name(name)).display())
        }),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

/// What the screen channel needs to know of an agent: the window pinned on
/// the roster, else the captured one; the point, carried along with its
/// monitor; and the picture of the empty composer.
pub(super) fn screen_target(
    root: &Root,
    agent: &Agent,
    channel: &Channel,
) -> std::result::Result<ScreenTarget, String> {
    let all = Coordinates::load(root).map_err(|e| e.to_string())?;
    let place = all.get(agent.name.as_str()).filter(|place| place.active);
    let captured = place.and_then(|place| place.window.clone());
    let pin = channel.pin.clone().unwrap_or_default();
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
    if let Some((place, point)) = place.and_then(|place| Some((place, place.chat?))) {
        let Located { point: (x, y), moved, doubt } =
            all.locate(point, place.monitor.as_deref(), &monitors(display.as_deref())?);
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
    target.composer = picture(root, &agent.name)?.map(Arc::new);
    target.display = display;
    Ok(target)
}
