//! A directory as a repository has it: JSON, sorted by name, as restic writes
//! it.
//!
//! Read without copying and written by hand: a snapshot in which nothing
//! changed reads every name of the one before, and a hundred thousand of them
//! are forty megabytes.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use rustic_core::repofile::{Metadata, Node, NodeType};
use serde::Deserialize;

use super::cipher::{Id, hex, unhex};
use crate::fsio::{Facts, FileKind};

/// Go's bits for kinds of files, which restic stores.
const GO_DIR: u32 = 1 << 31;
const GO_LINK: u32 = 1 << 27;
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_STICKY: u32 = 1 << 20;

#[derive(Debug, Default, Deserialize)]
pub(super) struct TreeIn<'a> {
    #[serde(borrow, default)]
    nodes: Option<Vec<NodeIn<'a>>>,
}

/// One entry of a stored directory.
#[derive(Debug, Deserialize)]
pub(super) struct NodeIn<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    #[serde(default)]
    pub(super) mode: u32,
    #[serde(default)]
    pub(super) mtime: &'a str,
    #[serde(default)]
    pub(super) ctime: &'a str,
    #[serde(default)]
    pub(super) inode: u64,
    #[serde(default)]
    pub(super) size: u64,
    #[serde(borrow, default)]
    pub(super) linktarget: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<Vec<&'a str>>,
    #[serde(default)]
    subtree: Option<&'a str>,
}

impl<'a> TreeIn<'a> {
    /// Reads a directory; `None` when it is none.
    pub(super) fn parse(json: &'a [u8]) -> Option<Vec<NodeIn<'a>>> {
        let tree: TreeIn<'a> = serde_json::from_str(std::str::from_utf8(json).ok()?).ok()?;
        Some(tree.nodes.unwrap_or_default())
    }
}

impl NodeIn<'_> {
    /// The pieces of a file; `None` when they are no ids.
    pub(super) fn pieces(&self) -> Option<Vec<Id>> {
        self.content.iter().flatten().map(|id| unhex(id)).collect()
    }

    /// The directory below.
    pub(super) fn below(&self) -> Option<Id> {
        unhex(self.subtree?)
    }

    /// The name as it was on disk: restic writes what is not printable as Go does.
    pub(super) fn real_name(&self) -> OsString {
        if is_plain(&self.name) {
            return self.name.as_ref().into();
        }
        let node = Node { name: self.name.to_string(), ..Node::default() };
        node.name().into_owned()
    }

    /// Permission bits.
    pub(super) const fn permissions(&self) -> u32 {
        let mut mode = self.mode & 0o777;
        if self.mode & GO_SETUID != 0 {
            mode |= 0o4000;
        }
        if self.mode & GO_SETGID != 0 {
            mode |= 0o2000;
        }
        if self.mode & GO_STICKY != 0 {
            mode |= 0o1000;
        }
        mode
    }
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\')
}

/// A name as it is stored.
pub(super) fn stored_name(name: &OsStr) -> Cow<'_, str> {
    match name.to_str() {
        Some(text) if is_plain(text) => Cow::Borrowed(text),
        _ => Cow::Owned(Node::new_node(name, NodeType::File, Metadata::default()).name),
    }
}

/// Nanoseconds since 1970 as they are stored.
pub(super) fn stored_time(nanos: i128) -> String {
    jiff::Timestamp::from_nanosecond(nanos).unwrap_or_default().to_string()
}

/// A directory that is being written.
pub(super) struct TreeOut {
    json: String,
    empty: bool,
}

impl TreeOut {
    pub(super) fn new() -> Self {
        Self { json: String::from("{\"nodes\":["), empty: true }
    }

    fn begin(&mut self, name: &OsStr, kind: &str, go: u32, facts: &Facts) {
        let mut mode = facts.mode & 0o777 | go;
        for (bit, go) in [(0o4000, GO_SETUID), (0o2000, GO_SETGID), (0o1000, GO_STICKY)] {
            mode |= if facts.mode & bit != 0 { go } else { 0 };
        }
        self.json.push_str(if self.empty { "{\"name\":" } else { ",{\"name\":" });
        self.empty = false;
        let name = stored_name(name);
        if is_plain(&name) {
            let _ = write!(self.json, "\"{name}\"");
        } else {
            self.json.push_str(&serde_json::Value::from(name.as_ref()).to_string());
        }
        let (mtime, ctime) = (stored_time(facts.modified), stored_time(facts.changed));
        // No inode: whatever makes a file another one changes its `ctime`, and a number of its own
        // for each of them is a tenth of what a directory takes.
        let Facts { uid, gid, .. } = facts;
        let _ = write!(
            self.json,
            ",\"type\":\"{kind}\",\"mode\":{mode},\"mtime\":\"{mtime}\",\"atime\":\"{mtime}\",\
             \"ctime\":\"{ctime}\",\"uid\":{uid},\"gid\":{gid}"
        );
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &OsStr, facts: &Facts, size: u64, pieces: &[Id]) {
        self.begin(name, "file", 0, facts);
        let _ = write!(self.json, ",\"size\":{size},\"links\":1,\"content\":[");
        for (n, id) in pieces.iter().enumerate() {
            let _ = write!(self.json, "{}\"{}\"", if n > 0 { "," } else { "" }, hex(id));
        }
        self.json.push_str("]}");
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, name: &OsStr, facts: &Facts, target: &OsStr) {
        self.begin(name, "symlink", GO_LINK, facts);
        let target = serde_json::Value::from(target.to_string_lossy().as_ref());
        let _ = write!(self.json, ",\"links\":1,\"linktarget\":{target},\"content\":null}}");
    }

    /// Adds a directory.
    pub(super) fn folder(&mut self, name: &OsStr, facts: &Facts, below: &Id) {
        self.begin(name, "dir", GO_DIR, facts);
        let _ = write!(self.json, ",\"content\":null,\"subtree\":\"{}\"}}", hex(below));
    }

    /// The bytes of the directory.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.json.push_str("]}\n");
        self.json.into_bytes()
    }
}

/// Whether a stored file is the one that was looked at, unchanged.
pub(super) fn is_same(node: &NodeIn<'_>, facts: &Facts) -> bool {
    let kind = match facts.kind {
        FileKind::File => "file",
        FileKind::Dir => "dir",
        FileKind::Link => "symlink",
        FileKind::Other => return false,
    };
    node.kind == kind
        && (kind != "file" || node.size == facts.size)
        && (node.inode == 0 || node.inode == facts.inode)
        && node.permissions() == facts.mode
        && node.mtime == stored_time(facts.modified)
        && node.ctime == stored_time(facts.changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kind: FileKind) -> Facts {
        Facts {
            kind,
            size: 3,
            modified: 1_700_000_000_123_456_789,
            changed: 5,
            mode: 0o640,
            uid: 1,
            gid: 2,
            inode: 9,
            links: 1,
        }
    }

    #[test]
    fn a_directory_reads_as_it_was_written_by_us_and_by_rustic() {
        let mut out = TreeOut::new();
        out.file("a \"b\"".as_ref(), &facts(FileKind::File), 3, &[[1; 32], [2; 32]]);
        out.link("l".as_ref(), &facts(FileKind::Link), "../x".as_ref());
        out.folder("z".as_ref(), &facts(FileKind::Dir), &[3; 32]);
        let json = out.finish();
        let nodes = TreeIn::parse(&json).unwrap();
        assert_eq!(nodes[0].real_name(), "a \"b\"");
        assert_eq!(nodes[0].pieces().unwrap(), [[1; 32], [2; 32]]);
        assert!(is_same(&nodes[0], &facts(FileKind::File)));
        assert!(!is_same(&nodes[0], &Facts { size: 4, ..facts(FileKind::File) }));
        assert_eq!(nodes[1].linktarget, "../x");
        assert_eq!(nodes[2].below(), Some([3; 32]));
        let theirs: rustic_core::repofile::Tree = serde_json::from_slice(&json).unwrap();
        assert_eq!(theirs.nodes[0].name().to_str(), Some("a \"b\""));
        assert!(theirs.nodes[2].is_dir() && theirs.nodes[1].is_symlink());
    }
}
