//! What a snapshot holds: the list of it, fixed before a byte is read.
//!
//! A message may be renamed at any moment: from `new/` to `cur/`, with other
//! flags, into the archive, by us under the mailbox lock or by a plain `mv`
//! under none. So:
//!
//! 1. The spool is read first, into memory: what is acknowledged is in it, or
//!    in every recipient's mailbox, and those are listed afterwards.
//! 2. Every folder is read once, names and inodes; the inbox of a mailbox
//!    under its shared lock, which keeps our own moves away. A delivery holds
//!    no lock and needs none: it only adds.
//! 3. Folders that changed since they were read are read again and the
//!    readings united, until none did. A file that moved forward was seen
//!    before, one that moved back is seen now.
//! 4. A renamed file keeps its inode. One inode in two places is one file and
//!    counts once; a name that is gone when it is looked at is searched by its
//!    inode ([`Finder`]) and stored where it was listed.
//!
//! From here on the list stands. Reading goes by inode too, so moves that come
//! later change nothing, and what is deleted meanwhile is counted as gone.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::stray::{Finder, Missing};
use super::{Progress, Result, SnapshotError};
use crate::fsio::{Dir, Facts, FileKind, Found, FsError};
use crate::mailbox::Tree;
use crate::model::AgentName;

/// The parts of a root that are protected.
const TOPS: [&str; 3] = ["agent_workspaces", "config", "hooks"];
/// The parts of its machine-local state that are. The spool comes first.
const STATE: [&str; 3] = ["spool", "keys", "journal"];
const WORKSPACES: &str = "agent_workspaces";
/// Folders of an inbox, which the mailbox lock guards.
const GUARDED: [&str; 3] = ["new", "claimed", "cur"];
/// How often folders that keep changing are read again.
const ROUNDS: usize = 6;
/// Build output and what can be had again.
const NO_FOLDERS: [&str; 6] = [".git", "target", "node_modules", "__pycache__", ".cache", ".venv"];
/// Two changes within this are one tick of a file system's clock.
const FRESH: i128 = 6_000_000;

/// What is listed: a root, its state, its mailboxes.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The root folder.
    pub root: Dir,
    /// `.cellphone/`.
    pub state: Dir,
    /// The mailboxes and their locks.
    pub mailboxes: Tree,
}

/// A folder of the list.
#[derive(Debug)]
pub(super) struct Folder {
    /// From the root.
    pub(super) path: PathBuf,
    pub(super) facts: Facts,
    /// Positions of the folders in it.
    pub(super) folders: Vec<usize>,
    /// Positions of the files and links in it.
    pub(super) items: Vec<usize>,
}

impl Folder {
    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }
}

/// A file or link of the list.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) folder: usize,
    pub(super) name: OsString,
    pub(super) facts: Facts,
    /// Where a symbolic link points.
    pub(super) link: Option<OsString>,
    /// Bytes that were read when the list was made.
    pub(super) held: Option<Vec<u8>>,
    /// It is a part of the journal, which only grows.
    pub(super) is_journal: bool,
}

/// The list. The first folder is the root.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) folders: Vec<Folder>,
    pub(super) items: Vec<Item>,
    /// Files that were gone before they could be looked at.
    pub(super) gone: u64,
}

/// A folder while the list is made.
struct Seen {
    at: usize,
    /// Its modification when the last reading began; `None` before the first.
    read_at: Option<i128>,
    found: Vec<Found>,
    mailbox: Option<AgentName>,
}

/// Whether a name is left out, and why that is right: it can be had again, it
/// is being written, or it must not leave the machine.
pub(super) fn is_left_out(folder: &Path, name: &OsStr, kind: Option<FileKind>) -> bool {
    let Some(text) = name.to_str() else { return false };
    match kind {
        Some(FileKind::Other) => true,
        Some(FileKind::Dir) => NO_FOLDERS.contains(&text) || (text == "tmp" && folder.ends_with("inbox")),
        _ => is_half_written(text) || is_secret(text),
    }
}

fn is_half_written(name: &str) -> bool {
    (name.starts_with('.') && name.ends_with(".tmp")) || name.ends_with(".lock")
}

/// Names under which private keys and tokens are kept. Messages end in `.md`
/// and are never among them.
fn is_secret(name: &str) -> bool {
    let ends = [".pem", ".key", ".p12", ".pfx", ".keystore", ".token", ".secret"];
    let names = [".netrc", ".npmrc", ".pypirc", ".git-credentials", "id_rsa", "id_ed25519", "id_ecdsa", "id_dsa"];
    names.contains(&name) || name == ".env" || name.starts_with(".env.") || ends.iter().any(|e| name.ends_with(e))
}

/// Makes the list.
pub(super) fn list(sources: &Sources, finder: &Finder, progress: &Progress) -> Result<Listing> {
    let root = sources.root.own_facts()?;
    let top = Folder { path: PathBuf::new(), facts: root, folders: Vec::new(), items: Vec::new() };
    let mut listing = Listing { folders: vec![top], items: Vec::new(), gone: 0 };
    list_state(&mut listing, &sources.state)?;
    let mut seen = Vec::new();
    for name in TOPS {
        if let Ok(dir) = sources.root.child(name) {
            let at = add_folder(&mut listing, 0, name.as_ref(), dir.own_facts()?);
            seen.push(Seen { at, read_at: None, found: Vec::new(), mailbox: None });
        }
    }
    for _ in 0..ROUNDS {
        if progress.is_stopped() {
            return Err(SnapshotError::Stopped);
        }
        if !read_changed(sources, &mut listing, &mut seen)? {
            break;
        }
    }
    look_at_all(sources, &mut listing, seen, finder)?;
    for folder in 0..listing.folders.len() {
        let mut items = std::mem::take(&mut listing.folders[folder].items);
        items.sort_by(|a, b| listing.items[*a].name.cmp(&listing.items[*b].name));
        listing.folders[folder].items = items;
        let mut below = std::mem::take(&mut listing.folders[folder].folders);
        below.sort_by(|a, b| listing.folders[*a].name().cmp(listing.folders[*b].name()));
        listing.folders[folder].folders = below;
    }
    Ok(listing)
}

fn add_folder(listing: &mut Listing, parent: usize, name: &OsStr, facts: Facts) -> usize {
    let at = listing.folders.len();
    let path = listing.folders[parent].path.join(name);
    listing.folders.push(Folder { path, facts, folders: Vec::new(), items: Vec::new() });
    listing.folders[parent].folders.push(at);
    at
}

fn add_item(listing: &mut Listing, item: Item) {
    let at = listing.items.len();
    listing.folders[item.folder].items.push(at);
    listing.items.push(item);
}

/// The spool, the idempotency keys and the journal. What stands in the spool
/// is read at once: an entry that is delivered and removed after the mailboxes
/// were listed would be in neither.
fn list_state(listing: &mut Listing, state: &Dir) -> Result<()> {
    let top = add_folder(listing, 0, ".cellphone".as_ref(), state.own_facts()?);
    for name in STATE {
        let Ok(dir) = state.child(name) else { continue };
        let at = add_folder(listing, top, name.as_ref(), dir.own_facts()?);
        let folder = listing.folders[at].path.clone();
        for found in dir.found()? {
            let Some(facts) = dir.look(&found.name)?.filter(|f| f.kind == FileKind::File) else { continue };
            if is_left_out(&folder, &found.name, Some(facts.kind)) {
                continue;
            }
            let mut item =
                Item { folder: at, name: found.name, facts, link: None, held: None, is_journal: name == "journal" };
            if name == "spool" {
                let Some((mut file, facts)) = dir.open_file(&item.name)? else { continue };
                let mut bytes = Vec::new();
                let read = file.read_to_end(&mut bytes);
                read.map_err(|e| FsError::new("read", dir.path().join(&item.name), e))?;
                item.facts = facts;
                item.held = Some(bytes);
            }
            add_item(listing, item);
        }
    }
    Ok(())
}

/// Whether a change is so young that another within the same tick of the file
/// system's clock would not show.
pub(super) fn is_fresh(modified: i128) -> bool {
    now() - modified <= FRESH
}

fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i128::try_from(d.as_nanos()).unwrap_or(0))
}

/// Reads every folder that changed since it was read, and those that are new;
/// whether there was any.
fn read_changed(sources: &Sources, listing: &mut Listing, seen: &mut Vec<Seen>) -> Result<bool> {
    let mut changed = false;
    let mut n = 0;
    // The list grows while it is walked.
    while n < seen.len() {
        let path = listing.folders[seen[n].at].path.clone();
        let _held = match (&seen[n].mailbox, is_guarded(&path)) {
            (Some(agent), true) => sources.mailboxes.mailbox(agent)?.hold_still()?,
            _ => None,
        };
        let Some(dir) = open_below(&sources.root, &path)? else {
            n += 1;
            continue;
        };
        let modified = dir.own_facts()?.modified;
        // A change within the clock's last tick may be followed by another that does not show.
        if seen[n].read_at == Some(modified) && !is_fresh(modified) {
            n += 1;
            continue;
        }
        changed |= seen[n].read_at != Some(modified);
        seen[n].read_at = Some(modified);
        let mut found = dir.found()?;
        drop(_held);
        if !seen[n].found.is_empty() {
            let known: HashSet<&OsStr> = seen[n].found.iter().map(|f| f.name.as_os_str()).collect();
            found.retain(|f| !known.contains(f.name.as_os_str()));
        }
        enter_folders(listing, seen, n, &dir, &mut found)?;
        seen[n].found.append(&mut found);
        n += 1;
    }
    Ok(changed)
}

/// Moves the folders among the names into the list of folders to be read.
fn enter_folders(
    listing: &mut Listing,
    seen: &mut Vec<Seen>,
    n: usize,
    dir: &Dir,
    found: &mut Vec<Found>,
) -> Result<()> {
    let path = listing.folders[seen[n].at].path.clone();
    let mut folders = Vec::new();
    for entry in found.iter_mut().filter(|f| f.kind.is_none()) {
        entry.kind = dir.look(&entry.name)?.map(|facts| facts.kind);
    }
    found.retain(|f| {
        let left_out = is_left_out(&path, &f.name, f.kind);
        if f.kind == Some(FileKind::Dir) && !left_out {
            folders.push(f.name.clone());
        }
        !left_out && f.kind != Some(FileKind::Dir)
    });
    for name in folders {
        // It went away between two looks, or became something else.
        let Ok(child) = dir.child_named(&name) else { continue };
        let below = path.join(&name);
        if listing.folders[seen[n].at].folders.iter().any(|at| listing.folders[*at].path == below) {
            continue;
        }
        let mailbox = match &seen[n].mailbox {
            None if path == Path::new(WORKSPACES) => name.to_str().and_then(|name| AgentName::new(name).ok()),
            known => known.clone(),
        };
        let at = add_folder(listing, seen[n].at, &name, child.own_facts()?);
        seen.push(Seen { at, read_at: None, found: Vec::new(), mailbox });
    }
    Ok(())
}

fn is_guarded(path: &Path) -> bool {
    let mut parts = path.components().skip(2).map(|c| c.as_os_str());
    parts.next().is_some_and(|p| p == "inbox") && parts.next().is_some_and(|p| GUARDED.iter().any(|g| p == *g))
}

/// A folder by its path from the root, following no link; `None` when it went.
pub(super) fn open_below(root: &Dir, path: &Path) -> Result<Option<Dir>> {
    if path.as_os_str().is_empty() {
        return Ok(Some(root.clone()));
    }
    let opened = match path.to_str() {
        Some(text) if !cfg!(windows) => root.below(text),
        _ => path.components().try_fold(root.clone(), |dir, part| dir.child_named(part.as_os_str())),
    };
    match opened {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.is_not_found() || e.is_refused() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Looks at every name that was found. One file in two places counts where it
/// was found first; a name that is gone is searched by its inode.
fn look_at_all(sources: &Sources, listing: &mut Listing, seen: Vec<Seen>, finder: &Finder) -> Result<()> {
    let mut listed: HashSet<u64> = HashSet::new();
    let mut strays = Vec::new();
    for one in seen {
        let Some(dir) = open_below(&sources.root, &listing.folders[one.at].path)? else {
            strays.extend(one.found.into_iter().map(|found| (one.at, found)));
            continue;
        };
        listing.folders[one.at].facts = dir.own_facts()?;
        let in_mailbox = one.mailbox.is_some();
        for found in one.found {
            let Some(facts) = dir.look(&found.name)? else {
                strays.push((one.at, found));
                continue;
            };
            let is_link = facts.kind == FileKind::Link;
            if !(is_link || facts.kind == FileKind::File) {
                continue;
            }
            if in_mailbox && facts.inode != 0 && !listed.insert(facts.inode) {
                continue;
            }
            if found.inode != 0 && found.inode != facts.inode && !is_link {
                // Another file took the name; where the first one went is asked below.
                strays.push((one.at, Found { name: found.name.clone(), ..found }));
            }
            let link = if is_link { dir.link_target(&found.name)? } else { None };
            if link.is_some() == is_link {
                add_item(
                    listing,
                    Item { folder: one.at, name: found.name, facts, link, held: None, is_journal: false },
                );
            }
        }
    }
    let missing = strays
        .into_iter()
        .filter(|(_, found)| found.kind == Some(FileKind::File) && found.inode != 0 && !listed.contains(&found.inode))
        .map(|(folder, found)| Missing {
            inode: found.inode,
            message: is_message(&found.name),
            what: (folder, found.name),
        })
        .collect();
    let gone = finder.find_all(missing, |(folder, name), _, facts| {
        if listed.insert(facts.inode) {
            let taken = listing.folders[*folder].items.iter().any(|at| listing.items[*at].name == *name);
            let mut name = name.clone();
            if taken {
                name.push(format!(".{}", facts.inode));
            }
            add_item(listing, Item { folder: *folder, name, facts, link: None, held: None, is_journal: false });
        }
        Ok(())
    })?;
    listing.gone += gone.iter().filter(|m| m.message).count() as u64;
    Ok(())
}

/// Whether a name is one of a message.
pub(super) fn is_message(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.ends_with(".md"))
}
