//! The control socket, answering side.
//!
//! A line of JSON asks, a line answers (`office/control.rs` has the words).
//! Who asks is taken from the socket itself (`SO_PEERCRED`), never from what
//! is said: a report counts as proof only when the asking process descends
//! from the one that was nudged.

use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};
use crate::config::redact;
use crate::nudge::proof;
use crate::office::control::{Answer, LINE_MAX, Request, SOCKET, SocketAddress};

/// Connections served at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 64;

/// How long a connection may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// How long somebody who asked may take to read the answer.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs until the shutdown.
///
/// # Errors
/// When the socket cannot be bound.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    let listener = bind(&house)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            () = shutdown.requested() => break,
            permit = Arc::clone(&places).acquire_owned() => permit.map_err(|e| e.to_string())?,
        };
        let accepted = tokio::select! {
            () = shutdown.requested() => break,
            accepted = listener.accept() => accepted,
        };
        // Ended connections leave their results behind.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let (house, shutdown) = (Arc::clone(&house), shutdown.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    house.count_connection(true);
                    converse(&house, &shutdown, stream).await;
                    house.count_connection(false);
                });
            }
            Err(e) => {
                // Out of file descriptors, most likely: give others time to close theirs.
                house.warn(&format!("the control socket accepts nothing: {e}"));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    // An answer to `stop` may still be on its way.
    let _ = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

fn bind(house: &House) -> Result<UnixListener, String> {
    let state = house.root.state();
    let text = |e: &dyn std::fmt::Display| format!("cannot listen on {}: {e}", state.path().join(SOCKET).display());
    // Ours alone: the instance lock is held. After a restart of this worker the old one still stands here.
    match state.remove(SOCKET) {
        Err(e) if !e.is_not_found() => return Err(text(&e)),
        _ => {}
    }
    let address = SocketAddress::new(state.path(), SOCKET).map_err(|e| text(&e))?;
    let listener = StdListener::bind(address.path()).map_err(|e| text(&e))?;
    listener.set_nonblocking(true).map_err(|e| text(&e))?;
    UnixListener::from_std(listener).map_err(|e| text(&e))
}

async fn converse(house: &Arc<House>, shutdown: &Shutdown, stream: UnixStream) {
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok());
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read);
    loop {
        let line = tokio::select! {
            () = shutdown.requested() => return,
            line = tokio::time::timeout(SILENCE, read_line(&mut reader)) => line,
        };
        let Ok(Some(line)) = line else { return };
        let answer = match serde_json::from_slice::<Request>(&line) {
            Ok(Request::Subscribe) => {
                subscribe(house, shutdown, reader, write).await;
                return;
            }
            Ok(request) => answer(house, request, peer).await,
            Err(e) => Answer::Refused { why: format!("not understood: {e}") },
        };
        if !write_line(&mut write, &answer).await {
            return;
        }
    }
}

async fn answer(house: &Arc<House>, request: Request, peer: Option<u32>) -> Answer {
    let done = |message: &str| Answer::Done { message: message.to_owned() };
    match request {
        Request::Ping => Answer::Pong {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            root: house.root.path().to_owned(),
        },
        Request::Status => Answer::Status(Box::new(house.status())),
        Request::Report { agent, command, line } => {
            // At once, and under no lock: the process waits 50 ms and may be gone then.
            let line = peer.map(|pid| proof::line_of(pid, line)).unwrap_or_default();
            Answer::Reported { woken: house.reported(&agent, &command, line) }
        }
        Request::Hook { agent, ids, urgent, anyway } => {
            Answer::Reported { woken: house.hooked(&agent, ids, urgent, anyway) }
        }
        Request::Reload => match house.reload().await {
            Ok(()) => done("the configuration was read"),
            Err(why) => Answer::Refused { why },
        },
        Request::RuntimeSettings => Answer::RuntimeSettings { values: house.runtime_settings() },
        Request::SetAtRunTime { actor, key, value } => match house.set_at_run_time(&actor, &key, value).await {
            Ok(()) => done("it holds until the daemon ends"),
            Err(why) => Answer::Refused { why },
        },
        Request::Rescan => {
            house.rescan().await;
            done("everything is looked at")
        }
        Request::Nudge { agent, by } => match house.nudge_now(&agent, &by) {
            Ok(()) => done("the window is tried now"),
            Err(why) => Answer::Refused { why },
        },
        Request::Stop => {
            house.shutdown.begin();
            done("stopping")
        }
        Request::Subscribe => Answer::Refused { why: "already answered".into() },
    }
}

/// Sends every event until either side has gone.
async fn subscribe(
    house: &Arc<House>,
    shutdown: &Shutdown,
    mut reader: BufReader<OwnedReadHalf>,
    mut write: OwnedWriteHalf,
) {
    let mut position = None;
    loop {
        // Registered before reading: what is appended meanwhile is not missed.
        let changed = house.pending.journal.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let (events, next) = house.journal_since(position).await;
        position = next;
        for event in events {
            if !write_line(&mut write, &Answer::Event { event }).await {
                return;
            }
        }
        let mut byte = [0];
        tokio::select! {
            () = shutdown.requested() => return,
            () = changed => {}
            // Without events of the file system the look finds what was appended.
            () = tokio::time::sleep(house.office().settings().watch.poll) => {}
            // Whoever subscribed says nothing more: this is the end of it.
            _ = reader.read(&mut byte) => return,
        }
    }
}

async fn read_line(reader: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let read = reader.take(LINE_MAX as u64).read_until(b'\n', &mut line).await.ok()?;
    (read > 0 && line.ends_with(b"\n")).then_some(line)
}

async fn write_line(write: &mut OwnedWriteHalf, answer: &Answer) -> bool {
    let Ok(line) = serde_json::to_string(answer) else { return false };
    // What a worker failed with may hold what it was to keep.
    let line = format!("{}\n", redact(&line));
    // One that reads nothing does not hold its place for ever.
    matches!(tokio::time::timeout(DRAIN, write.write_all(line.as_bytes())).await, Ok(Ok(())))
}
