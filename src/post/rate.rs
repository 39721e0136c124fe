//! How often a sender may send: the bucket that all its processes share.
//!
//! One small file for each sender in `.cellphone/rate/`, locked while it is
//! read and written: eight bytes, the instant of the boot clock at which the
//! bucket is full again, in microseconds, little endian. It is not synced and
//! needs no care: without the file the bucket is full, and an instant of
//! another start of the machine counts as an empty one.

use std::time::Duration;

use super::Result;
use crate::fsio::{Dir, FsError, KeptLock, boot};
use crate::mailbox::MailboxError;
use crate::model::{AgentName, Rate};

const FOLDER: &str = "rate";

/// A process that was stopped while it held the lock holds up nobody longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes a token; gives how long to wait when there is none.
///
/// # Errors
/// When the file cannot be locked, read or written: then nothing is sent,
/// because a bound that can be broken is none.
pub fn take(state: &Dir, sender: &AgentName, rate: Rate) -> Result<Option<Duration>> {
    let dir = state.child_or_create(FOLDER).map_err(MailboxError::Fs)?;
    let name = sender.as_str().to_ascii_lowercase();
    let wrap = |e| MailboxError::Fs(FsError::new("use the rate of", dir.path().join(&name), e));
    let lock = KeptLock::new(&dir, name.clone());
    let held = lock.exclusive_within(PATIENCE).map_err(MailboxError::Fs)?;
    let mut bytes = [0; 8];
    let full = if held.read(&mut bytes).map_err(wrap)? == bytes.len() { u64::from_le_bytes(bytes) } else { 0 };
    let now = u64::try_from(boot::now().as_micros()).unwrap_or(u64::MAX);
    match rate.take(full, now) {
        Ok(full) => held.write(&full.to_le_bytes()).map_err(wrap).map(|()| None).map_err(Into::into),
        Err(wait) => Ok(Some(wait)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_kept_between_two_takers_and_survives_a_broken_file() {
        let tmp = tempfile::tempdir().unwrap();
        let state = Dir::open(tmp.path()).unwrap();
        let (one, rate) = (AgentName::new("Agent-1").unwrap(), Rate { burst: 2, ..Rate::parse("1/hour").unwrap() });
        assert_eq!(take(&state, &one, rate).unwrap(), None);
        assert_eq!(take(&state, &AgentName::new("AGENT-1").unwrap(), rate).unwrap(), None);
        let wait = take(&state, &one, rate).unwrap().unwrap();
        assert!(wait > Duration::from_secs(3_500) && wait <= Duration::from_secs(3_600), "{wait:?}");
        assert_eq!(take(&state, &AgentName::new("Agent-2").unwrap(), rate).unwrap(), None, "each has its own");
        let dir = state.child(FOLDER).unwrap();
        dir.replace("agent-1", b"torn", false).unwrap();
        assert_eq!(take(&state, &one, rate).unwrap(), None);
        dir.replace("agent-1", &u64::MAX.to_le_bytes(), false).unwrap();
        assert!(take(&state, &one, rate).unwrap().unwrap() <= Duration::from_secs(3_600));
    }
}
