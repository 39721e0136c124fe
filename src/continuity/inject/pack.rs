//! Breaking repositories of snapshots.

use super::files::{below, flip as flip_file};
use super::{Injected, Site, Which, told, truly};
use crate::fsio::Dir;

/// Share of the packs that rot: one in so many, and one at least. Few enough
/// that the repository opens, enough that something of every snapshot is hit.
const ONE_IN: usize = 2;

pub(super) fn flip(site: &Site, which: Which, dice: &mut fastrand::Rng) -> Result<Injected, String> {
    let chosen: Vec<_> = match which {
        Which::First => site.repositories.iter().take(1).collect(),
        Which::Second => site.repositories.iter().skip(1).take(1).collect(),
        Which::All => site.repositories.iter().collect(),
    };
    if chosen.is_empty() {
        return Err("there is no such repository".into());
    }
    let (mut rotten, mut packs) = (0, 0);
    for repository in &chosen {
        let data = Dir::open(repository).and_then(|dir| dir.child("data")).map_err(told)?;
        let mut all = below(&data)?;
        if all.is_empty() {
            return Err(format!("{} holds no pack to rot", repository.display()));
        }
        packs += all.len();
        dice.shuffle(&mut all);
        all.truncate(all.len().div_ceil(ONE_IN));
        for file in &all {
            rotten += usize::from(flip_file(&data, file, dice)?);
        }
    }
    let of = match which {
        Which::First => "the first repository",
        Which::Second => "the second repository",
        Which::All => "every repository",
    };
    Ok(truly(format!("a bit was turned over in {rotten} of {packs} packs of {of}")))
}
