//! Who has a mailbox, in which role, and how the window rings.
//!
//! Names come from `config/agents.yaml` in the tree, so that anybody may add a
//! mailbox. Roles, channels and everything that makes the program type or run
//! something come only from the approved copy: an agent unknown there has the
//! role `agent` and no channel. What a role may do comes from the approved
//! `config/roles.yaml`, and [`Roster::decide`] is where roles, policies and
//! block lists become an answer. Refuses names that cannot be a folder on every
//! platform, names of senders without a mailbox, and two names that differ
//! only in case, before anything touches the disk. Knows nothing of mail.

mod agent;
mod coordinates;
mod coordinates_edit;
mod coordinates_read;
#[cfg(test)]
mod coordinates_tests;
mod decide;
mod edit;
mod fallback;
mod load;
mod ordered;
mod policies;
#[cfg(test)]
mod tests;

pub use agent::{Agent, Channel, ChannelKind, Dnd, NudgeContent, NudgeOptions, Pin, Submit};
pub use coordinates::{Coordinates, Fallback, Located, MonitorPlace, PinnedWindow, Place, Point, Rules};
pub use coordinates_edit::{PlaceChange, save_places};
pub use decide::{Decision, Why};
pub use edit::{remove_agent, save_agent, strike};
pub use load::Roster;
