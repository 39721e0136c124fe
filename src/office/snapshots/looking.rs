//! Looking into snapshots, and restoring them beside the tree.

use std::io::Write;
use std::path::Path;

use crate::snapshot::{self, Difference, Progress, Restored, Selection, Shown, Wanted};

use super::super::{ErrorKind, Office, OfficeError, Result};

impl Office {
    /// What is below a path of a snapshot.
    ///
    /// # Errors
    /// No such snapshot or path, or it is damaged.
    pub fn snapshot_ls(&self, which: Option<&str>, wanted: &Wanted, path: &Path) -> Result<Vec<Shown>> {
        let repository = self.snapshot_repository(which)?;
        Ok(repository.ls(&repository.find(wanted)?, path)?)
    }

    /// Writes the bytes of one file of a snapshot.
    ///
    /// # Errors
    /// No such snapshot or file, or it is damaged.
    pub fn snapshot_cat(&self, which: Option<&str>, wanted: &Wanted, path: &Path, out: &mut dyn Write) -> Result<()> {
        let repository = self.snapshot_repository(which)?;
        Ok(repository.cat(&repository.find(wanted)?, path, out)?)
    }

    /// What differs from one snapshot to another.
    ///
    /// # Errors
    /// No such snapshot, or it is damaged.
    pub fn snapshot_diff(&self, which: Option<&str>, a: &Wanted, b: &Wanted) -> Result<Vec<Difference>> {
        let repository = self.snapshot_repository(which)?;
        Ok(repository.diff(&repository.find(a)?, &repository.find(b)?)?)
    }

    /// Restores a part of a snapshot into a folder that is empty or not there;
    /// the tree is not touched.
    ///
    /// # Errors
    /// The folder lies in the tree or is not empty; files that are damaged are
    /// named, and all others are there.
    pub fn snapshot_restore_to(
        &self,
        which: Option<&str>,
        selection: &Selection,
        target: &Path,
        progress: &Progress,
    ) -> Result<Restored> {
        let target = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
        let place = snapshot::Place::Local(target.clone());
        if place.must_be_outside(self.root().path()).is_err() {
            let why = format!("{} lies in the tree; restore beside it", target.display());
            return Err(
                OfficeError::new(ErrorKind::Refused, why).hint("cellphone snapshot restore --target /elsewhere")
            );
        }
        let repository = self.snapshot_repository(which)?;
        Ok(snapshot::restore_into(&repository, selection, &target, progress)?)
    }
}
