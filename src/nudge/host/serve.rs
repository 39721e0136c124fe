//! The host's socket: answers one request a line, each connection in its own
//! thread.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use super::hosted::Hosted;
use crate::model::AgentName;
use crate::nudge::converse::{converse, examine, press};
use crate::nudge::notice::is_safe;
use crate::nudge::outcome::{Outcome, Reason};
use crate::nudge::profile::Entry;
use crate::nudge::wire::{LINE, Reply, Request};

/// Accepts for as long as the process lives.
pub(super) fn serve(listener: &UnixListener, hosted: &Arc<Hosted>, agent: &AgentName) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => {
                let (hosted, agent) = (Arc::clone(hosted), agent.clone());
                std::thread::spawn(move || drop(talk(stream, &hosted, &agent)));
            }
            // Out of descriptors, most likely: others will be closed.
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn talk(stream: UnixStream, hosted: &Hosted, agent: &AgentName) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        (&mut input).take(LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        let reply = match serde_json::from_slice(&line) {
            Ok(request) => answer(request, hosted, agent),
            Err(error) => Reply::Error(format!("the request is not understood: {error}")),
        };
        let mut text = serde_json::to_vec(&reply)?;
        text.push(b'\n');
        out.write_all(&text)?;
    }
}

fn answer(request: Request, hosted: &Hosted, agent: &AgentName) -> Reply {
    match request {
        Request::Screen => Reply::Screen(hosted.screen()),
        Request::Identity => {
            Reply::Identity { agent: agent.to_string(), process: hosted.process(), host: std::process::id() }
        }
        Request::Nudge { text, profile, human_idle_ms, dry_run } => {
            let outcome = match hosted.typist(Duration::from_millis(human_idle_ms)) {
                None => Outcome::Deferred(Reason::Locked),
                Some(_) if profile.entry == Entry::Typed && !is_safe(&text) => {
                    Outcome::failed("only the template's letters are typed into a program")
                }
                Some(mut typist) if dry_run => {
                    examine(&mut typist, &profile).map_or_else(Outcome::from, |_| Outcome::Typed)
                }
                Some(mut typist) => converse(&mut typist, &profile, &text),
            };
            Reply::Attempt { outcome, process: hosted.process() }
        }
        Request::Press { key, profile, human_idle_ms } => {
            let outcome = match hosted.typist(Duration::from_millis(human_idle_ms)) {
                None => Outcome::Deferred(Reason::Locked),
                Some(mut typist) => press(&mut typist, &profile, key),
            };
            Reply::Attempt { outcome, process: hosted.process() }
        }
    }
}
