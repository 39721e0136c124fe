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
    assert_eq!(before(&root, &all, "before-deliver", b"{}"), Verdict::Accept);
    put(&root, "before-deliver", "#!/bin/sh\nprintf 'not \\033[31mnow\\n'; exit 3\n");
    trust::approve(&root).unwrap();
    assert_eq!(before(&root, &all, "before-deliver", b"{}"), Verdict::Refuse("not [31mnow".into()));
    put(&root, "before-deliver", "#!/bin/sh\nsleep 60 & sleep 60\n");
    trust::approve(&root).unwrap();
    let begun = Instant::now();
    assert!(matches!(before(&root, &all, "before-deliver", b"{}"), Verdict::Refuse(why) if why.contains("no answer")));
    assert!(begun.elapsed() < Duration::from_secs(10));
    put(&root, "before-deliver", include_str!("../../hooks/before-deliver.sample"));
    trust::approve(&root).unwrap();
    assert!(matches!(before(&root, &all, "before-deliver", b"{\"subject\":\"\"}"), Verdict::Refuse(_)));
    assert_eq!(before(&root, &all, "before-deliver", b"{\"subject\":\"x\"}"), Verdict::Accept);
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

#[test]
fn the_page_about_hooks_names_every_event() {
    let page = include_str!("../../hooks/README.md");
    // serde names all of them when it is asked for one that is none.
    let error = serde_json::from_str::<EventKind>("\"no such\"").unwrap_err().to_string();
    let words: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    assert!(words.len() > 30 && words.contains(&"snapshot_health"), "{error}");
    let mut known: Vec<String> = words.iter().map(|w| w.replace('_', "-")).filter(|w| w != "hook").collect();
    known.extend(BEFORE.map(str::to_owned));
    for event in &known {
        assert!(is_known(event) && page.contains(&format!("| `{event}` |")), "{event}");
    }
    let listed = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(listed, known.len(), "the page names an event that is none");
    assert!(!is_known("hook") && !is_known("snapshot_health") && !is_known("delivred"));
}

#[test]
fn what_a_hook_prints_is_kept_in_a_bounded_log() {
    let (_home, root, mut all) = root();
    all.hooks.log = 2_000;
    put(&root, "dead", "#!/bin/sh\nhead -c 500 /dev/zero | tr '\\0' x; echo; printf '\\033[2J'; exit 3\n");
    put(&root, "read", "#!/bin/sh\nexit 0\n");
    trust::approve(&root).unwrap();
    run(&root, &all, "read", b"").unwrap();
    assert!(root.state().stat(kept::FILE).unwrap().is_none(), "a quiet one leaves nothing");
    for _ in 0..12 {
        run(&root, &all, "dead", b"").unwrap();
    }
    let log = String::from_utf8(root.state().read(kept::FILE, 1 << 20).unwrap()).unwrap();
    assert!(log.contains("dead: status 3") && log.contains("    xxx") && !log.contains('\u{1b}'), "{log}");
    for name in [kept::FILE.to_owned(), format!("{}.1", kept::FILE)] {
        assert!(root.state().stat(&name).unwrap().unwrap().size < 3_000, "{name}");
    }
}
