//! How values are written in the settings: durations, sizes, switches; and
//! the nearest known word to a misspelt one.

use std::time::Duration;

const TIMES: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
const SIZES: [(&str, u64); 8] = [
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
];

fn split_unit(text: &str) -> (&str, &str) {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..at], text[at..].trim_start())
}

/// Reads a duration: `500ms`, `10s`, `5m`, `2h`, `30d`, `1w`, several together
/// (`1h30m`), or `0`.
///
/// # Errors
/// What is expected, for a person.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let fault = || format!("{text:?} is not a duration; write 500ms, 10s, 5m, 2h or 30d");
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err(fault());
    }
    while !rest.is_empty() {
        let (digits, after) = split_unit(rest);
        let number: u64 = digits.parse().map_err(|_| fault())?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = TIMES.iter().find(|(word, _)| *word == &after[..end]).ok_or_else(fault)?.1;
        total = number.checked_mul(unit).and_then(|n| total.checked_add(n)).ok_or_else(fault)?;
        rest = after[end..].trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration as [`parse_duration`] reads it.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    for (word, unit) in TIMES.iter().rev().filter(|(word, _)| *word != "w") {
        let whole = left / unit;
        left %= unit;
        if whole > 0 {
            out.push_str(&format!("{whole}{word}"));
        }
    }
    out
}

/// Reads a number of bytes: `4096`, `16KiB`, `10MiB`, `1GiB`.
///
/// # Errors
/// What is expected, for a person.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let fault = || format!("{text:?} is not a size; write 4096, 16KiB, 10MiB or 1GiB");
    let (digits, unit) = split_unit(text.trim());
    let number: u64 = digits.parse().map_err(|_| fault())?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" => 1,
        word => SIZES.iter().find(|(known, _)| *known == word).ok_or_else(fault)?.1,
    };
    number.checked_mul(unit).ok_or_else(fault)
}

/// Writes a number of bytes as [`parse_bytes`] reads it.
pub(super) fn show_bytes(bytes: u64) -> String {
    let best = SIZES[1..5].iter().rev().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match best {
        Some((_, unit)) => {
            let word = ["KiB", "MiB", "GiB", "TiB"][(unit.trailing_zeros() / 10 - 1) as usize];
            format!("{}{word}", bytes / unit)
        }
        None => bytes.to_string(),
    }
}

pub(super) fn parse_count<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.trim().replace('_', "").parse().map_err(|_| format!("{text:?} is not a whole number in range"))
}

pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.trim() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// The known word that is nearest to what was written, when one is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(2);
    known.into_iter().map(|k| (distance(word, k), k)).filter(|(d, _)| *d <= limit).min().map(|(_, k)| k)
}

/// Levenshtein's edit distance, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_what_they_write() {
        for text in ["500ms", "10s", "5m", "2h", "30d", "1h30m", "0s"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("2w").unwrap(), parse_duration("14d").unwrap());
        for bad in ["", "10", "s", "-1s", "1y", "99999999999999999999s", "1s x"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for (text, bytes) in [("16KiB", 16_384), ("10MiB", 10 << 20), ("1GiB", 1 << 30), ("4095", 4_095)] {
            assert_eq!(parse_bytes(text).unwrap(), bytes);
            assert_eq!(show_bytes(bytes), text);
        }
        assert!(parse_bytes("10 parsecs").is_err());
        assert!(parse_bytes("99999999999GiB").is_err());
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("cooldwon", ["cooldown", "body"]), Some("cooldown"));
        assert_eq!(nearest("xyzzy", ["cooldown", "body"]), None);
    }
}
