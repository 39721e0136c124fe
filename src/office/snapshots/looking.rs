//! Looking into snapshots, and restoring them beside the tree.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::fsio;
use crate::model::{Action, Permission};
use crate::snapshot::{self, Difference, Part, Progress, Restored, Selection, Shown, Wanted};

use super::super::{ErrorKind, Office, OfficeError, Result};
use super::restore::RestoredFrom;

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
    /// The actor may not read it, no such snapshot or file, or it is damaged.
    pub fn snapshot_cat(&self, which: Option<&str>, wanted: &Wanted, path: &Path, out: &mut dyn Write) -> Result<()> {
        self.may_read_path(path)?;
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
    /// The actor may not read it, the folder lies in the tree or is not empty; files that are damaged are
    /// named, and all others are there.
    pub fn snapshot_restore_to(
        &self,
        which: Option<&str>,
        selection: &Selection,
        target: &Path,
        progress: &Progress,
    ) -> Result<Restored> {
        match &selection.part {
            Part::Agent(whose) => self.may(Action::On(Permission::ReadOthers, whose))?,
            Part::Path(path) => self.may_read_path(path)?,
            Part::All | Part::Message(_) => self.may(Permission::ReadOthers)?,
        }
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

    /// Restores a part of a snapshot beside the tree, on its file system, so
    /// that it can be exchanged with the live one; verified, and removed when
    /// what is given back is dropped.
    ///
    /// # Errors
    /// As [`snapshot_restore_to`](Self::snapshot_restore_to).
    pub fn snapshot_stage(&self, which: Option<&str>, selection: &Selection, progress: &Progress) -> Result<Staging> {
        let repository = self.snapshot_repository(which)?;
        let place = self.root().state().child_or_create(STAGING)?;
        let mut staging = Staging { tree: place.path().join(fsio::temporary_name("staged")), snapshot: String::new() };
        staging.snapshot = snapshot::restore_into(&repository, selection, &staging.tree, progress)?.snapshot.id;
        Ok(staging)
    }
}

/// Where trees are restored to before they are exchanged.
const STAGING: &str = "staging";

/// A restored tree that goes when it is not needed any more.
#[derive(Debug)]
pub struct Staging {
    tree: PathBuf,
    snapshot: String,
}

impl Staging {
    /// The tree, for a plan.
    #[must_use]
    pub fn from(&self) -> RestoredFrom {
        RestoredFrom { tree: self.tree.clone(), snapshot: Some(self.snapshot.clone()), spent: true }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(e) = fsio::remove_tree(&self.tree) {
            tracing::warn!(error = %e, "what was restored for the plan is still there");
        }
    }
}
