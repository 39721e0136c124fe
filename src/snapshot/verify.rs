//! Holding what was restored against its digests, on all processors.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::atomic::AtomicUsize;

use super::archive::take;
use super::cipher::digest;
use super::index::Index;
use super::restore::{Plan, length_of, on_all, parent_of};
use super::{Progress, Result};
use crate::fsio::{Dir, FsError, settle_file};

/// Reads every file back and holds it against its digests.
pub(super) fn verify(
    index: &Index,
    place: &Dir,
    plan: &Plan,
    lost: &mut BTreeMap<usize, String>,
    progress: &Progress,
) -> Result<()> {
    const RUN: usize = 256;
    let next = AtomicUsize::new(0);
    let known = &*lost;
    let wrong = on_all(|| {
        let mut wrong = Vec::new();
        let mut folder: Option<(usize, Dir)> = None;
        let mut bytes = Vec::new();
        loop {
            let from = take(&next) * RUN;
            if from >= plan.files.len() {
                return Ok(wrong);
            }
            for (at, wish) in plan.files.iter().enumerate().skip(from).take(RUN) {
                if known.contains_key(&at) {
                    continue;
                }
                if folder.as_ref().is_none_or(|(known, _)| *known != wish.folder) {
                    folder = parent_of(place, &wish.path)?.map(|dir| (wish.folder, dir));
                }
                let Some((_, dir)) = &folder else { continue };
                let name = wish.path.file_name().unwrap_or_default();
                let fits = match dir.open_file(name)? {
                    Some((mut file, facts)) if facts.size == wish.size => {
                        let mut fits = true;
                        for id in &wish.pieces {
                            let length = index.data.get(id).map_or(0, length_of);
                            bytes.clear();
                            let read = (&mut file).take(length).read_to_end(&mut bytes);
                            read.map_err(|e| FsError::new("read", dir.path().join(name), e))?;
                            fits &= digest(&bytes) == *id;
                        }
                        if wish.pieces.len() != 1 {
                            let settled = settle_file(&file, wish.mode, wish.modified);
                            settled.map_err(|e| FsError::new("set the mode of", dir.path().join(name), e))?;
                        }
                        fits
                    }
                    _ => false,
                };
                if !fits {
                    wrong.push(at);
                }
                progress.add(1, wish.size);
            }
        }
    })?;
    for file in wrong.into_iter().flatten() {
        lost.insert(file, "what was written is not what was read back".into());
    }
    Ok(())
}
