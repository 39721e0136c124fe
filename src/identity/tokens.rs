//! Bearer tokens: what a person or an agent shows to the daemon's HTTP doors.
//!
//! A token is `cell_ID_SECRET`: the id names its file, outside the tree, and
//! may be shown; the secret is 256 random bits, told once and kept nowhere.
//! The file holds the secret's SHA-256, for which no salt and no slow hash are
//! needed: nobody guesses 256 bits. Each token is a file of its own and is
//! read anew whenever it is shown, so that who revokes one need tell nobody.
//! A sign-in code counts once, because the one who removes its file is the one
//! who has it; a session is what a browser keeps after it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{IdentityError, Result};
use crate::config::{Root, trust};
use crate::fsio::Dir;
use crate::model::{AgentName, Role};

/// The folder, outside the tree.
const FOLDER: &str = "tokens";
/// What every token begins with, so that searches for leaked secrets find it.
const PREFIX: &str = "cell";
/// Letters of an id.
const ID: usize = 12;
/// Letters of a secret: 256 bits in base64.
const SECRET: usize = 43;
/// Longest file.
const MOST: u64 = 4 * 1024;
/// Files at most: sign-ins that nobody ends must not fill the disk.
const FILES: usize = 1_000;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenUse {
    /// For a program, in `Authorization: Bearer`.
    Api,
    /// For a browser, once: it becomes a session.
    SignIn,
    /// For a browser, in its cookie.
    Session,
}

impl TokenUse {
    /// The word in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::SignIn => "sign_in",
            Self::Session => "session",
        }
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Names it.
    pub id: String,
    /// SHA-256 of its secret, in hexadecimal digits.
    hash: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub purpose: TokenUse,
    /// Who acts with it.
    pub actor: AgentName,
    /// The role that bounds what it may, beside the actor's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether it changes nothing.
    #[serde(default)]
    pub read_only: bool,
    /// What it is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// A new token: what is kept, and what is told once.
pub struct Issued {
    /// As it is kept.
    pub token: Token,
    /// `cell_ID_SECRET`.
    pub text: String,
}

/// Says nothing of the secret.
impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.token.fmt(f)
    }
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it is for.
    pub purpose: TokenUse,
    /// Who acts with it.
    pub actor: AgentName,
    /// The role that bounds it.
    pub role: Option<Role>,
    /// Whether it changes nothing.
    pub read_only: bool,
    /// What it is called.
    pub label: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// The tokens of one root on this machine.
#[derive(Debug, Clone)]
pub struct Tokens {
    folder: PathBuf,
    inside: bool,
}

impl Tokens {
    /// Those of a root.
    #[must_use]
    pub fn of(root: &Root) -> Self {
        Self { folder: root.outside().join(FOLDER), inside: trust::lies_inside(root) }
    }

    /// Makes one. What has ended is cleared away.
    ///
    /// # Errors
    /// There is no place outside the tree, there are too many, or the disk.
    pub fn issue(&self, wanted: Wanted, now: Timestamp) -> Result<Issued> {
        if self.inside {
            let why = format!("{} is inside the tree, where agents and git find it", self.folder.display());
            return Err(IdentityError::NoPlace(format!("{why}; set XDG_STATE_HOME to a folder elsewhere")));
        }
        let dir = Dir::create_all(&self.folder)?;
        if self.clear(&dir, now)? >= FILES {
            let why = format!("there are {FILES} tokens already in {}", self.folder.display());
            return Err(IdentityError::NoPlace(format!("{why}; revoke some: cellphone token list")));
        }
        let (id, secret) = (letters(ID), secret());
        let Wanted { purpose, actor, role, read_only, label, expires } = wanted;
        let hash = hash(&secret);
        let token = Token { id, hash, purpose, actor, role, read_only, label, created: now, expires };
        let bytes = serde_json::to_vec_pretty(&token).unwrap_or_default();
        dir.create(&file(&token.id), &bytes, true)?;
        dir.sync()?;
        Ok(Issued { text: format!("{PREFIX}_{}_{secret}", token.id), token })
    }

    /// The token that this text is, while it counts.
    ///
    /// # Errors
    /// The disk; a text that is no token of this root is `None`.
    pub fn find(&self, text: &str, now: Timestamp) -> Result<Option<Token>> {
        let Some((id, secret)) = parts(text) else { return Ok(None) };
        let Some(dir) = self.open()? else { return Ok(None) };
        let token = read(&dir, id)?;
        Ok(token.filter(|token| now < token.expires && token.hash == hash(secret)))
    }

    /// Takes a token that counts once: nobody has it a second time.
    ///
    /// # Errors
    /// The disk.
    pub fn take(&self, text: &str, purpose: TokenUse, now: Timestamp) -> Result<Option<Token>> {
        let Some(token) = self.find(text, now)?.filter(|token| token.purpose == purpose) else { return Ok(None) };
        Ok(self.revoke(&token.id)?.then_some(token))
    }

    /// Every token that counts, the newest last.
    ///
    /// # Errors
    /// The disk.
    pub fn list(&self, now: Timestamp) -> Result<Vec<Token>> {
        let Some(dir) = self.open()? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for name in dir.names()? {
            let Some(id) = name.strip_suffix(".json") else { continue };
            all.extend(read(&dir, id)?.filter(|token| now < token.expires));
        }
        all.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(all)
    }

    /// Ends a token, and says whether it was there.
    ///
    /// # Errors
    /// The disk.
    pub fn revoke(&self, id: &str) -> Result<bool> {
        let Some(dir) = self.open()?.filter(|_| is_id(id)) else { return Ok(false) };
        match dir.remove(&file(id)) {
            Ok(()) => Ok(true),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes what has ended; gives how many are left.
    fn clear(&self, dir: &Dir, now: Timestamp) -> Result<usize> {
        let mut left = 0;
        for name in dir.names()? {
            let Some(id) = name.strip_suffix(".json") else { continue };
            match read(dir, id)? {
                Some(token) if token.expires <= now => {
                    self.revoke(id)?;
                }
                _ => left += 1,
            }
        }
        Ok(left)
    }

    fn open(&self) -> Result<Option<Dir>> {
        match Dir::open(&self.folder) {
            Ok(dir) => Ok(Some(dir)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

/// A file that is no token, or another's, is none.
fn read(dir: &Dir, id: &str) -> Result<Option<Token>> {
    if !is_id(id) {
        return Ok(None);
    }
    let bytes = match dir.read(&file(id), MOST) {
        Ok(bytes) => bytes,
        Err(e) if e.is_not_found() => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    Ok(serde_json::from_slice::<Token>(&bytes).ok().filter(|token| token.id == id))
}

fn file(id: &str) -> String {
    format!("{id}.json")
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.strip_prefix('_')?.split_once('_')?;
    (is_id(id) && secret.len() == SECRET).then_some((id, secret))
}

/// Nothing that leads out of the folder.
fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn letters(number: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; number];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

fn secret() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;

    fn wanted(purpose: TokenUse, expires: &str) -> Wanted {
        Wanted {
            purpose,
            actor: AgentName::new("Agent-1").unwrap(),
            role: None,
            read_only: false,
            label: "a label".into(),
            expires: at(expires),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_is_found_by_its_whole_text_until_it_ends_or_is_revoked() {
        let home = Home::new();
        let tokens = Tokens::of(&home.root());
        let now = at("2026-11-27T12:00:00Z");
        let issued = tokens.issue(wanted(TokenUse::Api, "2026-11-28T12:00:00Z"), now).unwrap();
        let text = issued.text.clone();
        assert_eq!(tokens.find(&text, now).unwrap().unwrap(), issued.token);
        let mut other = text.clone();
        other.pop();
        for wrong in [other.as_str(), &format!("{other}!"), "", "cell_", "cell_../../x_y", &text.replace("cell_", "")] {
            assert_eq!(tokens.find(wrong, now).unwrap(), None, "{wrong}");
        }
        assert_eq!(tokens.find(&text, at("2026-11-28T12:00:00Z")).unwrap(), None, "ended");
        let kept = std::fs::read_to_string(tokens.folder.join(file(&issued.token.id))).unwrap();
        let secret = text.splitn(3, '_').last().unwrap();
        assert!(!kept.contains(secret) && !format!("{issued:?}").contains(secret));
        assert!(tokens.revoke(&issued.token.id).unwrap() && !tokens.revoke(&issued.token.id).unwrap());
        assert_eq!(tokens.find(&text, now).unwrap(), None);
    }

    #[test]
    fn a_code_counts_once_and_what_ended_is_cleared_away() {
        let home = Home::new();
        let tokens = Tokens::of(&home.root());
        let now = at("2026-11-27T12:00:00Z");
        let code = tokens.issue(wanted(TokenUse::SignIn, "2026-11-27T12:10:00Z"), now).unwrap();
        assert!(tokens.take(&code.text, TokenUse::Session, now).unwrap().is_none());
        assert!(tokens.take(&code.text, TokenUse::SignIn, now).unwrap().is_some());
        assert!(tokens.take(&code.text, TokenUse::SignIn, now).unwrap().is_none());
        for minute in 0..5 {
            tokens.issue(wanted(TokenUse::SignIn, &format!("2026-11-27T12:0{minute}:30Z")), now).unwrap();
        }
        assert_eq!(tokens.list(at("2026-11-27T12:03:00Z")).unwrap().len(), 2);
        tokens.issue(wanted(TokenUse::Api, "2026-12-27T12:00:00Z"), at("2026-11-27T12:03:00Z")).unwrap();
        assert_eq!(Dir::open(&tokens.folder).unwrap().names().unwrap().len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_them() {
        let home = Home::new();
        let tokens = Tokens::of(&home.root());
        let now = at("2026-11-27T12:00:00Z");
        let issued = tokens.issue(wanted(TokenUse::Api, "2026-11-28T12:00:00Z"), now).unwrap();
        let dir = Dir::open(&tokens.folder).unwrap();
        assert_eq!(dir.stat(&file(&issued.token.id)).unwrap().unwrap().mode, 0o600);
        assert_eq!(dir.own_stat().unwrap().mode, 0o700);
    }
}
