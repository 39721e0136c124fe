//! Work on many files with every processor, in their order.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fewer than this are done sooner than a thread is started.
const FEW: usize = 64;

/// What `work` makes of each, in order.
pub(crate) fn map<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if things.len() < FEW { things.iter().map(work).collect() } else { map_large(things, work) }
}

/// The same, where each takes longer than it takes to start a thread.
pub(crate) fn map_large<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    if things.len() < 2 || threads == 1 {
        return things.iter().map(work).collect();
    }
    // One after the other as a thread gets free: one of them may be larger than all the rest.
    let (next, work) = (AtomicUsize::new(0), &work);
    let take = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        things.get(at).map(|thing| (at, work(thing)))
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let worker = || std::iter::from_fn(take).collect::<Vec<_>>();
        let workers: Vec<_> = (0..threads.min(things.len())).map(|_| scope.spawn(worker)).collect();
        let done = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        // A panic in one is the caller's, as it is without threads.
        done.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_order_stays_however_many_there_are() {
        for n in [0, 1, 63, 64, 65, 1_001] {
            let things: Vec<usize> = (0..n).collect();
            let twice = things.iter().map(|n| n * 2).collect::<Vec<_>>();
            assert_eq!(super::map(&things, |n| n * 2), twice);
            assert_eq!(super::map_large(&things, |n| n * 2), twice);
        }
    }
}
