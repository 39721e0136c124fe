//! Quiet hours: ranges of local time in which a window does not ring.
//!
//! `22:00-07:00` goes over midnight; several are joined by commas. The end is
//! computed on the calendar of the zone that is handed in, so a night in which
//! the clocks change is as long as it is there.

use jiff::civil::Time;
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Ranges of local time, each from a minute of the day to another; empty when
/// no hour is quiet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuietHours(Vec<(u16, u16)>);

impl QuietHours {
    /// Reads `22:00-07:00, 12:00-13:30`, or `never`.
    ///
    /// # Errors
    /// What is expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "never" {
            return Ok(Self::default());
        }
        let range = |part: &str| {
            let fault =
                || format!("{:?} is no range of hours; write 22:00-07:00, several with commas, or never", part.trim());
            let (from, to) = part.trim().split_once('-').ok_or_else(fault)?;
            let range = (minute(from).ok_or_else(fault)?, minute(to).ok_or_else(fault)?);
            if range.0 == range.1 || range.0 == DAY {
                return Err(format!("{:?} begins where it ends; for all day use do-not-disturb", part.trim()));
            }
            Ok(range)
        };
        text.split(',').map(range).collect::<Result<Vec<_>, _>>().map(Self)
    }

    /// Whether no hour is quiet.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.0.is_empty()
    }

    /// When the quiet that holds at `now` ends; `None` when none holds. Ranges
    /// that touch are one.
    #[must_use]
    pub fn end(&self, now: &Zoned) -> Option<Timestamp> {
        let mut end: Option<Zoned> = None;
        // Each range can prolong the quiet once; more would be the same day again.
        for _ in 0..self.0.len() {
            let at = end.as_ref().unwrap_or(now);
            let Some(next) = self.0.iter().filter_map(|range| range_end(*range, at)).max() else { break };
            end = Some(next);
        }
        end.map(|end| end.timestamp())
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let digits = |t: &str, most: usize| (1..=most).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours, 2) || minutes.len() != 2 || !digits(minutes, 2) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
}

/// The end of a range, when `now` is in it.
fn range_end((from, to): (u16, u16), now: &Zoned) -> Option<Zoned> {
    let time = now.time();
    let here = u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
    let days = if from < to {
        (from <= here && here < to).then_some(0)?
    } else if here >= from {
        1
    } else {
        (here < to).then_some(0)?
    };
    let (days, to) = if to == DAY { (days + 1, 0) } else { (days, to) };
    let hour = i8::try_from(to / 60).ok()?;
    let minute = i8::try_from(to % 60).ok()?;
    let date = now.date().checked_add(i64::from(days).days()).ok()?;
    let end = date.to_datetime(Time::new(hour, minute, 0, 0).ok()?).to_zoned(now.time_zone().clone()).ok()?;
    // Where clocks go back an hour, the written time may have been already.
    (end > *now).then_some(end)
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("never");
        }
        for (n, (from, to)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)?;
        }
        Ok(())
    }
}

impl Serialize for QuietHours {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuietHours {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    fn end(hours: &str, now: &str) -> Option<String> {
        let now = at(now);
        let end = QuietHours::parse(hours).unwrap().end(&now)?;
        Some(end.to_zoned(now.time_zone().clone()).strftime("%d %H:%M").to_string())
    }

    #[test]
    fn a_range_holds_from_its_first_minute_to_before_its_last() {
        assert_eq!(end("12:00-13:30", "2026-11-24T11:59:59[Europe/Berlin]"), None);
        assert_eq!(end("12:00-13:30", "2026-11-24T12:00[Europe/Berlin]").unwrap(), "24 13:30");
        assert_eq!(end("12:00-13:30", "2026-11-24T13:30[Europe/Berlin]"), None);
        assert_eq!(end("20:00-24:00", "2026-11-24T23:59[Asia/Tokyo]").unwrap(), "25 00:00");
        assert_eq!(end("never", "2026-11-24T03:00[UTC]"), None);
    }

    #[test]
    fn over_midnight_it_ends_the_next_day_and_touching_ranges_are_one() {
        assert_eq!(end("22:00-07:00", "2026-11-24T23:10[America/New_York]").unwrap(), "25 07:00");
        assert_eq!(end("22:00-07:00", "2026-11-25T06:59[America/New_York]").unwrap(), "25 07:00");
        assert_eq!(end("22:00-07:00", "2026-11-25T07:00[America/New_York]"), None);
        assert_eq!(end("22:00-07:00,07:00-08:00", "2026-11-24T23:10[UTC]").unwrap(), "25 08:00");
        assert_eq!(end("00:00-12:00,12:00-24:00", "2026-11-24T05:00[UTC]").unwrap(), "25 00:00");
    }

    #[test]
    fn the_night_of_a_clock_change_is_as_long_as_it_is() {
        let hours = QuietHours::parse("22:00-07:00").unwrap();
        let span = |now: &str| hours.end(&at(now)).unwrap().duration_since(at(now).timestamp()).as_hours();
        assert_eq!(span("2026-03-28T22:00[Europe/Berlin]"), 8);
        assert_eq!(span("2026-10-24T22:00[Europe/Berlin]"), 10);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in [
            "",
            "22-7",
            "22:00",
            "25:00-07:00",
            "24:01-1:00",
            "7:00-7:00",
            "24:00-07:00",
            "22:0-07:00",
            "a:00-b:00",
            "+1:00-2:00",
        ] {
            assert!(QuietHours::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_end_is_later_and_not_quiet_by_the_same_range(from in 0u16..1440, to in 0u16..=1440, minute in 0i64..3_000_000) {
            prop_assume!(from != to);
            let hours = QuietHours(vec![(from, to)]);
            prop_assert_eq!(&QuietHours::parse(&hours.to_string()).unwrap(), &hours);
            let now = at("2026-01-01T00:00[UTC]").checked_add(minute.minutes()).unwrap();
            if let Some(end) = hours.end(&now) {
                prop_assert!(end > now.timestamp());
                prop_assert!(end.duration_since(now.timestamp()).as_hours() <= 24);
                let after = end.to_zoned(jiff::tz::TimeZone::UTC);
                prop_assert!(hours.end(&after).is_none() || (from == 0 && to == DAY));
            }
        }
    }
}
