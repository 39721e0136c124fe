//! A disaster as data: what breaks, how, what notices it, and the plan that
//! brings everything back. `config/continuity/NAME.yaml`, used as approved.
//!
//! The plan's steps are what `drill plan` prints for a person and what a drill
//! carries out: one list, filled with other paths.

use std::time::Duration;

use super::outcome::System;

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, and that of its file.
    pub name: String,
    /// In a few words.
    pub title: String,
    /// The sort of disaster.
    pub models: String,
    /// What is believed, and is put to the test.
    pub hypothesis: String,
    /// How much of the root it takes.
    pub scope: Scope,
    /// The systems affected; the most urgent one gives the default targets.
    pub systems: Vec<System>,
    /// What is wanted.
    pub targets: super::outcome::Targets,
    /// How often it must be drilled.
    pub every: Duration,
    /// What is broken, in this order.
    pub inject: Vec<super::inject::Injection>,
    /// What must notice it.
    pub detect: Detect,
    /// What brings it back, in this order.
    pub recover: Vec<Step>,
    /// Paths below the root (folders end in `/`) that need not come back as they were, each with the reason.
    pub may_differ: Vec<(String, String)>,
    /// When to give up.
    pub abort: Abort,
}

/// How much of the root a scenario takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    WholeRoot,
    /// One mailbox.
    OneAgent,
    /// A repository of snapshots.
    Repository,
    /// The journal and what is derived.
    Journal,
    /// Settings, roster, roles, coordinates.
    Config,
    /// Keys.
    Keys,
}

/// What must notice a disaster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detect {
    /// Any of these: a word of [`crate::model::Detector`] that the daemon or
    /// `doctor` raises, or of `doctor`'s checks.
    pub any_of: Vec<String>,
    /// How soon.
    pub within: Duration,
}

/// A step of the recovery plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is for.
    pub title: String,
    /// What a person should know, or does by hand.
    pub say: String,
    /// The program and its arguments, `{placeholders}` unfilled; none for what
    /// a person does by hand and a drill does in its own way.
    pub run: Option<Vec<String>>,
    /// Exit codes that are well.
    pub exits: Vec<i32>,
}

/// When to give a drill up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    /// It takes longer.
    pub after: Duration,
    /// Less is free where the drill works, bytes.
    pub free_below: u64,
}
