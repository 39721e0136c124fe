//! Sending again: dead letters, keys and batches. Whatever was done before,
//! nothing is lost, doubled, or said to be what it is not.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{World, names, text, wait};
use crate::parity::{dead, drop_in};

fn bury(world: &World, agent: &str, name: &str, content: &str) {
    fs::create_dir_all(world.folder(agent, "dead")).unwrap();
    fs::write(world.folder(agent, "dead").join(name), content).unwrap();
}

fn id_of(message: &Value) -> String {
    message["id"].as_str().unwrap().to_owned()
}

fn all_of(world: &World, agent: &str) -> Vec<String> {
    let inbox = world.inbox(agent);
    inbox
        .iter()
        .map(|m| world.json(agent, &["read", "--peek", &id_of(m)])["body"].as_str().unwrap().to_owned())
        .collect()
}

/// One name, one after the other: each is a letter of its own, with the same
/// text or another, put there by hand or buried.
#[test]
fn dead_letters_of_one_name_are_each_sent_again() {
    let world = World::new();
    let bodies = ["one", "two", "one", "one", "one"];
    for (n, body) in bodies.into_iter().enumerate() {
        bury(&world, "Agent-1", "note.md", &format!("---\nto: Agent-2\nsubject: s\n---\n{body}"));
        let letter = fs::File::options().append(true).open(world.folder("Agent-1", "dead/note.md")).unwrap();
        letter.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        if n >= 2 {
            let why = format!("reason: full\nat: 2026-01-0{n}T00:00:00Z\nfrom: outbox\n");
            bury(&world, "Agent-1", "note.md.reason", &why);
        }
        let sent = world.json("Agent-1", &["dead", "retry", "note.md"]);
        assert_eq!(sent["delivered"], json!(["Agent-2"]));
        assert!(dead(&world, "Agent-1").is_empty());
    }
    assert_eq!(all_of(&world, "Agent-2"), bodies);
}

#[test]
fn what_expired_is_dead_and_can_be_had_again_by_both_ends() {
    let world = World::new();
    let _daemon = world.up();
    let sent = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", "soon over", "-m", "x", "--expires", "1s"]);
    let id = id_of(&sent);
    wait("nobody took it in time", || !dead(&world, "Agent-2").is_empty());
    assert!(dead(&world, "Agent-2")[0]["reason"].as_str().unwrap().contains("expired"));
    assert!(world.inbox("Agent-2").is_empty());
    let story = world.ok("tester", &["--json", "trace", &id]);
    assert!(story.contains("\"expired\""), "{story}");
    let again = world.json("Agent-2", &["dead", "retry", &id]);
    assert!(again["notices"][0].as_str().unwrap().contains("expired at"), "{again}");
    // As read: unread, it would only expire again.
    let mail = world.inbox("Agent-2");
    assert_eq!((mail.len(), &mail[0]["state"], id_of(&mail[0])), (1, &json!("cur"), id));
    assert!(dead(&world, "Agent-2").is_empty() && names(&world.folder("Agent-2", "dead")).len() <= 1);

    let old = "---\nto: Agent-3\ncc: [Agent-4]\nexpires: 2020-01-01T00:00:00Z\nmood: good\n---\nlate\n";
    drop_in(&world, "Agent-1", "late.md", old);
    wait("it is refused", || dead(&world, "Agent-1").len() == 1);
    let sent = world.json("Agent-1", &["dead", "retry", "late.md"]);
    assert_eq!(sent["delivered"], json!(["Agent-3", "Agent-4"]));
    let read = world.json("Agent-3", &["read", &id_of(&sent)]);
    let header = read["header"].as_str().unwrap();
    assert!(read["expires"].is_null() && header.contains("mood: good") && !header.contains("expires"), "{read}");
}

#[test]
fn a_letter_that_some_did_not_get_is_sent_again_to_those() {
    let world = World::new();
    // A file where a folder belongs refuses every delivery, whoever tries.
    let tmp = world.folder("Agent-3", "inbox/tmp");
    fs::remove_dir_all(&tmp).unwrap();
    fs::write(&tmp, "").unwrap();
    let sent = world.json("Agent-1", &["send", "--to", "Agent-2", "--cc", "Agent-3", "-s", "s", "-m", "x"]);
    // What the end of the same call did is part of the answer.
    assert_eq!((&sent["delivered"], &sent["pending"]), (&json!(["Agent-2"]), &json!([])), "{sent}");
    assert!(sent["notices"][0].as_str().unwrap().contains("Agent-3 does not have it"), "{sent}");
    assert_eq!(dead(&world, "Agent-1").len(), 1);
    assert!(world.run("Agent-1", &["dead", "retry", &id_of(&sent)]).status.code() != Some(0));
    assert_eq!(dead(&world, "Agent-1").len(), 1, "it was not sent, and stays");
    fs::remove_file(&tmp).unwrap();
    let again = world.json("Agent-1", &["dead", "retry", &id_of(&sent)]);
    assert_eq!(again["delivered"], json!(["Agent-3"]));
    assert!(dead(&world, "Agent-1").is_empty());
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1);
    let late = world.inbox("Agent-3").remove(0);
    assert_eq!((&late["thread"], &late["cc"]), (&sent["id"], &json!([])), "{late}");
}

#[test]
fn a_received_letter_comes_back_under_its_own_name_or_not_at_all() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "poison");
    let name = world.mail("Agent-2", "inbox/new").remove(0);
    let (new, grave) = (world.folder("Agent-2", "inbox/new"), world.folder("Agent-2", "dead"));
    // As bury names a second one.
    fs::rename(new.join(&name), grave.join(format!("2-{name}"))).unwrap();
    world.ok("Agent-2", &["dead", "retry", &id]);
    assert_eq!(world.mail("Agent-2", "inbox/new"), std::slice::from_ref(&name));

    fs::copy(new.join(&name), grave.join(&name)).unwrap();
    let said = world.fails("Agent-2", 5, &["dead", "retry", &id]);
    assert!(said.contains("is there already"), "{said}");
    assert!(grave.join(&name).exists(), "a copy that was not sent was removed");

    world.set("depth", "1");
    let full = world.folder("Agent-2", "inbox/cur").join(name.replace(&id, "01K3ZJ9Q6T8V4B2M7X5C1D0E9F"));
    fs::rename(new.join(&name), full).unwrap();
    assert!(world.fails("Agent-2", 5, &["dead", "retry", &id]).contains("full"));
    assert!(grave.join(&name).exists());
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
