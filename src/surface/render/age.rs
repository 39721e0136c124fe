//! Spans of time as people say them.

use std::time::Duration;

use jiff::Timestamp;

/// How long ago `at` was: `now`, `12s`, `5m`, `3h`, `2d`, and from a month on
/// the day itself. What lies ahead gets `in` before it.
#[must_use]
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    let short = |s: i64| match s {
        0 => "now".to_owned(),
        1..60 => format!("{s}s"),
        60..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    };
    match seconds {
        i64::MIN..0 => format!("in {}", short(-seconds)),
        0..2_592_000 => short(seconds),
        _ => crate::model::time::day(at),
    }
}

/// A duration with its two greatest units: `850ms`, `3.2s`, `4m 10s`, `2h`.
#[must_use]
pub fn span(d: Duration) -> String {
    let ms = d.as_millis();
    let s = d.as_secs();
    let two = |great: u64, unit: &str, small: u64, sub: &str| {
        if small == 0 { format!("{great}{unit}") } else { format!("{great}{unit} {small}{sub}") }
    };
    match s {
        0 => format!("{ms}ms"),
        1..10 if !ms.is_multiple_of(1_000) => format!("{s}.{}s", ms % 1_000 / 100),
        1..60 => format!("{s}s"),
        60..3_600 => two(s / 60, "m", s % 60, "s"),
        3_600..86_400 => two(s / 3_600, "h", s % 3_600 / 60, "m"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let ago = |s: i64| age(Timestamp::from_second(now.as_second() - s).unwrap(), now);
        assert_eq!([ago(0), ago(59), ago(61), ago(7_300), ago(200_000)], ["now", "59s", "1m", "2h", "2d"]);
        assert_eq!(ago(40 * 86_400), "2026-10-14");
        assert_eq!(ago(-7_200), "in 2h");
    }

    #[test]
    fn spans() {
        let show = |ms| span(Duration::from_millis(ms));
        assert_eq!([show(7), show(3_240), show(3_000), show(42_000)], ["7ms", "3.2s", "3s", "42s"]);
        assert_eq!([show(250_000), show(7_200_000), show(90_000_000)], ["4m 10s", "2h", "1d 1h"]);
    }
}
