//! Settings of a running daemon: set at run time, gone with it.
//!
//! The daemon alone keeps them. Beside its socket stands an empty file as long
//! as it has any, so that a command finds out by one look that there are none;
//! where it stands, the daemon is asked, and the file itself says nothing.

use std::time::Duration;

use super::control::{self, Answer, ControlError, RUNTIME_HINT, Request};
use super::setup::{setting_of, setting_refused};
use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::{self, ConfigFault, Override, Root, Setting};
use crate::fsio::Dir;
use crate::model::{AgentName, Event, EventKind, Permission};

/// How long a command waits to be told.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a change may take: the daemon reads its configuration anew.
const CHANGE: Duration = Duration::from_secs(10);

/// What is set in the daemon of a root, and what of it cannot be known.
pub(super) fn asked(root: &Root) -> (Vec<Override>, Option<ConfigFault>) {
    if !matches!(root.state().stat(RUNTIME_HINT), Ok(Some(_))) {
        return (Vec::new(), None);
    }
    let told = control::ask(root.state().path(), &Request::RuntimeSettings, PATIENCE);
    let values = match told {
        Ok(Answer::RuntimeSettings { values }) => values,
        // One that was killed leaves the file.
        Err(ControlError::NotRunning(_) | ControlError::Platform) => return (Vec::new(), None),
        Ok(other) => return (Vec::new(), Some(ConfigFault::untold(&format!("it answered {other:?}")))),
        Err(e) => return (Vec::new(), Some(ConfigFault::untold(&e.to_string()))),
    };
    // A key that this version does not know is another version's.
    (values.iter().filter_map(|(key, value)| Override::runtime(key, value).ok()).collect(), None)
}

/// Says beside the socket whether there are any.
///
/// # Errors
/// When `.cellphone/` cannot be written.
pub fn hint(state: &Dir, any: bool) -> std::result::Result<(), crate::fsio::FsError> {
    if any {
        return state.replace(RUNTIME_HINT, b"", false);
    }
    match state.remove(RUNTIME_HINT) {
        Err(e) if !e.is_not_found() => Err(e),
        _ => Ok(()),
    }
}

impl Office {
    /// Sets something in the running daemon for as long as it runs, or with
    /// `None` takes that back; gives the setting as it stands then.
    ///
    /// # Errors
    /// The actor may not, no daemon runs, there is no such key, or it may not
    /// have this value at run time.
    pub fn set_at_run_time(&self, key: &str, value: Option<&str>) -> Result<Setting> {
        self.may(Permission::Config)?;
        // What is wrong with it is said without a daemon, too.
        Override::runtime(key, value.unwrap_or_else(|| default_of(key))).map_err(setting_refused)?;
        let request =
            Request::SetAtRunTime { actor: self.actor(), key: key.to_owned(), value: value.map(str::to_owned) };
        match control::ask(self.root().state().path(), &request, CHANGE) {
            Ok(_) => {}
            Err(ControlError::NotRunning(_)) => {
                let why = "no daemon runs that could keep it: a setting of run time lasts as long as the daemon";
                return Err(OfficeError::new(ErrorKind::TryAgain, why)
                    .hint("cellphone up --detach; or, to keep it, cellphone config set without --runtime"));
            }
            Err(ControlError::Refused(why)) => return Err(OfficeError::new(ErrorKind::Refused, why)),
            Err(e) => return Err(OfficeError::new(ErrorKind::Failed, e.to_string()).hint("cellphone doctor")),
        }
        let (overrides, _) = asked(self.root());
        let (settings, _) = config::settings_in_force(self.root(), &overrides);
        setting_of(&settings, key)
    }

    /// Takes a change of a setting at run time, for the daemon: checked here
    /// once more, since whoever reaches the socket can ask.
    ///
    /// # Errors
    /// `actor` may not, or the value may not be set.
    pub fn admit_runtime(&self, actor: &AgentName, key: &str, value: Option<&str>) -> Result<Override> {
        super::policy::refuse(&[self.roster().decide(actor, &Permission::Config.into())])?;
        let admitted = Override::runtime(key, value.unwrap_or_else(|| default_of(key))).map_err(setting_refused)?;
        let event = Event::new(self.now(), EventKind::Config).agent(actor).with("layer", "runtime");
        self.note(&[event.with("setting", key).with("value", value.unwrap_or("unset"))]);
        Ok(admitted)
    }
}

fn default_of(key: &str) -> &'static str {
    config::Settings::default_of(key).unwrap_or_default()
}
