//! What happened, from the journal.

use std::collections::VecDeque;

use crate::journal::{Filter, Record, Records};
use crate::model::Event;

use super::{ErrorKind, Office, OfficeError, Result};

/// Lines that are read from the end, instead of all from the start.
const NEAR: usize = 4_096;

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

    /// The first `limit` lines that a filter takes behind the number it names,
    /// oldest first. Not far from the end, only the end is read.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn records_after(&self, filter: Filter, limit: usize) -> Result<Vec<Record>> {
        let behind = usize::try_from(self.journal_end()?.saturating_sub(filter.after)).unwrap_or(usize::MAX);
        if behind > NEAR {
            return Ok(self.journal.read(filter)?.take(limit).collect());
        }
        let end = self.journal.tail(behind)?;
        Ok(end.into_iter().filter(|record| filter.takes(record)).take(limit).collect())
    }

    /// The last `n` lines, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn newest_records(&self, n: usize) -> Result<Vec<Record>> {
        Ok(self.journal.tail(n)?)
    }

    /// The last `limit` lines that a filter takes, oldest first. The journal is
    /// read from its start: only that tells which are the newest about one.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn newest_about(&self, filter: Filter, limit: usize) -> Result<Vec<Record>> {
        let mut newest = VecDeque::with_capacity(limit);
        for record in self.journal.read(filter)? {
            if newest.len() == limit {
                newest.pop_front();
            }
            newest.push_back(record);
        }
        Ok(newest.into())
    }

    /// The number of the last line; 0 when there is none.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn journal_end(&self) -> Result<u64> {
        Ok(self.journal.tail(1)?.pop().map_or(0, |record| record.seq))
    }
}
