//! The profiles in force: those that come along, and the approved ones of
//! `config/profiles/`, which take their place.

use std::collections::BTreeMap;

use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::trust::{self, TrustState};
use crate::model::AgentName;
use crate::nudge::Profile;
use crate::nudge::profile::BUILT_IN;

const FOLDER: &str = "config/profiles/";

/// Whether a file that is to be approved could be used, if it is a profile.
///
/// # Errors
/// For a person: which key is wrong, and how.
pub(super) fn check(path: &str, bytes: &[u8]) -> std::result::Result<(), String> {
    if path.starts_with(FOLDER) && path.ends_with(".yaml") { Profile::parse(path, bytes).map(drop) } else { Ok(()) }
}

impl Office {
    /// The profile of that name: the approved one, else the one that comes
    /// along; `None` when there is neither.
    ///
    /// # Errors
    /// For a person: the approved copy is broken, and how.
    pub(in crate::office) fn profile(&self, name: &str) -> std::result::Result<Option<Profile>, String> {
        // A profile's name is part of a path.
        let name = AgentName::new(name).map_err(|_| format!("{name:?} is no name of a profile"))?;
        let relative = format!("{FOLDER}{}.yaml", name.as_str());
        match trust::approved(self.root(), &relative).map_err(|e| e.to_string())? {
            Some(bytes) => Profile::parse(&relative, &bytes).map(Some),
            None => Ok(Profile::built_in(name.as_str())),
        }
    }

    /// All profiles in force, by name. A broken one is left out: whoever
    /// uses it is told.
    pub(in crate::office) fn profiles(&self) -> BTreeMap<String, Profile> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        for item in trust::status(self.root()).unwrap_or_default() {
            let stem = item.path.strip_prefix(FOLDER).and_then(|file| file.strip_suffix(".yaml"));
            if let (Some(stem), true) = (stem, item.state != TrustState::New) {
                names.push(stem.to_owned());
            }
        }
        names.into_iter().filter_map(|name| Some((name.clone(), self.profile(&name).ok()??))).collect()
    }

    /// The profile that knows one of these program names, nearest first.
    pub(in crate::office) fn profile_of<'a>(&self, mut programs: impl Iterator<Item = &'a str>) -> Option<String> {
        let all = self.profiles();
        programs.find_map(|program| {
            all.iter().find(|(_, profile)| profile.programs.iter().any(|p| p == program)).map(|(name, _)| name.clone())
        })
    }

    /// Refuses a name for which there is no profile.
    ///
    /// # Errors
    /// Names those that there are, or what is broken.
    pub(in crate::office) fn known_profile(&self, name: &str) -> Result<()> {
        match self.profile(name) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                let known: Vec<String> = self.profiles().into_keys().collect();
                let why = format!("there is no profile {name}; known are {}", known.join(", "));
                let hint = format!(
                    "write {FOLDER}{name}.yaml (config/profiles/generic-shell.yaml names every key), then: cellphone trust"
                );
                Err(OfficeError::new(ErrorKind::NotFound, why).hint(hint))
            }
            Err(why) => Err(OfficeError::new(ErrorKind::Usage, why)),
        }
    }
}
