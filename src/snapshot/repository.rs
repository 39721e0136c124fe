//! One repository, open: its key, its files, its two sorts of locks.
//!
//! The format is restic's and so is every file in it; `rustic_core` makes the
//! repository and does what is rare and intricate (prune, and what a copy lacks),
//! behind [`Repository::rustic`]. What is done every hour goes straight to the
//! packs, in this module's siblings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustic_core::repofile::MasterKey as RusticKey;
use rustic_core::{
    BytesList, ConfigOptions, Credentials, FileType, Id as RusticId, KeyOptions, OpenStatus, RepositoryBackends,
    RepositoryOptions, RusticError, WriteBackend,
};
use serde::Deserialize;

use super::cipher::{Id, MasterKey, Sealer, digest, hex, unhex};
use super::index::{Index, Spot};
use super::keys::key_file;
use super::local::Local;
use super::{Place, Result, Secrets, SnapshotError, remote};
use crate::fsio::{Dir, Lock};

impl From<Box<RusticError>> for SnapshotError {
    fn from(e: Box<RusticError>) -> Self {
        if e.is_code("C002") {
            return Self::Secret("the password does not open the repository".into());
        }
        let text = e.display_log();
        Self::Repository(text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" "))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    pub(super) version: u32,
    pub(super) id: String,
    pub(super) chunker_polynomial: String,
}

/// An open repository.
pub struct Repository {
    place: Place,
    pub(super) backend: Arc<dyn WriteBackend>,
    pub(super) master: MasterKey,
    key: RusticKey,
    pub(super) config: Config,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({})", self.place)
    }
}

fn backend(place: &Place, append_only: bool) -> Result<Arc<dyn WriteBackend>> {
    match place {
        Place::Local(path) => Ok(Arc::new(Local::new(path.clone(), append_only))),
        Place::Remote(text) => {
            let options = remote::options(text, |name| std::env::var(name).ok())?;
            Ok(options.to_backends()?.repository())
        }
    }
}

/// Whether a repository is there. A REST server that lets nobody in looks like
/// one without a repository until its keys are asked for.
fn is_there(backend: &dyn WriteBackend, place: &Place) -> Result<bool> {
    if !backend.list(FileType::Config)?.is_empty() {
        return Ok(true);
    }
    match (place, backend.list(FileType::Key)) {
        (Place::Remote(_), Err(e)) => match SnapshotError::from(e) {
            e if e.to_string().contains("404") => Ok(false),
            e => Err(e),
        },
        _ => Ok(false),
    }
}

fn master(key: &RusticKey) -> Result<MasterKey> {
    let mut bytes = [0; 64];
    let parts = [(&key.encrypt, 0, 32), (&key.mac.k, 32, 48), (&key.mac.r, 48, 64)];
    for (part, from, to) in parts {
        if part.len() != to - from {
            return Err(SnapshotError::Damaged("the master key has a wrong length".into()));
        }
        bytes[from..to].copy_from_slice(part);
    }
    Ok(MasterKey::new(&bytes))
}

impl Repository {
    /// Whether there is a repository at a place.
    ///
    /// # Errors
    /// When the place cannot be asked.
    pub fn exists(place: &Place) -> Result<bool> {
        is_there(&*backend(place, false)?, place)
    }

    /// Makes a repository: restic's format 2, whose password opens it by
    /// restic too.
    ///
    /// # Errors
    /// There is one already, or it cannot be written.
    pub fn init(place: &Place, secrets: &Secrets) -> Result<Self> {
        let password = secrets.password(true)?;
        let backend = backend(place, false)?;
        if is_there(&*backend, place)? {
            return Err(SnapshotError::Place(format!("{place} is a repository already")));
        }
        let key = RusticKey::new();
        backend.create()?;
        // The key before the config: a folder without a config is none yet, and is made anew.
        let keyfile = key_file(&key, password.expose())?;
        write_named(&*backend, FileType::Key, keyfile)?;
        let bare = rustic_core::Repository::new(
            &RepositoryOptions::default().no_cache(true),
            &RepositoryBackends::new(Arc::clone(&backend), None),
        )?;
        bare.init(&Credentials::Masterkey(key), &KeyOptions::default(), &ConfigOptions::default())?;
        Self::open(place, secrets)
    }

    /// Opens a repository, by the kept master key where there is one.
    ///
    /// # Errors
    /// [`SnapshotError::NoRepository`], [`SnapshotError::Secret`].
    pub fn open(place: &Place, secrets: &Secrets) -> Result<Self> {
        Self::open_with(place, secrets, false)
    }

    /// Opens a repository from which nothing may be removed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_append_only(place: &Place, secrets: &Secrets) -> Result<Self> {
        Self::open_with(place, secrets, true)
    }

    fn open_with(place: &Place, secrets: &Secrets, append_only: bool) -> Result<Self> {
        let backend = backend(place, append_only)?;
        if !is_there(&*backend, place)? {
            return Err(SnapshotError::NoRepository(place.to_string()));
        }
        let sealed = backend.read_full(FileType::Config, &RusticId::default())?;
        let password = secrets.password(false)?;
        let name = hex(&digest(&sealed));
        if let Some(key) = secrets.kept(&name, &place.to_string(), password.expose())
            && let Ok(key) = serde_json::from_value::<RusticKey>(key)
            && let Some(config) = read_config(&master(&key)?, &sealed)
        {
            return Ok(Self { place: place.clone(), backend, master: master(&key)?, key, config });
        }
        let bare = rustic_core::Repository::new(
            &RepositoryOptions::default().no_cache(true),
            &RepositoryBackends::new(Arc::clone(&backend), None),
        )?;
        let key = bare.open(&Credentials::Password(password.expose().to_owned()))?.key();
        let config = read_config(&master(&key)?, &sealed)
            .ok_or_else(|| SnapshotError::Damaged(format!("the config file of {place} cannot be read")))?;
        if let Ok(kept) = serde_json::to_value(&key) {
            // Only a shortcut: without it the password is asked for again.
            if let Err(e) = secrets.keep(&name, &place.to_string(), password.expose(), kept) {
                tracing::warn!(error = %e, "the master key was not kept");
            }
        }
        Ok(Self { place: place.clone(), backend, master: master(&key)?, key, config })
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Its id, which its config holds.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.config.id
    }

    pub(super) fn sealer(&self) -> Result<Sealer> {
        Sealer::new(&self.master, self.config.version > 1)
    }

    /// The same repository, for what `rustic_core` does.
    pub(super) fn rustic(&self) -> Result<rustic_core::Repository<OpenStatus>> {
        let bare = rustic_core::Repository::new(
            &RepositoryOptions::default().no_cache(true),
            &RepositoryBackends::new(Arc::clone(&self.backend), None),
        )?;
        Ok(bare.open(&Credentials::Masterkey(self.key.clone()))?)
    }

    /// Reads the whole index.
    pub(super) fn index(&self, sealer: &mut Sealer) -> Result<Index> {
        let mut index = Index::default();
        for id in self.backend.list(FileType::Index)? {
            let name = id.to_hex().to_string();
            let bytes = self.backend.read_full(FileType::Index, &id)?;
            let json = sealer.open_file(&bytes);
            let json = json.ok_or_else(|| SnapshotError::Damaged(format!("index {name} cannot be opened")))?;
            index.add(&json, &name)?;
        }
        Ok(index)
    }

    /// Reads one blob and holds it against its id.
    pub(super) fn blob(&self, sealer: &mut Sealer, index: &Index, spot: Spot, id: &Id) -> Result<Vec<u8>> {
        let pack = RusticId::new(index.packs[spot.pack as usize]);
        let sealed = self.backend.read_partial(FileType::Pack, &pack, false, spot.offset, spot.length)?;
        let plain = sealer.open_blob(&sealed, spot.raw).filter(|plain| digest(plain) == *id);
        plain.ok_or_else(|| {
            SnapshotError::Damaged(format!(
                "a piece of pack {} is damaged",
                &hex(&index.packs[spot.pack as usize])[..8]
            ))
        })
    }

    /// Writes a file under the hash of its bytes.
    pub(super) fn write(&self, kind: FileType, bytes: Vec<u8>) -> Result<Id> {
        write_named(&*self.backend, kind, bytes)
    }

    /// The ids of all files of a kind.
    pub(super) fn ids(&self, kind: FileType) -> Result<Vec<Id>> {
        Ok(self.backend.list(kind)?.iter().filter_map(|id| unhex(id.to_hex().as_str())).collect())
    }

    /// Takes our own lock, which keeps two writers apart; it dies with the
    /// process. Looks for locks of restic as well.
    ///
    /// # Errors
    /// [`SnapshotError::Busy`] names who works there.
    pub fn lock_writer(&self, root_state: &Dir) -> Result<Lock> {
        let dir = match &self.place {
            Place::Local(path) => Dir::open(path)?,
            Place::Remote(_) => root_state.child_or_create("locks")?,
        };
        let Some(lock) = Lock::try_exclusive(&dir, "cellphone.lock")? else {
            return Err(SnapshotError::Busy(format!("another snapshot, prune or copy works on {}", self.place)));
        };
        match self.foreign_lock()? {
            Some(who) => Err(SnapshotError::Busy(format!("{who} works on {}", self.place))),
            None => Ok(lock),
        }
    }

    /// A lock of restic's that its holder has not given up: who that is.
    ///
    /// # Errors
    /// When the locks cannot be read.
    pub fn foreign_lock(&self) -> Result<Option<String>> {
        let Place::Local(path) = &self.place else { return Ok(None) };
        let Ok(entries) = std::fs::read_dir(path.join("locks")) else { return Ok(None) };
        let mut sealer = self.sealer()?;
        for entry in entries.flatten() {
            let Some(json) = std::fs::read(entry.path()).ok().and_then(|bytes| sealer.open_file(&bytes)) else {
                continue;
            };
            if let Ok(lock) = serde_json::from_slice::<ForeignLock>(&json)
                && lock.is_alive()
            {
                let sort = if lock.exclusive { "exclusively " } else { "" };
                return Ok(Some(format!("restic ({sort}process {} on {})", lock.pid, lock.hostname)));
            }
        }
        Ok(None)
    }

    /// Bytes that its packs take.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn size(&self) -> Result<u64> {
        let sizes = self.backend.list_with_size(FileType::Pack)?;
        Ok(sizes.iter().map(|(_, size)| u64::from(*size)).sum())
    }

    /// The folder, of a repository of this machine.
    #[must_use]
    pub fn local_path(&self) -> Option<&Path> {
        match &self.place {
            Place::Local(path) => Some(path),
            Place::Remote(_) => None,
        }
    }
}

fn write_named(backend: &dyn WriteBackend, kind: FileType, bytes: Vec<u8>) -> Result<Id> {
    let id = digest(&bytes);
    backend.write_bytes(kind, &RusticId::new(id), false, BytesList::from(bytes))?;
    Ok(id)
}

fn read_config(master: &MasterKey, sealed: &[u8]) -> Option<Config> {
    let json = Sealer::new(master, false).ok()?.open_file(sealed)?;
    serde_json::from_slice(&json).ok().filter(|config: &Config| matches!(config.version, 1 | 2))
}

#[derive(Debug, Deserialize)]
struct ForeignLock {
    time: String,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    pid: u32,
}

impl ForeignLock {
    /// restic refreshes its locks every five minutes and gives them up after
    /// thirty; on this machine the process itself is asked.
    fn is_alive(&self) -> bool {
        let young = self
            .time
            .parse::<jiff::Timestamp>()
            .is_ok_and(|at| jiff::Timestamp::now().as_second() - at.as_second() < 30 * 60);
        let gone = self.hostname == super::hostname()
            && cfg!(target_os = "linux")
            && !PathBuf::from(format!("/proc/{}", self.pid)).exists();
        young && !gone
    }
}
