//! Packs being filled: blobs one after another, a sealed list of them, its
//! length; named by the hash of the whole, as restic has it.
//!
//! A pack belongs to one thread, which seals straight into it: no blob is
//! handed from thread to thread, and none is copied once it is sealed.

use super::Result;
use super::cipher::{Id, Sealer, digest};
use super::index::{Pack, Packed, Sort};

/// A pack is written when it is this long: restic's own size.
const FULL: usize = 16 << 20;
/// The list at the end of a pack stays well below what others accept.
const MOST_BLOBS: usize = 40_000;

/// A pack that is being filled.
pub(super) struct Packer {
    sort: Sort,
    bytes: Vec<u8>,
    blobs: Vec<Packed>,
}

impl Packer {
    pub(super) const fn new(sort: Sort) -> Self {
        Self { sort, bytes: Vec::new(), blobs: Vec::new() }
    }

    /// Adds a blob; the finished pack when that filled it.
    pub(super) fn add(&mut self, sealer: &mut Sealer, id: Id, plain: &[u8]) -> Result<Option<(Pack, Vec<u8>)>> {
        let offset = self.bytes.len();
        let raw = sealer.seal_blob(plain, &mut self.bytes)?;
        self.added(sealer, id, offset, raw)
    }

    /// Adds a blob as it was packed elsewhere: `raw` is its length before it
    /// was compressed, or 0.
    pub(super) fn add_packed(
        &mut self,
        sealer: &Sealer,
        id: Id,
        packed: &[u8],
        raw: u32,
    ) -> Result<Option<(Pack, Vec<u8>)>> {
        let offset = self.bytes.len();
        sealer.seal(packed, &mut self.bytes)?;
        self.added(sealer, id, offset, raw)
    }

    fn added(&mut self, sealer: &Sealer, id: Id, offset: usize, raw: u32) -> Result<Option<(Pack, Vec<u8>)>> {
        // A pack is written long before its length passes 32 bits.
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.blobs.push(Packed { id, offset: narrow(offset), length: narrow(self.bytes.len() - offset), raw });
        if self.bytes.len() >= FULL || self.blobs.len() >= MOST_BLOBS { self.finish(sealer) } else { Ok(None) }
    }

    /// Ends the pack: what the index needs, and its bytes. `None` when it is
    /// empty.
    pub(super) fn finish(&mut self, sealer: &Sealer) -> Result<Option<(Pack, Vec<u8>)>> {
        if self.blobs.is_empty() {
            return Ok(None);
        }
        let blobs = std::mem::take(&mut self.blobs);
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut list = Vec::with_capacity(blobs.len() * 41);
        let tree = u8::from(self.sort == Sort::Tree);
        for blob in &blobs {
            list.push(if blob.raw > 0 { 2 + tree } else { tree });
            list.extend_from_slice(&blob.length.to_le_bytes());
            if blob.raw > 0 {
                list.extend_from_slice(&blob.raw.to_le_bytes());
            }
            list.extend_from_slice(&blob.id);
        }
        let start = bytes.len();
        sealer.seal(&list, &mut bytes)?;
        let length = u32::try_from(bytes.len() - start).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_le_bytes());
        let pack = Pack { id: digest(&bytes), sort: self.sort, blobs };
        Ok(Some((pack, bytes)))
    }
}
