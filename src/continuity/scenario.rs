//! A disaster as data: what breaks, how, what notices it, and the plan that
//! brings everything back. `config/continuity/NAME.yaml`, used as approved.
//!
//! The plan's steps are what `drill plan` prints for a person and what a drill
//! carries out: one list, filled with other paths.

use std::time::Duration;

use super::outcome::{System, Targets};

/// What a step may name in braces, and what stands for it. This is the one
/// list: reading refuses every other word, the runbook and the drill fill
/// exactly these.
pub const PLACEHOLDERS: [(&str, &str); 12] = [
    ("root", "the working root"),
    ("id", "the id of the root, as the recovery sheet tells it"),
    ("agent", "the agent whom the disaster takes"),
    ("other", "another agent, which it does not take"),
    ("captain", "an agent with the role captain, or the person"),
    ("snapshot", "the id of the newest snapshot from before the disaster"),
    ("repository", "the first repository of snapshots"),
    ("second", "the second repository of snapshots"),
    ("password_file", "the file that holds the repositories' password"),
    ("target", "an empty folder to restore into, on a disk that is well"),
    ("copy", "a copy of the root that somebody took"),
    ("key", "the fingerprint of the key that was stolen"),
];

/// What can notice a disaster, as `detect.any_of` names it.
pub const NOTICES: [(&str, &str); 28] = [
    ("missing_mailbox", "alarm: a mailbox of the roster is missing, or a folder of it"),
    ("damage", "alarm: a message is not what its digest says"),
    ("journal_chain", "alarm: the journal's chain is broken, or the journal is gone"),
    ("snapshots", "alarm: the newest snapshot is too old, or a repository is damaged, flooded or unreachable"),
    ("clock_jump", "alarm: the wall clock jumped"),
    ("disk_space", "alarm: a disk is nearly full"),
    ("mail_storm", "alarm: more mail arrives in a mailbox than is read"),
    ("configuration", "alarm: the configuration cannot be read, or is not what was approved"),
    ("drills", "alarm: a drill is overdue, or the last one failed"),
    ("crash_loop", "alarm: the daemon was ended without its doing, several times within minutes"),
    ("lost_root", "alarm: the root that stood here has gone, with its id, and this one has none of what it had"),
    ("folder", "doctor: a folder is missing"),
    ("mode", "doctor: the wrong people may read or write a file"),
    ("temporary", "doctor: an unfinished file that nobody will finish"),
    ("misplaced", "doctor: a file that is no message, or stands where none belongs"),
    ("unreadable", "doctor: a message that cannot be read"),
    ("twice", "doctor: one id twice in a mailbox"),
    ("lease", "doctor: a lease without its message"),
    ("spool", "doctor: a letter that waits for delivery"),
    ("sent", "doctor: the sender's copy is missing"),
    ("daemon", "doctor: what a daemon left behind that has gone"),
    ("watch", "doctor: a limit of the system"),
    ("journal", "doctor: the record of what happened is broken"),
    ("config", "doctor: configuration, roster or approvals"),
    ("restore", "doctor: a restore that was begun and not finished"),
    ("disk", "doctor: a check could not be made"),
    ("no_root", "doctor: there is no root any more, and it cannot begin"),
    ("health", "snapshot health: it ends with 6, because a target is missed"),
];

/// The programs that a step may run.
pub const PROGRAMS: [&str; 2] = ["cellphone", "restic"];

/// The sorts of disasters, as `models` names them.
pub const MODELS: [&str; 10] = [
    "hardware_failure",
    "data_corruption",
    "security_breach",
    "natural_disaster",
    "human_error",
    "network_outage",
    "power_loss",
    "software_corruption",
    "ransomware",
    "overload",
];

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, and that of its file.
    pub name: String,
    /// In a few words.
    pub title: String,
    /// The sort of disaster: one of [`MODELS`].
    pub models: String,
    /// What is believed, and is put to the test.
    pub hypothesis: String,
    /// How much of the root it takes.
    pub scope: Scope,
    /// The systems affected; the most urgent one gives the default targets.
    pub systems: Vec<System>,
    /// What is wanted.
    pub targets: Targets,
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
    /// Alarms and findings of `doctor` (words of [`NOTICES`]) that go on for a
    /// while after all is well, each with the reason.
    pub may_stand: Vec<(String, String)>,
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
    /// Any of these: see [`NOTICES`].
    pub any_of: Vec<String>,
    /// How soon.
    pub within: Duration,
    /// Where `any_of` is empty: why nothing can notice it. That it goes
    /// unnoticed is then no finding, but is told.
    pub unseen: Option<String>,
}

/// A step of the recovery plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is for.
    pub title: String,
    /// What a person should know, or does by hand.
    pub say: String,
    /// The program and its arguments, `{placeholders}` unfilled; none for what
    /// a person does by hand. A drill then calls
    /// [`super::inject::mend`] for every injection.
    pub run: Option<Vec<String>>,
    /// Exit codes that are well.
    pub exits: Vec<i32>,
    /// Words that must stand in what it prints, for a step that proves
    /// something.
    pub expect: Option<String>,
}

/// When to give a drill up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    /// It takes longer.
    pub after: Duration,
    /// Less is free where the drill works, bytes.
    pub free_below: u64,
}
