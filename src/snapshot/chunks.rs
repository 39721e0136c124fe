//! Cutting a large file into pieces where its content says, as restic does, so
//! that an insertion in the middle moves no later cut.
//!
//! The tables of the rolling hash cost some 16,000 polynomial divisions; they
//! are made once for each thread, and a file below the least size of a piece
//! never meets them.

use std::io::Read;

use rustic_cdc::{Rabin64, RollingHash64 as _};

use super::{Result, SnapshotError};

const LEAST: usize = 512 << 10;
const MOST: usize = 8 << 20;
/// A cut where the last twenty bits are zero: a megabyte on average.
const MASK: u64 = (1 << 20) - 1;
const WINDOW: usize = 64;

/// Cuts files for one thread.
pub(super) struct Cutter {
    polynomial: u64,
    hash: Option<Rabin64>,
    buffer: Vec<u8>,
}

impl Cutter {
    /// With the polynomial of a repository, in hexadecimal.
    pub(super) fn new(polynomial: &str) -> Result<Self> {
        let polynomial = u64::from_str_radix(polynomial, 16)
            .map_err(|_| SnapshotError::Damaged(format!("the repository's polynomial {polynomial:?} is none")))?;
        Ok(Self { polynomial, hash: None, buffer: Vec::new() })
    }

    /// Reads to the end, at most `limit` bytes, and hands out the pieces;
    /// gives how many bytes that were.
    pub(super) fn each(
        &mut self,
        mut file: impl Read,
        expected: u64,
        limit: u64,
        mut piece: impl FnMut(&[u8]) -> Result<()>,
    ) -> std::io::Result<Result<u64>> {
        let mut left = limit;
        let mut total = 0;
        let mut from = 0;
        self.buffer.clear();
        // Twice the longest piece, so that what is left over is moved to the front once for each of them.
        let room = usize::try_from(expected.min(left)).unwrap_or(MOST).saturating_add(1).min(2 * MOST);
        self.buffer.reserve_exact(room);
        loop {
            let want = (2 * MOST - self.buffer.len()) as u64;
            let got = (&mut file).take(want.min(left)).read_to_end(&mut self.buffer)? as u64;
            left -= got;
            let ended = got < want;
            while from < self.buffer.len() && (ended || self.buffer.len() - from >= MOST) {
                let to = from + self.cut(from);
                if let Err(e) = piece(&self.buffer[from..to]) {
                    return Ok(Err(e));
                }
                total += (to - from) as u64;
                from = to;
            }
            if ended {
                return Ok(Ok(total));
            }
            self.buffer.drain(..from);
            from = 0;
        }
    }

    /// How long the piece is that begins there.
    fn cut(&mut self, from: usize) -> usize {
        let bytes = &self.buffer[from..self.buffer.len().min(from + MOST)];
        if bytes.len() <= LEAST {
            return bytes.len();
        }
        let polynomial = self.polynomial;
        let hash = self.hash.get_or_insert_with(|| Rabin64::new_with_polynom(6, &polynomial));
        hash.reset_and_prefill_window(&mut bytes[LEAST - WINDOW..LEAST].iter().copied());
        if hash.hash & MASK == 0 {
            return LEAST;
        }
        for (at, byte) in bytes.iter().enumerate().skip(LEAST) {
            hash.slide(*byte);
            if hash.hash & MASK == 0 {
                return at + 1;
            }
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_file_and_survive_an_insertion() {
        let mut state = 1_u64;
        let mut bytes: Vec<u8> = (0..6_000_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let mut cutter = Cutter::new("3da3358b4dc173").unwrap();
        let mut pieces = |bytes: &[u8]| {
            let mut found = Vec::new();
            let total = cutter.each(bytes, 0, u64::MAX, |p| {
                found.push(p.to_vec());
                Ok(())
            });
            assert_eq!(total.unwrap().unwrap(), bytes.len() as u64);
            found
        };
        let before = pieces(&bytes);
        assert_eq!(before.concat(), bytes);
        assert!(before.len() > 2 && before.iter().rev().skip(1).all(|p| p.len() >= LEAST && p.len() <= MOST));
        bytes.insert(10, 7);
        let after = pieces(&bytes);
        assert_eq!(before.last(), after.last());
        assert_eq!(pieces(b"").len(), 0);
        assert_eq!(pieces(b"x"), [b"x".to_vec()]);
    }
}
