//! The configuration: what cannot be read, what is not as it was approved,
//! coordinates that cannot be used; and whether it is still that of this root.

use super::{Guard, sighting};
use crate::config::trust::{self, TrustState};
use crate::config::{seat, strict};
use crate::continuity::alarms::Sighting;
use crate::model::{Detector, Severity};
use crate::office::{Office, Result};

const COORDINATES: &str = "config/coordinates.json";
/// The plan for coordinates, which is another than that for the rest.
const SCRAMBLED: &str = "scrambled-coordinates";

/// What is said of a root that has gone from here.
pub(in crate::office) fn lost_root(id: &str) -> String {
    let lost = "its .cellphone/ was removed, and its approvals, keys and passwords do not count any more";
    format!("the root {id} stood here: {lost}")
}

impl Office {
    pub(super) fn watch_configuration(&self, guard: &Guard) -> Result<()> {
        self.report(guard, Detector::Configuration, self.faulty_configuration()?)?;
        self.report(guard, Detector::LostRoot, self.lost_roots()?)?;
        Ok(())
    }

    /// The ids of roots that stood here before this one and have gone.
    ///
    /// # Errors
    /// The folder outside the tree cannot be listed.
    pub(in crate::office) fn stood_here_before(&self) -> Result<Vec<String>> {
        Ok(seat::before(self.root())?)
    }

    /// Keeps, outside the tree, that this root stands here.
    pub fn keep_seat(&self) {
        if let Err(e) = seat::keep(self.root()) {
            tracing::warn!(error = %e, "it was not kept where this root stands");
        }
    }

    fn lost_roots(&self) -> Result<Vec<Sighting>> {
        let (root, before) = (self.root().path(), self.stood_here_before()?);
        let seen = |id: String| sighting(Detector::LostRoot, &id, Severity::Critical, lost_root(&id), root);
        Ok(before.into_iter().map(seen).collect())
    }

    fn faulty_configuration(&self) -> Result<Vec<Sighting>> {
        let root = self.root().path();
        let mut seen = Vec::new();
        for fault in self.faults() {
            let path = fault.path.clone().unwrap_or_else(|| root.to_owned());
            let what = format!("{}; {}", fault.what, fault.instead);
            let subject = path.display().to_string();
            seen.push(sighting(Detector::Configuration, subject, Severity::Warning, what, &path));
        }
        if let Err(e) = strict::check(self.root(), self.settings()) {
            seen.push(sighting(Detector::Configuration, "modes", Severity::Warning, e.to_string(), root));
        }
        if let Err(e) = self.coordinates() {
            let path = root.join(COORDINATES);
            let one = sighting(Detector::Configuration, "coordinates", Severity::Warning, e.to_string(), &path);
            seen.push(Sighting { runbook: Some(SCRAMBLED.into()), ..one });
        }
        for item in trust::status(self.root())?.into_iter().filter(|item| item.state == TrustState::Changed) {
            // Whoever edits a file and has not approved it yet is no disaster: it is shown, and wakes nobody.
            let what = format!("{} was changed since it was approved; the approved copy is in force", item.path);
            let path = root.join(&item.path);
            let one = sighting(Detector::Configuration, item.path.clone(), Severity::Notice, what, &path);
            let scrambled = (item.path == COORDINATES).then(|| SCRAMBLED.to_owned());
            seen.push(Sighting { runbook: scrambled.or(one.runbook.clone()), ..one });
        }
        Ok(seen)
    }
}
