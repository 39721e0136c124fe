//! What happened, from the journal.

use crate::journal::Filter;
use crate::model::Event;

use super::{ErrorKind, Office, OfficeError, Result};

impl Office {
    /// Every step of one message, oldest first.
    ///
    /// # Errors
    /// No step of it is known.
    pub fn trace(&self, id: &str) -> Result<Vec<Event>> {
        let whole = id.trim().to_ascii_uppercase().parse().ok();
        let id = match whole {
            Some(id) => id,
            None => self.mailbox()?.find(id)?.name.id(),
        };
        let events: Vec<Event> = self.journal.read(Filter::message(id))?.map(|record| record.event).collect();
        if events.is_empty() {
            return Err(OfficeError::new(ErrorKind::NotFound, format!("the journal knows nothing of {id}"))
                .hint("cellphone log"));
        }
        Ok(events)
    }

    /// The last `n` events, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn log(&self, n: usize) -> Result<Vec<Event>> {
        Ok(self.journal.tail(n)?.into_iter().map(|record| record.event).collect())
    }
}
