//! The snapshots of a repository: what kind each is, whose, and which one is
//! meant by a word or a time.

use std::fmt;

use jiff::Timestamp;
use rustic_core::{FileType, Id as RusticId};
use serde::{Deserialize, Serialize};

use super::cipher::{Id, hex, unhex};
use super::{Repository, Result, SnapshotError};

/// What a snapshot compared the tree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// With nothing: every file was read.
    Full,
    /// With the newest snapshot.
    Incremental,
    /// With the last full one.
    Differential,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Differential => "differential",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The tag of every snapshot of ours.
const OURS: &str = "cellphone";

/// Numbers that a snapshot carries, under the names that restic uses too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Summary {
    pub(super) backup_start: String,
    pub(super) backup_end: String,
    pub(super) files_new: u64,
    pub(super) files_changed: u64,
    pub(super) files_unmodified: u64,
    pub(super) dirs_new: u64,
    pub(super) dirs_changed: u64,
    pub(super) dirs_unmodified: u64,
    pub(super) data_blobs: u64,
    pub(super) tree_blobs: u64,
    pub(super) data_added: u64,
    pub(super) data_added_packed: u64,
    pub(super) total_files_processed: u64,
    pub(super) total_bytes_processed: u64,
}

/// The file of a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SnapshotFile {
    pub(super) time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<String>,
    pub(super) tree: String,
    #[serde(default)]
    pub(super) paths: Vec<String>,
    #[serde(default)]
    pub(super) hostname: String,
    #[serde(default)]
    pub(super) username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) program_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Summary>,
}

/// One snapshot.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// When it began.
    pub time: Timestamp,
    /// What it was compared with; `None` for another program's.
    pub kind: Option<Kind>,
    /// The id of the root it is of; `None` for another program's.
    pub root: Option<String>,
    /// The snapshot it was compared with.
    pub parent: Option<String>,
    /// What it is of.
    pub paths: Vec<String>,
    /// The machine.
    pub hostname: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Mailboxes in it, where it says so.
    pub agents: Option<usize>,
    /// Files in it.
    pub files: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Bytes it added to the repository.
    pub bytes_added: u64,
    /// Files that were new, changed and unmodified.
    pub counts: (u64, u64, u64),
    /// How long it took, in seconds.
    pub seconds: f64,
    pub(super) tree: Id,
}

impl Snapshot {
    fn read(id: String, file: SnapshotFile) -> Option<Self> {
        let time = file.time.parse().ok()?;
        let tags = file.tags.unwrap_or_default();
        let tag = |name: &str| tags.iter().find_map(|t| t.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        let ours = tags.iter().any(|t| t == OURS);
        let kind = tag("kind").and_then(|k| serde_json::from_value(k.into()).ok()).filter(|_| ours);
        let root = tag("root").filter(|_| ours);
        let summary = file.summary.unwrap_or_default();
        let at = |text: &str| text.parse::<Timestamp>().ok();
        let took = at(&summary.backup_start).zip(at(&summary.backup_end));
        Some(Self {
            id,
            time,
            kind,
            root,
            parent: file.parent,
            paths: file.paths,
            hostname: file.hostname,
            files: summary.total_files_processed,
            bytes: summary.total_bytes_processed,
            bytes_added: summary.data_added_packed,
            counts: (summary.files_new, summary.files_changed, summary.files_unmodified),
            seconds: took.map_or(0.0, |(from, to)| to.duration_since(from).as_secs_f64()),
            tree: unhex(&file.tree)?,
            agents: tag("agents").and_then(|n| n.parse().ok()),
            tags,
        })
    }

    /// Whether this program made it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.root.is_some()
    }

    /// The first eight digits, which people use.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.id[..8.min(self.id.len())]
    }
}

/// The tags of a snapshot of ours.
pub(super) fn tags(root: &str, kind: Kind, agents: usize) -> Vec<String> {
    vec![OURS.into(), format!("root={root}"), format!("kind={kind}"), format!("agents={agents}")]
}

/// Which snapshot is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The newest of ours.
    Latest,
    /// The newest of ours at a time or before it.
    At(Timestamp),
    /// One by the beginning of its id.
    Id(String),
}

impl Repository {
    /// All snapshots, oldest first, those of others too.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        let mut found = Vec::new();
        for id in self.ids(FileType::Snapshot)? {
            found.push(self.snapshot(&id)?);
        }
        found.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        Ok(found)
    }

    /// One snapshot by its whole id.
    pub(super) fn snapshot(&self, id: &Id) -> Result<Snapshot> {
        let name = hex(id);
        let damaged = || SnapshotError::Damaged(format!("snapshot {} cannot be read", &name[..8]));
        let bytes = self.backend.read_full(FileType::Snapshot, &RusticId::new(*id))?;
        let json = self.sealer()?.open_file(&bytes).ok_or_else(damaged)?;
        let file = serde_json::from_slice(&json).map_err(|_| damaged())?;
        Snapshot::read(name.clone(), file).ok_or_else(damaged)
    }

    /// The snapshot that is meant. Of another program only by its id.
    ///
    /// # Errors
    /// None, or several.
    pub fn find(&self, wanted: &Wanted) -> Result<Snapshot> {
        let all = self.snapshots()?;
        let none = |why: String| SnapshotError::NotFound(why);
        match wanted {
            Wanted::Latest => all
                .into_iter()
                .rfind(Snapshot::is_ours)
                .ok_or_else(|| none(format!("there is no snapshot in {}", self.place()))),
            Wanted::At(at) => all
                .into_iter()
                .rfind(|s| s.is_ours() && s.time <= *at)
                .ok_or_else(|| none(format!("there is no snapshot from {at:.0} or before it in {}", self.place()))),
            Wanted::Id(part) => {
                let part = part.to_ascii_lowercase();
                let mut fits: Vec<Snapshot> =
                    all.into_iter().filter(|s| !part.is_empty() && s.id.starts_with(&part)).collect();
                match fits.len() {
                    1 => Ok(fits.remove(0)),
                    0 => Err(none(format!("there is no snapshot {part} in {}", self.place()))),
                    n => Err(none(format!("{n} snapshots begin with {part}"))),
                }
            }
        }
    }
}
