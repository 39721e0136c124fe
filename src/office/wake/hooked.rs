//! An agent's own hook that asks whether to tell it what waits.

use std::time::Duration;

use jiff::Timestamp;

use super::Bell;
use crate::model::{AgentName, EventKind, MessageId};
use crate::nudge::machine::{Input, Waiting};
use crate::office::Office;

impl Bell {
    /// A hook of the agent found this unread: whether it may say so. It is
    /// recorded as woken then, and no window rings for these messages.
    /// `anyway`: it says so in any case.
    pub fn hooked(
        &mut self,
        office: &Office,
        agent: &AgentName,
        ids: Vec<MessageId>,
        urgent: usize,
        anyway: bool,
        now: Duration,
    ) -> bool {
        let Some(agent) = office.roster().get(agent.as_str()).map(|known| known.name.clone()) else { return false };
        let waiting = Waiting { unread: ids.len(), urgent: urgent.min(ids.len()) };
        let window = self.windows.entry(agent.clone()).or_default();
        window.seen = Some(Timestamp::now());
        // What is recorded is about these.
        let before = std::mem::replace(&mut window.nudged, ids);
        let told = self.drive(office, &agent, Input::Hook { now: waiting, anyway }, now).contains(&EventKind::Woken);
        if let Some(window) = self.windows.get_mut(&agent) {
            if told {
                window.told = window.nudged.iter().copied().collect();
            } else {
                window.nudged = before;
            }
        }
        told
    }
}
