//! What happened, from the journal.

use crate::journal::{Filter, Record, Records};
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

    /// The lines of the journal that a filter takes, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn records(&self, filter: Filter) -> Result<Records> {
        Ok(self.journal.read(filter)?)
    }

    /// The last `n` lines, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn newest_records(&self, n: usize) -> Result<Vec<Record>> {
        Ok(self.journal.tail(n)?)
    }

    /// The number of the last line; 0 when there is none.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn journal_end(&self) -> Result<u64> {
        Ok(self.journal.tail(1)?.pop().map_or(0, |record| record.seq))
    }
}
