//! How much at once: requests of one caller, requests of all, and threads.
//!
//! Nothing here queues without end. What is over a bound is told so, with the
//! time after which it may come again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Refusal;
use crate::office::setup::HttpSettings;

/// Threads of the daemon that requests may use at the same time: half, so that
/// scans and windows have theirs.
const THREADS: usize = 8;
/// Requests after which callers who have gone are forgotten.
const SWEEP: u32 = 4_096;
/// The name under which those who show nothing that counts are counted.
const STRANGERS: &str = "";
/// Requests a second of all those together.
const STRANGE: u32 = 20;

pub(super) struct Limits {
    callers: DefaultKeyedRateLimiter<String>,
    strangers: DefaultKeyedRateLimiter<String>,
    taken: AtomicU32,
    all: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let limiter =
            |rate: u32| RateLimiter::keyed(Quota::per_second(NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN)));
        let all = usize::try_from(settings.concurrent).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            callers: limiter(settings.rate),
            strangers: limiter(STRANGE),
            taken: AtomicU32::new(0),
            all: Arc::new(Semaphore::new(all)),
            threads: Arc::new(Semaphore::new(THREADS)),
        }
    }

    /// A place among the requests that are worked on.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let full = || Refusal::busy(StatusCode::SERVICE_UNAVAILABLE, 1, "too many requests are being worked on");
        Arc::clone(&self.all).try_acquire_owned().map_err(|_| full())
    }

    /// The threads, for who works behind this door.
    pub(super) fn threads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.threads)
    }

    /// A thread; who has a place waits for it.
    pub(super) async fn thread(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.threads).acquire_owned().await.ok()
    }

    /// Counts a request of a token.
    pub(super) fn count(&self, token: &str) -> Result<(), Refusal> {
        if self.taken.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.callers.retain_recent();
        }
        over(&self.callers, token, "this token asks too often")
    }

    /// Counts a request of somebody who showed nothing that counts.
    pub(super) fn count_stranger(&self) -> Result<(), Refusal> {
        over(&self.strangers, STRANGERS, "too many ask without a token that counts")
    }
}

fn over(limiter: &DefaultKeyedRateLimiter<String>, key: &str, what: &str) -> Result<(), Refusal> {
    limiter.check_key(&key.to_owned()).map_err(|until| {
        let wait: Duration = until.wait_time_from(DefaultClock::default().now());
        Refusal::busy(StatusCode::TOO_MANY_REQUESTS, wait.as_secs() + 1, what)
    })
}
