//! How often somebody may do something: a bucket of tokens, as a value.
//!
//! The bucket is kept as one number, the instant at which it will be full
//! again (the virtual scheduling of the generic cell rate algorithm). So what
//! processes share is eight bytes, and any of them, torn or lost, means a
//! bucket that is full or fills as usual.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// So many in a time, with a burst: `60/minute`, `600/hour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many in that time.
    pub count: u32,
    /// A minute or an hour.
    pub per: Per,
    /// How many at once, when none was taken for long; at least 1.
    pub burst: u32,
}

/// The time of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// 60 s.
    Minute,
    /// 3,600 s.
    Hour,
}

impl Rate {
    /// Reads `60/minute` or `600/hour`, with a burst of as many.
    ///
    /// # Errors
    /// What is expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is not a rate; write 60/minute, 600/hour or none");
        let (count, per) = text.split_once('/').ok_or_else(fault)?;
        let count: u32 = count.trim().parse().map_err(|_| fault())?;
        let per = match per.trim() {
            "minute" | "min" | "m" => Per::Minute,
            "hour" | "h" => Per::Hour,
            _ => return Err(fault()),
        };
        if count == 0 {
            return Err(format!("{text:?} lets nothing through; write `send: false` for that"));
        }
        Ok(Self { count, per, burst: count })
    }

    /// Time in which one token comes back, in microseconds.
    const fn interval(self) -> u64 {
        let per = match self.per {
            Per::Minute => 60_000_000,
            Per::Hour => 3_600_000_000,
        };
        per / self.count as u64
    }

    /// Takes a token at `now` from a bucket that would be full at `full`, both
    /// in microseconds of one clock; gives when it is full then. An instant
    /// that no bucket can have (of another start of the machine) is taken for
    /// an empty one.
    ///
    /// # Errors
    /// There is none: how long until there is one.
    pub fn take(self, full: u64, now: u64) -> Result<u64, Duration> {
        let most = self.interval() * u64::from(self.burst.max(1));
        let full = full.clamp(now, now + most) + self.interval();
        match full.checked_sub(now + most) {
            None | Some(0) => Ok(full),
            Some(over) => Err(Duration::from_micros(over)),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Per::Minute => "minute",
            Per::Hour => "hour",
        };
        write!(f, "{}/{per}", self.count)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_bucket_gives_its_burst_then_one_for_each_interval() {
        let rate = Rate { burst: 3, ..Rate::parse("60/minute").unwrap() };
        let (mut full, now) = (0, 1_000 * SECOND);
        for _ in 0..3 {
            full = rate.take(full, now).unwrap();
        }
        assert_eq!(rate.take(full, now), Err(Duration::from_secs(1)));
        assert_eq!(rate.take(full, now + SECOND / 4), Err(Duration::from_millis(750)));
        full = rate.take(full, now + SECOND).unwrap();
        assert!(rate.take(full, now + SECOND).is_err());
        // Long idle: the burst again, and no more than that.
        let later = now + 10_000 * SECOND;
        for _ in 0..3 {
            full = rate.take(full, later).unwrap();
        }
        assert!(rate.take(full, later).is_err());
    }

    #[test]
    fn nonsense_in_the_file_is_an_empty_bucket_and_never_for_ever() {
        let rate = Rate { burst: 2, ..Rate::parse("3600/hour").unwrap() };
        assert_eq!(rate.take(u64::MAX / 2, 5 * SECOND), Err(Duration::from_secs(1)));
        assert!(rate.take(0, 5 * SECOND).is_ok());
    }

    #[test]
    fn rates_read_what_they_write() {
        for text in ["60/minute", "600/hour"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Rate::parse("60 / min").unwrap().burst, 60);
        for bad in ["", "60", "60/day", "0/minute", "-1/hour", "many/hour"] {
            assert!(Rate::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn over_any_span_no_more_than_burst_and_rate_pass() {
        let rate = Rate { burst: 5, ..Rate::parse("120/minute").unwrap() };
        let (mut full, mut passed) = (0, 0_u64);
        // Asked every 37 ms for five minutes.
        for now in (SECOND..301 * SECOND).step_by(37_000) {
            if let Ok(next) = rate.take(full, now) {
                full = next;
                passed += 1;
            }
        }
        assert!((600..=605).contains(&passed), "{passed}");
    }
}
