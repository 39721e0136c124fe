//! Reading the files of the list and writing their pieces, on several threads.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustic_core::{BytesList, FileType, Id as RusticId};

use super::archive::{Before, Next, Waiting, take};
use super::chunks::Cutter;
use super::cipher::{Id, Sealer, digest};
use super::index::{IdHasher, Index, Pack, Sort, write};
use super::listing::{Item, Listing, Sources, is_message, open_below};
use super::pack::Packer;
use super::stray::{Finder, Missing};
use super::{Phase, Progress, Repository, Result, SnapshotError};
use crate::fsio::{Dir, Facts};

/// Files, and bytes, that a thread takes at once.
const RUN_FILES: usize = 128;
const RUN_BYTES: u64 = 4 << 20;
/// An index file is written when this many blobs wait for one.
const INDEXED: usize = 50_000;

/// What became of an entry of the list.
#[derive(Debug, Default)]
pub(super) enum Outcome {
    /// It was not read: the parent has it, or it is a link.
    #[default]
    Kept,
    /// It was read.
    Read {
        pieces: Vec<Id>,
        size: u64,
        /// Where they are not what the list has.
        facts: Option<Box<Facts>>,
    },
    /// It was deleted before it could be.
    Gone,
}

/// Bytes and blobs that were added.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Added {
    pub(super) plain: u64,
    pub(super) packed: u64,
    pub(super) data: u64,
    pub(super) trees: u64,
}

/// What the threads of one snapshot share.
pub(super) struct Shared<'a> {
    repository: &'a Repository,
    pub(super) index: &'a Index,
    sources: &'a Sources,
    finder: &'a Finder<'a>,
    progress: &'a Progress,
    /// Pieces that this snapshot has written or is writing.
    fresh: Mutex<HashSet<Id, BuildHasherDefault<IdHasher>>>,
    waiting: Waiting,
    packs: Mutex<Vec<Id>>,
    plain: AtomicU64,
    packed: AtomicU64,
    data: AtomicU64,
    trees: AtomicU64,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Shared<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        index: &'a Index,
        sources: &'a Sources,
        finder: &'a Finder<'a>,
        progress: &'a Progress,
    ) -> Self {
        Self {
            repository,
            index,
            sources,
            finder,
            progress,
            fresh: Mutex::default(),
            waiting: Mutex::default(),
            packs: Mutex::default(),
            plain: AtomicU64::default(),
            packed: AtomicU64::default(),
            data: AtomicU64::default(),
            trees: AtomicU64::default(),
        }
    }

    /// Whether a piece has to be written; from then on it counts as written.
    fn claim(&self, id: &Id) -> bool {
        !self.index.data.contains_key(id) && held(&self.fresh).insert(*id)
    }

    pub(super) fn note_tree(&self, bytes: usize) {
        self.trees.fetch_add(1, Relaxed);
        self.plain.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn added(&self) -> Added {
        let get = |n: &AtomicU64| n.load(Relaxed);
        Added { plain: get(&self.plain), packed: get(&self.packed), data: get(&self.data), trees: get(&self.trees) }
    }

    pub(super) fn written_packs(&self) -> Vec<Id> {
        held(&self.packs).clone()
    }

    /// Puts a pack on stable storage; the index hears of it afterwards.
    pub(super) fn write_pack(&self, (pack, bytes): (Pack, Vec<u8>)) -> Result<()> {
        self.packed.fetch_add(bytes.len() as u64, Relaxed);
        let id = RusticId::new(pack.id);
        self.repository.backend.write_bytes(FileType::Pack, &id, pack.sort == Sort::Tree, BytesList::from(bytes))?;
        held(&self.packs).push(pack.id);
        held(&self.waiting).push(pack);
        Ok(())
    }

    /// Writes an index of the packs that wait, when there are enough of them.
    pub(super) fn flush_index(&self, sealer: &mut Sealer, all: bool) -> Result<()> {
        let packs = {
            let mut waiting = held(&self.waiting);
            let blobs: usize = waiting.iter().map(|p| p.blobs.len()).sum();
            if waiting.is_empty() || (!all && blobs < INDEXED) {
                return Ok(());
            }
            std::mem::take(&mut *waiting)
        };
        let sealed = sealer.seal_file(&write(&packs))?;
        self.packed.fetch_add(sealed.len() as u64, Relaxed);
        self.repository.write(FileType::Index, sealed)?;
        Ok(())
    }
}

/// Files of one folder that a thread takes at once.
struct Run {
    folder: usize,
    items: Vec<usize>,
}

fn runs(listing: &Listing, before: &[Before]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (folder, one) in listing.folders.iter().enumerate() {
        let (mut items, mut bytes) = (Vec::new(), 0);
        for item in &one.items {
            if matches!(before[*item], Before::Same(_)) || listing.items[*item].link.is_some() {
                continue;
            }
            items.push(*item);
            bytes += listing.items[*item].facts.size;
            if items.len() >= RUN_FILES || bytes >= RUN_BYTES {
                runs.push(Run { folder, items: std::mem::take(&mut items) });
                bytes = 0;
            }
        }
        if !items.is_empty() {
            runs.push(Run { folder, items });
        }
    }
    runs
}

/// Reads every file that the parent does not have as it is.
pub(super) fn read_all(shared: &Shared<'_>, listing: &mut Listing, before: &[Before]) -> Result<Vec<Outcome>> {
    let runs = runs(listing, before);
    let all = || runs.iter().flat_map(|run| &run.items);
    let bytes = all().map(|item| listing.items[*item].facts.size).sum();
    shared.progress.begin(Phase::Reading, all().count() as u64, bytes);
    let threads = super::effort::threads().min(runs.len()).max(1);
    let next = Next::new(0);
    let mut outcomes: Vec<Outcome> = Vec::new();
    outcomes.resize_with(listing.items.len(), Outcome::default);
    let listed = &*listing;
    let results: Vec<Result<Done>> = std::thread::scope(|scope| {
        let (runs, next) = (&runs, &next);
        let work = move || Reader::new(shared).and_then(|reader| reader.work(listed, runs, next));
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut results = vec![work()];
        for other in others {
            results.push(other.join().unwrap_or_else(|_| Err(SnapshotError::Internal("a thread died".into()))));
        }
        results
    });
    let mut missing = Vec::new();
    // A thread's fault stops the others: theirs is not the reason.
    let (stopped, results): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|r| matches!(r, Err(SnapshotError::Stopped)));
    for done in results.into_iter().chain(stopped) {
        let done = done?;
        missing.extend(done.missing);
        for (item, outcome) in done.outcomes {
            outcomes[item] = outcome;
        }
    }
    if !missing.is_empty() {
        let mut reader = Reader::new(shared)?;
        let gone = shared.finder.find_all(missing, |item, file, facts| {
            outcomes[*item] = reader.store(&listed.items[*item], file, facts)?;
            Ok(())
        })?;
        reader.finish()?;
        for one in gone {
            outcomes[one.what] = Outcome::Gone;
        }
    }
    Ok(outcomes)
}

#[derive(Default)]
struct Done {
    outcomes: Vec<(usize, Outcome)>,
    missing: Vec<Missing<usize>>,
}

/// One thread's tools.
struct Reader<'a> {
    shared: &'a Shared<'a>,
    sealer: Sealer,
    cutter: Cutter,
    packer: Packer,
}

impl<'a> Reader<'a> {
    fn new(shared: &'a Shared<'a>) -> Result<Self> {
        let repository = shared.repository;
        let cutter = Cutter::new(&repository.config.chunker_polynomial)?;
        Ok(Self { shared, sealer: repository.sealer()?, cutter, packer: Packer::new(Sort::Data) })
    }

    fn work(mut self, listing: &Listing, runs: &[Run], next: &Next) -> Result<Done> {
        let mut done = Done::default();
        let worked = self.take_runs(listing, runs, next, &mut done);
        if worked.is_err() {
            // Nobody goes on for a snapshot that will not be.
            self.shared.progress.stop();
        }
        // What is packed is written in any case: the next attempt builds on it.
        let finished = self.finish();
        worked.and(finished).map(|()| done)
    }

    fn take_runs(&mut self, listing: &Listing, runs: &[Run], next: &Next, done: &mut Done) -> Result<()> {
        while let Some(run) = runs.get(take(next)) {
            if self.shared.progress.is_stopped() {
                return Err(SnapshotError::Stopped);
            }
            let path = &listing.folders[run.folder].path;
            let dir = open_below(&self.shared.sources.root, path)?;
            for item in &run.items {
                let entry = &listing.items[*item];
                match self.entry(dir.as_ref(), path, entry)? {
                    Some(outcome) => done.outcomes.push((*item, outcome)),
                    None => {
                        let (inode, message) = (entry.facts.inode, is_message(&entry.name));
                        done.missing.push(Missing { inode, message, what: *item });
                    }
                }
            }
            self.shared.flush_index(&mut self.sealer, false)?;
        }
        Ok(())
    }

    /// Stores one file; `None` when it has to be searched.
    fn entry(&mut self, dir: Option<&Dir>, path: &Path, entry: &Item) -> Result<Option<Outcome>> {
        if let Some(bytes) = &entry.held {
            return self.store(entry, bytes.as_slice(), entry.facts).map(Some);
        }
        let wanted = entry.facts.inode;
        let mut replaced = None;
        if let Some(dir) = dir {
            match dir.open_file(&entry.name)? {
                Some((file, facts)) if facts.inode == wanted => return self.store(entry, file, facts).map(Some),
                other => replaced = other,
            }
        }
        if let Some((file, facts)) = self.shared.finder.find(wanted, path)? {
            return self.store(entry, file, facts).map(Some);
        }
        match replaced {
            // An editor or we ourselves wrote it anew beside it: what stands there is the live one.
            Some((file, facts)) if !is_message(&entry.name) => self.store(entry, file, facts).map(Some),
            _ => Ok(None),
        }
    }

    fn store(&mut self, entry: &Item, source: impl std::io::Read, facts: Facts) -> Result<Outcome> {
        let Self { shared, sealer, cutter, packer } = self;
        let mut pieces = Vec::new();
        // The journal grows while it is read; what was there when the list was made is whole.
        let limit = if entry.is_journal { entry.facts.size } else { u64::MAX };
        let stored = cutter.each(source, facts.size, limit, |piece| {
            let id = digest(piece);
            if pieces.is_empty() {
                // Nearly every file has one; a vector would begin with four.
                pieces.reserve_exact(1);
            }
            pieces.push(id);
            if shared.claim(&id) {
                shared.data.fetch_add(1, Relaxed);
                shared.plain.fetch_add(piece.len() as u64, Relaxed);
                if let Some(pack) = packer.add(sealer, id, piece)? {
                    shared.write_pack(pack)?;
                }
            }
            Ok(())
        });
        let size =
            stored.map_err(|e| SnapshotError::Unread(format!("cannot read {}: {e}", entry.name.display())))??;
        shared.progress.add(1, size);
        Ok(Outcome::Read { pieces, size, facts: (facts != entry.facts).then(|| Box::new(facts)) })
    }

    fn finish(&mut self) -> Result<()> {
        match self.packer.finish(&self.sealer)? {
            Some(pack) => self.shared.write_pack(pack),
            None => Ok(()),
        }
    }
}
