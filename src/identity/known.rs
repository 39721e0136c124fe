//! What is kept of keys between two uses, as long as their files are the same:
//! a batch signs a thousand messages, and the daemon lives for months while
//! keys are rotated beside it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::keys::KeyRing;
use super::sign::Signer;
use super::signers::Signers;
use super::ssh_agent::SshAgent;
use super::{ALLOWED, REVOKED, Result};
use crate::config::{Root, trust};
use crate::fsio::{Dir, Stat};
use crate::model::AgentName;

/// The signers and the keys that were read last.
#[derive(Debug, Default)]
pub struct Known {
    signers: Mutex<Option<(Facts, Arc<Signers>)>>,
    keys: Mutex<HashMap<AgentName, (Stat, Arc<Signer>)>>,
}

type Facts = [Option<Stat>; 2];

impl Known {
    /// The signers as approved now.
    ///
    /// # Errors
    /// When an approved copy is there and cannot be read.
    pub fn signers(&self, root: &Root) -> Result<Arc<Signers>> {
        let now = [facts(root, ALLOWED)?, facts(root, REVOKED)?];
        let mut kept = lock(&self.signers);
        if let Some((_, signers)) = kept.as_ref().filter(|(facts, _)| *facts == now) {
            return Ok(Arc::clone(signers));
        }
        let signers = Arc::new(Signers::load(root)?);
        *kept = Some((now, Arc::clone(&signers)));
        Ok(signers)
    }

    /// Who signs as an agent: its key file; without one, `ssh-agent`, when it
    /// holds a key of the agent that counts now. `None` when neither does.
    ///
    /// # Errors
    /// A key file that may not be used.
    pub fn signer(&self, root: &Root, agent: &AgentName, now: Timestamp) -> Result<Option<Arc<Signer>>> {
        let ring = KeyRing::of(root);
        let Some(stat) = ring.stat(agent)? else { return self.held_elsewhere(root, agent, now) };
        if let Some((_, signer)) = lock(&self.keys).get(agent).filter(|(known, _)| *known == stat) {
            return Ok(Some(Arc::clone(signer)));
        }
        let Some(key) = ring.current(agent)? else { return Ok(None) };
        let signer = Arc::new(Signer::File(Box::new(key)));
        lock(&self.keys).insert(agent.clone(), (stat, Arc::clone(&signer)));
        Ok(Some(signer))
    }

    fn held_elsewhere(&self, root: &Root, agent: &AgentName, now: Timestamp) -> Result<Option<Arc<Signer>>> {
        let Some(session) = SshAgent::of_session() else { return Ok(None) };
        for key in self.signers(root)?.keys_of(agent, now) {
            match session.holds(&key.blob()) {
                Ok(true) => return Ok(Some(Arc::new(Signer::Session(session, key)))),
                Ok(false) => {}
                // A socket that is left over from an earlier session stops no mail.
                Err(e) => {
                    tracing::debug!(error = %e, "no key from ssh-agent");
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }
}

fn facts(root: &Root, relative: &str) -> Result<Option<Stat>> {
    let path = trust::approved_path(root, relative);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(None);
    };
    match Dir::open(folder) {
        Ok(dir) => Ok(dir.stat(name)?),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
