//! What a drill yields. `report.json` is this, field by field; the other
//! reports, the history and the exit code say the same.
//!
//! Times within a drill are seconds since it began, by the monotonic clock, so
//! that a scenario that sets the wall clock falsifies no figure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{AgentName, MessageId};

/// What happened in one drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `TIME-SCENARIO`; the name of its folder of reports.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario in a few words.
    pub title: String,
    /// The sort of disaster, as `hardware_failure`.
    pub models: String,
    /// What is believed, and was put to the test.
    pub hypothesis: String,
    /// How much of the root it takes, as `whole_root`.
    pub scope: String,
    /// The systems it affects, each with its tier.
    pub systems: Vec<System>,
    /// Where it was run.
    pub ground: Ground,
    /// What every random choice came from.
    pub seed: u64,
    /// The command that runs it again with the same choices.
    pub replay: String,
    /// Program, repository format, system: by name.
    pub versions: BTreeMap<String, String>,
    /// What it was run on.
    pub size: Size,
    /// When it began.
    pub began: Timestamp,
    /// The phases in their order, as far as it came.
    pub phases: Vec<PhaseRun>,
    /// When the disaster was complete: what RTO counts from.
    pub disaster_seconds: Option<f64>,
    /// When it was noticed.
    pub detected_seconds: Option<f64>,
    /// Who noticed it, and as what.
    pub detected_by: Option<String>,
    /// When a message was sent, delivered, rung for and acknowledged again.
    pub ready_seconds: Option<f64>,
    /// What was broken, and how truly.
    pub injections: Vec<Injected>,
    /// The steps of the recovery plan, as they went.
    pub steps: Vec<StepRun>,
    /// What was wanted.
    pub targets: Targets,
    /// Service ready − disaster, seconds. `None`: it never came back.
    pub rto_seconds: Option<f64>,
    /// Disaster − acceptance of the oldest acknowledged message that was lost,
    /// seconds; zero when none was. `None`: it could not be verified.
    pub rpo_seconds: Option<f64>,
    /// Acknowledged messages that were lost.
    pub lost: Vec<Lost>,
    /// The comparison with the manifest.
    pub verified: Option<Verified>,
    /// Messages that generated agents sent during the drill, and of those the acknowledged.
    pub traffic: Traffic,
    /// What did not go as it should.
    pub findings: Vec<Finding>,
    /// 0 to 100: see [`Outcome::rated`].
    pub score: u8,
    /// Whether every target was met, with the disaster noticed and the restore
    /// verified, and nothing left behind.
    pub passed: bool,
}

/// Something that people rely on, and how urgently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its name.
    pub name: String,
    /// How urgently.
    pub tier: Tier,
}

/// How urgently a system must be back, and how much of it may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Back in 60 minutes, 15 lost.
    Critical,
    /// 240 and 60.
    High,
    /// 1,440 and 240.
    Medium,
    /// 4,320 and 1,440.
    Low,
}

impl Tier {
    /// RTO and RPO, seconds.
    #[must_use]
    pub const fn seconds(self) -> (f64, f64) {
        match self {
            Self::Critical => (3_600.0, 900.0),
            Self::High => (14_400.0, 3_600.0),
            Self::Medium => (86_400.0, 14_400.0),
            Self::Low => (259_200.0, 86_400.0),
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// Where a drill is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// On a copy of the tree, with a daemon and repositories of its own.
    Copy,
    /// On the tree itself.
    Live,
}

/// What a drill was run on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Mailboxes.
    pub agents: usize,
    /// Messages, wherever they lie.
    pub messages: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// A phase of a drill, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The ground is laid: copied, snapshots taken, a daemon started.
    Preparation,
    /// Proved to work before anything is broken.
    SteadyState,
    /// Broken.
    Disaster,
    /// Noticed.
    Detection,
    /// Brought back, by the steps of the plan.
    Recovery,
    /// Compared with the manifest.
    Verification,
    /// A real message goes all the way.
    Service,
    /// Nothing is left behind.
    Cleanup,
}

impl Phase {
    /// In words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Preparation => "preparation",
            Self::SteadyState => "steady state",
            Self::Disaster => "disaster",
            Self::Detection => "detection",
            Self::Recovery => "recovery",
            Self::Verification => "verification",
            Self::Service => "service",
            Self::Cleanup => "clean-up",
        }
    }
}

/// One phase, as it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRun {
    /// Which.
    pub phase: Phase,
    /// From.
    pub began_seconds: f64,
    /// To.
    pub ended_seconds: f64,
    /// Whether it did what it is for.
    pub ok: bool,
    /// What there is to say, a sentence, or nothing.
    pub note: String,
}

/// Something that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injected {
    /// What was done to what, a sentence.
    pub what: String,
    /// Whether it happened as it would in life, or was only made to look so.
    pub real: bool,
    /// Where it was made to look so: how.
    pub how: String,
}

/// A step of the plan, as it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// What it is for.
    pub title: String,
    /// The command, as a person would type it; `None` for what a person does.
    pub command: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Whether it did what it should.
    pub ok: bool,
    /// What it said last, control characters removed.
    pub said: String,
}

/// What is wanted, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// The promise: a drill that misses it fails.
    pub rto_seconds: f64,
    /// The promise: a drill that misses it fails.
    pub rpo_seconds: f64,
    /// What we aim at; a miss is told and lowers the score.
    pub stretch_rto_seconds: f64,
    /// What we aim at; a miss is told and lowers the score.
    pub stretch_rpo_seconds: f64,
}

/// An acknowledged message that is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lost {
    /// Whose mailbox missed it.
    pub agent: AgentName,
    /// Its id.
    pub id: MessageId,
    /// When it was accepted.
    pub accepted: Timestamp,
}

/// The tree that came back, beside the manifest from before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Files that the manifest names.
    pub expected: usize,
    /// Of those, back byte for byte.
    pub intact: usize,
    /// Of those, not there.
    pub missing: Vec<String>,
    /// Of those, there with other bytes.
    pub altered: Vec<String>,
}

/// Messages that went on while it was broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Attempts to send.
    pub sent: usize,
    /// Of those, acknowledged as durable.
    pub acknowledged: usize,
}

/// What sort of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// It did not work even before anything was broken.
    NotSteady,
    /// An injection could not be made.
    NotInjected,
    /// Nobody noticed.
    Undetected,
    /// A step of the plan failed.
    StepFailed,
    /// What came back could not be verified, or is not what was there.
    Unverified,
    /// The restored root does not serve.
    NotReady,
    /// RTO missed.
    RtoMissed,
    /// RPO missed.
    RpoMissed,
    /// A stretch target missed; the drill passes.
    StretchMissed,
    /// An abort condition held.
    Aborted,
    /// Something was left behind.
    NotClean,
    /// To be looked at; the drill passes.
    Remark,
}

impl FindingKind {
    /// Whether a drill with such a finding passes.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::StretchMissed | Self::Remark)
    }
}

/// Something that did not go as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What sort of thing.
    pub kind: FindingKind,
    /// What happened, a sentence.
    pub what: String,
    /// What to do about it.
    pub follow_up: String,
}

impl Outcome {
    /// Judges it: `passed` when no finding forbids it and the figures are
    /// there, and the score. From 100 each finding that fails a drill takes
    /// 40, each missed stretch target 10, a remark 2; one that failed has 50
    /// at most.
    #[must_use]
    pub fn rated(mut self) -> Self {
        self.passed = self.findings.iter().all(|finding| finding.kind.passes())
            && self.rto_seconds.is_some()
            && self.rpo_seconds.is_some();
        let taken: u32 = self.findings.iter().map(|finding| taken_by(finding.kind)).sum();
        let most = if self.passed { 100 } else { 50 };
        self.score = u8::try_from(100_u32.saturating_sub(taken).min(most)).unwrap_or(0);
        self
    }
}

const fn taken_by(kind: FindingKind) -> u32 {
    match kind {
        FindingKind::Remark => 2,
        FindingKind::StretchMissed => 10,
        _ => 40,
    }
}
