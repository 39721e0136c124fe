//! One run of one program, bounded in time and output.

use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::config::Root;

/// What is passed on from our own environment; everything else stays behind,
/// tokens and keys above all.
const PASSED: [&str; 8] = ["HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SystemRoot", "TEMP"];
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

pub(super) struct Ended {
    pub(super) status: Option<i32>,
    pub(super) timed_out: bool,
    pub(super) output: Vec<u8>,
}

pub(super) fn run(
    program: &Path,
    root: &Root,
    event: &str,
    json: &[u8],
    timeout: Duration,
    limit: usize,
) -> io::Result<Ended> {
    let deadline = Instant::now() + timeout;
    let mut child = start(program, root, event)?;
    // A hook need not read what it is given; the thread ends with the pipe.
    if let Some(mut stdin) = child.stdin.take() {
        let json = json.to_vec();
        std::thread::spawn(move || stdin.write_all(&json));
    }
    let (to, from) = channel();
    let out = child.stdout.take().map(|pipe| read(pipe, limit, false, to.clone()));
    let err = child.stderr.take().map(|pipe| read(pipe, limit, true, to));
    let expected = usize::from(out.is_some()) + usize::from(err.is_some());
    let status = wait(&mut child, deadline)?;
    let timed_out = status.is_none();
    if timed_out {
        end(&mut child);
    }
    // What it started may still hold the pipes; it gets a moment, then it goes too.
    let output = collect(&from, expected, limit, || end(&mut child));
    Ok(Ended { status: status.and_then(|s| s.code()), timed_out, output })
}

fn start(program: &Path, root: &Root, event: &str) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .current_dir(root.path())
        .env_clear()
        .env("PATH", PATH)
        .env("CELLPHONE_ROOT", root.path())
        .env("CELLPHONE_EVENT", event)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in PASSED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut tries = 0;
    loop {
        match command.spawn() {
            // Another thread forked while the copy was being written and still holds it open; over in a moment.
            Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy && tries < 20 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// Reads a pipe to its end, so that the program never blocks on it, and keeps
/// the beginning.
fn read(mut pipe: impl Read + Send + 'static, limit: usize, is_error: bool, to: Sender<(bool, Vec<u8>)>) {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut part = [0; 8_192];
        while let Ok(n @ 1..) = pipe.read(&mut part) {
            let room = limit.saturating_sub(kept.len()).min(n);
            kept.extend_from_slice(&part[..room]);
        }
        // Nobody listens when the run was given up.
        let _ = to.send((is_error, kept));
    });
}

fn collect(from: &Receiver<(bool, Vec<u8>)>, expected: usize, limit: usize, mut end: impl FnMut()) -> Vec<u8> {
    let mut parts = Vec::new();
    let mut ended = false;
    while parts.len() < expected {
        match from.recv_timeout(Duration::from_millis(250)) {
            Ok(part) => parts.push(part),
            Err(RecvTimeoutError::Timeout) if !ended => {
                end();
                ended = true;
            }
            Err(_) => break,
        }
    }
    parts.sort_by_key(|(is_error, _)| *is_error);
    let mut output: Vec<u8> = parts.into_iter().flat_map(|(_, bytes)| bytes).collect();
    output.truncate(limit);
    output
}

/// Waits until a deadline; `None` when it passed. The pauses grow, so a quick
/// hook costs little and a slow one no processor time.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<std::process::ExitStatus>> {
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Ends the program and what it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself meanwhile; the group is then empty.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
