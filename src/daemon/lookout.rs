//! Finding changes without events: by the time and the number of each folder.
//!
//! One look at 50 mailboxes is some 300 `stat` calls, half a millisecond. The
//! time of a folder is only as fine as the kernel's tick (up to 10 ms) or the
//! file system's (2 s): a folder that changed just before a look may change
//! once more under the same time, so it is looked at again until its time is
//! `GRAIN` old.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::pending::{Places, Target};
use crate::model::AgentName;

/// The coarsest time stamp of a file system in use (FAT, some NFS servers).
const GRAIN: Duration = Duration::from_secs(2);

/// The facts about one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    inode: u64,
    /// A folder that was made anew may get the number of the one that went.
    born: Option<SystemTime>,
    modified: Option<SystemTime>,
    /// It may change again without its time telling.
    fresh: bool,
}

/// What a look found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What has to be scanned.
    pub targets: Vec<Target>,
    /// Folders that are new, or another one under the same path: to be armed.
    pub arm: Vec<PathBuf>,
    /// Folders that have gone.
    pub gone: Vec<PathBuf>,
    /// Folders in whose place stands another one.
    pub replaced: Vec<PathBuf>,
}

/// Remembers what the folders looked like.
#[derive(Debug)]
pub struct Lookout {
    places: Places,
    seen: HashMap<PathBuf, Facts>,
    agents: BTreeSet<AgentName>,
    outboxes: HashMap<AgentName, Vec<PathBuf>>,
}

impl Lookout {
    /// One that has seen nothing yet: the first look finds everything new.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self { places, seen: HashMap::new(), agents: BTreeSet::new(), outboxes: HashMap::new() }
    }

    /// The mailboxes there were at the last look.
    #[must_use]
    pub const fn agents(&self) -> &BTreeSet<AgentName> {
        &self.agents
    }

    /// How many folders are looked at.
    #[must_use]
    pub fn folders(&self) -> usize {
        self.seen.len()
    }

    /// Forgets a folder, so that the next look finds it new.
    pub fn forget(&mut self, folder: &Path) {
        self.seen.remove(folder);
    }

    /// Looks at every folder.
    pub fn look(&mut self) -> Found {
        let mut found = Found::default();
        let workspaces = self.places.workspaces();
        if self.check(&workspaces, &mut found) {
            let agents = mailboxes(&workspaces);
            if agents != self.agents {
                // The roster takes its names from the tree.
                found.targets.push(Target::Config);
                self.agents = agents;
            }
        }
        for agent in self.agents.clone() {
            self.look_at(&workspaces, &agent, &mut found);
        }
        for folder in self.config_folders() {
            if self.check(&folder, &mut found) {
                found.targets.push(Target::Config);
            }
        }
        let journal = self.places.journal();
        if self.check(&journal, &mut found) {
            found.targets.push(Target::Journal);
        }
        found
    }

    fn look_at(&mut self, workspaces: &Path, agent: &AgentName, found: &mut Found) {
        let home = workspaces.join(agent.as_str());
        let inbox = home.join("inbox");
        let outbox = home.join("outbox");
        self.check(&home, found);
        self.check(&inbox, found);
        if self.check(&inbox.join("new"), found) {
            found.targets.push(Target::Mail(agent.clone()));
        }
        let mut dropped = self.check(&outbox, found);
        if dropped {
            self.outboxes.insert(agent.clone(), subfolders(&outbox));
        }
        for folder in self.outboxes.get(agent).cloned().unwrap_or_default() {
            dropped |= self.check(&folder, found);
        }
        if dropped {
            found.targets.push(Target::Outbox { agent: agent.clone(), folder: false });
        }
    }

    /// `config/` with its folders, and the approved copies outside.
    fn config_folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for top in [self.places.root.join("config"), self.places.outside.clone()] {
            let walk = walkdir::WalkDir::new(&top).max_depth(3).into_iter().flatten();
            folders.extend(walk.filter(|e| e.file_type().is_dir()).map(walkdir::DirEntry::into_path));
        }
        folders
    }

    /// Whether the folder may have changed since the last look.
    fn check(&mut self, folder: &Path, found: &mut Found) -> bool {
        let now = facts(folder);
        let before = match now {
            Some(now) => self.seen.insert(folder.to_owned(), now),
            None => self.seen.remove(folder),
        };
        match (before, now) {
            (None, None) => false,
            (Some(_), None) => {
                found.gone.push(folder.to_owned());
                true
            }
            (Some(before), Some(now)) if (before.inode, before.born) == (now.inode, now.born) => {
                before.fresh || before.modified != now.modified
            }
            (before, Some(_)) => {
                if before.is_some() {
                    found.replaced.push(folder.to_owned());
                }
                found.arm.push(folder.to_owned());
                true
            }
        }
    }
}

fn facts(folder: &Path) -> Option<Facts> {
    let meta = std::fs::symlink_metadata(folder).ok().filter(std::fs::Metadata::is_dir)?;
    let modified = meta.modified().ok();
    // A time in the future (a clock that was set back) is never settled, so it counts as old.
    let age = modified.and_then(|m| SystemTime::now().duration_since(m).ok());
    Some(Facts { inode: inode(&meta), born: meta.created().ok(), modified, fresh: age.is_some_and(|age| age < GRAIN) })
}

#[cfg(unix)]
fn inode(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_meta: &std::fs::Metadata) -> u64 {
    0
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).min_depth(1).max_depth(1).into_iter().flatten();
    walk.filter(|e| e.file_type().is_dir()).map(walkdir::DirEntry::into_path).collect()
}

fn mailboxes(workspaces: &Path) -> BTreeSet<AgentName> {
    let names = subfolders(workspaces).into_iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    names.filter_map(|name| AgentName::new(name).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsio::Dir;

    fn settle(lookout: &mut Lookout) {
        for facts in lookout.seen.values_mut() {
            facts.fresh = false;
        }
    }

    #[test]
    fn a_look_finds_what_changed_and_only_that() {
        let tmp = tempfile::tempdir().unwrap();
        let root = Dir::open(tmp.path()).unwrap();
        let boxes = root.child_or_create("agent_workspaces").unwrap();
        let agent = |n: &str| {
            let home = boxes.child_or_create(n).unwrap();
            home.child_or_create("outbox").unwrap();
            home.child_or_create("inbox").unwrap().child_or_create("new").unwrap()
        };
        let (one, _two) = (agent("Agent-1"), agent("Agent-2"));
        let places = Places { root: tmp.path().into(), outside: tmp.path().join("elsewhere") };
        let mut lookout = Lookout::new(places);
        let first = lookout.look();
        assert_eq!(first.arm.len(), 9);
        assert!(first.targets.contains(&Target::Config));
        settle(&mut lookout);
        assert_eq!(lookout.look(), Found::default());

        one.create("x.md", b"x", false).unwrap();
        let name = AgentName::new("Agent-1").unwrap();
        settle(&mut lookout);
        assert_eq!(lookout.look().targets, [Target::Mail(name.clone())]);
        assert!(lookout.look().targets.contains(&Target::Mail(name.clone())), "its time is too young to be trusted");

        let inbox = boxes.child("Agent-1").unwrap().child("inbox").unwrap();
        inbox.rename("new", &inbox, "old").unwrap();
        inbox.child_or_create("new").unwrap();
        settle(&mut lookout);
        let found = lookout.look();
        assert_eq!(found.arm, [inbox.path().join("new")]);
        assert!(found.targets.contains(&Target::Mail(name)));

        let drop = boxes.child("Agent-2").unwrap().child("outbox").unwrap().child_or_create("Agent-1").unwrap();
        settle(&mut lookout);
        let found = lookout.look();
        assert_eq!(found.arm, [drop.path()]);
        agent("Agent-3");
        assert!(lookout.look().targets.contains(&Target::Config));
        assert_eq!(lookout.agents().len(), 3);
    }
}
