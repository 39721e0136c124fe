//! Disasters rehearsed on a copy of the real tree, with honest figures.
//!
//! [`outcome`] is what a drill yields: the one value that the reports, the
//! history and the exit code are made from. [`alarms`] says which alarms stand,
//! in life as in a drill.

pub mod alarms;
pub mod inject;
pub mod outcome;
pub mod scenario;
pub mod storm;
