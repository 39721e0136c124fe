//! Who may sign: changing `config/allowed_signers` and `config/revoked_keys`.
//!
//! As with the roster, one edit goes into the tree and into the approved copy,
//! so whoever runs our command approves what it writes and nothing beside it.
//! Lines that an agent put into the tree are left as they are, and without
//! effect.

use jiff::Timestamp;

use super::allowed::{Allowed, parse, parse_revoked, with, with_end, without};
use super::public::PublicKey;
use super::{ALLOWED, REVOKED, Result};
use crate::config::{Root, trust};
use crate::model::AgentName;

const HEAD: &str = "# Public keys of those who may sign here, as OpenSSH reads them (man ssh-keygen, ALLOWED SIGNERS).\n\
     # Used as approved (cellphone trust); written by cellphone keys.\n";
const HEAD_REVOKED: &str = "# Public keys that count no more, one a line; what they signed is forged (ssh-keygen -Y verify -r).\n\
     # Used as approved (cellphone trust); written by cellphone keys revoke.\n";

/// Adds a key for each, valid from a moment on.
///
/// # Errors
/// When a file cannot be read or written.
pub fn register(root: &Root, keys: &[(AgentName, PublicKey)], after: Timestamp) -> Result<()> {
    // An empty list of revoked keys, so that `ssh-keygen -r` has a file to read.
    if trust::approved(root, REVOKED)?.is_none() {
        change(root, REVOKED, HEAD_REVOKED, str::to_owned)?;
    }
    change(root, ALLOWED, HEAD, |text| {
        let known = parse(text).0;
        keys.iter().fold(text.to_owned(), |text, (name, key)| {
            // An attempt that ended in the middle may have written it.
            let there = known.iter().any(|one| one.key == *key && one.is_of(name.as_str()));
            if there { text } else { with(&text, &Allowed::new(name.as_str(), *key, after).to_string()) }
        })
    })
}

/// Ends the time of these keys: what they signed before stays verified.
///
/// # Errors
/// When a file cannot be read or written.
pub fn close_keys(root: &Root, keys: &[PublicKey], at: Timestamp) -> Result<()> {
    change(root, ALLOWED, HEAD, |text| keys.iter().fold(text.to_owned(), |text, key| with_end(&text, *key, at)))
}

/// Has these keys count no more, whenever they signed.
///
/// # Errors
/// When a file cannot be read or written.
pub fn revoke(root: &Root, keys: &[PublicKey], comment: &str) -> Result<()> {
    change(root, REVOKED, HEAD_REVOKED, |text| {
        let known = parse_revoked(text).0;
        let fresh = keys.iter().filter(|key| !known.contains(key));
        fresh.fold(text.to_owned(), |text, key| with(&text, &format!("{key} {comment}")))
    })
}

/// Takes away every line about somebody who signed nothing that anybody keeps:
/// what they signed is verified no more.
///
/// # Errors
/// When a file cannot be read or written.
pub fn withdraw(root: &Root, name: &AgentName) -> Result<()> {
    change(root, ALLOWED, HEAD, |text| without(text, name.as_str()))
}

fn change(root: &Root, relative: &str, head: &str, edit: impl Fn(&str) -> String) -> Result<()> {
    let _held = root.lock("signers")?;
    let text = |bytes: Option<Vec<u8>>| {
        bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let copy = text(trust::approved(root, relative)?);
    // A tree without the file starts from what was approved.
    let tree = text(root.read(relative)?).or_else(|| copy.clone());
    let edited = |text: Option<String>| edit(&text.unwrap_or_else(|| head.to_owned()));
    let (tree, copy) = (edited(tree), edited(copy));
    // The copy first: a key that is in force and not in the tree is told by `trust`, the other way it would not verify.
    trust::approve_bytes(root, relative, copy.as_bytes())?;
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    root.dir().child_or_create(folder)?.replace(name, tree.as_bytes(), true).map_err(Into::into)
}
