//! How much of the machine a snapshot may take.

use std::sync::atomic::{AtomicBool, Ordering};

/// More threads than this wait for each other more than they work.
const MOST: usize = 8;

static GENTLE: AtomicBool = AtomicBool::new(false);

/// Lets everybody else go first, from now on and in the whole process: for
/// work that nobody waits for. Beside a low priority, half of the cores stay
/// free: a thread that wakes up on a busy core is late even when its turn is
/// first, and then so are the deliveries meanwhile.
pub fn lower_priority() {
    GENTLE.store(true, Ordering::Relaxed);
    // Where the system does not, it is done all the same.
    #[cfg(unix)]
    let _ = rustix::process::nice(10);
}

/// How many threads to work with.
pub(super) fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ours = if GENTLE.load(Ordering::Relaxed) { cores / 2 } else { cores };
    ours.clamp(1, MOST)
}
