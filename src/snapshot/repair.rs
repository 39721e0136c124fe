//! Repairing what can be: the index without what is damaged or missing, and
//! with packs that it had lost.
//!
//! A damaged piece cannot be made whole, but as long as the index knows it,
//! every later snapshot relies on it. Taken out, it is stored anew by the next
//! full snapshot wherever a live file still has it.

use std::collections::HashSet;

use rustic_core::{FileType, Id as RusticId};

use super::check::{Checked, Depth, by_pack};
use super::cipher::{Id, digest};
use super::index::{Pack, Packed, Sort, Spot, write};
use super::{Progress, Repository, Result};

/// What a repair would do, or did.
#[derive(Debug)]
pub struct RepairPlan {
    /// What the check found.
    pub checked: Checked,
    /// Pieces that are taken out of the index, so that the next snapshot
    /// stores them anew where a live file still has them.
    pub forgotten: usize,
    /// Packs that are put into the index again.
    pub found: usize,
    packs: Vec<Pack>,
}

impl RepairPlan {
    /// Whether there is anything to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forgotten == 0 && self.found == 0
    }
}

impl Repository {
    /// What a repair would do: the index without what is damaged or missing,
    /// with packs that it had lost. Reads every pack.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn plan_repair(&self, progress: &Progress) -> Result<RepairPlan> {
        let (checked, index) = self.checked(Depth::All, progress)?;
        let mut packs = Vec::new();
        let mut forgotten = 0;
        for (at, blobs) in by_pack(&index).into_iter().enumerate() {
            let Some(sort) = blobs.first().map(|(_, _, sort)| *sort) else { continue };
            let (bad, good): (Vec<_>, Vec<_>) = blobs.into_iter().partition(|(id, ..)| checked.bad.contains(id));
            forgotten += bad.len();
            if !good.is_empty() {
                let blobs = good.into_iter().map(|(id, s, _)| packed(id, s)).collect();
                packs.push(Pack { id: index.packs[at], sort, blobs });
            }
        }
        let named: HashSet<&Id> = index.packs.iter().collect();
        let mut found = 0;
        for id in self.ids(FileType::Pack)?.iter().filter(|id| !named.contains(id)) {
            // Left by an attempt that was cut off, or an index was lost: its own list tells.
            if let Some(pack) = self.read_list(id)? {
                found += 1;
                packs.push(pack);
            }
        }
        Ok(RepairPlan { checked, forgotten, found, packs })
    }

    /// Does exactly what the plan says.
    ///
    /// # Errors
    /// When the new index cannot be written; the old one is kept then.
    pub fn repair(&self, plan: &RepairPlan) -> Result<()> {
        let old = self.ids(FileType::Index)?;
        let mut sealer = self.sealer()?;
        let mut new = HashSet::new();
        for packs in plan.packs.chunks(500) {
            new.insert(self.write(FileType::Index, sealer.seal_file(&write(packs))?)?);
        }
        for id in old.iter().filter(|id| !new.contains(*id)) {
            self.backend.remove(FileType::Index, &RusticId::new(*id), false)?;
        }
        Ok(())
    }

    /// The list at the end of a whole pack; `None` when the pack is damaged.
    fn read_list(&self, id: &Id) -> Result<Option<Pack>> {
        let bytes = self.backend.read_full(FileType::Pack, &RusticId::new(*id))?;
        if digest(&bytes) != *id {
            return Ok(None);
        }
        let sealer = self.sealer()?;
        let parse = || {
            let (rest, length) = bytes.split_last_chunk::<4>()?;
            let start = rest.len().checked_sub(u32::from_le_bytes(*length) as usize)?;
            let list = sealer.open(&rest[start..])?;
            let (mut list, mut offset, mut blobs, mut sort) = (list.as_slice(), 0, Vec::new(), Sort::Data);
            while let Some((kind, rest)) = list.split_first() {
                let (length, mut rest) = rest.split_first_chunk::<4>()?;
                let mut raw = 0;
                if *kind >= 2 {
                    let (number, after) = rest.split_first_chunk::<4>()?;
                    (raw, rest) = (u32::from_le_bytes(*number), after);
                }
                let (id, rest) = rest.split_first_chunk::<32>()?;
                let length = u32::from_le_bytes(*length);
                sort = if kind & 1 == 1 { Sort::Tree } else { Sort::Data };
                blobs.push(Packed { id: *id, offset, length, raw });
                offset = offset.checked_add(length)?;
                list = rest;
            }
            Some(Pack { id: *id, sort, blobs })
        };
        Ok(parse())
    }
}

fn packed(id: Id, spot: Spot) -> Packed {
    Packed { id, offset: spot.offset, length: spot.length, raw: spot.raw }
}
