//! Hosts real programs, headless, in a thread each.

use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::nudge::wire::{Reply, Request};
use crate::nudge::{Attempt, Notice, NudgeContext, Outcome, Reason, Target, Way, nudge, proof, pty};

struct Host {
    dir: tempfile::TempDir,
    thread: Option<std::thread::JoinHandle<Result<u8, HostError>>>,
}

fn agent() -> AgentName {
    AgentName::new("Agent-3").unwrap()
}

fn options(state: &Path, program: &[&str]) -> HostOptions {
    HostOptions {
        agent: agent(),
        root: state.to_owned(),
        state: state.to_owned(),
        program: program.iter().map(OsString::from).collect(),
    }
}

impl Host {
    fn new(program: &str) -> Self {
        Self::within(tempfile::tempdir().unwrap(), program)
    }
    fn within(dir: tempfile::TempDir, program: &str) -> Self {
        let options = options(&dir.path().join("state"), &["sh", "-c", program]);
        Self { dir, thread: Some(std::thread::spawn(move || run(&options))) }
    }
    fn ask(&self, request: &Request) -> Result<Reply, String> {
        pty::ask(&agent(), request, &self.dir.path().join("state"), Duration::from_secs(10))
    }
    fn screen(&self) -> String {
        match self.ask(&Request::Screen) {
            Ok(Reply::Screen(screen)) => screen.text(),
            other => format!("{other:?}"),
        }
    }
    fn until(&self, wanted: &str) {
        let end = Instant::now() + Duration::from_secs(5);
        while !self.screen().contains(wanted) {
            assert!(Instant::now() < end, "{wanted:?} did not appear:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    fn nudge(&self, change: impl Fn(&mut Target)) -> Attempt {
        let mut target = Target::new(agent(), Way::Pty);
        target.profile.echo_ms = 300;
        change(&mut target);
        let notice = Notice { agent: agent(), new: 2, urgent: 0, from: vec![], ids: vec![] };
        nudge(&target, &notice, &NudgeContext::new(self.dir.path().join("state")))
    }
    /// The same, once the prompt is back.
    fn nudge_ready(&self) -> Attempt {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let attempt = self.nudge(|_| ());
            let later = matches!(attempt.outcome, Outcome::Deferred(Reason::Busy | Reason::Unsettled));
            if !later || Instant::now() > end {
                return attempt;
            }
        }
    }
    fn end(mut self) -> u8 {
        self.thread.take().unwrap().join().unwrap().unwrap()
    }
}

/// Ends after so many lines, with status 7.
fn reader(lines: usize) -> String {
    format!("i=0; while [ $i -lt {lines} ]; do printf '> '; read -r x; echo \"got: $x\"; i=$((i+1)); done; exit 7")
}

#[test]
fn a_hosted_program_is_rung_and_its_status_returned() {
    let host = Host::new(&reader(3));
    host.until(">");
    let socket = std::fs::metadata(host.dir.path().join("state/pty/Agent-3.sock")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&socket.permissions()) & 0o777, 0o600);
    let Ok(Reply::Identity { agent: name, process, .. }) = host.ask(&Request::Identity) else { panic!() };
    assert_eq!((name.as_str(), proof::pin(process.pid)), ("Agent-3", Some(process)));
    let attempt = host.nudge_ready();
    assert_eq!(attempt.outcome, Outcome::Submitted { blind: false }, "{}", host.screen());
    assert_eq!(attempt.pinned, Some(process));
    host.until("got: Cellphone: 2 new for Agent-3");
    let state = host.dir.path().join("state");
    assert!(matches!(run(&options(&state, &["true"])), Err(HostError::Taken(_))), "no second host");
    assert_eq!(host.nudge_ready().outcome, Outcome::Submitted { blind: false });
    // The program ends with this one.
    let _ = host.nudge_ready();
    assert_eq!(host.end(), 7);
}

#[test]
fn nobody_there_is_said_with_the_next_command() {
    let host = Host::new("exit 0");
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(host.end(), 0);
    let host = Host { dir, thread: None };
    let Outcome::Failed(why) = host.nudge(|_| ()).outcome else { panic!() };
    assert!(why.contains("cellphone run Agent-3 -- PROGRAM"), "{why}");
}

#[test]
fn a_signal_and_a_missing_program_are_told_apart() {
    assert_eq!(Host::new("kill -9 $$").end(), 128 + 9);
    let dir = tempfile::tempdir().unwrap();
    let missing = run(&options(dir.path(), &["no-such-program-here"]));
    assert!(matches!(missing, Err(HostError::Start { .. })));
    assert!(matches!(run(&options(dir.path(), &[])), Err(HostError::NoProgram(_))));
}

#[test]
fn the_program_knows_who_it_is_and_a_deep_root_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(60)).join("e".repeat(60));
    let options = options(
        &deep,
        &[
            "sh",
            "-c",
            "test $CELLPHONE_AGENT = Agent-3 && test -n \"$CELLPHONE_ROOT\" && test -S $CELLPHONE_ROOT/pty/Agent-3.sock",
        ],
    );
    if cfg!(target_os = "linux") {
        assert_eq!(run(&options).unwrap(), 0);
    }
}

#[test]
fn busy_dialogs_and_mute_programs_get_no_enter() {
    let host = Host::new("echo working; sleep 2");
    host.until("working");
    assert_eq!(host.nudge(|_| ()).outcome, Outcome::Deferred(Reason::Busy));
    let host = Host::new("printf 'Proceed? [y/N] '; read -r x; echo \"answer: $x\"");
    host.until("Proceed");
    assert_eq!(host.nudge(|_| ()).outcome, Outcome::Deferred(Reason::Dialog));
    let host = Host::new("stty -echo; printf '> '; read -r x; echo \"got: [$x]\"; sleep 1");
    host.until(">");
    assert_eq!(host.nudge(|_| ()).outcome, Outcome::Deferred(Reason::NoEcho));
    assert!(!host.screen().contains("got"), "no Enter was pressed");
}

#[test]
fn a_program_that_asks_its_terminal_is_answered() {
    let host = Host::new(
        "stty raw -echo; printf 'ab\\033[6n'; x=$(dd bs=1 count=6 2>/dev/null | od -An -tx1 | tr -d ' \\n'); stty sane; printf '\\nsaid %s\\n> ' $x; read -r y",
    );
    host.until("said 1b5b313b3352");
}

/// What it costs from the request to the program having read the line, in a
/// build for release: p50 under 5 ms.
#[test]
#[ignore = "measures: run with --release --nocapture"]
fn measure_request_to_read() {
    let host = Host::new("while printf '> '; read -r x; do :; done");
    host.until(">");
    let mut took = Vec::new();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(60));
        let begun = Instant::now();
        assert_eq!(host.nudge_ready().outcome, Outcome::Submitted { blind: false });
        took.push(begun.elapsed());
    }
    took.sort();
    println!("request to submitted: p50 {:?} p99 {:?}", took[50], took[98]);
}
