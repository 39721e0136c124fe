//! A program hosted by `cellphone run`, whose terminal can ring.

use std::ffi::OsString;

use super::joining::last_part;
use super::{ErrorKind, Office, OfficeError, Result};
use crate::model::AgentName;
use crate::nudge::host::{self, HostError, HostOptions};
pub use crate::nudge::{Attempt, Outcome};
use crate::roster::{Channel, ChannelKind, save_agent};

impl Office {
    /// Hosts a program for an agent until it ends; gives its exit code.
    /// Starting it is what registers the terminal: the roster gets the
    /// channel when it has none, approved by whoever starts the program.
    ///
    /// # Errors
    /// Nobody has this name, the agent has a host already, or the program
    /// cannot be started.
    pub fn host(&self, name: &AgentName, program: &[OsString]) -> Result<u8> {
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
