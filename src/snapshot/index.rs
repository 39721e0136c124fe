//! Where each blob of a repository lies: the index files, read into one map.
//!
//! Only what a full read needs: which pack, where in it, how long. A pack that
//! is marked for deletion counts as gone, so that nothing new builds on it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

use super::cipher::{Id, hex, unhex};
use super::{Result, SnapshotError};

/// An id is a hash already: its first bytes are as good as any.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut first = [0; 8];
        let n = bytes.len().min(8);
        first[..n].copy_from_slice(&bytes[..n]);
        self.0 = u64::from_le_bytes(first);
    }
    fn write_usize(&mut self, _: usize) {}
    fn finish(&self) -> u64 {
        self.0
    }
}

pub(super) type IdMap<T> = HashMap<Id, T, BuildHasherDefault<IdHasher>>;

/// Where a blob lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Position in [`Index::packs`].
    pub(super) pack: u32,
    /// Its first byte.
    pub(super) offset: u32,
    /// Its length, envelope included.
    pub(super) length: u32,
    /// Its length before it was compressed; 0 when it was not.
    pub(super) raw: u32,
}

/// The two sorts of blobs, which never share a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    /// A piece of a file.
    Data,
    /// A directory.
    Tree,
}

/// A blob in a pack that is being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) id: Id,
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) raw: u32,
}

/// A pack that is on stable storage, for the index.
#[derive(Debug, Clone)]
pub(super) struct Pack {
    pub(super) id: Id,
    pub(super) sort: Sort,
    pub(super) blobs: Vec<Packed>,
}

/// All blobs of a repository.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) packs: Vec<Id>,
    pub(super) data: IdMap<Spot>,
    pub(super) trees: IdMap<Spot>,
}

#[derive(Deserialize)]
struct FileIn<'a> {
    #[serde(borrow, default)]
    packs: Vec<PackIn<'a>>,
}

#[derive(Deserialize)]
struct PackIn<'a> {
    id: &'a str,
    #[serde(borrow, default)]
    blobs: Vec<BlobIn<'a>>,
}

#[derive(Deserialize)]
struct BlobIn<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    sort: Sort,
    offset: u32,
    length: u32,
    #[serde(default)]
    uncompressed_length: Option<u32>,
}

impl Index {
    /// Adds one index file, opened.
    pub(super) fn add(&mut self, json: &[u8], file: &str) -> Result<()> {
        let fail = |why: String| SnapshotError::Damaged(format!("index {file}: {why}"));
        let text = std::str::from_utf8(json).map_err(|_| fail("it is not UTF-8".into()))?;
        let parsed: FileIn<'_> = serde_json::from_str(text).map_err(|e| fail(e.to_string()))?;
        self.data.reserve(parsed.packs.iter().map(|p| p.blobs.len()).sum());
        for pack in parsed.packs {
            let bad = || fail(format!("{} is no id", pack.id));
            let at = u32::try_from(self.packs.len()).map_err(|_| fail("too many packs".into()))?;
            self.packs.push(unhex(pack.id).ok_or_else(bad)?);
            for blob in pack.blobs {
                let id = unhex(blob.id).ok_or_else(|| fail(format!("{} is no id", blob.id)))?;
                let spot = Spot {
                    pack: at,
                    offset: blob.offset,
                    length: blob.length,
                    raw: blob.uncompressed_length.unwrap_or(0),
                };
                match blob.sort {
                    Sort::Data => self.data.insert(id, spot),
                    Sort::Tree => self.trees.insert(id, spot),
                };
            }
        }
        Ok(())
    }
}

/// The text of an index file for these packs.
pub(super) fn write(packs: &[Pack]) -> Vec<u8> {
    use std::fmt::Write as _;
    let blobs: usize = packs.iter().map(|p| p.blobs.len()).sum();
    let mut out = String::with_capacity(blobs * 150 + packs.len() * 100 + 20);
    out.push_str("{\"packs\":[");
    for (n, pack) in packs.iter().enumerate() {
        let sort = if pack.sort == Sort::Data { "data" } else { "tree" };
        let _ = write!(out, "{}{{\"id\":\"{}\",\"blobs\":[", if n > 0 { "," } else { "" }, hex(&pack.id));
        for (n, blob) in pack.blobs.iter().enumerate() {
            let (comma, id) = (if n > 0 { "," } else { "" }, hex(&blob.id));
            let (offset, length) = (blob.offset, blob.length);
            let _ = write!(out, "{comma}{{\"id\":\"{id}\",\"type\":\"{sort}\",\"offset\":{offset},\"length\":{length}");
            if blob.raw > 0 {
                let _ = write!(out, ",\"uncompressed_length\":{}", blob.raw);
            }
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push_str("]}");
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_reads_what_was_written() {
        let blob = |n: u8, raw| Packed { id: [n; 32], offset: 5, length: 40, raw };
        let packs = [
            Pack { id: [9; 32], sort: Sort::Data, blobs: vec![blob(1, 0), blob(2, 77)] },
            Pack { id: [8; 32], sort: Sort::Tree, blobs: vec![blob(3, 0)] },
        ];
        let mut index = Index::default();
        index.add(&write(&packs), "x").unwrap();
        assert_eq!(index.packs, [[9; 32], [8; 32]]);
        assert_eq!(index.data[&[2; 32]], Spot { pack: 0, offset: 5, length: 40, raw: 77 });
        assert_eq!(index.trees[&[3; 32]].pack, 1);
        assert!(index.add(b"{\"packs\":[{\"id\":\"zz\"}]}", "y").is_err());
    }
}
