//! Sending again: dead letters, keys and batches. Whatever was done before,
//! nothing is lost, doubled, or said to be what it is not.

use crate::harness::{World, text};

#[test]
fn an_option_that_a_batch_would_ignore_is_refused() {
    let world = World::new();
    for args in [
        &["--ack"][..],
        &["--tag", "t"],
        &["--idempotency-key", "k"],
        &["--priority", "normal"],
        &["--deadline", "1h"],
        &["--expires", "1h"],
    ] {
        let out = world.run("Agent-1", &[&["send", "--batch", "-"][..], args].concat());
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out));
        assert!(text(&out).contains("--batch") && text(&out).contains(args[0]), "{}", text(&out));
    }
}

#[test]
fn completions_are_one_document_under_json() {
    let world = World::new();
    let document = world.json("tester", &["completions", "bash"]);
    assert_eq!(document["shell"], "bash");
    assert_eq!(document["script"], world.ok("tester", &["completions", "bash"]));
}
