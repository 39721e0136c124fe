//! What the daemon says of itself, as it goes over the control socket.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::AgentName;

/// Whether a worker works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It runs.
    Running,
    /// It failed and is started again after a pause.
    Waiting,
    /// It ended, as it should.
    Ended,
}

/// One worker of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its name.
    pub name: String,
    /// Whether it works.
    pub state: WorkerState,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it ended last.
    pub last_error: Option<String>,
}

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchMode {
    /// Not decided yet.
    #[default]
    Starting,
    /// Events of the file system wake scans.
    Events,
    /// Folders are looked at every few moments.
    Polling,
}

/// The watcher of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WatchStatus {
    /// How changes are noticed.
    pub mode: WatchMode,
    /// Why it polls; what to do about it.
    pub warning: Option<String>,
    /// Mailboxes looked after.
    pub mailboxes: usize,
    /// Folders under watch.
    pub folders: usize,
    /// Hints received.
    pub hints: u64,
    /// How often everything was scanned because events were lost.
    pub overflows: u64,
}

/// The scans of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScanStatus {
    /// When the last one was done.
    pub last: Option<Timestamp>,
    /// How many mailboxes were scanned so far.
    pub mailboxes: u64,
    /// Time from the hint to the end of the scan, the last one, microseconds.
    pub last_micros: u64,
    /// The longest of the last hour, microseconds.
    pub worst_micros: u64,
    /// The last failure, until a scan of everything went well.
    pub error: Option<String>,
}

/// The work that waits in the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Mailboxes to be scanned.
    pub scans: usize,
    /// Outboxes to be picked up.
    pub outboxes: usize,
    /// Windows being rung at this moment.
    pub ringing: usize,
    /// Connections on the control socket.
    pub connections: usize,
}

/// The configuration the daemon works with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// When it was read.
    pub loaded: Timestamp,
    /// Why a newer one was not taken: the one of `loaded` still holds.
    pub error: Option<String>,
}

/// What the daemon knows of one agent's window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowStatus {
    /// Whose.
    pub agent: AgentName,
    /// The state of its nudging, in a word.
    pub state: String,
    /// Unread messages that ring, at the last scan: receipts do not.
    pub unread: usize,
    /// How many of those are urgent or critical.
    #[serde(default)]
    pub urgent: usize,
    /// When the oldest of them was sent.
    #[serde(default)]
    pub oldest: Option<Timestamp>,
    /// The last thing that happened there, and why.
    pub note: Option<String>,
    /// When the agent last ran a command that was reported here.
    pub seen: Option<Timestamp>,
}

/// The daemon's door for browsers and programs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HttpStatus {
    /// Its address, as `http://127.0.0.1:7411`; `None` where there is none.
    pub address: Option<String>,
    /// Why it is closed, when it should be open.
    pub error: Option<String>,
    /// Requests answered so far.
    #[serde(default)]
    pub requests: u64,
    /// Who hears events as they happen, at this moment.
    #[serde(default)]
    pub listeners: usize,
}

/// The daemon, as it answers `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The root it serves.
    pub root: PathBuf,
    /// When it started.
    pub started: Timestamp,
    /// Its workers.
    pub workers: Vec<WorkerStatus>,
    /// How it notices changes.
    pub watch: WatchStatus,
    /// Its scans.
    pub scan: ScanStatus,
    /// The work that waits.
    pub queues: QueueStatus,
    /// Its configuration.
    pub config: ConfigStatus,
    /// Its door for browsers and programs.
    #[serde(default)]
    pub http: HttpStatus,
    /// The windows it rings.
    pub windows: Vec<WindowStatus>,
    /// The last warnings, newest last.
    pub warnings: Vec<String>,
}
