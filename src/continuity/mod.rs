//! Disasters rehearsed on a copy of the real tree, with honest figures.
//!
//! [`outcome`] is what a drill yields: the one value that the reports, the
//! history and the exit code are made from. [`scenario`] is a disaster as
//! data, read from YAML and used as approved; [`inject`] breaks things.
//! [`alarms`] says which alarms stand, in life as in a drill.
//! [`report`] writes an outcome down for people, [`history`] reads it back,
//! and [`due`] says from it what must be drilled when.

pub mod alarms;
mod call;
mod detect;
pub mod drill;
pub mod due;
mod ground;
pub mod history;
pub mod inject;
pub mod live;
mod manifest;
pub mod outcome;
mod probe;
pub mod report;
pub mod runbook;
pub mod scenario;
mod scenario_find;
mod scenario_read;
pub mod storm;
mod traffic;

pub use scenario_find::{FOLDER, check_scenario, find_scenario, new_scenario, scenario_names};
pub use scenario_read::{is_name, read_scenario};
