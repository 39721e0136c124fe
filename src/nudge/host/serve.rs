//! The host's socket: answers one request a line, each connection in its own
//! thread.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use super::hosted::{Hosted, Typist};
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
        Request::Nudge { text, profile, human_idle_ms, dry_run } => attempt(hosted, human_idle_ms, |typist| {
            if profile.entry == Entry::Typed && !is_safe(&text) {
                Outcome::failed("only the template's letters are typed into a program")
            } else if dry_run {
                examine(typist, &profile).map_or_else(Outcome::from, |_| Outcome::Typed)
            } else {
                converse(typist, &profile, &text)
            }
        }),
        Request::Press { key, profile, human_idle_ms } => {
            attempt(hosted, human_idle_ms, |typist| press(typist, &profile, key))
        }
    }
}

fn attempt(hosted: &Hosted, human_idle_ms: u64, work: impl FnOnce(&mut Typist<'_>) -> Outcome) -> Reply {
    let process = hosted.process();
    let Some(mut typist) = hosted.typist(Duration::from_millis(human_idle_ms)) else {
        return Reply::Attempt { outcome: Outcome::Deferred(Reason::Locked), process, entered: None };
    };
    let outcome = work(&mut typist);
    Reply::Attempt { outcome, process, entered: typist.entered() }
}
