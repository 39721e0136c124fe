//! How far a long piece of work is, for whoever shows it, and the request to
//! stop. Both are numbers that any thread may look at; nothing waits for them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Fixing the list of what is there.
    Listing,
    /// Reading files and writing packs.
    Reading,
    /// Writing directories, index and snapshot.
    Finishing,
    /// Writing files from packs.
    Restoring,
    /// Holding what was written against its digests.
    Verifying,
    /// Looking through the repository.
    Checking,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::Listing, Self::Reading, Self::Finishing, Self::Restoring, Self::Verifying, Self::Checking];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Reading => "reading",
            Self::Finishing => "finishing",
            Self::Restoring => "restoring",
            Self::Verifying => "verifying",
            Self::Checking => "checking",
        }
    }
}

/// How far the work is.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    files: AtomicU64,
    files_total: AtomicU64,
    bytes: AtomicU64,
    bytes_total: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    /// Begins a phase with this much to do.
    pub fn begin(&self, phase: Phase, files: u64, bytes: u64) {
        let at = Phase::ALL.iter().position(|p| *p == phase).unwrap_or(0);
        self.files.store(0, Relaxed);
        self.bytes.store(0, Relaxed);
        self.files_total.store(files, Relaxed);
        self.bytes_total.store(bytes, Relaxed);
        self.phase.store(u8::try_from(at).unwrap_or(0), Relaxed);
    }

    /// So much more is done.
    pub fn add(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// What is being done.
    #[must_use]
    pub fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.phase.load(Relaxed))]
    }

    /// Files done, and of how many.
    #[must_use]
    pub fn files(&self) -> (u64, u64) {
        (self.files.load(Relaxed), self.files_total.load(Relaxed))
    }

    /// Bytes done, and of how many.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes.load(Relaxed), self.bytes_total.load(Relaxed))
    }

    /// Asks the work to stop at the next safe point.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }
}
