//! Private keys: files in OpenSSH's format, outside the tree.
//!
//! `NAME` is the key that signs, `NAME.pub` its public half, `NAME.next` one
//! that is being introduced, `NAME.TIME` an earlier one, which signs nothing
//! any more and opens what was sealed to it. A name of an agent has no dot, so
//! none can be taken for another. A key that others could read is not used.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rand::Rng as _;
use ssh_key::LineEnding;
use ssh_key::private::Ed25519Keypair;

use super::public::PublicKey;
use super::{IdentityError, Result};
use crate::config::{Root, trust};
use crate::fsio::{Dir, Stat};
use crate::model::AgentName;
use crate::model::time::stamp;

/// The folder, outside the tree.
const FOLDER: &str = "keys";
/// Longest key file.
const MOST: u64 = 16 * 1024;
const NEXT: &str = ".next";
const PUBLIC: &str = ".pub";

/// The private keys of one root on this machine.
#[derive(Debug, Clone)]
pub struct KeyRing {
    folder: PathBuf,
    inside: bool,
}

/// A private key that was read.
#[derive(Clone)]
pub struct KeyFile {
    pub(super) private: ssh_key::PrivateKey,
    pub(super) public: PublicKey,
}

impl KeyFile {
    /// Its public half.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }
}

/// Says nothing of the private half.
impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.public)
    }
}

impl KeyRing {
    /// The keys of a root.
    #[must_use]
    pub fn of(root: &Root) -> Self {
        Self { folder: root.outside().join(FOLDER), inside: trust::lies_inside(root) }
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of an agent's key, whether or not there is one.
    #[must_use]
    pub fn path(&self, agent: &AgentName) -> PathBuf {
        self.folder.join(agent.as_str())
    }

    /// The facts about that file; `None` when there is none.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn stat(&self, agent: &AgentName) -> Result<Option<Stat>> {
        match self.open()? {
            Some(dir) => Ok(dir.stat(agent.as_str())?),
            None => Ok(None),
        }
    }

    /// The key that signs for an agent; `None` when none is here.
    ///
    /// # Errors
    /// Others could read it, or it is no ed25519 key without a passphrase.
    pub fn current(&self, agent: &AgentName) -> Result<Option<KeyFile>> {
        let Some(dir) = self.open()? else { return Ok(None) };
        let bytes = self.read(&dir, agent.as_str())?;
        bytes.map(|bytes| parse(&bytes).map_err(|why| self.fault(agent.as_str(), why))).transpose()
    }

    /// Removes every key that an agent has or had: nothing that was sealed to
    /// it is opened any more.
    ///
    /// # Errors
    /// The disk.
    pub fn forget(&self, agent: &AgentName) -> Result<()> {
        let Some(dir) = self.open()? else { return Ok(()) };
        for name in dir.names()?.iter().filter(|name| rest_of(name, agent).is_some()) {
            dir.remove(name)?;
        }
        Ok(())
    }

    /// The texts of every key an agent has or had, the one that signs first.
    ///
    /// # Errors
    /// Others could read one of them.
    pub fn texts(&self, agent: &AgentName) -> Result<Vec<Vec<u8>>> {
        let Some(dir) = self.open()? else { return Ok(Vec::new()) };
        let mut names = dir.names()?;
        names.retain(|name| rest_of(name, agent).is_some_and(|rest| rest != PUBLIC && rest != NEXT));
        names.sort();
        let texts: Result<Vec<_>> = names.iter().map(|name| self.read(&dir, name)).collect();
        Ok(texts?.into_iter().flatten().collect())
    }

    /// A new key for an agent, which signs nothing before it is
    /// [promoted](Self::promote). One that waits already, because an earlier
    /// attempt ended in the middle, is taken.
    ///
    /// # Errors
    /// There is no place outside the tree, or the disk.
    pub fn introduce(&self, agent: &AgentName) -> Result<PublicKey> {
        if self.inside {
            let why = format!("{} is inside the tree, where agents and git find it", self.folder.display());
            return Err(IdentityError::NoPlace(format!("{why}; set XDG_STATE_HOME to a folder elsewhere")));
        }
        let dir = Dir::create_all(&self.folder)?;
        let name = format!("{agent}{NEXT}");
        if let Some(bytes) = self.read(&dir, &name)? {
            return Ok(parse(&bytes).map_err(|why| self.fault(&name, why))?.public);
        }
        let mut seed = [0; 32];
        rand::rng().fill_bytes(&mut seed);
        let pair = Ed25519Keypair::from_seed(&seed);
        let public = PublicKey::half(&pair.public);
        let mut private = ssh_key::PrivateKey::from(pair);
        private.set_comment(agent.as_str());
        let unfit = |_| self.fault(&name, "the key could not be written in OpenSSH's format".into());
        let text = private.to_openssh(LineEnding::LF).map_err(unfit)?;
        dir.create(&name, text.as_bytes(), true)?;
        dir.sync()?;
        Ok(public)
    }

    /// Makes the key that was introduced the one that signs; the one before is
    /// kept, named after the moment.
    ///
    /// # Errors
    /// None was introduced, or the disk.
    pub fn promote(&self, agent: &AgentName, at: Timestamp) -> Result<()> {
        let dir = Dir::open(&self.folder)?;
        let next = format!("{agent}{NEXT}");
        let bytes = self.read(&dir, &next)?.ok_or_else(|| self.fault(&next, "it is not there".into()))?;
        let public = parse(&bytes).map_err(|why| self.fault(&next, why))?.public;
        self.retire(agent, at)?;
        dir.rename(&next, &dir, agent.as_str())?;
        dir.replace(&format!("{agent}{PUBLIC}"), format!("{public} {agent}\n").as_bytes(), true)?;
        Ok(())
    }

    /// Has an agent's key sign nothing any more; it is kept, to open what was
    /// sealed to it. Gives whether there was one.
    ///
    /// # Errors
    /// The disk.
    pub fn retire(&self, agent: &AgentName, at: Timestamp) -> Result<bool> {
        let Some(dir) = self.open()? else { return Ok(false) };
        if dir.stat(agent.as_str())?.is_none() {
            return Ok(false);
        }
        dir.rename(agent.as_str(), &dir, &format!("{agent}.{}", stamp(at)))?;
        match dir.remove(&format!("{agent}{PUBLIC}")) {
            Err(e) if !e.is_not_found() => return Err(e.into()),
            _ => {}
        }
        dir.sync()?;
        Ok(true)
    }

    fn open(&self) -> Result<Option<Dir>> {
        match Dir::open(&self.folder) {
            Ok(dir) => Ok(Some(dir)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn read(&self, dir: &Dir, name: &str) -> Result<Option<Vec<u8>>> {
        // As `ssh` does: what others can read is a secret no more.
        let exposed = dir.stat(name)?.filter(|stat| stat.mode & 0o077 != 0);
        if let Some(stat) = exposed {
            let path = self.folder.join(name);
            let why = format!("its mode is {:04o}, so others may read it: chmod 600 {}", stat.mode, path.display());
            return Err(IdentityError::Key { path, why });
        }
        match dir.read(name, MOST) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn fault(&self, name: &str, why: String) -> IdentityError {
        IdentityError::Key { path: self.folder.join(name), why }
    }
}

/// What the name of one of an agent's files has behind the agent's own.
fn rest_of<'a>(name: &'a str, agent: &AgentName) -> Option<&'a str> {
    name.strip_prefix(agent.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn parse(bytes: &[u8]) -> std::result::Result<KeyFile, String> {
    let private = ssh_key::PrivateKey::from_openssh(bytes);
    let private = private.map_err(|e| format!("it is no private key in OpenSSH's format ({e})"))?;
    if private.is_encrypted() {
        return Err("it has a passphrase: add it to ssh-agent and move the file elsewhere".into());
    }
    let public = PublicKey::of(private.public_key().key_data());
    let public = public.ok_or_else(|| format!("it is a key of the sort {}, not ed25519", private.algorithm()))?;
    Ok(KeyFile { private, public })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;

    #[test]
    fn a_key_is_introduced_promoted_and_retired_and_none_is_lost() {
        let home = Home::new();
        let root = home.root();
        let ring = KeyRing::of(&root);
        let agent = AgentName::new("Newcomer").unwrap();
        assert!(ring.current(&agent).unwrap().is_none() && ring.texts(&agent).unwrap().is_empty());
        let first = ring.introduce(&agent).unwrap();
        assert_eq!(ring.introduce(&agent).unwrap(), first, "one that waits is taken");
        assert!(ring.current(&agent).unwrap().is_none());
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        ring.promote(&agent, at("2026-11-24T12:00:00Z")).unwrap();
        assert_eq!(ring.current(&agent).unwrap().unwrap().public(), first);
        assert!(ring.promote(&agent, at("2026-11-24T12:00:00Z")).is_err());
        let second = ring.introduce(&agent).unwrap();
        assert_eq!(ring.texts(&agent).unwrap().len(), 1);
        ring.promote(&agent, at("2026-11-24T13:00:00Z")).unwrap();
        assert_eq!(ring.current(&agent).unwrap().unwrap().public(), second);
        let texts = ring.texts(&agent).unwrap();
        assert_eq!(texts.len(), 2);
        assert_eq!(parse(&texts[1]).unwrap().public(), first);
        assert!(ring.retire(&agent, at("2026-11-24T14:00:00Z")).unwrap());
        assert!(ring.current(&agent).unwrap().is_none() && ring.texts(&agent).unwrap().len() == 2);
        let twin = AgentName::new("Newcomer-2").unwrap();
        assert!(ring.texts(&twin).unwrap().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_not_used() {
        let home = Home::new();
        let root = home.root();
        let ring = KeyRing::of(&root);
        let agent = AgentName::new("Newcomer").unwrap();
        ring.introduce(&agent).unwrap();
        ring.promote(&agent, Timestamp::UNIX_EPOCH).unwrap();
        let dir = Dir::open(ring.folder()).unwrap();
        assert_eq!(dir.stat("Newcomer").unwrap().unwrap().mode, 0o600);
        assert_eq!(dir.own_stat().unwrap().mode, 0o700);
        dir.set_mode("Newcomer", 0o640).unwrap();
        assert!(ring.current(&agent).unwrap_err().to_string().contains("chmod 600"));
        dir.replace("Newcomer", b"nonsense", false).unwrap();
        assert!(ring.current(&agent).unwrap_err().to_string().contains("no private key"));
    }
}
