//! Instants as they stand in file names and front matter: UTC, microseconds.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Length of [`stamp`]: `20261123T065440.123456Z`.
pub const STAMP_LEN: usize = 23;

/// The instant as it begins a file name.
#[must_use]
pub fn stamp(at: Timestamp) -> String {
    let t = at.to_zoned(TimeZone::UTC);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}.{:06}Z",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.subsec_nanosecond() / 1_000
    )
}

/// Reads what [`stamp`] wrote.
#[must_use]
pub fn parse_stamp(text: &str) -> Option<Timestamp> {
    let b = text.as_bytes();
    let shape = b.len() == STAMP_LEN
        && b.iter().enumerate().all(|(i, c)| match i {
            8 => *c == b'T',
            15 => *c == b'.',
            22 => *c == b'Z',
            _ => c.is_ascii_digit(),
        });
    if !shape {
        return None;
    }
    let n = |from: usize, to: usize| text[from..to].parse::<i32>().ok();
    let small = |from: usize, to: usize| n(from, to).and_then(|v| i8::try_from(v).ok());
    let date = jiff::civil::DateTime::new(
        i16::try_from(n(0, 4)?).ok()?,
        small(4, 6)?,
        small(6, 8)?,
        small(9, 11)?,
        small(11, 13)?,
        small(13, 15)?,
        n(16, 22)? * 1_000,
    )
    .ok()?;
    date.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// The instant as it stands in the front matter, RFC 3339 with microseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// The day folder of an instant: `2026-11-23`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    let t = at.to_zoned(TimeZone::UTC);
    format!("{:04}-{:02}-{:02}", t.year(), t.month(), t.day())
}

/// Whether a folder is named as [`day`] names it.
#[must_use]
pub fn is_day(text: &str) -> bool {
    let b = text.as_bytes();
    b.len() == 10 && b.iter().enumerate().all(|(i, c)| if i == 4 || i == 7 { *c == b'-' } else { c.is_ascii_digit() })
}
