//! The control socket: what is said over it, and the asking side.
//!
//! `.cellphone/control.sock` carries a line of JSON each way. Whoever may open
//! the folder (0700) may ask. Alive means that a probe was answered: a socket
//! nobody listens on, and a pid file, say nothing. No call here waits for a
//! daemon longer than it says, also when the daemon is stopped or its queue
//! of connections is full.

#[cfg(unix)]
mod client;
#[cfg(not(unix))]
mod elsewhere;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::status::DaemonStatus;
use crate::fsio::{Dir, FsError, Lock};
use crate::model::{AgentName, Event, MessageId};
use crate::nudge::{PinnedProcess, proof};

#[cfg(unix)]
pub use client::{Client, SocketAddress};
#[cfg(not(unix))]
pub use elsewhere::Client;

/// The socket's name in `.cellphone/`.
pub const SOCKET: &str = "control.sock";

/// An empty file in `.cellphone/` as long as something is set at run time.
pub const RUNTIME_HINT: &str = "runtime";

/// The pid file in `.cellphone/`: for people, never proof of anything.
pub const PID_FILE: &str = "daemon.pid";

/// The lock in `.cellphone/locks/` that the daemon holds as long as it lives.
pub const LOCK: &str = "daemon";

/// Longest line on the socket, in bytes.
pub const LINE_MAX: usize = 1 << 20;

/// How long a mailbox command waits, in all, for its presence to be noted.
const PRESENCE: Duration = Duration::from_millis(50);

/// What is asked of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Are you there?
    Ping,
    /// How are you?
    Status,
    /// An agent runs a command, in the process that asks.
    Report {
        /// As whom.
        agent: AgentName,
        /// Which command.
        command: String,
        /// The process and those it descends from, nearest first; empty from
        /// an older program, and where that is not known.
        #[serde(default)]
        line: Vec<PinnedProcess>,
    },
    /// A hook of the agent's program found this unread: may it say so?
    /// Answered with [`Answer::Reported`]; if so, the agent counts as woken.
    Hook {
        /// Whose.
        agent: AgentName,
        /// What waits.
        ids: Vec<MessageId>,
        /// How many of them are urgent or critical.
        urgent: usize,
        /// It says so in any case.
        anyway: bool,
    },
    /// Read the configuration anew.
    Reload,
    /// Look at everything anew: files were brought back, or moved in numbers.
    Rescan,
    /// What is set at run time?
    RuntimeSettings,
    /// Set something for as long as you run, or take that back.
    SetAtRunTime {
        /// Who asks.
        actor: AgentName,
        /// The key.
        key: String,
        /// The value, as it is written in a file; `None` takes it back.
        value: Option<String>,
    },
    /// Try the agent's window now, whatever pauses hold.
    Nudge {
        /// Whose.
        agent: AgentName,
        /// Who wants it: its role decides, as for every surface.
        by: AgentName,
    },
    /// End, gracefully.
    Stop,
    /// Send every event from now on, a line each.
    Subscribe,
}

/// What the daemon answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is there.
    Pong {
        /// Its process.
        pid: u32,
        /// Its version.
        version: String,
        /// The root it serves.
        root: PathBuf,
    },
    /// How it is.
    Status(Box<DaemonStatus>),
    /// The report was taken.
    Reported {
        /// Whether the agent counts as woken by it.
        woken: bool,
    },
    /// What is set at run time, by key.
    RuntimeSettings {
        /// Values as they are written in a file.
        values: BTreeMap<String, String>,
    },
    /// It is done, or begun.
    Done {
        /// What.
        message: String,
    },
    /// It was not done.
    Refused {
        /// Why.
        why: String,
    },
    /// One event of a subscription.
    Event {
        /// What happened.
        event: Event,
    },
}

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No daemon listens.
    #[error("no daemon answers on {}; start one with `cellphone up --detach`", .0.display())]
    NotRunning(PathBuf),
    /// One is there and does not answer in time.
    #[error("the daemon on {} does not answer within {:?}; is it stopped? See `cellphone doctor`", .0.display(), .1)]
    Silent(PathBuf, Duration),
    /// The connection failed.
    #[error("cannot talk to the daemon on {}: {}", .0.display(), .1)]
    Io(PathBuf, std::io::Error),
    /// It answered something else.
    #[error("the daemon on {} answered what this version does not understand ({}); restart it with `cellphone down` and `cellphone up --detach`", .0.display(), .1)]
    Strange(PathBuf, String),
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// There is no such socket here.
    #[error("the daemon is not on this platform yet: use Linux or macOS")]
    Platform,
}

/// The result of asking.
pub type Result<T> = std::result::Result<T, ControlError>;

/// Asks one thing and waits for the answer at most `patience`.
///
/// # Errors
/// See [`ControlError`]; a refusal is [`ControlError::Refused`].
pub fn ask(state: &Path, request: &Request, patience: Duration) -> Result<Answer> {
    let mut client = Client::connect(state, patience)?;
    client.put(request)?;
    match client.take()? {
        Answer::Refused { why } => Err(ControlError::Refused(why)),
        answer => Ok(answer),
    }
}

/// Whether a daemon answers: its process.
#[must_use]
pub fn probe(state: &Path, patience: Duration) -> Option<u32> {
    match ask(state, &Request::Ping, patience) {
        Ok(Answer::Pong { pid, .. }) => Some(pid),
        _ => None,
    }
}

/// Whether somebody is the daemon: it may not answer yet, or no longer.
///
/// # Errors
/// When the lock cannot be tried.
pub fn daemon_lock_held(state: &Dir) -> std::result::Result<bool, FsError> {
    match state.child("locks") {
        Err(e) if e.is_not_found() => Ok(false),
        locks => Ok(Lock::try_exclusive(&locks?, LOCK)?.is_none()),
    }
}

/// The process that the pid file names.
#[must_use]
pub fn recorded_pid(state: &Dir) -> Option<u32> {
    String::from_utf8(state.read(PID_FILE, 32).ok()?).ok()?.trim().parse().ok()
}

/// The daemon's own account.
///
/// # Errors
/// See [`ControlError`].
pub fn daemon_status(state: &Path, patience: Duration) -> Result<DaemonStatus> {
    match ask(state, &Request::Status, patience)? {
        Answer::Status(status) => Ok(*status),
        other => Err(ControlError::Strange(state.join(SOCKET), format!("{other:?}"))),
    }
}

/// A command that runs as an agent, made known to the daemon: the proof of
/// waking. Free when no daemon runs. The daemon looks at the process that
/// asks, so this waits for the answer, when it is dropped, until 50 ms after
/// it began; by then the command has done its work and the answer is there.
#[derive(Debug)]
#[must_use = "the answer is awaited when this is dropped, after the command's work"]
pub struct Presence {
    waiting: Option<Client>,
}

/// Reports that `command` runs as `agent` in this process. Never fails: a
/// command goes on without a daemon.
pub fn report_presence(state: &Path, agent: &AgentName, command: &str) -> Presence {
    let report = Request::Report { agent: agent.clone(), command: command.to_owned(), line: proof::own_line() };
    let waiting =
        Client::connect(state, PRESENCE).ok().and_then(|mut client| client.put(&report).ok().map(|()| client));
    Presence { waiting }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(mut client) = self.waiting.take() {
            // Nothing depends on the answer but the proof itself.
            let _ = client.take();
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixListener;
    use std::time::Instant;

    #[test]
    fn without_a_daemon_a_presence_is_free_and_a_question_says_what_to_run() {
        let tmp = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        drop(report_presence(tmp.path(), &AgentName::new("Agent-1").unwrap(), "inbox"));
        assert!(begun.elapsed() < Duration::from_millis(20));
        let why = ask(tmp.path(), &Request::Ping, Duration::from_secs(1)).unwrap_err().to_string();
        assert!(why.contains("cellphone up --detach"), "{why}");
    }

    #[test]
    fn a_daemon_that_is_stopped_costs_a_command_fifty_milliseconds_at_most() {
        let tmp = tempfile::tempdir().unwrap();
        let _deaf = UnixListener::bind(tmp.path().join(SOCKET)).unwrap();
        let begun = Instant::now();
        drop(report_presence(tmp.path(), &AgentName::new("Agent-1").unwrap(), "inbox"));
        assert!(begun.elapsed() < Duration::from_millis(90), "{:?}", begun.elapsed());
        assert!(matches!(ask(tmp.path(), &Request::Ping, Duration::from_millis(30)), Err(ControlError::Silent(..))));
    }

    #[test]
    fn a_root_that_lies_deep_has_a_socket_all_the_same() {
        let tmp = tempfile::tempdir().unwrap();
        let top = crate::fsio::Dir::open(tmp.path()).unwrap();
        let deep = top.child_or_create(&"d".repeat(120)).unwrap();
        if cfg!(target_os = "linux") {
            let address = SocketAddress::new(deep.path(), SOCKET).unwrap();
            let listener = UnixListener::bind(address.path()).unwrap();
            let answer = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut line = String::new();
                BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
                assert_eq!(line, "{\"request\":\"ping\"}\n");
                stream.write_all(b"{\"answer\":\"pong\",\"pid\":7,\"version\":\"1\",\"root\":\"/r\"}\n").unwrap();
            });
            assert_eq!(probe(deep.path(), Duration::from_secs(5)), Some(7));
            answer.join().unwrap();
        }
    }
}
