//! The channel `command`: a program of the approved roster, told by JSON on
//! its standard input.
//!
//! No shell, a clean environment, a time limit; its whole process group is
//! ended when it takes longer. Exit status 0 means told.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::notice::Notice;
use super::outcome::{Attempt, Outcome};

/// Environment that is passed on: what a program needs to find itself, a
/// desktop and its language.
const KEPT: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// Most of a program's words that are kept for the journal, in bytes.
const WORDS: u64 = 500;

/// A command with nothing but the kept environment.
pub(super) fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for key in KEPT {
        if let Some(value) = std::env::var_os(key) {
            command.env(key, value);
        }
    }
    // On Windows no program starts without it.
    if let Some(value) = std::env::var_os("SystemRoot") {
        command.env("SystemRoot", value);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// Runs the roster's program.
#[must_use]
pub fn nudge(argv: &[String], notice: &Notice, limit: Duration) -> Attempt {
    let Some((program, arguments)) = argv.split_first() else {
        return Attempt::of(Outcome::failed(format!(
            "the command channel of {0} names no program; run: cellphone agents set {0} --channel command --target PROGRAM",
            notice.agent
        )));
    };
    let json = serde_json::json!({ "event": "nudge", "text": notice.text(), "notice": notice });
    let mut command = clean(program);
    command.args(arguments).env("CELLPHONE_AGENT", notice.agent.as_str());
    Attempt::of(match run(command, format!("{json}\n").into_bytes(), limit) {
        Ok(()) => Outcome::Delivered,
        Err(why) => Outcome::Failed(format!("{program}: {why}")),
    })
}

/// Runs a command to its end; `Err` is for a person.
pub(super) fn run(mut command: Command, input: Vec<u8>, limit: Duration) -> Result<(), String> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "it is not installed or not on PATH".to_owned(),
        _ => format!("it cannot be started: {e}"),
    })?;
    // In threads: a program that neither reads nor writes must not hold us.
    if let Some(mut stdin) = child.stdin.take() {
        std::thread::spawn(move || drop(stdin.write_all(&input)));
    }
    let (send, words) = std::sync::mpsc::channel();
    if let Some(stderr) = child.stderr.take() {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            drop(stderr.take(WORDS).read_to_end(&mut text));
            drop(send.send(text));
        });
    }
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                let words = words.recv_timeout(Duration::from_millis(100)).unwrap_or_default();
                let words = super::notice::without_controls(&String::from_utf8_lossy(&words));
                return Err(format!("{status} {}", words.trim()).trim_end().to_owned());
            }
            Ok(None) if Instant::now() < end => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            Ok(None) => {
                end_group(&mut child);
                return Err(format!("it ran longer than {} s and was ended", limit.as_secs_f32()));
            }
            Err(error) => return Err(format!("its end cannot be awaited: {error}")),
        }
    }
}

fn end_group(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.kill());
    drop(child.wait());
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::model::AgentName;

    fn notice() -> Notice {
        let agent = AgentName::new("Agent-3").unwrap();
        Notice { agent, new: 1, urgent: 0, from: vec![], ids: vec![] }
    }

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn json_arrives_and_no_shell_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out $(touch x)");
        let argv = argv(&["tee", out.to_str().unwrap()]);
        assert_eq!(nudge(&argv, &notice(), Duration::from_secs(5)).outcome, Outcome::Delivered);
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        assert_eq!(json["notice"]["agent"], "Agent-3");
        assert_eq!(json["text"], notice().text());
    }

    #[test]
    fn failures_say_what_failed() {
        let why = |a: &[&str], limit| match nudge(&argv(a), &notice(), limit).outcome {
            Outcome::Failed(why) => why,
            other => panic!("{other:?}"),
        };
        let second = Duration::from_secs(1);
        assert!(why(&["no-such-program-here"], second).contains("not installed"));
        assert!(why(&["sh", "-c", "echo broken >&2; exit 3"], second).contains("broken"));
        assert!(why(&["sleep", "60"], Duration::from_millis(50)).contains("longer"));
        assert!(why(&[], second).contains("agents set Agent-3"));
    }
}
