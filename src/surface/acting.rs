//! Whoever a request was let in as: what the door of the daemon hands to what
//! answers behind it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use crate::office::Office;

/// Somebody whose token counts, for one request.
#[derive(Debug, Clone)]
pub struct Acting {
    office: Arc<Office>,
    read_only: bool,
    threads: Arc<Semaphore>,
    /// The place among the requests that are worked on, until this one is.
    _place: Arc<OwnedSemaphorePermit>,
}

impl Acting {
    /// Somebody, with the place that the request takes and the threads that
    /// all requests share.
    #[must_use]
    pub fn new(office: Office, read_only: bool, threads: Arc<Semaphore>, place: OwnedSemaphorePermit) -> Self {
        Self { office: Arc::new(office), read_only, threads, _place: Arc::new(place) }
    }

    /// Whether the token changes nothing.
    #[must_use]
    pub const fn read_only(&self) -> bool {
        self.read_only
    }

    /// Does something in a thread that may wait for a disk.
    ///
    /// # Errors
    /// It ended in a defect.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Office) -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let _thread = self.threads.acquire().await;
        let office = Arc::clone(&self.office);
        tokio::task::spawn_blocking(move || work(&office)).await
    }
}
