//! As much of the protocol of `ssh-agent` as signing needs: which keys are
//! there, and a signature by one of them.
//!
//! <https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent>. A request
//! and its answer are a length, a number and fields; the agent is whatever
//! listens at `SSH_AUTH_SOCK`, so nothing in an answer is believed.

use std::ffi::OsString;
use std::io::{Read, Write};

use super::{IdentityError, Result};

const FAILURE: u8 = 5;
const LIST: u8 = 11;
const LISTED: u8 = 12;
const SIGN: u8 = 13;
const SIGNED: u8 = 14;
/// Longest answer that is read.
const MOST: u32 = 256 * 1024;

/// The agent of this session.
#[derive(Debug, Clone)]
pub struct SshAgent {
    socket: OsString,
}

impl SshAgent {
    /// The one that the environment names.
    pub(super) fn of_session() -> Option<Self> {
        std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(|socket| Self { socket })
    }

    /// Whether it holds a key.
    ///
    /// # Errors
    /// Nobody listens, or no sense can be made of the answer.
    pub(super) fn holds(&self, key: &[u8]) -> Result<bool> {
        let answer = self.ask(&request(LIST, &[], &[]), LISTED)?;
        let mut rest = answer.as_slice();
        let count = number(&mut rest).ok_or_else(nonsense)?;
        for _ in 0..count {
            let blob = field(&mut rest).ok_or_else(nonsense)?;
            field(&mut rest).ok_or_else(nonsense)?;
            if blob == key {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The signature of a key over data, as a blob of algorithm and signature.
    ///
    /// # Errors
    /// It does not hold the key, or somebody did not confirm.
    pub(super) fn sign(&self, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
        let answer = self.ask(&request(SIGN, &[key, data], &0_u32.to_be_bytes()), SIGNED)?;
        field(&mut answer.as_slice()).map(<[u8]>::to_vec).ok_or_else(nonsense)
    }

    fn ask(&self, request: &[u8], wanted: u8) -> Result<Vec<u8>> {
        let fault = |e: std::io::Error| IdentityError::Agent(format!("{}: {e}", self.socket.display()));
        let mut stream = self.connect().map_err(fault)?;
        stream.write_all(request).map_err(fault)?;
        let mut head = [0; 5];
        stream.read_exact(&mut head).map_err(fault)?;
        let [a, b, c, d, kind] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        if length == 0 || length > MOST {
            return Err(nonsense());
        }
        let mut answer = vec![0; length as usize - 1];
        stream.read_exact(&mut answer).map_err(fault)?;
        match kind {
            kind if kind == wanted => Ok(answer),
            FAILURE => Err(IdentityError::Agent("it does not sign with this key, or was not allowed to".into())),
            _ => Err(nonsense()),
        }
    }

    #[cfg(unix)]
    fn connect(&self) -> std::io::Result<impl Read + Write> {
        /// Long enough for a person to confirm.
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
        let stream = std::os::unix::net::UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// On Windows the agent is a named pipe, which is opened like a file.
    #[cfg(not(unix))]
    fn connect(&self) -> std::io::Result<impl Read + Write> {
        std::fs::OpenOptions::new().read(true).write(true).open(&self.socket)
    }
}

fn nonsense() -> IdentityError {
    IdentityError::Agent("its answer makes no sense".into())
}

/// Length, number, fields with their lengths, and what follows them.
fn request(kind: u8, fields: &[&[u8]], tail: &[u8]) -> Vec<u8> {
    let mut body = vec![kind];
    for field in fields {
        // What is signed is a digest with a few words; a key is shorter still.
        body.extend_from_slice(&u32::try_from(field.len()).unwrap_or_default().to_be_bytes());
        body.extend_from_slice(field);
    }
    body.extend_from_slice(tail);
    let mut whole = u32::try_from(body.len()).unwrap_or_default().to_be_bytes().to_vec();
    whole.extend_from_slice(&body);
    whole
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (head, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(u32::from_be_bytes(*head))
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)? as usize;
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn an_answer_is_read_and_none_is_believed() {
        use super::*;
        use std::os::unix::net::UnixListener;

        // An agent that gives one answer to whoever asks.
        let answering = |answer: &'static [u8]| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("agent");
            let listener = UnixListener::bind(&path).unwrap();
            std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = [0; 5];
                stream.read_exact(&mut head).unwrap();
                stream.write_all(answer).unwrap();
            });
            (dir, SshAgent { socket: path.into() })
        };
        let listed = b"\x00\x00\x00\x11\x0c\x00\x00\x00\x01\x00\x00\x00\x03key\x00\x00\x00\x01c";
        assert!(answering(listed).1.holds(b"key").unwrap());
        assert!(!answering(listed).1.holds(b"other").unwrap());
        let signed = b"\x00\x00\x00\x08\x0e\x00\x00\x00\x03sig";
        assert_eq!(answering(signed).1.sign(b"key", b"data").unwrap(), b"sig");
        for bad in [
            b"\x00\x00\x00\x01\x05".as_slice(),
            b"\x00\x00\x00\x00\x00",
            b"\xff\xff\xff\xff\x0e",
            b"\x00\x00\x00\x05\x0e\xff\xff\xff\xff",
            b"\x00\x00\x00\x09\x0e\x00",
            b"",
        ] {
            let (_dir, agent) = answering(bad);
            assert!(agent.sign(b"key", b"data").is_err(), "{bad:?}");
        }
        assert!(answering(b"\x00\x00\x00\x05\x0c\xff\xff\xff\xff").1.holds(b"key").is_err());
    }
}
