//! Values as they go out and come in: the JSON of `--json`, of the HTTP API
//! and of its client. One definition for all of them, so that they agree, and
//! from which the API's description is made.
//!
//! Names are those of the front matter. A field that somebody relies on keeps
//! its name and its meaning; others may come to stand beside it.

mod mail;
mod problem;
mod team;

pub use mail::{
    Claim, Claimed, Done, Draft, Forward, Hit, Hits, Level, Listed, Opened, Page, Release, Reply, Sent, Thread,
};
pub use problem::Problem;
pub use team::{
    Account, Agent, Agents, Alarm, Coordinates, DrillRun, Drills, Entry, Happened, Journal, Nudge, Nudged, Role, Roles,
    Snapshot, Snapshots, Status,
};
