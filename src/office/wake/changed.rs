//! What a changed roster or a changed place on the screen means for windows
//! that are being rung.
//!
//! Pauses and open breakers are memories of a window. An agent that was joined
//! from another pane, or pinned to another window, has none: what failed was
//! the old one, so the new one is tried at once.

use super::Bell;
use crate::model::AgentName;
use crate::nudge::machine::Phase;
use crate::office::Office;
use crate::roster::Coordinates;

impl Bell {
    /// The bell of an office, which knows where its windows are now.
    #[must_use]
    pub fn of(office: &Office) -> Self {
        Self { places: places(office), ..Self::default() }
    }

    /// The configuration changed: lets the windows that are others now be
    /// tried without the pauses of those before. Tells which they are. `places`
    /// are those of `after`, as [`places`] reads them.
    pub fn changed(&mut self, before: &Office, after: &Office, places: Coordinates) -> Vec<AgentName> {
        let mut others = Vec::new();
        for agent in after.roster().agents() {
            let known = before.roster().get(agent.name.as_str());
            let moved = known.is_some_and(|known| known.channels != agent.channels)
                || self.places.get(agent.name.as_str()) != places.get(agent.name.as_str());
            if moved {
                self.forget_pauses(&agent.name);
                others.push(agent.name.clone());
            }
        }
        self.places = places;
        others
    }

    /// Lets an agent's window be tried at the next scan, whatever pauses hold.
    pub fn forget_pauses(&mut self, agent: &AgentName) {
        if let Some(window) = self.windows.get_mut(agent)
            && window.state.phase() != Phase::Attempting
        {
            window.state = std::mem::take(&mut window.state).without_pauses();
            window.known.clear();
            window.told.clear();
        }
    }
}

/// Where windows on the screen are. What cannot be read has no places; who needs one of them says why.
#[must_use]
pub fn places(office: &Office) -> Coordinates {
    Coordinates::load(office.root()).unwrap_or_default()
}
