//! What was verified once and need not be again: a signature over bytes is
//! right for ever, as long as the signers are the same.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::model::AgentName;

/// Messages that are kept at most; with more, all are verified anew.
const MOST: usize = 50_000;

/// Everything that a verdict depends on beside the signers, as one hash.
pub(super) type Whole = [u8; 32];

pub(super) fn whole(bytes: &[u8], from: &AgentName, at: Timestamp) -> Whole {
    let from = from.as_str().as_bytes();
    let hash = Sha256::new().chain_update(from.len().to_le_bytes()).chain_update(from);
    hash.chain_update(at.as_nanosecond().to_le_bytes()).chain_update(bytes).finalize().into()
}

/// The messages that one set of signers verified; a copy begins with none.
#[derive(Debug, Default)]
pub(super) struct VerifiedOnce(Mutex<HashSet<Whole>>);

impl Clone for VerifiedOnce {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl VerifiedOnce {
    pub(super) fn has(&self, whole: &Whole) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(whole)
    }

    pub(super) fn add(&self, whole: Whole) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(whole);
    }
}
