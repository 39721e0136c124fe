//! The demo, interrupted: nothing is left, whoever got the signal.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::harness::{Running, World, names, wait};

/// Processes that carry this mark in their environment.
fn marked(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for pid in names(Path::new("/proc")).into_iter().filter(|n| n.bytes().all(|b| b.is_ascii_digit())) {
        // Most belong to others, and some end meanwhile.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if environment.split(|b| *b == 0).any(|v| v == mark.as_bytes()) {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
            found.push(format!("{pid}: {line}"));
        }
    }
    found
}

/// Interrupts the demo once it has told of a step; `everyone` as a terminal
/// does with Ctrl-C, else the demo alone.
fn interrupted(step: &str, everyone: bool) {
    let world = World::new();
    let tmp = world.root.parent().unwrap().join("t");
    fs::create_dir(&tmp).unwrap();
    let mark = format!("DEMO_MARK={}-{everyone}-{}", std::process::id(), step.len());
    let (name, value) = mark.split_once('=').unwrap();
    let mut command = world.bare();
    command.arg("demo").env("TMPDIR", &tmp).env(name, value).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);
    let mut demo = Running::start(command);
    let mut told = String::new();
    // Read on to the end: a pipe that breaks ends the demo too.
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        told = line.unwrap();
        if told.contains(step) {
            break;
        }
    }
    if !told.contains(step) {
        let mut why = String::new();
        demo.0.stderr.take().unwrap().read_to_string(&mut why).unwrap();
        panic!("the demo ended before {step:?}: {told}\n{why}");
    }
    // Between two of its steps none may run.
    wait("its children carry the mark", || marked(&mark).len() > 1);
    let target = if everyone { format!("-{}", demo.pid()) } else { demo.pid().to_string() };
    assert!(Command::new("kill").args(["-INT", "--", &target]).status().unwrap().success());
    assert_eq!(demo.code(), Some(130), "{step}");
    assert!(!lines.any(|line| line.unwrap().contains("verified")), "it stopped in the middle");
    assert_eq!(names(&tmp), Vec::<String>::new(), "its folder is gone");
    wait("every process has ended", || marked(&mark).is_empty());
}

#[test]
fn ctrl_c_at_any_step_leaves_nothing() {
    std::thread::scope(|scope| {
        for step in ["a working root", "the daemon watches", "sit at their prompts", "terminal rang", "was answered"] {
            for everyone in [false, true] {
                scope.spawn(move || interrupted(step, everyone));
            }
        }
    });
}
