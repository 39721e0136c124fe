//! Is what is stored still what was stored, and if not, which files are lost.
//!
//! Every directory of every snapshot is read and held against its id, every
//! piece looked up in the index, every pack against its length; with data read,
//! every pack against its name and every piece against its own. Nothing here
//! panics on damage, and a fault ends in the names of the files it costs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};

use rustic_core::{FileType, Id as RusticId};

use super::archive::take;
use super::cipher::{Id, digest, hex, unhex};
use super::contents::{Contents, Stored};
use super::index::{Index, Sort, Spot};
use super::tree::TreeIn;
use super::{Phase, Progress, Repository, Result, Snapshot, SnapshotError};

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Depth {
    /// Directories and lengths.
    Structure,
    /// Of the packs, this part in percent, others each time.
    Subset(f64),
    /// Everything.
    All,
}

/// A file that is lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostFile {
    /// From the root.
    pub path: PathBuf,
    /// In which snapshot.
    pub snapshot: String,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Packs there are.
    pub packs: usize,
    /// Packs that were read.
    pub packs_read: usize,
    /// Snapshots that were walked.
    pub snapshots: usize,
    /// Packs that no index names: left by an attempt that was cut off, harmless.
    pub unreferenced: usize,
    /// What is wrong.
    pub faults: Vec<String>,
    /// What that costs.
    pub lost: Vec<LostFile>,
    /// Pieces and directories that cannot be read.
    pub(super) bad: HashSet<Id>,
}

impl Checked {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

impl Repository {
    /// Checks the repository.
    ///
    /// # Errors
    /// When it cannot be read at all; what is damaged is no error but found.
    pub fn check(&self, depth: Depth, progress: &Progress) -> Result<Checked> {
        Ok(self.checked(depth, progress)?.0)
    }

    pub(super) fn checked(&self, depth: Depth, progress: &Progress) -> Result<(Checked, Index)> {
        let mut found = Checked::default();
        let mut sealer = self.sealer()?;
        let mut index = Index::default();
        for id in self.backend.list(FileType::Index)? {
            let name = id.to_hex().to_string();
            let json = self.backend.read_full(FileType::Index, &id).ok().and_then(|b| sealer.open_file(&b));
            let added = json.map(|json| index.add(&json, &name));
            if !matches!(added, Some(Ok(()))) {
                found.faults.push(format!("index {} cannot be read", &name[..8]));
            }
        }
        self.check_packs(depth, &index, &mut found, progress)?;
        let snapshots = self.check_snapshots(&mut found)?;
        let mut contents = Contents { repository: self, index, sealer };
        let broken = check_trees(&mut contents, &snapshots, &mut found, progress)?;
        if broken {
            name_lost(&mut contents, &snapshots, &mut found);
        }
        found.snapshots = snapshots.len();
        Ok((found, contents.index))
    }

    fn check_packs(&self, depth: Depth, index: &Index, found: &mut Checked, progress: &Progress) -> Result<()> {
        let sizes: HashMap<Id, u32> = self
            .backend
            .list_with_size(FileType::Pack)?
            .into_iter()
            .filter_map(|(id, size)| Some((unhex(id.to_hex().as_str())?, size)))
            .collect();
        found.packs = sizes.len();
        let packs = by_pack(index);
        let named: HashSet<&Id> = index.packs.iter().collect();
        found.unreferenced = sizes.keys().filter(|id| !named.contains(id)).count();
        let mut read = Vec::new();
        for (at, blobs) in packs.iter().enumerate() {
            let name = &index.packs[at];
            let short = &hex(name)[..8];
            let list: u64 = blobs.iter().map(|(_, s, _)| if s.raw > 0 { 41 } else { 37 }).sum();
            let expected: u64 = blobs.iter().map(|(_, s, _)| u64::from(s.length)).sum::<u64>() + list + 36;
            match sizes.get(name) {
                None => {
                    found.faults.push(format!("pack {short} is missing"));
                    found.bad.extend(blobs.iter().map(|(id, ..)| *id));
                }
                Some(size) if u64::from(*size) < expected => {
                    found.faults.push(format!("pack {short} is {size} bytes long, not {expected}"));
                    read.push(at);
                }
                Some(_) => match depth {
                    Depth::All => read.push(at),
                    Depth::Subset(part) if rand::random::<f64>() * 100.0 < part => read.push(at),
                    _ => {}
                },
            }
        }
        found.packs_read = read.len();
        let bytes = read.iter().filter_map(|at| sizes.get(&index.packs[*at])).map(|s| u64::from(*s)).sum();
        progress.begin(Phase::Checking, read.len() as u64, bytes);
        self.read_packs(index, &packs, &read, found, progress)
    }

    fn read_packs(
        &self,
        index: &Index,
        packs: &[Vec<(Id, Spot, Sort)>],
        read: &[usize],
        found: &mut Checked,
        progress: &Progress,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let faults = Mutex::new((Vec::new(), Vec::new()));
        let work = || -> Result<()> {
            let mut sealer = self.sealer()?;
            while let Some(at) = read.get(take(&next)) {
                if progress.is_stopped() {
                    return Err(SnapshotError::Stopped);
                }
                let name = index.packs[*at];
                let bytes = self.backend.read_full(FileType::Pack, &RusticId::new(name)).unwrap_or_default();
                progress.add(1, bytes.len() as u64);
                if digest(&bytes) == name {
                    continue;
                }
                let bad: Vec<Id> = packs[*at]
                    .iter()
                    .filter(|(id, spot, _)| {
                        let (from, to) = (spot.offset as usize, spot.offset as usize + spot.length as usize);
                        let plain = bytes.get(from..to).and_then(|b| sealer.open_blob(b, spot.raw));
                        plain.is_none_or(|plain| digest(&plain) != *id)
                    })
                    .map(|(id, ..)| *id)
                    .collect();
                let text = format!("pack {} is damaged; {} pieces of it are lost", &hex(&name)[..8], bad.len());
                let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
                faults.0.push(text);
                faults.1.extend(bad);
            }
            Ok(())
        };
        let threads = super::effort::threads();
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(read.len())).map(|_| scope.spawn(work)).collect();
            let mut ended = work();
            for other in others {
                let died = || Err(SnapshotError::Internal("a thread died".into()));
                ended = ended.and(other.join().unwrap_or_else(|_| died()));
            }
            ended
        })?;
        let (texts, bad) = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.faults.extend(texts);
        found.bad.extend(bad);
        Ok(())
    }

    fn check_snapshots(&self, found: &mut Checked) -> Result<Vec<Snapshot>> {
        let mut all = Vec::new();
        for id in self.ids(FileType::Snapshot)? {
            match self.snapshot(&id) {
                Ok(snapshot) => all.push(snapshot),
                Err(e) => found.faults.push(e.to_string()),
            }
        }
        all.sort_by_key(|s| s.time);
        Ok(all)
    }
}

/// The blobs of each pack, in their order.
pub(super) fn by_pack(index: &Index) -> Vec<Vec<(Id, Spot, Sort)>> {
    let mut packs: Vec<Vec<(Id, Spot, Sort)>> = vec![Vec::new(); index.packs.len()];
    let both = [(&index.data, Sort::Data), (&index.trees, Sort::Tree)];
    for (id, spot, sort) in both.iter().flat_map(|(map, sort)| map.iter().map(|(id, spot)| (*id, *spot, *sort))) {
        packs[spot.pack as usize].push((id, spot, sort));
    }
    packs.iter_mut().for_each(|blobs| blobs.sort_by_key(|(_, spot, _)| spot.offset));
    packs
}

/// Walks every directory once; whether anything in them is lost.
fn check_trees(
    contents: &mut Contents<'_>,
    snapshots: &[Snapshot],
    found: &mut Checked,
    progress: &Progress,
) -> Result<bool> {
    let mut seen: HashSet<Id> = HashSet::new();
    let mut open: Vec<Id> = snapshots.iter().map(|s| s.tree).collect();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    let mut broken = false;
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if progress.is_stopped() {
            return Err(SnapshotError::Stopped);
        }
        let Some(spot) = contents.index.trees.get(&id).copied() else {
            missing.insert(format!("directory {} is in no index", &hex(&id)[..8]));
            broken = true;
            continue;
        };
        let Ok(json) = contents.repository.blob(&mut contents.sealer, &contents.index, spot, &id) else {
            found.bad.insert(id);
            missing.insert(format!("directory {} is damaged", &hex(&id)[..8]));
            broken = true;
            continue;
        };
        let Some(nodes) = TreeIn::parse(&json) else {
            missing.insert(format!("directory {} is none", &hex(&id)[..8]));
            broken = true;
            continue;
        };
        for node in &nodes {
            open.extend(node.below());
            let whole = |id: &Id| contents.index.data.contains_key(id) && !found.bad.contains(id);
            if node.kind == "file" && !node.pieces().is_some_and(|pieces| pieces.iter().all(whole)) {
                broken = true;
            }
        }
    }
    found.faults.extend(missing);
    Ok(broken || !found.bad.is_empty())
}

/// Which files of which snapshots are lost.
fn name_lost(contents: &mut Contents<'_>, snapshots: &[Snapshot], found: &mut Checked) {
    const MOST: usize = 10_000;
    let mut lost = BTreeSet::new();
    // The newest first: those are missed most.
    for snapshot in snapshots.iter().rev() {
        let mut open = vec![(snapshot.tree, PathBuf::new())];
        while let Some((id, at)) = open.pop() {
            if lost.len() >= MOST {
                break;
            }
            let mut note = |path: &Path| {
                lost.insert(LostFile { path: path.to_owned(), snapshot: snapshot.short().to_owned() });
            };
            let Ok(entries) = contents.folder(&id) else {
                // The whole folder; the top one is everything.
                note(if at.as_os_str().is_empty() { Path::new(".") } else { &at });
                continue;
            };
            for entry in entries {
                let path = at.join(&entry.name);
                match entry.stored {
                    Stored::Folder(id) => open.push((id, path)),
                    Stored::File { pieces, .. } => {
                        let whole = |id: &Id| contents.index.data.contains_key(id) && !found.bad.contains(id);
                        if !pieces.iter().all(whole) {
                            note(&path);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    if !lost.is_empty() && found.faults.is_empty() {
        found.faults.push("pieces of files are in no index".into());
    }
    found.lost = lost.into_iter().collect();
}
