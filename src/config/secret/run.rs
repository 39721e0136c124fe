//! The first line that a person's own command prints, within a time.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A command that asks somebody for a key may take a while; one that hangs
/// must not hold up the daemon for ever.
const LIMIT: Duration = Duration::from_secs(60);

/// Longest output that is read.
const MOST: u64 = 16 * 1024;

/// Runs a command without an input; its first line.
///
/// # Errors
/// It cannot run, fails, or takes too long. What it printed is not told.
pub(super) fn first_line(argv: &[String]) -> Result<String, String> {
    let [program, arguments @ ..] = argv else { return Err("it names no program".into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("{program} cannot run: {e}"))?;
    let (out, errors) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait(&mut child).map_err(|e| format!("{program}: {e}"))?;
    let text = |from: mpsc::Receiver<Vec<u8>>| {
        // A grandchild may hold the pipe open; what the command said is there by now.
        let bytes = from.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned()
    };
    if status.success() {
        return Ok(text(out));
    }
    let why = text(errors);
    Err(format!("{program} ended with {status}: {}", if why.is_empty() { "it said nothing" } else { &why }))
}

fn collect(from: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (to, received) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(from) = from {
            // What was read before a fault is all there is.
            let _ = from.take(MOST).read_to_end(&mut bytes);
        }
        // Nobody may be waiting any more.
        let _ = to.send(bytes);
    });
    received
}

fn wait(child: &mut Child) -> Result<std::process::ExitStatus, String> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if begun.elapsed() >= LIMIT {
            // Gone already is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it did not end within {LIMIT:?}"));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
