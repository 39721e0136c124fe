//! What there was before the disaster, written down outside the tree and the
//! repositories; and what of it came back.
//!
//! A message is found by mailbox, sort (received or sent) and name, wherever
//! it lies now: a folder is a state, and states go on. Everything else is
//! found by its path. Bytes are compared by SHA-256.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outcome::{Lost, Size, Verified};
use crate::fsio::{Dir, FsError, parallel};
use crate::model::{AgentName, MessageId, UniqueName};

/// Longest manifest that is read back.
const MOST: u64 = 1 << 30;
const WORKSPACES: &str = "agent_workspaces";
/// What is compared by path.
const FOLDERS: [&str; 2] = ["config", "hooks"];
/// Paths that are named; the rest is counted.
const NAMED: usize = 100;

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Where it lay, from the root.
    path: String,
    /// SHA-256.
    digest: String,
}

/// All files as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// By what they are found again.
    entries: BTreeMap<String, Entry>,
    bytes: u64,
    agents: usize,
}

/// What a message is found by; `None` for what is none.
fn key(agent: &str, below: &str) -> Option<String> {
    let file = below.rsplit('/').next()?;
    let (name, _) = UniqueName::parse(file).ok()?;
    let sort = match below.split('/').next()? {
        "sent" => "sent",
        "inbox" | "archive" | "dead" if !below.starts_with("inbox/tmp/") => "received",
        _ => return None,
    };
    Some(format!("{agent} {sort} {}", name.as_str()))
}

fn message(key: &str) -> Option<(AgentName, MessageId, Timestamp)> {
    let mut words = key.split(' ');
    let (agent, sort, name) = (words.next()?, words.next()?, words.next()?);
    if sort != "received" {
        return None;
    }
    let (name, _) = UniqueName::parse(&format!("{name}.md")).ok()?;
    Some((AgentName::new(agent).ok()?, name.id(), name.accepted()))
}

impl Manifest {
    /// Looks at a tree. What goes while it looks was moved, and is met again.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn take(root: &Path) -> Result<Self, FsError> {
        let root = Dir::open(root)?;
        let mut all = Self::default();
        for folder in FOLDERS {
            let Some(dir) = there(root.child(folder))? else { continue };
            all.look(&dir, |below| Some(format!("{folder}/{below}")), folder)?;
        }
        if let Some(workspaces) = there(root.child(WORKSPACES))? {
            let each = parallel::map_large(&workspaces.names()?, |agent| {
                let mut one = Self::default();
                if let Ok(dir) = workspaces.child(agent) {
                    one.agents = 1;
                    one.look(&dir, |below| key(agent, below), &format!("{WORKSPACES}/{agent}"))?;
                }
                Ok(one)
            });
            for one in each {
                let mut one: Self = one?;
                all.agents += one.agents;
                all.bytes += one.bytes;
                all.entries.append(&mut one.entries);
            }
        }
        Ok(all)
    }

    fn look(&mut self, dir: &Dir, key: impl Fn(&str) -> Option<String>, prefix: &str) -> Result<(), FsError> {
        let mut last = (String::new(), dir.clone());
        for file in dir.files_below(&|_| false)? {
            let Some(key) = key(&file.path) else { continue };
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            // The files of a folder stand behind each other.
            if last.0 != folder {
                let Some(at) = there(dir.below(folder))? else { continue };
                last = (folder.to_owned(), at);
            }
            let digest = match last.1.digest(name) {
                Err(e) if e.is_not_found() => continue,
                other => other?,
            };
            self.bytes += file.stat.size;
            self.entries.insert(key, Entry { path: format!("{prefix}/{}", file.path), digest });
        }
        Ok(())
    }

    /// What it was taken of.
    pub(super) fn size(&self) -> Size {
        let messages = self.entries.keys().filter(|key| key.contains(' ')).count();
        Size { agents: self.agents, messages, bytes: self.bytes }
    }

    /// Writes it down, durably.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(super) fn write(&self, dir: &Dir, name: &str) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).map_err(|e| e.to_string())?;
        dir.replace(name, &bytes, true).map_err(|e| e.to_string())
    }

    /// Reads one back.
    ///
    /// # Errors
    /// It is gone, or no manifest any more.
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self, String> {
        let bytes = dir.read(name, MOST).map_err(|e| e.to_string())?;
        serde_json::from_slice(&bytes).map_err(|e| format!("{name}: {e}"))
    }

    /// Compares a tree as it is now. Paths that `may_differ` are passed over;
    /// of received messages that are missing or other bytes, each is named.
    pub(super) fn compare(&self, now: &Self, may_differ: &[(String, String)]) -> (Verified, Vec<Lost>) {
        let mut found = Verified::default();
        let mut lost = Vec::new();
        let mut unnamed = (0_usize, 0_usize);
        for (key, entry) in &self.entries {
            if may_differ.iter().any(|(path, _)| covers(path, &entry.path)) {
                continue;
            }
            found.expected += 1;
            let (list, more) = match now.entries.get(key) {
                Some(other) if other.digest == entry.digest => {
                    found.intact += 1;
                    continue;
                }
                Some(_) => (&mut found.altered, &mut unnamed.1),
                None => (&mut found.missing, &mut unnamed.0),
            };
            if list.len() < NAMED {
                list.push(entry.path.clone())
            } else {
                *more += 1
            }
            lost.extend(message(key).map(|(agent, id, accepted)| Lost { agent, id, accepted }));
        }
        for (list, more) in [(&mut found.missing, unnamed.0), (&mut found.altered, unnamed.1)] {
            if more > 0 {
                list.push(format!("and {more} more"));
            }
        }
        (found, lost)
    }

    /// The mailboxes and ids of all that was received.
    pub(super) fn received(&self) -> HashMap<(AgentName, MessageId), ()> {
        self.entries.keys().filter_map(|key| message(key)).map(|(agent, id, _)| ((agent, id), ())).collect()
    }
}

/// Whether a path (a folder ends in `/`) is that of a file, or above it.
fn covers(path: &str, file: &str) -> bool {
    if path.ends_with('/') { file.starts_with(path) } else { file == path }
}

fn there(dir: Result<Dir, FsError>) -> Result<Option<Dir>, FsError> {
    match dir {
        Err(e) if e.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "20261126T080000.000000Z-Agent-1-hello-01K3ZJ9Q6T8V4B2M7X5C1D0E9F";

    fn tree() -> (tempfile::TempDir, Dir) {
        let tmp = tempfile::tempdir().unwrap();
        let root = Dir::open(tmp.path()).unwrap();
        root.below_or_create("config").unwrap().create("cellphone.yaml", b"a: 1\n", false).unwrap();
        let new = root.below_or_create("agent_workspaces/Agent-2/inbox/new").unwrap();
        new.create(&format!("{NAME}.md"), b"first", false).unwrap();
        (tmp, root)
    }

    #[test]
    fn a_message_that_moved_is_there_and_one_that_changed_or_went_is_lost() {
        let (tmp, root) = tree();
        let before = Manifest::take(tmp.path()).unwrap();
        before.write(&root, "manifest.json").unwrap();
        assert_eq!(Manifest::read(&root, "manifest.json").unwrap(), before);
        assert_eq!(before.size().messages, 1);

        let new = root.below("agent_workspaces/Agent-2/inbox/new").unwrap();
        let archive = root.below_or_create("agent_workspaces/Agent-2/archive/2026-11-26").unwrap();
        new.rename(&format!("{NAME}.md"), &archive, &format!("{NAME},S.md")).unwrap();
        let (found, lost) = before.compare(&Manifest::take(tmp.path()).unwrap(), &[]);
        assert_eq!((found.expected, found.intact, lost.len()), (2, 2, 0));

        archive.replace(&format!("{NAME},S.md"), b"other", false).unwrap();
        let (found, lost) = before.compare(&Manifest::take(tmp.path()).unwrap(), &[]);
        assert_eq!((found.altered.len(), lost.len()), (1, 1));
        assert_eq!(lost[0].agent.as_str(), "Agent-2");

        archive.remove(&format!("{NAME},S.md")).unwrap();
        root.below("config").unwrap().replace("cellphone.yaml", b"b: 2\n", false).unwrap();
        let now = Manifest::take(tmp.path()).unwrap();
        let (found, lost) = before.compare(&now, &[]);
        assert_eq!((found.missing.len(), found.altered.len(), lost.len()), (1, 1, 1));
        let may = [("config/".to_owned(), "it may".to_owned())];
        assert_eq!(before.compare(&now, &may).0.expected, 1);
    }
}
