//! Running a child to its end, and never longer than it may take.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Between two looks at a child.
const LOOK: Duration = Duration::from_millis(2);
/// Longest line that is kept of what a program said.
const LONGEST: usize = 400;

/// What became of a child.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// Its exit code; `None`: a signal, or it took too long.
    pub(super) code: Option<i32>,
    /// Its standard output.
    pub(super) out: String,
    /// Its standard error.
    pub(super) err: String,
}

impl Said {
    /// Its answer as JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.out).ok()
    }

    /// The line that tells most, control characters removed: the error that
    /// this program or restic says, else the last line.
    pub(super) fn line(&self) -> String {
        let said = |line: &&str| !line.trim().is_empty() && !line.starts_with("note: ");
        let error = self.err.lines().find(|line| line.starts_with("cellphone: ") || line.starts_with("Fatal: "));
        let error = error.or_else(|| self.err.lines().rfind(said));
        let line = error.or_else(|| self.out.lines().rfind(said)).unwrap_or_default();
        line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
    }
}

/// Runs a command to its end.
///
/// # Errors
/// A sentence: it cannot be started, or took longer, and was killed.
pub(super) fn call(command: &mut Command, within: Duration) -> Result<Said, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("cannot run {name}: {e}"))?;
    let out = child.stdout.take().map(reader);
    let err = child.stderr.take().map(reader);
    let begun = Instant::now();
    let code = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code(),
            Ok(None) if begun.elapsed() > within => {
                end(&mut child);
                return Err(format!("{name} took longer than {} s", within.as_secs()));
            }
            Ok(None) => std::thread::sleep(LOOK),
            Err(e) => return Err(format!("{name}: {e}")),
        }
    };
    let text = |thread: Option<std::thread::JoinHandle<String>>| thread.and_then(|t| t.join().ok()).unwrap_or_default();
    Ok(Said { code, out: text(out), err: text(err) })
}

/// The same for one that must succeed.
///
/// # Errors
/// A sentence, with what it said.
pub(super) fn must(command: &mut Command, within: Duration) -> Result<Said, String> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let said = call(command, within)?;
    if said.code == Some(0) {
        return Ok(said);
    }
    let code = said.code.map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
    Err(format!("`{}` ended {code}: {}", words.join(" "), said.line()))
}

/// Kills it and waits for it; gone already is as good.
pub(super) fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until an error is all there is.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits until something is there.
///
/// # Errors
/// `otherwise`, after that long.
pub(super) fn until<T>(within: Duration, otherwise: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    const PAUSE: Duration = Duration::from_millis(25);
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begun.elapsed() > within {
            return Err(otherwise.to_owned());
        }
        std::thread::sleep(PAUSE);
    }
}
