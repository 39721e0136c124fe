//! When something is due, in the notation of crontab(5): minute, hour, day of
//! the month, month, day of the week, and a time zone if not this machine's.
//!
//! Reading it and finding the next time is `cronexpr`'s, which is named here
//! alone. Times that a clock change skips or repeats are its decision.

use std::fmt;
use std::sync::OnceLock;

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions, parse_crontab_with};
use jiff::Timestamp;

/// What is written for never.
const NEVER: &str = "none";

/// What is built in: known to be right, so that a `send`, which reads the
/// settings too, neither compiles it nor asks for this machine's time zone.
const BUILT_IN: [&str; 4] = ["0 2 * * SUN", "0 4 * * WED", "0 3 * * MON,TUE,THU-SAT", "0 5 * * SUN"];

/// A schedule, or never.
#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    table: OnceLock<Option<Crontab>>,
}

impl Cron {
    /// Reads `0 2 * * SUN`, `0 3 * * MON-FRI Europe/Berlin`, or `none`.
    ///
    /// # Errors
    /// What is expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let cron = Self { text: text.to_owned(), table: OnceLock::new() };
        if text == NEVER || BUILT_IN.contains(&text) || cron.table().is_some() {
            return Ok(cron);
        }
        Err(format!("{text:?} is no schedule; write minute, hour, day, month and weekday (0 2 * * SUN), or none"))
    }

    fn table(&self) -> Option<&Crontab> {
        let compile = || {
            let mut options = ParseOptions::default();
            options.fallback_timezone_option = FallbackTimezoneOption::System;
            parse_crontab_with(&self.text, options).ok()
        };
        self.table.get_or_init(compile).as_ref()
    }

    /// The first time after `at`; `None` for never.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        Some(self.table()?.find_next(at).ok()?.timestamp())
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl Default for Cron {
    fn default() -> Self {
        Self { text: NEVER.to_owned(), table: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_time_is_found_in_its_zone() {
        let sunday = Cron::parse("0 2 * * SUN UTC").unwrap();
        assert_eq!(sunday.next_after(at("2026-11-24T00:00:00Z")), Some(at("2026-11-29T02:00:00Z")));
        assert_eq!(sunday.next_after(at("2026-11-29T02:00:00Z")), Some(at("2026-12-06T02:00:00Z")));
        let berlin = Cron::parse("0 3 * * MON,TUE,THU-SAT Europe/Berlin").unwrap();
        assert_eq!(berlin.next_after(at("2026-11-24T02:00:01Z")), Some(at("2026-11-26T02:00:00Z")));
        assert_eq!(Cron::parse("none").unwrap().next_after(at("2026-11-24T00:00:00Z")), None);
    }

    #[test]
    fn what_is_built_in_is_right() {
        for text in BUILT_IN {
            assert!(Cron::parse(text).unwrap().table().is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_said() {
        for bad in ["", "daily", "61 * * * *", "0 2 * * SUN Atlantis/City", "* * *"] {
            assert!(Cron::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Cron::parse(" 0 2 * * 0 ").unwrap().to_string(), "0 2 * * 0");
    }
}
