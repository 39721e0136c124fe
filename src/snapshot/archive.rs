//! Making a snapshot: compare with the parent, read what differs, write packs,
//! directories, index, and last the snapshot itself.
//!
//! Each thread takes a run of files of one folder, and does everything about
//! them: open, read, hash, compress, seal into a pack of its own, write the
//! pack. Nothing is handed over but the list and the result, so the cost of a
//! small file is its system calls. Whatever is written before the snapshot's
//! own file is unreferenced and harmless: a crash or a stop leaves the
//! repository as it was, and packs that the index names already are used by
//! the next attempt.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use jiff::Timestamp;
use rustic_core::FileType;

use super::cipher::{Id, Sealer, digest, hex};
use super::index::{Index, Pack, Sort};
use super::listing::{Listing, Sources, list};
use super::pack::Packer;
use super::read::{Outcome, Shared, read_all};
use super::snapshots::{Kind, Snapshot, SnapshotFile, Summary, tags};
use super::stray::Finder;
use super::tree::{NodeIn, TreeIn, TreeOut, is_same};
use super::{Phase, Progress, Repository, Result, SnapshotError, hostname};

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// What to take.
    pub sources: &'a Sources,
    /// The id of the root.
    pub root: &'a str,
    /// What to compare with.
    pub kind: Kind,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The snapshot's id.
    pub id: String,
    /// What it was compared with: full, when there was nothing else.
    pub kind: Kind,
    /// When it began.
    pub time: Timestamp,
    /// Files that the one before did not have.
    pub files_new: u64,
    /// Files that were different there.
    pub files_changed: u64,
    /// Files that were the same.
    pub files_unmodified: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes that were added to the repository.
    pub bytes_added: u64,
    /// Messages that were deleted while it was made.
    pub gone: u64,
    /// How long it took.
    pub seconds: f64,
}

/// What is known of a file before it is read.
#[derive(Debug)]
pub(super) enum Before {
    /// The parent has it, unchanged: its pieces.
    Same(Vec<Id>),
    /// The parent has another one.
    Changed,
    /// The parent has none.
    New,
}

/// A folder of the parent that fits one of the list.
#[derive(Default)]
struct Known {
    tree: Option<Id>,
    /// Names in the parent's folder.
    count: usize,
    /// Whether the parent's nodes for the folders in it are as they would be written now.
    same_folders: bool,
}

/// Makes a snapshot.
///
/// # Errors
/// Whatever keeps a live file out of it; nothing is recorded then.
pub fn create(repository: &Repository, request: &Request<'_>, progress: &Progress) -> Result<Created> {
    let begun = Timestamp::now();
    let mut sealer = repository.sealer()?;
    sealer.tune_for_directories()?;
    progress.begin(Phase::Listing, 0, 0);
    let finder = Finder::new(request.sources);
    let mut listing = list(request.sources, &finder, progress)?;
    let index = repository.index(&mut sealer)?;
    let parent = parent(&repository.snapshots()?, request);
    let kind = if parent.is_none() { Kind::Full } else { request.kind };
    let (before, known) = compare(repository, &mut sealer, &index, &listing, parent.as_ref())?;

    let shared = Shared::new(repository, &index, request.sources, &finder, progress);
    let outcomes = read_all(&shared, &mut listing, &before)?;
    progress.begin(Phase::Finishing, 0, 0);
    let mut out = Trees::new(&shared, &mut sealer);
    let mut counts = Counts::default();
    let tree = out.folder(&listing, 0, &before, &outcomes, &known, &mut counts)?;
    out.finish()?;
    if progress.is_stopped() {
        return Err(SnapshotError::Stopped);
    }
    shared.flush_index(&mut sealer, true)?;
    must_stand(repository, &index, &shared)?;

    let ended = Timestamp::now();
    let added = shared.added();
    let gone = listing.gone + counts.gone;
    let summary = Summary {
        backup_start: begun.to_string(),
        backup_end: ended.to_string(),
        files_new: counts.new,
        files_changed: counts.changed,
        files_unmodified: counts.same,
        dirs_changed: counts.folders_written,
        dirs_unmodified: counts.folders_same,
        data_added: added.plain,
        data_added_packed: added.packed,
        data_blobs: added.data,
        tree_blobs: added.trees,
        total_files_processed: counts.new + counts.changed + counts.same,
        total_bytes_processed: counts.bytes,
        ..Summary::default()
    };
    let file = SnapshotFile {
        time: begun.to_string(),
        parent: parent.map(|p| p.id),
        tree: hex(&tree),
        paths: vec![request.sources.root.path().display().to_string()],
        hostname: hostname(),
        username: crate::config::os_user(),
        tags: Some(tags(request.root, kind, request.sources.mailboxes.agents()?.len())),
        program_version: concat!("cellphone ", env!("CARGO_PKG_VERSION")).into(),
        summary: Some(summary),
    };
    let json = serde_json::to_vec(&file).map_err(|e| SnapshotError::Internal(e.to_string()))?;
    let id = repository.write(FileType::Snapshot, sealer.seal_file(&json)?)?;
    Ok(Created {
        id: hex(&id),
        kind,
        time: begun,
        files_new: counts.new,
        files_changed: counts.changed,
        files_unmodified: counts.same,
        bytes: counts.bytes,
        bytes_added: added.packed,
        gone,
        seconds: ended.duration_since(begun).as_secs_f64(),
    })
}

/// The snapshot to compare with: of the same root, never another program's.
fn parent(all: &[Snapshot], request: &Request<'_>) -> Option<Snapshot> {
    let mut ours = all.iter().filter(|s| s.root.as_deref() == Some(request.root));
    match request.kind {
        Kind::Full => None,
        Kind::Incremental => ours.next_back().cloned(),
        Kind::Differential => ours.rfind(|s| s.kind == Some(Kind::Full)).cloned(),
    }
}

/// Holds the list against the parent, folder by folder.
fn compare(
    repository: &Repository,
    sealer: &mut Sealer,
    index: &Index,
    listing: &Listing,
    parent: Option<&Snapshot>,
) -> Result<(Vec<Before>, Vec<Known>)> {
    let mut before: Vec<Before> = listing.items.iter().map(|_| Before::New).collect();
    let mut known: Vec<Known> = listing.folders.iter().map(|_| Known::default()).collect();
    known[0].tree = parent.map(|p| p.tree);
    let mut open = vec![0];
    while let Some(at) = open.pop() {
        let Some(id) = known[at].tree else { continue };
        let Some(spot) = index.trees.get(&id) else {
            // A parent that lost a folder is compared as far as it goes.
            known[at].tree = None;
            continue;
        };
        let json = match repository.blob(sealer, index, *spot, &id) {
            Ok(json) => json,
            Err(e) => {
                tracing::warn!(error = %e, "a folder of the parent cannot be read; its files are read again");
                known[at].tree = None;
                continue;
            }
        };
        let nodes = TreeIn::parse(&json).unwrap_or_default();
        known[at].count = nodes.len();
        let by_name = |name: &std::ffi::OsStr| -> Option<&NodeIn<'_>> {
            let name = super::tree::stored_name(name);
            let at = nodes.binary_search_by(|n| n.name.as_bytes().cmp(name.as_bytes())).ok();
            at.map(|at| &nodes[at]).or_else(|| nodes.iter().find(|n| n.name == name))
        };
        let folder = &listing.folders[at];
        for item in &folder.items {
            let entry = &listing.items[*item];
            let Some(node) = by_name(&entry.name) else { continue };
            let same_link = entry.link.as_deref().is_none_or(|l| l.to_string_lossy() == node.linktarget);
            let pieces = if is_same(node, &entry.facts) && same_link { node.pieces() } else { None };
            before[*item] = match pieces {
                Some(pieces) if pieces.iter().all(|id| index.data.contains_key(id)) => Before::Same(pieces),
                _ => Before::Changed,
            };
        }
        let mut same = true;
        for below in &folder.folders {
            let entry = &listing.folders[*below];
            match by_name(entry.name()) {
                Some(node) => {
                    known[*below].tree = node.below();
                    same &= is_same(node, &entry.facts);
                    open.push(*below);
                }
                None => same = false,
            }
        }
        known[at].same_folders = same;
    }
    Ok((before, known))
}

#[derive(Default)]
struct Counts {
    new: u64,
    changed: u64,
    same: u64,
    gone: u64,
    bytes: u64,
    folders_written: u64,
    folders_same: u64,
}

/// Writes the directories, from the leaves up.
struct Trees<'a, 'b> {
    shared: &'a Shared<'b>,
    sealer: &'a mut Sealer,
    packer: Packer,
    written: HashSet<Id>,
}

impl<'a, 'b> Trees<'a, 'b> {
    fn new(shared: &'a Shared<'b>, sealer: &'a mut Sealer) -> Self {
        Self { shared, sealer, packer: Packer::new(Sort::Tree), written: HashSet::new() }
    }

    /// The id of a folder's directory. One in which nothing changed keeps its
    /// own without being written again.
    fn folder(
        &mut self,
        listing: &Listing,
        at: usize,
        before: &[Before],
        outcomes: &[Outcome],
        known: &[Known],
        counts: &mut Counts,
    ) -> Result<Id> {
        let folder = &listing.folders[at];
        let mut below = Vec::with_capacity(folder.folders.len());
        let mut same = known[at].tree.is_some()
            && known[at].same_folders
            && known[at].count == folder.items.len() + folder.folders.len();
        for child in &folder.folders {
            let id = self.folder(listing, *child, before, outcomes, known, counts)?;
            same &= known[*child].tree == Some(id);
            below.push(id);
        }
        for item in &folder.items {
            match (&before[*item], &outcomes[*item]) {
                (_, Outcome::Gone) => {
                    counts.gone += 1;
                    same = false;
                    continue;
                }
                (Before::Same(_), _) => counts.same += 1,
                (Before::Changed, _) => {
                    counts.changed += 1;
                    same = false;
                }
                (Before::New, _) => {
                    counts.new += 1;
                    same = false;
                }
            }
            counts.bytes += match &outcomes[*item] {
                Outcome::Read { size, .. } => *size,
                _ => listing.items[*item].facts.size,
            };
        }
        if let (true, Some(id)) = (same, known[at].tree) {
            counts.folders_same += 1;
            return Ok(id);
        }
        counts.folders_written += 1;
        let json = write_folder(listing, at, &below, before, outcomes);
        let id = digest(&json);
        if !self.shared.index.trees.contains_key(&id) && self.written.insert(id) {
            self.shared.note_tree(json.len());
            if let Some(pack) = self.packer.add(self.sealer, id, &json)? {
                self.shared.write_pack(pack)?;
            }
        }
        Ok(id)
    }

    fn finish(mut self) -> Result<()> {
        match self.packer.finish(self.sealer)? {
            Some(pack) => self.shared.write_pack(pack),
            None => Ok(()),
        }
    }
}

/// One directory, files and folders in one order.
fn write_folder(listing: &Listing, at: usize, below: &[Id], before: &[Before], outcomes: &[Outcome]) -> Vec<u8> {
    let folder = &listing.folders[at];
    let mut out = TreeOut::new();
    let mut folders = folder.folders.iter().zip(below).peekable();
    let add_folder = |out: &mut TreeOut, at: usize, id: &Id| {
        let folder = &listing.folders[at];
        out.folder(folder.name(), &folder.facts, id);
    };
    for item in &folder.items {
        let entry = &listing.items[*item];
        while let Some((at, id)) = folders.next_if(|(at, _)| listing.folders[**at].name() < entry.name.as_os_str()) {
            add_folder(&mut out, *at, id);
        }
        match (&outcomes[*item], &before[*item], &entry.link) {
            (Outcome::Gone, ..) => {}
            (_, _, Some(target)) => out.link(&entry.name, &entry.facts, target),
            (Outcome::Read { pieces, size, facts }, ..) => {
                out.file(&entry.name, facts.as_deref().unwrap_or(&entry.facts), *size, pieces);
            }
            (Outcome::Kept, Before::Same(pieces), _) => out.file(&entry.name, &entry.facts, entry.facts.size, pieces),
            // A file is read unless the parent has it.
            (Outcome::Kept, ..) => {}
        }
    }
    for (at, id) in folders {
        add_folder(&mut out, *at, id);
    }
    out.finish()
}

/// Another program may have pruned meanwhile, which our lock does not keep
/// away: every pack that the snapshot relies on must still be there.
fn must_stand(repository: &Repository, index: &Index, shared: &Shared<'_>) -> Result<()> {
    let there: HashSet<Id> = repository.ids(FileType::Pack)?.into_iter().collect();
    let written = shared.written_packs();
    if index.packs.iter().chain(&written).all(|pack| there.contains(pack)) {
        return Ok(());
    }
    let why = "packs that the snapshot relies on went away while it was made: another program prunes this repository";
    Err(SnapshotError::Busy(format!("{}: {why}", repository.place())))
}

/// Packs that are on stable storage and stand in no index yet.
pub(super) type Waiting = Mutex<Vec<Pack>>;
/// The next run of files to be taken.
pub(super) type Next = AtomicUsize;

/// Takes the next number.
pub(super) fn take(next: &Next) -> usize {
    next.fetch_add(1, Relaxed)
}
