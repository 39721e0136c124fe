//! Values as they are typed: durations, instants, bodies.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::failure::{Code, Failure};

/// Whether this one mail is searched for secrets; shared by what sends.
#[derive(Debug, clap::Args)]
pub(super) struct ScanArgs {
    /// Search it for secrets: always, broadcast or off; the setting send.scan_secrets says so for all
    #[arg(
        long,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always",
        value_parser = ["always", "broadcast", "off"]
    )]
    scan_secrets: Option<String>,
}

impl ScanArgs {
    /// As a setting of this command.
    pub(super) fn said(&self) -> Option<String> {
        self.scan_secrets.as_ref().map(|when| format!("send.scan_secrets={when}"))
    }
}

/// A secret, typed without being shown, or the first line of standard input.
///
/// # Errors
/// Nothing can be read.
pub fn secret(prompt: &str) -> Result<String, Failure> {
    use std::io::IsTerminal as _;
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(prompt)?);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads `10m`, `2h`, `1h30m`, `90s`, `1d`, `500ms`, or plain seconds.
///
/// # Errors
/// A sentence that says what is understood.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write 90s, 10m, 2h, 1d or 1h30m");
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let n: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_ms: u64 = match rest[..letters].trim() {
            "ms" => 1,
            "s" | "sec" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(wrong()),
        };
        let part = n.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = &rest[letters..];
    }
    Ok(total)
}

/// Reads an instant: RFC 3339, or a duration from now.
///
/// # Errors
/// A sentence that says what is understood.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    instant_from(text, Timestamp::now())
}

fn instant_from(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wrong = || format!("{text:?} is neither a time (2026-11-23T08:00:00Z) nor a duration from now (2h)");
    let ahead = duration(text.strip_prefix('+').unwrap_or(text)).map_err(|_| wrong())?;
    let ahead = jiff::SignedDuration::try_from(ahead).map_err(|_| wrong())?;
    now.checked_add(ahead).map_err(|_| wrong())
}

/// Where a body comes from: `-m TEXT`, `-f FILE` or `-`.
#[derive(Debug, Clone, clap::Args)]
pub struct BodyArgs {
    /// The body itself
    #[arg(short = 'm', long = "message", value_name = "BODY", allow_hyphen_values = true, conflicts_with_all = ["file", "stdin"])]
    pub message: Option<String>,
    /// Read the body from a file (`-` for standard input)
    #[arg(short = 'f', long = "file", value_name = "FILE", conflicts_with = "stdin")]
    pub file: Option<PathBuf>,
    /// `-`: read the body from standard input
    #[arg(value_name = "-", value_parser = dash)]
    pub stdin: Option<Dash>,
}

/// The argument `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dash;

fn dash(text: &str) -> Result<Dash, String> {
    if text == "-" { Ok(Dash) } else { Err("only `-` (standard input) can stand here; give the body with -m".into()) }
}

impl BodyArgs {
    /// The body; `None` when none of the three was given.
    ///
    /// # Errors
    /// What cannot be read, over `limit` bytes, or not UTF-8.
    pub fn read(&self, limit: u64) -> Result<Option<String>, Failure> {
        if let Some(text) = &self.message {
            return Ok(Some(text.clone()));
        }
        match &self.file {
            Some(path) => read_text(path, limit).map(Some),
            None if self.stdin.is_some() => read_text(Path::new("-"), limit).map(Some),
            None => Ok(None),
        }
    }

    /// The body, which must be given.
    ///
    /// # Errors
    /// As [`read`](Self::read), and a usage error when there is none.
    pub fn require(&self, limit: u64) -> Result<String, Failure> {
        self.read(limit)?.ok_or_else(|| {
            Failure::usage("the message has no body").hint("-m TEXT, -f FILE, or - to read standard input")
        })
    }
}

/// Reads a whole text file, or standard input for `-`.
///
/// # Errors
/// Unreadable, larger than `limit` bytes, or not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(limit.saturating_add(1)).read_to_end(&mut bytes))
    };
    read.map_err(|e| {
        let code = if e.kind() == std::io::ErrorKind::NotFound { Code::NotFound } else { Code::Failed };
        Failure::new(code, format!("cannot read {name}: {e}"))
    })?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(Code::Refused, format!("{name} is larger than the limit of {limit} bytes"))
            .hint("send a path instead of the content, or raise limits.body in config/cellphone.yaml"));
    }
    String::from_utf8(bytes).map_err(|_| {
        Failure::new(Code::Refused, format!("{name} is not UTF-8 text")).hint("send its path instead of its content")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let ms = |t: &str| duration(t).map(|d| d.as_millis());
        assert_eq!(ms("10m"), Ok(600_000));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("2d 1h"), Ok(176_400_000));
        assert_eq!(ms("90"), Ok(90_000));
        for bad in ["", "m", "10", "10x", "-5m", "1.5h", "99999999999999999999s", "18446744073709551615w"] {
            assert!(ms(bad).is_err() || bad == "10", "{bad}");
        }
    }

    #[test]
    fn instants() {
        let now: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let at = |t: &str| instant_from(t, now).map(|t| t.to_string());
        assert_eq!(at("2h"), Ok("2026-11-23T10:00:00Z".into()));
        assert_eq!(at("+30m"), Ok("2026-11-23T08:30:00Z".into()));
        assert_eq!(at("2026-11-24T00:00:00+02:00"), Ok("2026-11-23T22:00:00Z".into()));
        assert!(at("tomorrow").is_err());
    }
}
