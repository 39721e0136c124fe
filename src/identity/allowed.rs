//! The format of `config/allowed_signers`, which is OpenSSH's (`man ssh-keygen`,
//! ALLOWED SIGNERS), and of `config/revoked_keys`, a public key a line.
//!
//! A line that cannot be used is a fault with its number: it makes nobody a
//! signer and hides no other line. Times without a `Z` are local ones. What
//! OpenSSH knows and is not used here (certificate authorities, other sorts
//! of keys) is a fault too, never ignored.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::NAMESPACE;
use super::pattern::matches;
use super::public::PublicKey;

/// One line: whose key, for what, and when it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Names, as a list of patterns.
    pub principals: String,
    /// What it may sign, as a list of patterns; `None`: anything.
    pub namespaces: Option<String>,
    /// Valid from this second on.
    pub after: Option<Timestamp>,
    /// Valid up to this second.
    pub before: Option<Timestamp>,
    /// The key.
    pub key: PublicKey,
    /// What stands behind it.
    pub comment: String,
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which, from 1.
    pub line: usize,
    /// Why, a sentence.
    pub why: String,
}

/// How a key stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is valid.
    Valid,
    /// It is valid later, from then on.
    NotYet(Timestamp),
    /// It was valid up to then.
    NoMore(Timestamp),
}

impl Allowed {
    /// A key of one name from a moment on, for our namespace alone.
    #[must_use]
    pub fn new(name: &str, key: PublicKey, after: Timestamp) -> Self {
        Self {
            principals: name.to_owned(),
            namespaces: Some(NAMESPACE.to_owned()),
            after: Some(whole_second(after)),
            before: None,
            key,
            comment: String::new(),
        }
    }

    /// Whether it is a key of this name for mail.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        matches(name, &self.principals) && self.namespaces.as_ref().is_none_or(|list| matches(NAMESPACE, list))
    }

    /// Whether it is the key of this name and nobody else.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.principals == name && self.is_for(name)
    }

    /// How it stands at a moment. Counted in whole seconds, both ends
    /// included, as OpenSSH does.
    #[must_use]
    pub fn held(&self, at: Timestamp) -> Held {
        let second = at.as_second();
        match (self.after, self.before) {
            (Some(after), _) if second < after.as_second() => Held::NotYet(after),
            (_, Some(before)) if second > before.as_second() => Held::NoMore(before),
            _ => Held::Valid,
        }
    }

    /// The line with an end: not before its beginning, which OpenSSH refuses.
    fn closed(mut self, at: Timestamp) -> Self {
        let least = self.after.and_then(|after| after.checked_add(jiff::SignedDuration::from_secs(1)).ok());
        self.before = Some(least.map_or(whole_second(at), |least| least.max(whole_second(at))));
        self
    }
}

/// The line as OpenSSH reads it.
impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = self.principals.contains([' ', '\t']);
        if quoted {
            write!(f, "\"{}\"", self.principals)?
        } else {
            f.write_str(&self.principals)?
        }
        let mut options = Vec::new();
        options.extend(self.namespaces.as_ref().map(|list| format!("namespaces=\"{list}\"")));
        options.extend(self.after.map(|at| format!("valid-after=\"{}\"", stamp(at))));
        options.extend(self.before.map(|at| format!("valid-before=\"{}\"", stamp(at))));
        if !options.is_empty() {
            write!(f, " {}", options.join(","))?;
        }
        write!(f, " {}", self.key)?;
        if self.comment.is_empty() { Ok(()) } else { write!(f, " {}", self.comment) }
    }
}

/// Every line that can be used, in order, and the faults.
#[must_use]
pub fn parse(text: &str) -> (Vec<Allowed>, Vec<Fault>) {
    read(text, |line| line_of(line).map(Some))
}

/// The keys of a list of revoked ones, and the faults.
#[must_use]
pub fn parse_revoked(text: &str) -> (Vec<PublicKey>, Vec<Fault>) {
    read(text, |line| PublicKey::parse(line).map(Some))
}

fn read<T>(text: &str, one: impl Fn(&str) -> Result<Option<T>, String>) -> (Vec<T>, Vec<Fault>) {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (n, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match one(line) {
            Ok(one) => found.extend(one),
            Err(why) => faults.push(Fault { line: n + 1, why }),
        }
    }
    (found, faults)
}

fn line_of(line: &str) -> Result<Allowed, String> {
    let (principals, rest) = principals(line)?;
    let mut allowed = (None, None, None);
    let key = if is_key(rest) {
        rest
    } else {
        let (options, key) = options(rest)?;
        for option in options {
            option_of(option, &mut allowed)?;
        }
        key
    };
    let (namespaces, after, before) = allowed;
    if let (Some(after), Some(before)) = (after, before)
        && before <= after
    {
        return Err("valid-before is not later than valid-after".into());
    }
    let comment = key.split_ascii_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    let key = PublicKey::parse(key)?;
    Ok(Allowed { principals: principals.to_owned(), namespaces, after, before, key, comment })
}

/// The first word, or what stands in quotes.
fn principals(line: &str) -> Result<(&str, &str), String> {
    let (names, rest) = match line.strip_prefix('"') {
        Some(rest) => rest.split_once('"').ok_or("the quotes around the names are not closed")?,
        None => line.split_once([' ', '\t']).ok_or("no key stands behind the names")?,
    };
    if names.is_empty() {
        return Err("no name stands at its beginning".into());
    }
    Ok((names, rest.trim_start_matches([' ', '\t'])))
}

fn is_key(rest: &str) -> bool {
    let first = rest.split([' ', '\t']).next().unwrap_or_default();
    !first.contains(['=', '"']) && ["ssh-", "ecdsa-", "sk-"].iter().any(|sort| first.starts_with(sort))
}

/// The options, separated by commas, up to the first blank outside quotes,
/// and what follows it.
fn options(rest: &str) -> Result<(Vec<&str>, &str), String> {
    let (mut found, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, c) in rest.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                found.push(&rest[start..at]);
                start = at + 1;
            }
            ' ' | '\t' if !quoted => {
                found.push(&rest[start..at]);
                return Ok((found, rest[at..].trim_start_matches([' ', '\t'])));
            }
            _ => {}
        }
    }
    Err(if quoted { "the quotes of an option are not closed" } else { "no key stands behind the options" }.into())
}

type Options = (Option<String>, Option<Timestamp>, Option<Timestamp>);

fn option_of(option: &str, (namespaces, after, before): &mut Options) -> Result<(), String> {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let text = || {
        let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inner
            .filter(|inner| !inner.contains('"'))
            .ok_or_else(|| format!("the value of {name} does not stand in quotes"))
    };
    let once = |there: bool| if there { Err(format!("{name} stands twice")) } else { Ok(()) };
    match name.to_ascii_lowercase().as_str() {
        "namespaces" => {
            once(namespaces.is_some())?;
            *namespaces = Some(text()?.to_owned());
        }
        "valid-after" => {
            once(after.is_some())?;
            *after = Some(moment(text()?)?);
        }
        "valid-before" => {
            once(before.is_some())?;
            *before = Some(moment(text()?)?);
        }
        "cert-authority" => return Err("certificates are not used here".into()),
        _ => return Err(format!("the option {name:?} is unknown")),
    }
    Ok(())
}

/// `YYYYMMDD[HHMM[SS]]`, with `Z` in UTC, else local.
fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is no time (YYYYMMDDHHMMSSZ)");
    let upper = text.to_ascii_uppercase();
    let digits = upper.strip_suffix("UTC").or_else(|| upper.strip_suffix('Z'));
    let zone = if digits.is_some() { TimeZone::UTC } else { TimeZone::system() };
    let digits = digits.unwrap_or(&upper);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| digits.get(from..to).map_or(Ok(0), str::parse::<i16>);
    let small = |from: usize, to: usize| part(from, to).ok().and_then(|n| i8::try_from(n).ok()).ok_or_else(wrong);
    let year = part(0, 4).map_err(|_| wrong())?;
    let civil = DateTime::new(year, small(4, 6)?, small(6, 8)?, small(8, 10)?, small(10, 12)?, small(12, 14)?, 0);
    civil.and_then(|at| at.to_zoned(zone)).map(|at| at.timestamp()).map_err(|_| wrong())
}

fn stamp(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string()
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The text with one more line.
#[must_use]
pub fn with(text: &str, line: &str) -> String {
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{gap}{line}\n")
}

/// The text without the lines of somebody; other lines stay as they are, byte
/// for byte.
#[must_use]
pub fn without(text: &str, name: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line_of(line.trim()).is_ok_and(|one| one.is_of(name))).collect()
}

/// The text in which every open line of this key ends at a moment; other
/// lines stay as they are, byte for byte.
#[must_use]
pub fn with_end(text: &str, key: PublicKey, at: Timestamp) -> String {
    text.split_inclusive('\n')
        .map(|line| match line_of(line.trim()) {
            Ok(one) if one.key == key && one.before.is_none() => format!("{}\n", one.closed(at)),
            _ => line.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::public::tests::LINE;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_of_ours_is_read_back() {
        let key = PublicKey::parse(LINE).unwrap();
        let line = Allowed::new("Agent-1", key, at("2026-11-24T12:00:00.9Z"));
        let text = line.to_string();
        assert_eq!(text, format!("Agent-1 namespaces=\"cellphone\",valid-after=\"20261124120000Z\" {LINE}"));
        assert_eq!(parse(&text), (vec![line.clone()], vec![]));
        assert_eq!(line.held(at("2026-11-24T11:59:59.9Z")), Held::NotYet(at("2026-11-24T12:00:00Z")));
        assert_eq!(line.held(at("2026-11-24T12:00:00Z")), Held::Valid);
        let file = with(&with("# ours", &text), &format!("Agent-2 {LINE}"));
        let ended = with_end(&file, key, at("2026-11-24T12:00:00.5Z"));
        assert!(ended.starts_with("# ours\nAgent-1 namespaces"), "{ended}");
        let (lines, faults) = parse(&ended);
        assert!(faults.is_empty() && lines.len() == 2, "{ended}");
        assert_eq!(lines[0].before, Some(at("2026-11-24T12:00:01Z")), "an interval is never empty");
        assert_eq!(lines[0].held(at("2026-11-24T12:00:01.9Z")), Held::Valid);
        assert_eq!(lines[0].held(at("2026-11-24T12:00:02Z")), Held::NoMore(at("2026-11-24T12:00:01Z")));
        assert_eq!(lines[1].before, Some(at("2026-11-24T12:00:00Z")));
        assert_eq!(with_end(&ended, key, at("2030-01-01T00:00:00Z")), ended, "what has ended stays");
    }

    #[test]
    fn what_openssh_reads_is_read() {
        let text = format!(
            "# a comment\n\n  \"Agent 1,Agent-*\" NAMESPACES=\"cellphone,git\",valid-before=\"20270101\" {LINE} a comment\n\
             *,!Agent-3 {LINE}\r\n"
        );
        let (lines, faults) = parse(&text);
        assert_eq!(faults, []);
        assert_eq!((lines[0].principals.as_str(), lines[0].comment.as_str()), ("Agent 1,Agent-*", "a comment"));
        assert!(lines[0].before.is_some() && lines[0].is_for("Agent-7") && !lines[0].is_of("Agent-7"));
        assert!(lines[1].is_for("anybody") && !lines[1].is_for("Agent-3"));
        assert_eq!(parse(&lines[0].to_string()).0[0], lines[0]);
        assert!(!parse(&format!("a namespaces=\"git\" {LINE}")).0[0].is_for("a"));
    }

    #[test]
    fn a_line_that_cannot_be_used_is_a_fault_and_hides_no_other() {
        for bad in [
            "Agent-1",
            "Agent-1 ssh-ed25519",
            "Agent-1 ssh-rsa AAAAB3NzaC1yc2E",
            &format!("\"Agent-1 {LINE}"),
            &format!("\"\" {LINE}"),
            &format!("a cert-authority {LINE}"),
            &format!("a namespaces=cellphone {LINE}"),
            &format!("a namespaces=\"x\",namespaces=\"y\" {LINE}"),
            &format!("a valid-after=\"2026\" {LINE}"),
            &format!("a valid-after=\"20261301\" {LINE}"),
            &format!("a valid-after=\"20270101Z\",valid-before=\"20260101Z\" {LINE}"),
            &format!("a more=\"x\" {LINE}"),
            &format!("a namespaces=\"x {LINE}"),
        ] {
            let (lines, faults) = parse(&format!("{bad}\nAgent-2 {LINE}\n"));
            assert_eq!((lines.len(), faults.len()), (1, 1), "{bad}: {lines:?}");
            assert_eq!(faults[0].line, 1);
        }
        let (revoked, faults) = parse_revoked(&format!("# gone\n{LINE} Agent-1\nnonsense\n"));
        assert_eq!((revoked.len(), faults[0].line), (1, 3));
    }
}
