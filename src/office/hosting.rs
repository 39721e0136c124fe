//! A program hosted by `cellphone run`, whose terminal can ring.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::joining::last_part;
use super::{ErrorKind, Office, OfficeError, Result, control};
use crate::model::{Action, AgentName, Permission};
use crate::nudge::host::{self, HostError, HostOptions};
pub use crate::nudge::{Attempt, Outcome};
use crate::roster::{Channel, ChannelKind, save_agent};

/// How long a host may take until it answers.
#[cfg(unix)]
const START: Duration = Duration::from_secs(10);

/// Tells the daemon, if one runs, to try an agent's window now.
fn announce(state: &Path, agent: &AgentName) {
    let request = control::Request::Nudge { agent: agent.clone(), by: agent.clone() };
    // Without a daemon there are no pauses.
    drop(control::ask(state, &request, Duration::from_secs(1)));
}

/// The same, from a thread, once the host answers.
#[cfg(unix)]
fn announce_host(state: PathBuf, agent: AgentName) {
    use std::time::Instant;

    use crate::nudge::{pty, wire};
    std::thread::spawn(move || {
        let end = Instant::now() + START;
        while Instant::now() < end {
            if pty::ask(&agent, &wire::Request::Identity, &state, Duration::from_secs(1)).is_ok() {
                return announce(&state, &agent);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[cfg(not(unix))]
fn announce_host(_: PathBuf, _: AgentName) {}

impl Office {
    /// An agent has another window now: pauses that failures of the old one
    /// caused hold no longer.
    pub(super) fn window_is_new(&self, agent: &AgentName) {
        announce(self.root().state().path(), agent);
    }

    /// Hosts a program for an agent until it ends; gives its exit code.
    /// Starting it is what registers the terminal: the roster gets the
    /// channel when it has none, approved by whoever starts the program.
    ///
    /// # Errors
    /// Nobody has this name, the agent has a host already, or the program
    /// cannot be started.
    pub fn host(&self, name: &AgentName, program: &[OsString]) -> Result<u8> {
        self.may(Action::On(Permission::Roster, name))?;
        let mut agent = self.entry(name)?;
        if !agent.channels.iter().any(|c| c.kind == ChannelKind::Pty) {
            agent.channels.insert(0, Channel::new(ChannelKind::Pty));
            if agent.profile.is_none() {
                let name = program.first().map(|p| last_part(&p.to_string_lossy()));
                agent.profile = self.profile_of(name.as_deref().into_iter());
            }
            save_agent(self.root(), &agent)?;
        }
        let options = HostOptions {
            agent: agent.name,
            root: self.root().path().to_owned(),
            state: self.root().state().path().to_owned(),
            program: program.to_vec(),
        };
        announce_host(options.state.clone(), options.agent.clone());
        host::run(&options).map_err(|e| {
            let kind = match &e {
                HostError::Taken(_) => ErrorKind::Conflict,
                HostError::NoProgram(_) => ErrorKind::Usage,
                HostError::Start { .. } => ErrorKind::NotFound,
                _ => ErrorKind::Failed,
            };
            OfficeError::new(kind, e.to_string())
        })
    }
}
