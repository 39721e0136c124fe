//! The envelope of everything in a repository, as restic's design document
//! has it: AES-256 in counter mode, authenticated by Poly1305-AES, around what
//! zstd made of the bytes.
//!
//! One [`Sealer`] belongs to one thread. It keeps the contexts of the
//! compressor, which are dear: made anew for each message of a kilobyte they
//! cost more than the message.

use std::borrow::Cow;

use aes256ctr_poly1305aes::aead::AeadInPlace as _;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce, Tag};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use zstd::bulk::{Compressor, Decompressor};

use super::{Result, SnapshotError};

/// The SHA-256 that names a blob or a file of a repository.
pub(super) type Id = [u8; 32];

/// What the envelope adds: the nonce before, the tag behind.
pub(super) const OVERHEAD: usize = 32;
/// zstd's own default, which is also what restic's `auto` amounts to.
const LEVEL: i32 = 3;
/// Larger than any blob or index that is written; a length that claims more is damage.
const MOST: usize = 512 << 20;

/// The key to everything in a repository.
#[derive(Clone)]
pub(super) struct MasterKey(Key);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// From its 64 bytes: encryption, then the two halves of authentication.
    pub(super) fn new(bytes: &[u8; 64]) -> Self {
        Self(*Key::from_slice(bytes))
    }
}

/// The hash of bytes.
pub(super) fn digest(bytes: &[u8]) -> Id {
    Sha256::digest(bytes).into()
}

/// Hexadecimal, as names of files are.
pub(super) fn hex(id: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(id.len() * 2);
    for byte in id {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Reads an id written by [`hex`].
pub(super) fn unhex(text: &str) -> Option<Id> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut id = [0; 32];
    for (at, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
        *at = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(id)
}

/// Seals and opens for one thread.
pub(super) struct Sealer {
    cipher: Aes256CtrPoly1305Aes,
    /// `None` for repositories of restic's first format, which knows no compression.
    zip: Option<Compressor<'static>>,
    unzip: Decompressor<'static>,
    packed: Vec<u8>,
}

impl Sealer {
    pub(super) fn new(key: &MasterKey, compress: bool) -> Result<Self> {
        let fail = |e| SnapshotError::Internal(format!("the compressor does not start: {e}"));
        Ok(Self {
            cipher: Aes256CtrPoly1305Aes::new(&key.0),
            zip: if compress { Some(Compressor::new(LEVEL).map_err(fail)?) } else { None },
            unzip: Decompressor::new().map_err(fail)?,
            packed: Vec::new(),
        })
    }

    /// Compresses with what the same level takes for input of unknown length:
    /// directories are alike from end to end, and long matches serve them
    /// better (6 % less) than what it takes for a few hundred kilobytes.
    pub(super) fn tune_for_directories(&mut self) -> Result<()> {
        use zstd::zstd_safe::CParameter;
        let Some(zip) = &mut self.zip else { return Ok(()) };
        [CParameter::HashLog(17), CParameter::ChainLog(16), CParameter::MinMatch(5)]
            .into_iter()
            .try_for_each(|parameter| zip.set_parameter(parameter))
            .map_err(|e| SnapshotError::Internal(format!("the compressor does not take its parameters: {e}")))
    }

    /// Appends the envelope around bytes as they are.
    pub(super) fn seal(&self, plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut nonce = Nonce::default();
        rand::rng().fill_bytes(&mut nonce);
        out.reserve(plain.len() + OVERHEAD);
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(plain);
        let tag = self.cipher.encrypt_in_place_detached(&nonce, &[], &mut out[start..]);
        let tag = tag.map_err(|_| SnapshotError::Internal("the cipher refused the bytes".into()))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Appends a blob, compressed where that makes it smaller; gives the
    /// length before, 0 when it was left as it was.
    pub(super) fn seal_blob(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<u32> {
        let Some(zip) = &mut self.zip else {
            self.seal(plain, out)?;
            return Ok(0);
        };
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        let fail = |e| SnapshotError::Internal(format!("compressing failed: {e}"));
        zip.compress_to_buffer(plain, &mut self.packed).map_err(fail)?;
        if self.packed.len() >= plain.len() {
            self.seal(plain, out)?;
            return Ok(0);
        }
        let packed = std::mem::take(&mut self.packed);
        let sealed = self.seal(&packed, out);
        self.packed = packed;
        sealed?;
        u32::try_from(plain.len()).map_err(|_| SnapshotError::Internal("a blob of more than 4 GiB".into()))
    }

    /// Seals a file of the repository (an index, a snapshot).
    pub(super) fn seal_file(&mut self, json: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        match &mut self.zip {
            None => self.seal(json, &mut out)?,
            Some(zip) => {
                let packed = zip.compress(json);
                let packed = packed.map_err(|e| SnapshotError::Internal(format!("compressing failed: {e}")))?;
                let mut marked = Vec::with_capacity(packed.len() + 1);
                marked.push(2);
                marked.extend_from_slice(&packed);
                self.seal(&marked, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Opens an envelope; `None` when it is damaged or the key is another one.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(16)?;
        let (body, tag) = rest.split_at_checked(rest.len().checked_sub(16)?)?;
        let mut plain = body.to_vec();
        let (nonce, tag) = (Nonce::from_slice(nonce), Tag::from_slice(tag));
        self.cipher.decrypt_in_place_detached(nonce, &[], &mut plain, tag).ok()?;
        Some(plain)
    }

    /// Opens a blob; `raw` is its length before it was compressed, or 0.
    pub(super) fn open_blob(&mut self, sealed: &[u8], raw: u32) -> Option<Vec<u8>> {
        let packed = self.open(sealed)?;
        if raw == 0 { Some(packed) } else { self.unpack(&packed, raw).map(Cow::into_owned) }
    }

    /// What was in an envelope as it was before it was compressed.
    pub(super) fn unpack<'a>(&mut self, packed: &'a [u8], raw: u32) -> Option<Cow<'a, [u8]>> {
        if raw == 0 {
            return Some(Cow::Borrowed(packed));
        }
        let raw = usize::try_from(raw).ok().filter(|raw| *raw <= MOST)?;
        let bytes = self.unzip.decompress(packed, raw).ok()?;
        (bytes.len() == raw).then_some(Cow::Owned(bytes))
    }

    /// Opens a file of the repository.
    pub(super) fn open_file(&mut self, sealed: &[u8]) -> Option<Vec<u8>> {
        let plain = self.open(sealed)?;
        match plain.first()? {
            b'{' | b'[' => Some(plain),
            2 => zstd::stream::decode_all(&plain[1..]).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_what_was_touched_does_not() {
        let key = MasterKey::new(&[7; 64]);
        let mut sealer = Sealer::new(&key, true).unwrap();
        for plain in [Vec::new(), b"short".to_vec(), vec![b'x'; 100_000]] {
            let mut out = b"before".to_vec();
            let raw = sealer.seal_blob(&plain, &mut out).unwrap();
            assert_eq!(sealer.open_blob(&out[6..], raw).unwrap(), plain);
            out[10] ^= 1;
            assert!(sealer.open_blob(&out[6..], raw).is_none());
        }
        let file = sealer.seal_file(b"{\"a\":1}").unwrap();
        assert_eq!(sealer.open_file(&file).unwrap(), b"{\"a\":1}");
        assert!(sealer.open_file(&file[..20]).is_none());
        let id = digest(b"x");
        assert_eq!(unhex(&hex(&id)), Some(id));
    }
}
