//! Sending again: dead letters, keys and batches. Whatever was done before,
//! nothing is lost, doubled, or said to be what it is not.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{World, names, text};

fn id_of(message: &Value) -> String {
    message["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_belongs_to_one_letter() {
    let world = World::new();
    let send = |to: &str, body: &str| ["send", "--to", to, "-m", body, "--idempotency-key", "k"].map(str::to_owned);
    let run = |args: [String; 7]| world.json("Agent-1", &args.each_ref().map(String::as_str));
    let first = run(send("Agent-2,Agent-3", "x"));
    let again = run(send("Agent-3,agent-2", "x"));
    assert_eq!(first["id"], again["id"], "the order of the recipients makes no other letter");
    for (to, body, word) in [("Agent-2", "x", "list of recipients"), ("Agent-2,Agent-3", "y", "text")] {
        let args = send(to, body);
        let said = world.fails("Agent-1", 5, &args.each_ref().map(String::as_str));
        assert!(said.contains(word) && said.contains(&id_of(&first)), "{said}");
    }
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1);

    // A record of an older version names no addresses, and is read all the same.
    let keys = world.root.join(".cellphone/keys");
    let record = keys.join(names(&keys).remove(0));
    let mut old: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("asked").unwrap();
    fs::write(&record, old.to_string()).unwrap();
    assert_eq!(run(send("Agent-2,Agent-3", "x"))["id"], first["id"]);

    // What a recipient lost is not said to be delivered.
    let new = world.folder("Agent-2", "inbox/new");
    fs::remove_file(new.join(world.mail("Agent-2", "inbox/new").remove(0))).unwrap();
    let again = run(send("Agent-2,Agent-3", "x"));
    assert_eq!((&again["delivered"], &again["pending"]), (&json!(["Agent-3"]), &json!([])));
    assert!(again["notices"][0].as_str().unwrap().contains("Agent-2 does not have it"), "{again}");
}

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
