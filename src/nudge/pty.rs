//! The channel `pty`: a program hosted by `cellphone run`. The host holds
//! the conversation itself, because it alone can keep the human's keys back
//! for those milliseconds; this is the asking side.

use std::path::Path;

use super::NudgeContext;
use super::key::Key;
use super::outcome::{Attempt, Outcome};
use super::target::Target;
use super::wire::Request;
#[cfg(unix)]
use super::wire::{FOLDER, LINE, Reply, reachable, socket_name};
use crate::model::AgentName;

/// Nudges the hosted program of an agent.
#[must_use]
pub fn nudge(target: &Target, text: &str, context: &NudgeContext) -> Attempt {
    let request = Request::Nudge {
        text: text.to_owned(),
        profile: Box::new(target.profile.clone()),
        human_idle_ms: u64::try_from(context.human_idle.as_millis()).unwrap_or(u64::MAX),
        dry_run: context.dry_run,
    };
    answer(&target.agent, &request, &context.state, context.limit)
}

/// Presses one key in the hosted program of an agent.
#[must_use]
pub fn press(target: &Target, key: Key, context: &NudgeContext) -> Attempt {
    let request = Request::Press {
        key,
        profile: Box::new(target.profile.clone()),
        human_idle_ms: u64::try_from(context.human_idle.as_millis()).unwrap_or(u64::MAX),
    };
    answer(&target.agent, &request, &context.state, context.limit)
}

#[cfg(unix)]
fn answer(agent: &AgentName, request: &Request, state: &Path, limit: std::time::Duration) -> Attempt {
    match ask(agent, request, state, limit) {
        Ok(Reply::Attempt { outcome, process, entered }) => Attempt { outcome, pinned: Some(process), entered },
        Ok(Reply::Error(why)) => Attempt::of(Outcome::Failed(why)),
        Ok(_) => Attempt::of(Outcome::failed("the host gave an answer to another question")),
        Err(why) => Attempt::of(Outcome::Failed(why)),
    }
}

#[cfg(not(unix))]
fn answer(_: &AgentName, _: &Request, _: &Path, _: std::time::Duration) -> Attempt {
    Attempt::of(Outcome::failed("hosted programs are not available on this platform; use the command channel"))
}

/// Asks an agent's host. `state` is the root's `.cellphone`.
///
/// # Errors
/// For a person: when nothing is hosted there, or it does not answer within
/// `limit`.
#[cfg(unix)]
pub fn ask(agent: &AgentName, request: &Request, state: &Path, limit: std::time::Duration) -> Result<Reply, String> {
    use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;

    let nobody = || format!("no program of {agent} is hosted; start it with: cellphone run {agent} -- PROGRAM");
    let fault = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => nobody(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("the host of {agent} does not answer"),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => nobody(),
        _ => format!("the host of {agent}: {e}"),
    };
    let (_handle, path) = reachable(&state.join(FOLDER), &socket_name(agent)).map_err(fault)?;
    let mut stream = UnixStream::connect(path).map_err(fault)?;
    stream.set_read_timeout(Some(limit)).map_err(fault)?;
    stream.set_write_timeout(Some(limit)).map_err(fault)?;
    let line = serde_json::to_string(request).map_err(|e| e.to_string())?;
    stream.write_all(format!("{line}\n").as_bytes()).map_err(fault)?;
    let mut reply = String::new();
    BufReader::new(stream.take(LINE)).read_line(&mut reply).map_err(fault)?;
    if reply.is_empty() {
        return Err(nobody());
    }
    serde_json::from_str(&reply).map_err(|e| format!("the host of {agent} answered something else: {e}"))
}
