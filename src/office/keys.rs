//! Keys of those on the roster: making, listing, rotating, revoking.
//!
//! A key comes into force in an order that leaves no moment in which mail is
//! signed with a key that does not count: introduced, registered, promoted;
//! then the time of the one before ends. What ends in the middle is taken up
//! where it was by the next attempt.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{ErrorKind, Office, OfficeError, Result};
use crate::identity::allowed::Held;
use crate::identity::{KeyRing, PublicKey, Signers, close_keys, register, revoke};
use crate::model::{Action, AgentName, Event, EventKind, Permission};

/// A key as a listing shows it.
#[derive(Debug, Clone)]
pub struct KeyListed {
    /// Whose it is, as it stands in the file.
    pub agent: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// `valid`, `early`, `ended`, `revoked`, or `unapproved`: a private key whose
    /// public half is no approved signer's.
    pub state: &'static str,
    /// Valid from this second on.
    pub valid_after: Option<Timestamp>,
    /// Valid up to this second.
    pub valid_before: Option<Timestamp>,
    /// The file of the private half, when it is the one that signs.
    pub private: Option<PathBuf>,
}

impl Office {
    /// Every key there is or was, in the order of the file; then private keys
    /// that nobody approved.
    ///
    /// # Errors
    /// When the approved signers or a private key cannot be read.
    pub fn keys_list(&self) -> Result<Vec<KeyListed>> {
        let (signers, ring, now) = (self.keys.signers(self.root())?, KeyRing::of(self.root()), self.now());
        let mut signing = Vec::new();
        for name in self.roster().agents().iter().map(|a| a.name.clone()).chain([AgentName::system()]) {
            if let Some(key) = ring.current(&name)? {
                signing.push((key.public(), name));
            }
        }
        let private = |key: PublicKey| signing.iter().find(|(own, _)| *own == key).map(|(_, name)| ring.path(name));
        let mut all: Vec<KeyListed> = signers
            .allowed()
            .iter()
            .map(|line| KeyListed {
                agent: line.principals.clone(),
                fingerprint: line.key.fingerprint(),
                state: match line.held(now) {
                    _ if signers.is_revoked(line.key) => "revoked",
                    Held::Valid => "valid",
                    Held::NotYet(_) => "early",
                    Held::NoMore(_) => "ended",
                },
                valid_after: line.after,
                valid_before: line.before,
                private: private(line.key),
            })
            .collect();
        for (key, name) in &signing {
            if !signers.allowed().iter().any(|line| line.key == *key) {
                all.push(KeyListed {
                    agent: name.to_string(),
                    fingerprint: key.fingerprint(),
                    state: "unapproved",
                    valid_after: None,
                    valid_before: None,
                    private: Some(ring.path(name)),
                });
            }
        }
        Ok(all)
    }

    /// Makes a key for somebody on the roster, or for `system`. An earlier one
    /// whose private half is lost counts up to now.
    ///
    /// # Errors
    /// The actor may not, nobody has this name, or there is a key already.
    pub fn key_create(&self, name: &AgentName) -> Result<KeyListed> {
        let name = self.key_owner(name)?;
        let ring = KeyRing::of(self.root());
        if ring.stat(&name)?.is_some() {
            let what = format!("{name} has a key already: {}", ring.path(&name).display());
            return Err(OfficeError::new(ErrorKind::Conflict, what).hint(format!("cellphone keys rotate {name}")));
        }
        self.renew_one(&name, "created")
    }

    /// Gives somebody a new key; what the one before signed stays verified.
    ///
    /// # Errors
    /// The actor may not, nobody has this name, or has had a key.
    pub fn key_rotate(&self, name: &AgentName) -> Result<KeyListed> {
        let name = self.key_owner(name)?;
        let known = !self.keys.signers(self.root())?.keys_of(&name, self.now()).is_empty();
        if !known && KeyRing::of(self.root()).stat(&name)?.is_none() {
            return Err(OfficeError::new(ErrorKind::NotFound, format!("{name} has no key"))
                .hint(format!("cellphone keys create {name}")));
        }
        self.renew_one(&name, "rotated")
    }

    /// Gives a new key to everybody whose private half here is no approved
    /// signer's, and to everybody whose key counts while its private half is
    /// neither here nor in `ssh-agent`, as after a restore on another machine:
    /// whatever they sign, or do not sign, would be forged. What the keys
    /// before signed stays verified.
    ///
    /// # Errors
    /// The actor may not, or the keys cannot be written.
    pub fn keys_renew(&self) -> Result<Vec<KeyListed>> {
        self.may(Permission::Roster)?;
        let uncounted = self.keys_list()?.into_iter().filter(|key| key.state == "unapproved");
        let mut names: Vec<AgentName> = uncounted.filter_map(|key| AgentName::new(key.agent).ok()).collect();
        let (signers, now) = (self.keys.signers(self.root())?, self.now());
        for name in self.roster().agents().iter().map(|agent| &agent.name) {
            let counts = !signers.keys_of(name, now).is_empty();
            if counts && !names.contains(name) && self.keys.signer(self.root(), name, now)?.is_none() {
                names.push(name.clone());
            }
        }
        let made: Vec<String> = self.renew(&names)?.iter().map(|key| key.fingerprint()).collect();
        self.note_keys(names.iter().map(AgentName::as_str).zip(made.iter().map(String::as_str)), "renewed");
        Ok(self.keys_list()?.into_iter().filter(|key| made.contains(&key.fingerprint)).collect())
    }

    /// Has keys count no more, whenever they signed: one by its fingerprint, or
    /// those that somebody has now.
    ///
    /// # Errors
    /// The actor may not, or there is no such key.
    pub fn key_revoke(&self, what: &str) -> Result<Vec<KeyListed>> {
        let chosen: Vec<KeyListed> = self.keys_list()?.into_iter().filter(|key| names(what, key)).collect();
        let fresh: Vec<&KeyListed> = chosen.iter().filter(|key| key.state != "revoked").collect();
        if fresh.is_empty() {
            let why = if chosen.is_empty() { "there is no such key" } else { "it is revoked already" };
            return Err(OfficeError::new(ErrorKind::NotFound, format!("{what}: {why}")).hint("cellphone keys list"));
        }
        if !fresh.iter().all(|key| self.actor().same(&key.agent)) {
            self.may(Permission::Roster)?;
        }
        let _held = self.root().lock("keys")?;
        let (signers, ring) = (self.keys.signers(self.root())?, KeyRing::of(self.root()));
        let now = self.post.moment()?;
        for key in &fresh {
            let owner = AgentName::new(key.agent.as_str()).ok();
            let current = owner.as_ref().map(|name| ring.current(name)).transpose()?.flatten();
            let own = current.map(|file| file.public()).filter(|own| own.fingerprint() == key.fingerprint);
            let public = own.or_else(|| public_of(&signers, &key.fingerprint));
            revoke(self.root(), &public.into_iter().collect::<Vec<_>>(), &key.agent)?;
            if let (Some(name), Some(_)) = (owner, own) {
                ring.retire(&name, now)?;
            }
        }
        self.note_keys(fresh.iter().map(|key| (key.agent.as_str(), key.fingerprint.as_str())), "revoked");
        let done: Vec<String> = fresh.iter().map(|key| key.fingerprint.clone()).collect();
        Ok(self.keys_list()?.into_iter().filter(|key| done.contains(&key.fingerprint)).collect())
    }

    /// Makes a key for each of these who never had one; gives those. Mail goes
    /// on without: then the reason is in the log, and `keys list` shows none.
    pub(super) fn give_keys(&self, names: &[AgentName]) -> Vec<AgentName> {
        let given = || -> Result<Vec<AgentName>> {
            let (signers, ring) = (self.keys.signers(self.root())?, KeyRing::of(self.root()));
            let mut new = Vec::new();
            for name in names {
                let known = signers.allowed().iter().any(|line| line.is_of(name.as_str()));
                if !known && ring.stat(name)?.is_none() {
                    new.push(name.clone());
                }
            }
            self.renew(&new)?;
            Ok(new)
        };
        given().unwrap_or_else(|e| {
            tracing::warn!(error = %e, "no keys were made");
            Vec::new()
        })
    }

    fn renew_one(&self, name: &AgentName, done: &str) -> Result<KeyListed> {
        let keys = self.renew(std::slice::from_ref(name))?;
        let print = keys.first().map(|key| key.fingerprint()).unwrap_or_default();
        self.note_keys([(name.as_str(), print.as_str())], done);
        let made = self.keys_list()?.into_iter().find(|key| key.fingerprint == print);
        made.ok_or_else(|| OfficeError::new(ErrorKind::Failed, format!("the new key of {name} is not listed")))
    }

    fn renew(&self, names: &[AgentName]) -> Result<Vec<PublicKey>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let _held = self.root().lock("keys")?;
        let (signers, ring) = (self.keys.signers(self.root())?, KeyRing::of(self.root()));
        let mut fresh = Vec::with_capacity(names.len());
        for name in names {
            fresh.push((name.clone(), ring.introduce(name)?));
        }
        let since = self.post.moment()?;
        register(self.root(), &fresh, since)?;
        for (name, _) in &fresh {
            ring.promote(name, since)?;
        }
        let new: Vec<PublicKey> = fresh.into_iter().map(|(_, key)| key).collect();
        let of_them = |line: &&crate::identity::allowed::Allowed| names.iter().any(|name| line.is_of(name.as_str()));
        let open = signers.allowed().iter().filter(|line| line.before.is_none() && !new.contains(&line.key));
        let old: Vec<PublicKey> = open.filter(of_them).map(|line| line.key).collect();
        if !old.is_empty() {
            close_keys(self.root(), &old, self.post.moment()?)?;
        }
        Ok(new)
    }

    /// Whose key it is, when the actor may change it.
    fn key_owner(&self, name: &AgentName) -> Result<AgentName> {
        self.may(Action::On(Permission::Roster, name))?;
        if *name == AgentName::system() { Ok(name.clone()) } else { Ok(self.entry(name)?.name) }
    }

    fn note_keys<'a>(&self, keys: impl IntoIterator<Item = (&'a str, &'a str)>, done: &str) {
        let now = self.now();
        let event = |(agent, print): (&str, &str)| {
            Event::new(now, EventKind::Config)
                .agent(&self.actor())
                .with("key", done)
                .with("of", agent)
                .with("print", print)
        };
        self.note(&keys.into_iter().map(event).collect::<Vec<_>>());
    }
}

/// Whether a word means this key: its fingerprint, eight or more characters of
/// its beginning, or a name, for what that one can sign with now.
fn names(what: &str, key: &KeyListed) -> bool {
    const LEAST: usize = 8;
    let short = key.fingerprint.trim_start_matches("SHA256:");
    let wanted = what.trim_start_matches("SHA256:");
    let by_name = key.agent.eq_ignore_ascii_case(what) && matches!(key.state, "valid" | "early" | "unapproved");
    by_name || wanted.len() >= LEAST && short.starts_with(wanted)
}

fn public_of(signers: &Signers, fingerprint: &str) -> Option<PublicKey> {
    signers.allowed().iter().map(|line| line.key).find(|key| key.fingerprint() == fingerprint)
}
