//! Snapshots as the surfaces ask for them: permission, which repository, what
//! is told to the journal and the log.

mod health;
mod keeping;
mod looking;
mod outlook;
pub mod restore;
mod seen;
mod sheet;

use serde_json::json;

use crate::config::{SnapshotPlaces, snapshot_places};
use crate::model::{Event, EventKind, Permission};
use crate::snapshot::{self, Request, SnapshotError, Sources};

use super::{ErrorKind, Office, OfficeError, Result};

pub use health::{Health, LastCheck, LastDrill, Newest, RepositoryHealth};
pub use looking::Staging;
pub use outlook::Outlook;

pub use crate::snapshot::{
    Change, Checked, Created, Depth, Difference, ForgetPlan, Job, KeepRules, KeyInfo, Kind, LostFile, Part, Phase,
    Place, Progress, Pruning, RepairPlan, Repository, Restored, Secrets, Selection, Shown, Snapshot, Wanted,
    lower_priority,
};

impl From<SnapshotError> for OfficeError {
    fn from(e: SnapshotError) -> Self {
        let kind = match &e {
            SnapshotError::Place(_) => ErrorKind::Refused,
            SnapshotError::Refused(_) => ErrorKind::Refused,
            SnapshotError::NoRepository(_) | SnapshotError::NotFound(_) => ErrorKind::NotFound,
            SnapshotError::Busy(_) => ErrorKind::TryAgain,
            _ => ErrorKind::Failed,
        };
        let hint = match &e {
            SnapshotError::Place(_) => Some("cellphone config set snapshot.repositories /elsewhere"),
            SnapshotError::NoRepository(_) => Some("cellphone snapshot create"),
            SnapshotError::Secret(_) => Some("cellphone snapshot key file"),
            SnapshotError::NotFound(_) => Some("cellphone snapshot list"),
            SnapshotError::Damaged(_) | SnapshotError::Lost { .. } => Some("cellphone snapshot check --read-data"),
            SnapshotError::Fs(e) if e.is_full() => Some("make room on that disk, or cellphone snapshot prune"),
            _ => None,
        };
        let error = Self::new(kind, e.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// What `snapshot create` did.
#[derive(Debug)]
pub struct Taken {
    /// The snapshot.
    pub created: Created,
    /// The repository it went to.
    pub repository: String,
}

impl Office {
    /// Where snapshots go and what unlocks them, as approved.
    ///
    /// # Errors
    /// When the approved copy cannot be read.
    pub fn snapshot_places(&self) -> Result<SnapshotPlaces> {
        Ok(snapshot_places(self.root(), self.settings())?)
    }

    /// The repositories in their order, none of them opened.
    ///
    /// # Errors
    /// A place that is none, or lies in the tree.
    pub fn snapshot_repositories(&self) -> Result<Vec<Place>> {
        let places = self.snapshot_places()?;
        let mut found = Vec::new();
        for text in &places.repositories {
            found.push(self.snapshot_place_at(text, &places)?);
        }
        if found.is_empty() {
            return Err(OfficeError::new(ErrorKind::Usage, "snapshot.repositories names no repository")
                .hint("cellphone config set snapshot.repositories default"));
        }
        Ok(found)
    }

    /// What unlocks them.
    ///
    /// # Errors
    /// When the approved copy cannot be read.
    pub fn snapshot_secrets(&self) -> Result<Secrets> {
        let places = self.snapshot_places()?;
        if places.password.runs_a_command() {
            self.must_be_private()?;
        }
        Ok(Secrets::new(places.secrets, places.password))
    }

    /// Opens the repository that is asked for by its place, or the first one.
    ///
    /// # Errors
    /// There is none, or the password does not open it.
    pub fn snapshot_repository(&self, which: Option<&str>) -> Result<Repository> {
        let place = self.snapshot_place(which)?;
        let secrets = self.snapshot_secrets()?;
        Ok(match self.settings().snapshot.append_only {
            true => Repository::open_append_only(&place, &secrets)?,
            false => Repository::open(&place, &secrets)?,
        })
    }

    fn snapshot_place(&self, which: Option<&str>) -> Result<Place> {
        let Some(text) = which else { return Ok(self.snapshot_repositories()?.remove(0)) };
        self.snapshot_place_at(text, &self.snapshot_places()?)
    }

    fn snapshot_place_at(&self, text: &str, places: &SnapshotPlaces) -> Result<Place> {
        let place = Place::parse(text, &places.usual)?.unlocked_by(&places.remote_password)?;
        place.must_be_outside(self.root().path())?;
        Ok(place)
    }

    /// Makes the first repository where there is none; whether it did. Where
    /// one was used before, only when `anew` says so: its disk may be away, and
    /// an empty one in its place would look as if all was well.
    ///
    /// # Errors
    /// It may not be there, cannot be written, or one that was there is gone.
    pub fn snapshot_init(&self, anew: bool) -> Result<bool> {
        let (place, secrets) = (self.snapshot_place(None)?, self.snapshot_secrets()?);
        if Repository::exists(&place)? {
            return Ok(false);
        }
        if !anew && secrets.knows(&place.to_string()) {
            return Err(OfficeError::new(ErrorKind::NotFound, gone(&place))
                .hint("bring its disk back; or begin a new one: cellphone snapshot create --new-repository"));
        }
        // Two at once would make two keys of which one opens nothing.
        let _held = self.root().lock("repository")?;
        if Repository::exists(&place)? {
            return Ok(false);
        }
        Repository::init(&place, &secrets)?;
        Ok(true)
    }

    /// What a snapshot is taken of.
    #[must_use]
    pub fn snapshot_sources(&self) -> Sources {
        Sources { root: self.root().dir().clone(), state: self.root().state().clone(), mailboxes: self.tree.clone() }
    }

    /// Takes a snapshot into the first repository, which is made when it is
    /// not there.
    ///
    /// # Errors
    /// Whatever keeps a live file out of it; nothing is recorded then.
    pub fn snapshot_create(&self, kind: Kind, anew: bool, progress: &Progress) -> Result<Taken> {
        self.may(Permission::Snapshot)?;
        let by = self.actor();
        self.ask_before("before-snapshot", &by, || json!({ "by": by, "kind": kind.word() }))?;
        self.snapshot_init(anew)?;
        let repository = self.snapshot_repository(None)?;
        let _held = repository.lock_writer(self.root().state())?;
        let sources = self.snapshot_sources();
        let request = Request { sources: &sources, root: self.root().id(), kind };
        let created = snapshot::create(&repository, &request, progress)?;
        let event = Event::new(self.now(), EventKind::Snapshot)
            .agent(&self.actor())
            .with("snapshot", &created.id)
            .with("kind", created.kind.word())
            .with("began", created.time)
            .with("bytes_added", created.bytes_added);
        self.note(&[event]);
        Ok(Taken { created, repository: repository.place().to_string() })
    }

    /// All snapshots of a repository, oldest first.
    ///
    /// # Errors
    /// There is no repository, or it cannot be read.
    pub fn snapshot_list(&self, which: Option<&str>) -> Result<Vec<Snapshot>> {
        Ok(self.snapshot_repository(which)?.snapshots()?)
    }

    /// One snapshot.
    ///
    /// # Errors
    /// There is none, or several are meant.
    pub fn snapshot_show(&self, which: Option<&str>, wanted: &Wanted) -> Result<Snapshot> {
        Ok(self.snapshot_repository(which)?.find(wanted)?)
    }
}

fn gone(place: &Place) -> String {
    format!("the repository at {place} is gone; it was used before")
}
