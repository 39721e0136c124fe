//! The hooks that `integrate` writes, run by the real agent programs in one
//! turn without a window: each hears who it is, goes on at its end because
//! mail waits, and reads it through its own shell tool. No window is there to
//! ring, so all that wakes it is its hook.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::agents::{Server, call_counter, source};
use crate::harness::{Running, World, text, wait_for};
use crate::http_client::Door;
use crate::wake::steps;

/// A program that starts on a small machine takes a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the human says.
const WORDS: &str = "please be quick";

fn ran(mut start: Command) {
    let out = start.stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{start:?}: {}", text(&out));
}

/// One turn of a program in a project where it is integrated; `take` has it
/// taken, by a program that is started with more arguments.
fn turn(program: &str, take: impl FnOnce(&dyn Fn(&[&str]) -> Command) -> Option<Running>) {
    let world = World::new();
    let place = world.root.parent().unwrap().join("agents");
    call_counter(&place);
    let server = Server::start(&world, &place);
    let home = place.join("home");
    let programs = std::env::var("CELLPHONE_AGENTS_DIR").expect("the agent programs are needed: run tests/run --long");
    let start = |arguments: &[&str]| {
        let mut start = world.program(source("start"));
        start.env("CELLPHONE_AGENTS_DIR", &programs).env("CELLPHONE_BIN_DIR", place.join("bin"));
        start.env("CELLPHONE_ROOT", &world.root).env("CELLPHONE_AGENT", "Agent-2");
        start.arg(program).arg(&home).arg(&server.port).arg("--trusted").args(arguments);
        start
    };
    // Its settings are made by its first start; the rules of the script's own are those of integrate now.
    ran(start(&["--version"]));
    let _ = fs::remove_file(home.join(".gemini/policies/cellphone.toml"));
    let mut integrate = world.acting("tester");
    integrate.env("HOME", &home).args(["integrate", program, "--agent", "Agent-2", "--yes", "--dir"]);
    integrate.arg(home.join("work"));
    ran(integrate);

    let _daemon = world.up();
    let id = world.send("Agent-1", "Agent-2", "for the end of a turn");
    let _program = take(&start);
    let notice = "Cellphone: 1 new for Agent-2, from Agent-1. Run: cellphone inbox";
    let turns =
        || -> Vec<String> { server.turns().iter().map(|turn| turn["text"].as_str().unwrap().to_owned()).collect() };
    wait_for("it is told at its end", PATIENCE, || {
        turns().iter().any(|turn| turn.contains(notice) && !turn.contains(WORDS))
    });
    assert!(turns().iter().any(|turn| turn.contains(WORDS)), "{:?}", turns());
    let calls = || fs::read_to_string(place.join("calls")).unwrap();
    let hook = format!(" hook {program} ");
    let count = |moment: &str| {
        calls().lines().filter(|l| l.split_once(&hook).is_some_and(|(_, end)| end.starts_with(moment))).count()
    };
    for (moment, least) in [("start", 1), ("prompt", 1), ("tool", 1), ("stop", 2)] {
        wait_for(&format!("its hook at {moment} runs: {}", calls()), PATIENCE, || count(moment) >= least);
    }
    assert!(calls().lines().any(|call| call == "inbox"), "it did not look: {}", calls());
    assert!(steps(&world, &id).iter().any(|step| step == "woken"), "{:?}", steps(&world, &id));
}

fn at_once(program: &str, arguments: &[&str]) {
    turn(program, |start| {
        ran(start(arguments));
        None
    });
}

#[test]
#[ignore = "needs the agent programs: run tests/run --long"]
fn claude_code_goes_on_at_its_end_and_reads_its_mail() {
    at_once("claude-code", &["-p", WORDS]);
}

#[test]
#[ignore = "needs the agent programs: run tests/run --long"]
fn codex_goes_on_at_its_end_and_reads_its_mail() {
    at_once("codex", &["exec", "--skip-git-repo-check", "--dangerously-bypass-hook-trust", WORDS]);
}

#[test]
#[ignore = "needs the agent programs: run tests/run --long"]
fn gemini_cli_goes_on_at_its_end_and_reads_its_mail() {
    at_once("gemini-cli", &["-p", WORDS]);
}

/// Its command for one turn ends with the turn: it is asked as its windows ask
/// it.
#[test]
#[ignore = "needs the agent programs: run tests/run --long"]
fn opencode_goes_on_at_its_end_and_reads_its_mail() {
    turn("opencode", |start| {
        let said = tempfile::NamedTempFile::new().unwrap();
        let mut serve = start(&["serve", "--port", "0"]);
        serve.stdin(Stdio::null()).stdout(said.reopen().unwrap()).stderr(Stdio::null());
        let running = Running::start(serve);
        let address = || {
            let text = fs::read_to_string(said.path()).unwrap();
            text.split_once("listening on http://").map(|(_, address)| address.trim().to_owned())
        };
        wait_for("it listens", PATIENCE, || address().is_some());
        let door = Door { authority: address().unwrap(), token: None };
        let session = door.post("/session", &json!({})).json()["id"].as_str().unwrap().to_owned();
        let answer =
            door.post(&format!("/session/{session}/message"), &json!({"parts": [{"type": "text", "text": WORDS}]}));
        assert_eq!(answer.status, 200, "{answer:?}");
        Some(running)
    });
}
