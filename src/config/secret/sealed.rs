//! Secrets encrypted in place, with `age`.
//!
//! `age:` and the encrypted bytes in base64 stand in the setting; the identity
//! that opens them is the user's, made at the first use, outside every root
//! and readable by the user alone. `age` itself opens them as well:
//! `cut -d: -f2 | base64 -d | age -d -i secrets.key`. This file alone of the
//! configuration names the crate.

use std::path::PathBuf;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::outside::{self, Closed};
use super::super::{ConfigError, Root, place};
use super::Secret;
use crate::fsio::Dir;

const KEY: &str = "secrets.key";
const MOST: u64 = 16 * 1024;

/// Encrypts a secret for a setting; makes the user's identity where there is
/// none.
///
/// # Errors
/// No home, or one inside the root, where agents could read it; or the disk.
pub fn seal(root: &Root, secret: &Secret) -> Result<String, ConfigError> {
    let path = key_path()?;
    if path.starts_with(root.path()) {
        let why = "the key of secrets would lie inside the root, where agents read; set XDG_CONFIG_HOME elsewhere";
        return Err(ConfigError::Refused(format!("{}: {why}", path.display())));
    }
    let identity = match identity()? {
        Some(identity) => identity,
        None => make()?,
    };
    let sealed = age::encrypt(&identity.to_public(), secret.expose().as_bytes());
    let sealed = sealed.map_err(|e| ConfigError::Refused(format!("the secret cannot be encrypted: {e}")))?;
    Ok(format!("age:{}", STANDARD.encode(sealed)))
}

/// Whether a text may be what [`seal`] writes behind `age:`.
pub(super) fn is_sealed(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.starts_with(b"age-encryption.org/v1\n"))
}

/// Decrypts what stands behind `age:`.
pub(super) fn open(text: &str) -> Result<String, ConfigError> {
    let path = key_path()?;
    let wrong = |why: &str| ConfigError::invalid(&path, None, why);
    let identity = identity()?.ok_or_else(|| {
        wrong("it is not here, and opens the encrypted settings; bring it back, or set them again: cellphone config set --secret KEY")
    })?;
    let opened = STANDARD.decode(text).ok().and_then(|bytes| age::decrypt(&identity, &bytes).ok());
    let opened = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    opened.ok_or_else(|| {
        wrong("it does not open an encrypted setting, which was made with another key; set it again: cellphone config set --secret KEY")
    })
}

fn key_path() -> Result<PathBuf, ConfigError> {
    let no_home = || ConfigError::NotFound("no home folder is known; set HOME and run again".into());
    Ok(place::config_home().ok_or_else(no_home)?.join(KEY))
}

fn identity() -> Result<Option<Identity>, ConfigError> {
    let path = key_path()?;
    let Some(bytes) = outside::read(&path, MOST, Closed::Entirely)? else { return Ok(None) };
    let text = zeroize::Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let read = line.and_then(|line| line.parse().ok());
    read.map(Some).ok_or_else(|| ConfigError::invalid(path, None, "it holds no age identity (AGE-SECRET-KEY-1…)"))
}

fn make() -> Result<Identity, ConfigError> {
    let path = key_path()?;
    let fresh = Identity::generate();
    let head = "# Opens the secrets that `cellphone config set --secret` encrypts. Keep a copy away from this machine.";
    let text = format!("{head}\n# public key: {}\n{}\n", fresh.to_public(), fresh.to_string().expose_secret());
    let dir = Dir::create_all(path.parent().unwrap_or(&path))?;
    match dir.create(KEY, zeroize::Zeroizing::new(text).as_bytes(), true) {
        Ok(()) => dir.sync().map(|()| fresh).map_err(Into::into),
        // Somebody else made it at the same moment.
        Err(e) if e.exists() => {
            identity()?.ok_or_else(|| ConfigError::invalid(path, None, "it was there and is gone again"))
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Home;
    use super::super::SecretSource;
    use super::*;

    #[test]
    fn what_is_sealed_opens_again_and_a_torn_one_says_what_to_do() {
        let home = Home::new();
        let secret = Secret::new("unit secret, sealed".into());
        let text = seal(&home.root(), &secret).unwrap();
        assert!(text.starts_with("age:") && !text.contains('\n') && !text.contains("unit secret"), "{text}");
        let source = SecretSource::parse(&text).unwrap();
        assert_eq!(source.fetch().unwrap().unwrap(), secret);
        assert!(!format!("{source:?}").contains(&text[10..]));
        assert_ne!(seal(&home.root(), &secret).unwrap(), text, "the same twice looks different");
        let mut bytes = STANDARD.decode(&text[4..]).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let torn = SecretSource::parse(&format!("age:{}", STANDARD.encode(bytes))).unwrap();
        assert!(torn.fetch().unwrap_err().to_string().contains("config set --secret"));
    }
}
