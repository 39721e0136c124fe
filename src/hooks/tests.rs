//! What runs, what does not, and what becomes of a hook that misbehaves.

use super::*;
use crate::config::{init, settings};

fn put(root: &Root, name: &str, script: &str) {
    let hooks = root.dir().child("hooks").unwrap();
    hooks.replace(name, script.as_bytes(), false).unwrap();
    hooks.set_mode(name, 0o755).unwrap();
}

fn root() -> (crate::config::testing::Home, Root, Settings) {
    let home = crate::config::testing::Home::new();
    init(&home.path("root"), "me").unwrap();
    let root = home.open("root");
    let mut all = settings(&root, &[]).unwrap();
    all.hooks.timeout = Duration::from_millis(700);
    (home, root, all)
}

#[test]
fn only_the_approved_copy_runs() {
    let (_home, root, all) = root();
    put(&root, "delivered", "#!/bin/sh\necho one; cat; echo \"$CELLPHONE_EVENT ${CARGO_PKG_NAME:-none}\"\n");
    assert_eq!(run(&root, &all, "delivered", b"{}").unwrap(), None);
    trust::approve(&root).unwrap();
    put(&root, "delivered", "#!/bin/sh\necho two\n");
    let done = run(&root, &all, "delivered", b"{}\n").unwrap().unwrap();
    assert_eq!((done.status, done.output.as_str()), (Some(0), "one\n{}\ndelivered none\n"));
    trust::approve(&root).unwrap();
    assert_eq!(run(&root, &all, "delivered", b"").unwrap().unwrap().output, "two\n");
    assert_eq!(run(&root, &all, "../delivered", b"").unwrap(), None);
}

#[test]
fn the_guard_refuses_with_its_reason_and_when_it_hangs() {
    let (_home, root, all) = root();
    assert_eq!(before_deliver(&root, &all, b"{}"), Verdict::Accept);
    put(&root, "before-deliver", "#!/bin/sh\nprintf 'not \\033[31mnow\\n'; exit 3\n");
    trust::approve(&root).unwrap();
    assert_eq!(before_deliver(&root, &all, b"{}"), Verdict::Refuse("not [31mnow".into()));
    put(&root, "before-deliver", "#!/bin/sh\nsleep 60 & sleep 60\n");
    trust::approve(&root).unwrap();
    let begun = Instant::now();
    assert!(matches!(before_deliver(&root, &all, b"{}"), Verdict::Refuse(why) if why.contains("no answer")));
    assert!(begun.elapsed() < Duration::from_secs(10));
    put(&root, "before-deliver", include_str!("../../hooks/before-deliver.sample"));
    trust::approve(&root).unwrap();
    assert!(matches!(before_deliver(&root, &all, b"{\"subject\":\"\"}"), Verdict::Refuse(_)));
    assert_eq!(before_deliver(&root, &all, b"{\"subject\":\"x\"}"), Verdict::Accept);
}

#[test]
fn output_is_bounded() {
    let (_home, root, mut all) = root();
    all.hooks.output = 1_000;
    put(&root, "dead", "#!/bin/sh\nhead -c 1000000 /dev/zero\n");
    trust::approve(&root).unwrap();
    let done = run(&root, &all, "dead", b"").unwrap().unwrap();
    assert!(done.succeeded());
    assert_eq!(done.output.len(), 1_000);
}

#[test]
fn what_happened_runs_its_hook_and_is_recorded() {
    let (_home, root, all) = root();
    let at = jiff::Timestamp::UNIX_EPOCH;
    let record = |seq, kind| Record { seq, event: Event::new(at, kind) };
    let records = [record(1, EventKind::Dead), record(2, EventKind::NudgeFailed), record(3, EventKind::Hook)];
    assert!(after(&root, &all, &records).is_empty());
    put(&root, "nudge-failed", "#!/bin/sh\ngrep -q nudge_failed || exit 9\nexit 4\n");
    put(&root, "hook", "#!/bin/sh\n");
    trust::approve(&root).unwrap();
    let done = after(&root, &all, &records);
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].event, done[0].detail["status"].as_str()), (EventKind::Hook, "4"));
    assert_eq!((done[0].detail["hook"].as_str(), done[0].detail["about"].as_str()), ("nudge-failed", "2"));
}
