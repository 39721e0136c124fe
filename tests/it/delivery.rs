//! Delivery when nothing breaks: one visible copy, whole, in order, whoever
//! sends and however often.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::thread;

use serde_json::Value;

use crate::harness::{World, feed, is_whole, names, size, text};

#[test]
fn a_sent_message_is_one_whole_file_in_new() {
    let world = World::new();
    let sent = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", "Review the parser", "-m", "Please."]);
    let mail = world.mail("Agent-2", "inbox/new");
    assert_eq!(mail.len(), 1);
    assert!(mail[0].contains("-Agent-1-review-the-parser-"), "{}", mail[0]);
    assert!(mail[0].ends_with(&format!("{}.md", sent["id"].as_str().unwrap())));
    assert!(is_whole(&world.folder("Agent-2", "inbox/new").join(&mail[0])));
    assert_eq!(sent["delivered"], serde_json::json!(["Agent-2"]));
    assert_eq!(sent["pending"], serde_json::json!([]));
    assert_eq!(world.mail("Agent-2", "inbox/tmp"), Vec::<String>::new());
}

#[test]
fn all_reaches_everyone_but_the_sender_once() {
    let world = World::new();
    let sent = world.json("Agent-4", &["send", "--to", "@all", "-s", "hello", "-m", "x"]);
    let id = sent["id"].as_str().unwrap();
    for agent in names(&world.root.join("agent_workspaces")) {
        let expected = usize::from(agent != "Agent-4");
        if !world.folder(&agent, "inbox").is_dir() {
            continue;
        }
        let hits = world.mail(&agent, "inbox/new").iter().filter(|n| n.contains(id)).count();
        assert_eq!(hits, expected, "{agent}");
    }
}

/// Fault 5.
#[test]
fn many_processes_sending_at_once_lose_nothing_and_keep_the_order_of_acceptance() {
    let world = World::new();
    let (processes, each) = (32, size(12, 1_000));
    // Every sender is a chain of processes: a send begins only when the one
    // before it in the chain has returned.
    let acknowledged: Vec<Vec<String>> = thread::scope(|scope| {
        let chains: Vec<_> = (0..processes)
            .map(|p| {
                let world = &world;
                let from = format!("Agent-{}", 1 + p % 7);
                scope.spawn(move || {
                    (0..each)
                        .map(|n| world.send(&from, "Agent-8", &format!("chain {p} number {n}")))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        chains.into_iter().map(|c| c.join().unwrap()).collect()
    });
    let mail = world.mail("Agent-8", "inbox/new");
    assert_eq!(mail.len(), processes * each);
    let folder = world.folder("Agent-8", "inbox/new");
    assert!(mail.iter().all(|name| is_whole(&folder.join(name))), "a message is not whole");
    let place: BTreeMap<&str, usize> =
        mail.iter().enumerate().map(|(i, n)| (&n[n.len() - 29..n.len() - 3], i)).collect();
    assert_eq!(place.len(), processes * each, "an id stands twice");
    for (p, chain) in acknowledged.iter().enumerate() {
        let places: Vec<usize> = chain
            .iter()
            .map(|id| *place.get(id.as_str()).unwrap_or_else(|| panic!("{id} was acknowledged and is gone")))
            .collect();
        assert!(places.is_sorted(), "chain {p} is out of order");
    }
    let listed: Vec<String> = world.inbox("Agent-8").iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed.len(), processes * each);
}

/// Fault 6.
#[test]
fn one_idempotency_key_from_sixteen_processes_is_one_message_with_one_id() {
    let world = World::new();
    let children: Vec<_> = (0..16)
        .map(|_| {
            world
                .acting("Agent-1")
                .args([
                    "--json",
                    "send",
                    "--to",
                    "Agent-2,Agent-3",
                    "-s",
                    "once",
                    "-m",
                    "x",
                    "--idempotency-key",
                    "k-1",
                ])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let ids: BTreeSet<String> = children
        .into_iter()
        .map(|child| {
            let out = child.wait_with_output().unwrap();
            assert!(out.status.success(), "{}", text(&out));
            let sent: Value = serde_json::from_slice(&out.stdout).unwrap();
            sent["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1);
    assert_eq!(world.mail("Agent-3", "inbox/new").len(), 1);
}

#[test]
fn a_batch_delivers_every_line_and_reports_each() {
    let world = World::new();
    let lines: String =
        (0..50).map(|n| format!("{{\"to\":[\"Agent-2\"],\"subject\":\"n {n}\",\"body\":\"b\"}}\n")).collect();
    let mut command = world.acting("Agent-1");
    command.args(["--json", "send", "--batch", "-"]);
    let out = feed(command, lines.as_bytes());
    assert!(out.status.success(), "{}", text(&out));
    let mail = world.mail("Agent-2", "inbox/new");
    assert_eq!(mail.len(), 50);
    let subjects: Vec<String> = mail.iter().map(|n| n[32..].to_owned()).collect();
    assert!(subjects[0].starts_with("n-0-") && subjects[49].starts_with("n-49-"), "{subjects:?}");
}

#[test]
fn a_full_mailbox_refuses_the_whole_send_and_says_so() {
    let world = World::new();
    world.set("depth", "2");
    world.send("Agent-1", "Agent-2", "one");
    world.send("Agent-1", "Agent-2", "two");
    let said = world.fails("Agent-1", 5, &["send", "--to", "Agent-3,Agent-2", "-s", "three", "-m", "x"]);
    assert!(said.contains("full"), "{said}");
    assert!(world.mail("Agent-3", "inbox/new").is_empty(), "one recipient got what the other could not");
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 2);
}

#[test]
fn an_urgent_word_from_one_who_may_not_is_lowered_and_said() {
    let world = World::new();
    let out = world.run("Agent-1", &["send", "--to", "Agent-2", "-s", "now", "-m", "x", "--priority", "urgent"]);
    assert!(out.status.success(), "{}", text(&out));
    assert!(text(&out).contains("normal"), "the sender was not told: {}", text(&out));
    world.ok("Agent-4", &["send", "--to", "Agent-2", "-s", "now", "-m", "x", "--priority", "urgent"]);
    let priorities: Vec<Value> = world.inbox("Agent-2").iter().map(|m| m["priority"].clone()).collect();
    assert_eq!(priorities, ["normal", "urgent"]);
}

#[test]
fn a_required_receipt_reaches_the_sender() {
    let world = World::new();
    let sent = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", "sign here", "-m", "x", "--ack"]);
    let id = sent["id"].as_str().unwrap();
    world.ok("Agent-2", &["ack", id]);
    let receipts = world.inbox("Agent-1");
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0]["kind"], "receipt");
    assert_eq!(receipts[0]["from"], "Agent-2");
}

#[test]
fn a_reply_stays_in_its_thread_and_counts_its_hops() {
    let world = World::new();
    let first = world.send("Agent-1", "Agent-2", "question");
    world.ok("Agent-2", &["reply", &first, "-m", "answer"]);
    let answer = world.inbox("Agent-1").remove(0);
    assert_eq!(answer["thread"], first.as_str());
    let thread = world.json("Agent-1", &["thread", &first]);
    assert!(!thread.as_array().unwrap().is_empty());
    let read = world.json("Agent-1", &["read", answer["id"].as_str().unwrap()]);
    assert_eq!(read["body"].as_str().unwrap().trim_end(), "answer");
    assert_eq!(read["in_reply_to"], first.as_str());
}
