//! Sealed mail: closing a body before it is posted, opening it for its owner.
//!
//! What is on disk is the sealed body, everywhere: inbox, `sent/`, spool,
//! archive, snapshots, search, keys of idempotency. It is opened in memory for
//! who reads its own mail and has a key, and written nowhere but into the
//! file that `unseal -o` names. Nothing sealed is answered or passed on
//! unsealed: a forward is sealed to whom it goes, as is a reply.

use std::path::Path;

use crate::fsio::Dir;
use crate::identity::{KeyRing, PublicKey, seal};
use crate::model::{AgentName, Draft, Message, Sealing};

use super::{ErrorKind, Office, OfficeError, Result};

/// How a body that is shown was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// It was not.
    None,
    /// It was, and is opened.
    Opened,
    /// It is: what is shown is the cipher text, and this is why.
    Closed(String),
}

/// What `unseal` found in a message or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// The plain text, as it was sealed.
    pub body: Vec<u8>,
}

impl Office {
    /// Seals the body of a draft whose header asks for it, or because it must
    /// be. Gives what stands for the text from then on.
    pub(super) fn seal_draft(
        &self,
        draft: &mut Draft,
        from: &AgentName,
        recipients: &[AgentName],
        must: bool,
    ) -> Result<Option<String>> {
        draft.header.sealed |= must;
        // A body that came sealed stays as it is: it was sealed by hand, or is sent again.
        if !draft.header.sealed || seal::is_sealed(&draft.body) {
            return Ok(None);
        }
        let keys = self.keys_for(from, recipients)?;
        let sealed = seal::seal(&draft.body, &keys)?;
        let text = std::mem::replace(&mut draft.body, sealed);
        // No plain digest: a short text could be guessed from it.
        let digest = self.signer_of(from)?.and_then(|signer| signer.keyed_digest(text.as_bytes()));
        Ok(Some(digest.unwrap_or_else(|| "sealed".to_owned())))
    }

    /// Whether the body of a draft will be sealed, or is.
    pub(super) fn seals(&self, from: &AgentName, draft: &Draft) -> bool {
        draft.header.sealed || self.roster().policy(&self.roster().role_of(from)).seal().0 == Sealing::Required
    }

    /// The keys of everyone who is to open it, the sender among them.
    fn keys_for(&self, from: &AgentName, recipients: &[AgentName]) -> Result<Vec<PublicKey>> {
        let (signers, now) = (self.keys.signers(self.root())?, self.now());
        let (mut keys, mut without) = (Vec::new(), Vec::new());
        for who in recipients.iter().chain([from]) {
            let own = signers.keys_of(who, now);
            if own.is_empty() && !without.contains(who) {
                without.push(who.clone());
            }
            keys.extend(own);
        }
        if let Some(first) = without.first() {
            let names: Vec<&str> = without.iter().map(AgentName::as_str).collect();
            let have = if without.len() == 1 { "has" } else { "have" };
            let why = format!("it cannot be sealed: {} {have} no key; nothing was sent", names.join(", "));
            return Err(OfficeError::new(ErrorKind::Refused, why).hint(format!("cellphone keys create {first}")));
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    /// The body of a message for its owner, opened where it is sealed.
    pub(super) fn open_body(&self, owner: &AgentName, message: &Message) -> (String, Seal) {
        if !message.header.sealed {
            return (message.body.clone(), Seal::None);
        }
        match self.open_sealed(owner, message.body.as_bytes()) {
            Ok(plain) => match String::from_utf8(plain) {
                Ok(text) => (text, Seal::Opened),
                Err(_) => {
                    let why = format!("what is in it is no text: cellphone unseal {} -o FILE", message.id());
                    (message.body.clone(), Seal::Closed(why))
                }
            },
            Err(e) => (message.body.clone(), Seal::Closed(e.message)),
        }
    }

    /// The text of a message that is to be quoted: a sealed one that cannot be
    /// opened has none.
    pub(super) fn quotable(&self, owner: &AgentName, message: &Message) -> Result<String> {
        match self.open_body(owner, message) {
            (_, Seal::Closed(why)) => Err(OfficeError::new(ErrorKind::Refused, why).hint("cellphone keys list")),
            (text, _) => Ok(text),
        }
    }

    fn open_sealed(&self, owner: &AgentName, sealed: &[u8]) -> Result<Vec<u8>> {
        let keys = KeyRing::of(self.root()).texts(owner)?;
        seal::open(sealed, &keys)?.ok_or_else(|| {
            let why = if keys.is_empty() {
                format!("it is sealed, and no key of {owner} is here")
            } else {
                format!("it is sealed, and not to a key that {owner} has here")
            };
            OfficeError::new(ErrorKind::Refused, why).hint("cellphone keys list")
        })
    }

    /// Opens a sealed message of the actor, by its id.
    ///
    /// # Errors
    /// No such message, it is not sealed, or no key opens it.
    pub fn unseal(&self, id: &str) -> Result<Unsealed> {
        let (_, message) = self.own(id)?;
        if !message.header.sealed {
            return Err(OfficeError::new(ErrorKind::Usage, format!("{} is not sealed", message.id()))
                .hint(format!("cellphone read {}", message.id())));
        }
        Ok(Unsealed { body: self.open_sealed(self.acting()?, message.body.as_bytes())? })
    }

    /// Opens a file for the actor: a whole message, or what `age` wrote.
    ///
    /// # Errors
    /// It is neither, or no key opens it.
    pub fn unseal_bytes(&self, bytes: &[u8]) -> Result<Unsealed> {
        let owner = self.acting()?;
        if seal::is_age(bytes) {
            return Ok(Unsealed { body: self.open_sealed(owner, bytes)? });
        }
        let draft = Draft::parse(bytes, &self.tree.limits)?;
        if !seal::is_sealed(&draft.body) {
            return Err(OfficeError::new(ErrorKind::Usage, "this is neither a sealed message nor a file of age"));
        }
        Ok(Unsealed { body: self.open_sealed(owner, draft.body.as_bytes())? })
    }

    /// Writes what was opened into a file that only the user can read.
    ///
    /// # Errors
    /// Something is there already, or the disk.
    pub fn save_unsealed(&self, unsealed: &Unsealed, to: &Path) -> Result<()> {
        let name = to.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            return Err(OfficeError::new(ErrorKind::Usage, format!("{} is no name of a file", to.display())));
        };
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Dir::open(folder)?.create(name, &unsealed.body, true).map_err(|e| {
            if e.exists() {
                return OfficeError::new(ErrorKind::Conflict, format!("{} is there already", to.display()))
                    .hint("name another file");
            }
            e.into()
        })
    }
}
