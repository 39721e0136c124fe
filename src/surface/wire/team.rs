//! Who is there, what stands and what happened.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{AgentName, Event};
use crate::office::Record;

/// Somebody on the roster, and how it stands with their mail and window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// The name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// The role.
    pub role: String,
    /// Its channels, in the order in which they are tried, without targets.
    pub channels: Vec<String>,
    /// Mail that waits.
    pub unread: usize,
    /// Unread mail that is urgent or critical, as the daemon saw it last.
    pub urgent: usize,
    /// Mail that is held under a lease.
    pub claimed: usize,
    /// What they say of themselves, in `status.yaml`: their own words.
    pub status: Option<String>,
    /// When the window rang last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub rang: Option<Timestamp>,
    /// How far that is proved: `typed`, `submitted`, `woken` or `moved`.
    pub proof: Option<String>,
    /// The state of its nudging, in a word; absent without a window.
    pub window: Option<String>,
    /// The last thing that happened to its window, and why.
    pub note: Option<String>,
    /// When it last ran a command on its mail.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen: Option<Timestamp>,
}

/// The roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agents {
    /// In the order of the file.
    pub agents: Vec<Agent>,
}

/// What a role may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// The role.
    pub name: String,
    /// To whom it may send.
    pub send: Vec<String>,
    /// Highest priority that is delivered as asked.
    pub max_priority: String,
    /// What it may do beside sending.
    pub may: Vec<String>,
    /// Who has it.
    #[schema(value_type = Vec<String>)]
    pub held_by: Vec<AgentName>,
}

/// The roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Roles {
    /// By name.
    pub roles: Vec<Role>,
}

/// Where on the screen somebody listens, as approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Whose.
    pub name: String,
    /// The composer, x and y in pixels of the whole screen.
    pub chat: Option<(i32, i32)>,
    /// The composer of a new conversation.
    pub onboarding: Option<(i32, i32)>,
    /// The monitor, as the platform names it.
    pub monitor: Option<String>,
}

/// Everybody's coordinates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coordinates {
    /// By name.
    pub coordinates: Vec<Entry>,
}

/// A window that is to ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nudge {
    /// Whose.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    pub agent: AgentName,
}

/// A window that will be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Nudged {
    /// Whose.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// The number of the journal's line behind which what becomes of it is
    /// told.
    pub after: u64,
}

/// Something that a detector found and that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// `notice`, `warning` or `critical`.
    pub severity: String,
    /// What was seen.
    pub what: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The scenario whose plan recovers it.
    pub runbook: Option<String>,
}

/// Who asks, and how things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Who asks.
    pub you: Account,
    /// The root.
    pub root: String,
    /// Its id.
    pub id: String,
    /// The program's version.
    pub version: String,
    /// When the daemon started.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// Workers of the daemon that do not run, each with the reason.
    pub workers_down: Vec<String>,
    /// What detectors found.
    pub alarms: Vec<Alarm>,
    /// What of the configuration cannot be used.
    pub faults: Vec<String>,
    /// Number of the journal's last line: what follows is heard from there on.
    pub seq: u64,
    /// Now, by the daemon's clock.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// The role.
    pub role: String,
    /// The role that bounds the token, where one does.
    pub bound: Option<String>,
    /// Whether the token changes nothing.
    pub read_only: bool,
    /// Mail that waits.
    pub unread: usize,
}

/// Something that happened: a line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Happened {
    /// Number of the line; grows by one.
    pub seq: u64,
    /// When, what, about which message and agent, and more by name.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub event: Event,
}

impl From<Record> for Happened {
    fn from(record: Record) -> Self {
        Self { seq: record.seq, event: record.event }
    }
}

/// A part of the journal, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Journal {
    /// Lines.
    pub events: Vec<Happened>,
    /// What `after` has to be for the next part; absent when there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// `full`, `incremental` or `differential`.
    pub kind: Option<String>,
    /// The one it was taken against.
    pub parent: Option<String>,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that it added to the repository.
    pub bytes_added: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// The snapshots of the first repository, newest last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshots {
    /// Newest last.
    pub snapshots: Vec<Snapshot>,
}

/// A rehearsed disaster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillRun {
    /// Its id.
    pub id: String,
    /// What was rehearsed.
    pub scenario: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub began: Timestamp,
    /// Whether every target was met.
    pub passed: bool,
    /// From the disaster until all was served again, in seconds.
    pub rto_seconds: Option<f64>,
    /// Age of the oldest acknowledged message that was lost; 0: none was.
    pub rpo_seconds: Option<f64>,
    /// What was found wrong.
    pub findings: Vec<String>,
}

/// The drills there were, newest last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drills {
    /// Newest last.
    pub drills: Vec<DrillRun>,
}
