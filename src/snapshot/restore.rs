//! Restoring into an empty place.
//!
//! Packs are read in their order, each once, and every piece goes to all the
//! files that have it. A piece is held against its id before a byte of it is
//! written, a file against all of them afterwards. What is damaged is named;
//! the rest is still written, so that a person decides. Names and links cannot
//! lead outside: every name is one part, made below a handle, never followed,
//! and links are made last.

use std::collections::{BTreeMap, HashMap};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rustic_core::{FileType, Id as RusticId};

use super::archive::take;
use super::cipher::{Id, OVERHEAD, digest, hex};
use super::contents::{Contents, Entry, Stored, no_path};
use super::index::{Index, Spot};
use super::listing::open_below;
use super::verify::verify;
use super::{Phase, Progress, Repository, Result, Snapshot, SnapshotError, Wanted};
use crate::fsio::{Dir, FsError, settle_file};
use crate::model::{AgentName, MessageId};

/// What to restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// From which snapshot.
    pub snapshot: Wanted,
    /// What of it.
    pub part: Part,
}

/// A part of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// One agent's mailbox.
    Agent(AgentName),
    /// A file or folder, by its path from the root.
    Path(PathBuf),
    /// Every copy of one message.
    Message(MessageId),
}

/// What was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The snapshot it came from.
    pub snapshot: Snapshot,
    /// Files that were written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// A file that is to be written.
pub(super) struct Wish {
    pub(super) folder: usize,
    pub(super) path: PathBuf,
    pub(super) mode: u32,
    pub(super) modified: i128,
    pub(super) pieces: Vec<Id>,
    pub(super) size: u64,
}

/// What one pack has to give: each piece, and the files and places it goes to.
type Uses = BTreeMap<Spot, (Id, Vec<(usize, u64)>)>;

pub(super) struct Plan {
    pub(super) folders: Vec<(PathBuf, u32, i128)>,
    pub(super) files: Vec<Wish>,
    pub(super) links: Vec<(PathBuf, Entry)>,
}

/// Restores a part of a snapshot into a folder that is empty or not there,
/// under the paths it had in the root, and holds every file against its
/// digests afterwards. Nothing is put on stable storage beyond what the system
/// does by itself ([`Dir::sync_file_system`]).
///
/// # Errors
/// [`SnapshotError::Lost`] names the files that could not be restored; all
/// others are there then. The place is not empty, the disk is full, or there
/// is no such part.
pub fn restore_into(
    repository: &Repository,
    selection: &Selection,
    staging: &Path,
    progress: &Progress,
) -> Result<Restored> {
    let begun = Instant::now();
    let snapshot = repository.find(&selection.snapshot)?;
    let mut contents = Contents::open(repository)?;
    let plan = plan(&mut contents, &snapshot, &selection.part)?;
    let place = Dir::create_all(staging)?;
    if !place.found()?.is_empty() {
        return Err(SnapshotError::Refused(format!("{} is not empty", staging.display())));
    }
    for (path, ..) in &plan.folders {
        make_folder(&place, path)?;
    }
    let bytes = plan.files.iter().map(|f| f.size).sum();
    progress.begin(Phase::Restoring, plan.files.len() as u64, bytes);
    let mut lost = write_files(repository, &contents.index, &place, &plan, progress)?;
    progress.begin(Phase::Verifying, plan.files.len() as u64, bytes);
    verify(&contents.index, &place, &plan, &mut lost, progress)?;
    for (path, entry) in &plan.links {
        if let (Stored::Link(target), Some(dir)) = (&entry.stored, parent_of(&place, path)?) {
            dir.make_link(&entry.name, target, entry.modified)?;
        }
    }
    // The deepest first: a folder's time changes with every name made in it.
    for (path, mode, modified) in plan.folders.iter().rev() {
        if let Some(dir) = open_below(&place, path)? {
            dir.settle(*mode, *modified)?;
        }
    }
    if !lost.is_empty() {
        return Err(lost_error(repository, &plan, lost));
    }
    Ok(Restored { snapshot, files: plan.files.len() as u64, bytes, seconds: begun.elapsed().as_secs_f64() })
}

fn lost_error(repository: &Repository, plan: &Plan, lost: BTreeMap<usize, String>) -> SnapshotError {
    let mut why: Vec<String> = lost.values().cloned().collect();
    why.sort();
    why.dedup();
    let files = lost.keys().map(|file| plan.files[*file].path.clone()).collect();
    SnapshotError::Lost { repository: repository.place().to_string(), files, why: why.join("; ") }
}

/// What the part consists of, folders before what is in them.
fn plan(contents: &mut Contents<'_>, snapshot: &Snapshot, part: &Part) -> Result<Plan> {
    let top = contents.top(snapshot)?;
    let mut plan = Plan { folders: Vec::new(), files: Vec::new(), links: Vec::new() };
    let mut ways: HashMap<PathBuf, usize> = HashMap::new();
    let wanted = match part {
        Part::All | Part::Message(_) => PathBuf::new(),
        Part::Agent(agent) => Path::new("agent_workspaces").join(agent.as_str()),
        Part::Path(path) => path.components().filter(|c| matches!(c, std::path::Component::Normal(_))).collect(),
    };
    let mut way = PathBuf::new();
    for part in wanted.parent().into_iter().flat_map(Path::components) {
        way.push(part);
        ways.insert(way.clone(), plan.folders.len());
        plan.folders.push((way.clone(), 0o700, 0));
    }
    let id = match part {
        Part::Message(id) => Some(id.to_string()),
        _ => None,
    };
    let mut found = Vec::new();
    match contents.find(top, &wanted)?.ok_or_else(|| no_path(snapshot, &wanted))? {
        Entry { stored: Stored::Folder(below), mode, modified, .. } => {
            if !wanted.as_os_str().is_empty() {
                ways.insert(wanted.clone(), plan.folders.len());
                plan.folders.push((wanted.clone(), mode, modified));
            }
            contents.walk(below, &wanted, &mut |path, entry| found.push((path, entry)))?;
        }
        entry => found.push((wanted.clone(), entry)),
    }
    let mut skipped: HashMap<PathBuf, (u32, i128)> = HashMap::new();
    for (path, entry) in found {
        let is_it = |id: &String| entry.name.to_str().is_some_and(|name| name.contains(id.as_str()));
        match &entry.stored {
            Stored::Folder(_) if id.is_some() => {
                skipped.insert(path, (entry.mode, entry.modified));
            }
            Stored::Folder(_) => {
                ways.insert(path.clone(), plan.folders.len());
                plan.folders.push((path, entry.mode, entry.modified));
            }
            Stored::File { size, pieces } if id.as_ref().is_none_or(is_it) => {
                let parent = path.parent().unwrap_or(Path::new("")).to_owned();
                let folder = way_to(&parent, &mut plan.folders, &mut ways, &skipped);
                let (size, pieces) = (*size, pieces.clone());
                plan.files.push(Wish { folder, path, mode: entry.mode, modified: entry.modified, pieces, size });
            }
            Stored::Link(_) if id.is_none() => plan.links.push((path, entry)),
            _ => {}
        }
    }
    if let (Some(id), true) = (id, plan.files.is_empty()) {
        return Err(SnapshotError::NotFound(format!("message {id} is not in snapshot {}", snapshot.short())));
    }
    Ok(plan)
}

/// The position of a folder; those on the way that were passed over are added.
fn way_to(
    path: &Path,
    folders: &mut Vec<(PathBuf, u32, i128)>,
    ways: &mut HashMap<PathBuf, usize>,
    skipped: &HashMap<PathBuf, (u32, i128)>,
) -> usize {
    if let Some(at) = ways.get(path) {
        return *at;
    }
    if path.as_os_str().is_empty() {
        // The place itself.
        return usize::MAX;
    }
    if let Some(parent) = path.parent() {
        way_to(parent, folders, ways, skipped);
    }
    let (mode, modified) = skipped.get(path).copied().unwrap_or((0o700, 0));
    folders.push((path.to_owned(), mode, modified));
    ways.insert(path.to_owned(), folders.len() - 1);
    folders.len() - 1
}

fn make_folder(place: &Dir, path: &Path) -> Result<()> {
    let (Some(dir), Some(name)) = (parent_of(place, path)?, path.file_name()) else { return Ok(()) };
    dir.make_folder(name)?;
    Ok(())
}

pub(super) fn parent_of(place: &Dir, path: &Path) -> Result<Option<Dir>> {
    open_below(place, path.parent().unwrap_or(Path::new("")))
}

/// Where each piece goes, pack by pack; files without an index entry are lost.
fn uses(index: &Index, plan: &Plan, lost: &mut BTreeMap<usize, String>) -> Vec<(u32, Uses)> {
    let mut packs: BTreeMap<u32, Uses> = BTreeMap::new();
    for (file, wish) in plan.files.iter().enumerate() {
        let mut at = 0;
        for id in &wish.pieces {
            let Some(spot) = index.data.get(id) else {
                lost.insert(file, "no index knows a piece of it".into());
                break;
            };
            packs.entry(spot.pack).or_default().entry(*spot).or_insert((*id, Vec::new())).1.push((file, at));
            at += length_of(spot);
        }
    }
    packs.into_iter().collect()
}

pub(super) fn length_of(spot: &Spot) -> u64 {
    if spot.raw > 0 { u64::from(spot.raw) } else { u64::from(spot.length).saturating_sub(OVERHEAD as u64) }
}

/// Runs the same work on every processor; each takes from a common counter.
pub(super) fn on_all<T: Send>(work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    let threads = super::effort::threads();
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&work)).collect();
        let mut done = vec![work()?];
        for other in others {
            done.push(other.join().map_err(|_| SnapshotError::Internal("a thread died".into()))??);
        }
        Ok(done)
    })
}

fn write_files(
    repository: &Repository,
    index: &Index,
    place: &Dir,
    plan: &Plan,
    progress: &Progress,
) -> Result<BTreeMap<usize, String>> {
    let mut lost = BTreeMap::new();
    let packs = uses(index, plan, &mut lost);
    // Files of no piece or several are made beforehand: who writes the first piece is not known.
    for wish in plan.files.iter().filter(|w| w.pieces.len() != 1) {
        let Some(dir) = parent_of(place, &wish.path)? else { continue };
        let file = dir.make_file(wish.path.file_name().unwrap_or_default())?;
        let made = file.set_len(wish.size).and_then(|()| settle_file(&file, 0o600, wish.modified));
        made.map_err(|e| FsError::new("write", &wish.path, e))?;
    }
    let lost = Mutex::new(lost);
    let next = AtomicUsize::new(0);
    on_all(|| {
        let mut sealer = repository.sealer()?;
        let mut writer = Writer { place, plan, folder: None };
        while let Some((pack, uses)) = packs.get(take(&next)) {
            let name = RusticId::new(index.packs[*pack as usize]);
            let needed: u64 = uses.keys().map(|s| u64::from(s.length)).sum();
            let end = uses.keys().next_back().map_or(0, |s| u64::from(s.offset) + u64::from(s.length));
            let whole = (needed * 4 > end).then(|| repository.backend.read_full(FileType::Pack, &name));
            for (spot, (id, files)) in uses {
                if progress.is_stopped() {
                    return Err(SnapshotError::Stopped);
                }
                let from = spot.offset as usize;
                let plain = match &whole {
                    Some(Ok(bytes)) => {
                        bytes.get(from..from + spot.length as usize).and_then(|b| sealer.open_blob(b, spot.raw))
                    }
                    Some(Err(_)) => None,
                    None => repository
                        .backend
                        .read_partial(FileType::Pack, &name, false, spot.offset, spot.length)
                        .ok()
                        .and_then(|b| sealer.open_blob(&b, spot.raw)),
                };
                let Some(plain) = plain.filter(|plain| digest(plain) == *id) else {
                    let why = format!("pack {} is damaged", &hex(&index.packs[*pack as usize])[..8]);
                    let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
                    lost.extend(files.iter().map(|(file, _)| (*file, why.clone())));
                    continue;
                };
                for (file, at) in files {
                    writer.piece(*file, *at, &plain)?;
                    progress.add(u64::from(*at == 0), plain.len() as u64);
                }
            }
        }
        Ok(())
    })?;
    Ok(lost.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Writes pieces; keeps the folder of the last one open, as neighbours in a
/// pack are neighbours in a folder.
struct Writer<'a> {
    place: &'a Dir,
    plan: &'a Plan,
    folder: Option<(usize, Dir)>,
}

impl Writer<'_> {
    fn piece(&mut self, file: usize, at: u64, bytes: &[u8]) -> Result<()> {
        let wish = &self.plan.files[file];
        if self.folder.as_ref().is_none_or(|(known, _)| *known != wish.folder) {
            let Some(dir) = parent_of(self.place, &wish.path)? else {
                return Err(SnapshotError::Internal(format!("the folder of {} went away", wish.path.display())));
            };
            self.folder = Some((wish.folder, dir));
        }
        let Some((_, dir)) = &self.folder else { return Ok(()) };
        let name = wish.path.file_name().unwrap_or_default();
        let fail = |e| FsError::new("write", dir.path().join(name), e);
        if wish.pieces.len() == 1 {
            let mut file = dir.make_file(name)?;
            file.write_all(bytes).and_then(|()| settle_file(&file, wish.mode, wish.modified)).map_err(fail)?;
            return Ok(());
        }
        let mut file = dir.reopen_file(name)?;
        file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes)).map_err(fail)?;
        Ok(())
    }
}
