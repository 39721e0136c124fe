//! A repository in a folder: the layout of restic, with the durability of a
//! mailbox.
//!
//! `rustic_backend`'s own local backend syncs files but not the folders that
//! name them, so a power cut could take a pack that a snapshot relies on. Here
//! a file is synced, then named, then its folder is synced; it is never
//! overwritten, since its name is the hash of its bytes.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use crate::fsio::{Dir, FsError, temporary_name};

/// The folders of a repository, `data/` apart.
const FOLDERS: [&str; 5] = ["data", "index", "keys", "locks", "snapshots"];

/// A repository in a folder.
#[derive(Debug)]
pub(super) struct Local {
    path: PathBuf,
    append_only: bool,
}

fn failed(op: &'static str, path: &Path, e: impl std::error::Error + Send + Sync + 'static) -> Box<RusticError> {
    RusticError::with_source(ErrorKind::Backend, "cannot {op} `{path}`", e)
        .attach_context("op", op)
        .attach_context("path", path.display().to_string())
}

impl Local {
    pub(super) const fn new(path: PathBuf, append_only: bool) -> Self {
        Self { path, append_only }
    }

    fn folder(&self, kind: FileType, id: &Id) -> PathBuf {
        match kind {
            FileType::Config => self.path.clone(),
            FileType::Pack => self.path.join("data").join(&id.to_hex()[0..2]),
            other => self.path.join(other.dirname()),
        }
    }

    fn name(kind: FileType, id: &Id) -> String {
        if kind == FileType::Config { "config".into() } else { id.to_hex().to_string() }
    }

    fn file(&self, kind: FileType, id: &Id) -> PathBuf {
        self.folder(kind, id).join(Self::name(kind, id))
    }

    /// The names and sizes in one folder that are ids.
    fn listed(dir: &Path, sizes: bool, into: &mut Vec<(Id, u32)>) -> RusticResult<()> {
        let entries = match std::fs::read_dir(dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|e| failed("list", dir, e))?,
        };
        for entry in entries {
            let entry = entry.map_err(|e| failed("list", dir, e))?;
            // What is being written has a longer name.
            let Some(id) = entry.file_name().to_str().filter(|n| n.len() == 64).and_then(|n| n.parse().ok()) else {
                continue;
            };
            let size = if sizes { entry.metadata().map_or(0, |m| m.len()) } else { 0 };
            into.push((id, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        Ok(())
    }

    fn all(&self, kind: FileType, sizes: bool) -> RusticResult<Vec<(Id, u32)>> {
        let mut found = Vec::new();
        match kind {
            FileType::Config => {
                let size = std::fs::metadata(self.path.join("config")).map(|m| m.len());
                found.extend(size.map(|size| (Id::default(), u32::try_from(size).unwrap_or(u32::MAX))));
            }
            FileType::Pack => {
                let top = self.path.join("data");
                let entries = match std::fs::read_dir(&top) {
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(found),
                    other => other.map_err(|e| failed("list", &top, e))?,
                };
                for entry in entries {
                    let entry = entry.map_err(|e| failed("list", &top, e))?;
                    if entry.file_name().len() == 2 {
                        Self::listed(&entry.path(), sizes, &mut found)?;
                    }
                }
            }
            other => Self::listed(&self.path.join(other.dirname()), sizes, &mut found)?,
        }
        Ok(found)
    }

    fn write(&self, kind: FileType, id: &Id, bytes: &[u8]) -> Result<(), FsError> {
        let (folder, name) = (self.folder(kind, id), Self::name(kind, id));
        let dir = match Dir::open(&folder) {
            Err(e) if e.is_not_found() && kind == FileType::Pack => {
                // The first pack of its kind: its folder must outlive a power cut as well.
                let top = Dir::create_all(&self.path.join("data"))?;
                top.child_or_create_durable(&name[..2])?
            }
            Err(e) if e.is_not_found() => Dir::create_all(&folder)?,
            other => other?,
        };
        if kind == FileType::Config {
            return dir.replace(&name, bytes, true);
        }
        let beside = format!("{name}-tmp-{}", temporary_name("w"));
        dir.create(&beside, bytes, true)?;
        match dir.rename(&beside, &dir, &name) {
            Err(e) if e.exists() => dir.remove(&beside)?,
            Err(e) => {
                // Best effort: the error that is returned is the first one.
                let _ = dir.remove(&beside);
                return Err(e);
            }
            Ok(()) => {}
        }
        dir.sync()
    }
}

impl ReadBackend for Local {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn list(&self, kind: FileType) -> RusticResult<Vec<Id>> {
        Ok(self.all(kind, false)?.into_iter().map(|(id, _)| id).collect())
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.all(kind, true)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let path = self.file(kind, id);
        std::fs::read(&path).map(Into::into).map_err(|e| failed("read", &path, e))
    }

    fn read_partial(&self, kind: FileType, id: &Id, _: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        let path = self.file(kind, id);
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset.into()))?;
            let mut bytes = vec![0; length as usize];
            file.read_exact(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        read().map(Into::into).map_err(|e| failed("read", &path, e))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.file(kind, id).display().to_string()
    }
}

impl WriteBackend for Local {
    fn create(&self) -> RusticResult<()> {
        let make = || {
            let top = Dir::create_all(&self.path)?;
            for folder in FOLDERS {
                top.child_or_create(folder)?;
            }
            top.sync()
        };
        make().map_err(|e: FsError| failed("make the repository", &self.path, e))
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        let written = match content.slice() {
            [one] => self.write(kind, id, one),
            parts => self.write(kind, id, &parts.concat()),
        };
        written.map_err(|e| failed("write", &self.file(kind, id), e))
    }

    fn remove(&self, kind: FileType, id: &Id, _: bool) -> RusticResult<()> {
        let path = self.file(kind, id);
        if self.append_only {
            return Err(RusticError::new(ErrorKind::AppendOnly, "the repository only grows (append-only)"));
        }
        let remove = || Dir::open(&self.folder(kind, id))?.remove(&Self::name(kind, id));
        remove().map_err(|e| failed("remove", &path, e))
    }
}
