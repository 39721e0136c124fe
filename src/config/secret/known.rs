//! The secrets that this process has fetched, so that none of them is written
//! anywhere by accident.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use zeroize::Zeroizing;

use super::HIDDEN;

/// A shorter one would take half of every text with it.
const LEAST: usize = 4;

/// In the forms in which they occur, the longest first.
static KNOWN: RwLock<Vec<Zeroizing<String>>> = RwLock::new(Vec::new());
/// Whether there is any: asked for every line, nearly always in vain.
static ANY: AtomicBool = AtomicBool::new(false);

/// Remembers a secret as it is, as JSON and debug output have it, and as an
/// address has it.
pub(super) fn remember(secret: &str) {
    if secret.len() < LEAST {
        return;
    }
    let json = serde_json::Value::from(secret).to_string();
    let forms = [secret.to_owned(), json[1..json.len() - 1].to_owned(), percent(secret)];
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms {
        if !known.iter().any(|old| **old == form) {
            known.push(Zeroizing::new(form));
        }
    }
    known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    ANY.store(true, Ordering::Release);
}

/// The text with every known secret hidden.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    if !ANY.load(Ordering::Acquire) {
        return Cow::Borrowed(text);
    }
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.iter().fold(Cow::Borrowed(text), |text, form| {
        if text.contains(form.as_str()) { Cow::Owned(text.replace(form.as_str(), HIDDEN)) } else { text }
    })
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

/// The password of an address, `//NAME:PASSWORD@`, and where it stands.
fn password_of(address: &str) -> Option<std::ops::Range<usize>> {
    let begin = address.find("//")? + 2;
    let authority = &address[begin..];
    let authority = &authority[..authority.find('/').unwrap_or(authority.len())];
    let (user, _) = authority.rsplit_once('@')?;
    let colon = user.find(':')?;
    Some(begin + colon + 1..begin + user.len())
}

/// Remembers the password in an address, if it has one.
pub fn remember_password_of(address: &str) {
    if let Some(place) = password_of(address) {
        remember(&address[place]);
    }
}

/// Addresses with commas between them, their passwords hidden.
pub(in crate::config) fn without_password(addresses: &str) -> String {
    let shown = addresses.split(',').map(|one| match password_of(one) {
        Some(place) => format!("{}{HIDDEN}{}", &one[..place.start], &one[place.end..]),
        None => one.to_owned(),
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_is_hidden_in_every_form() {
        remember("a\"b c/d-unit");
        for text in ["x a\"b c/d-unit y", "{\"v\":\"a\\\"b c/d-unit\"}", "https://h/?t=a%22b%20c%2Fd-unit"] {
            let shown = redact(text);
            assert!(shown.contains(HIDDEN) && !shown.contains("d-unit"), "{shown}");
        }
        remember("abc");
        assert_eq!(redact("abc nothing"), "abc nothing", "too short to tell from a word");
    }

    #[test]
    fn the_password_of_an_address_is_hidden_and_nothing_else() {
        for (address, shown) in [
            ("rest:https://me:pass@host/x", "rest:https://me:••••@host/x"),
            ("rest:https://me@host/x:y", "rest:https://me@host/x:y"),
            ("default, rest:http://a:b@c:8000/,/d", "default, rest:http://a:••••@c:8000/,/d"),
            ("https://h/a@b:c", "https://h/a@b:c"),
            ("/plain/path", "/plain/path"),
        ] {
            assert_eq!(without_password(address), shown);
        }
        remember_password_of("https://me:unit-password@host/");
        assert_eq!(redact("<unit-password>"), "<••••>");
    }
}
