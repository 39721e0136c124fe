//! Pictures of the agents' empty composers, by which typing is read back: at
//! the point where they listen, and at the point where an onboarding begins.
//!
//! They are kept outside the tree, where approved copies are: what an agent
//! could change there would make the program take its draft for an empty
//! composer.

use super::coords::failed;
use super::coords_target::{At, screen_target};
use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::Root;
use crate::fsio::Dir;
use crate::model::{AgentName, Event, EventKind};
use crate::nudge::converse::Stop;
use crate::nudge::screen;
use crate::nudge::screen::picture::{Area, Composer};
use crate::nudge::{ScreenTarget, Target, Way};
use crate::roster::ChannelKind;

/// Folder of the pictures, outside the tree.
const PICTURES: &str = "pictures";
/// Largest picture that is read.
const LARGEST: u64 = 16 << 20;

impl Office {
    /// Takes the picture of an agent's empty composer, or of the one at its
    /// onboarding point; types nothing.
    ///
    /// # Errors
    /// The actor may not, the window is not the pinned one, the person works
    /// there, or too much moves in the composer.
    pub fn register_composer(
        &self,
        name: &AgentName,
        at: At,
        region: Option<Area>,
        output: Vec<Area>,
    ) -> Result<Composer> {
        let agent = self.placeable(name)?;
        let channel = agent.channels.iter().find(|c| c.kind == ChannelKind::Screen).ok_or_else(|| {
            failed(format!("{name} has no screen channel")).hint(format!("cellphone coords capture {name}"))
        })?;
        let screen = screen_target(self.root(), &agent, channel, at).map_err(failed)?;
        // What is registered anew is looked at anew.
        let screen = ScreenTarget { composer: None, ..screen };
        let target = Target::new(agent.name.clone(), Way::Screen(screen.clone()));
        let composer = screen::register(&target, &screen, region, output).map_err(|stop| match stop {
            Stop::Deferred(reason) => OfficeError::new(ErrorKind::TryAgain, format!("{name}: {reason}")),
            Stop::Failed(why) => failed(why),
        })?;
        let bytes = screen::png::encode_composer(&composer).map_err(failed)?;
        let dir = Dir::create_all(&self.root().outside())?.child_or_create(PICTURES)?;
        dir.replace(&picture_name(name, at), &bytes, true)?;
        let now = jiff::Timestamp::now();
        let what = if at == At::Chat { "registered" } else { "registered for onboarding" };
        self.note(&[Event::new(now, EventKind::Config).agent(name).with("picture", what)]);
        Ok(composer)
    }

    /// The picture of an agent's empty composer, if one was taken.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn composer(&self, name: &AgentName, at: At) -> Result<Option<Composer>> {
        picture(self.root(), name, at).map_err(failed)
    }
}

/// No name of an agent has a dot: the two cannot meet.
fn picture_name(name: &AgentName, at: At) -> String {
    let name = name.as_str().to_ascii_lowercase();
    match at {
        At::Chat => format!("{name}.png"),
        At::Onboarding => format!("{name}.onboarding.png"),
    }
}

/// The picture of an agent's empty composer, if one was taken.
pub(super) fn picture(root: &Root, name: &AgentName, at: At) -> std::result::Result<Option<Composer>, String> {
    let path = root.outside().join(PICTURES);
    let read = Dir::open(&path).and_then(|dir| dir.read(&picture_name(name, at), LARGEST));
    match read {
        Ok(bytes) => screen::png::decode_composer(&bytes).map(Some).map_err(|why| {
            format!("{}: {why}; run: {}", path.join(picture_name(name, at)).display(), at.register(name))
        }),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}
