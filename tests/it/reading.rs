//! Reading: scans under change, a clock that is set back, and what lists say.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use agent_cellphone::model::front_matter::Limits;
use agent_cellphone::model::{AgentName, Draft, Flag, Flags, Header, MessageId, UniqueName};
use jiff::Timestamp;
use serde_json::Value;

use crate::claiming::{member, next};
use crate::harness::{Running, World, c_program, feed, size, text, wait};

/// Puts `count` accepted messages into a folder of an agent, as a delivery
/// would have, and returns their ids.
pub fn fill(world: &World, agent: &str, folder: &str, count: usize) -> Vec<String> {
    let from = AgentName::new("Agent-1").unwrap();
    let start = Timestamp::now().as_microsecond() - 3_600_000_000;
    let dir = world.folder(agent, folder);
    (0..count)
        .map(|n| {
            let at = Timestamp::from_microsecond(start + n as i64).unwrap();
            let name = UniqueName::compose(at, &from, &format!("number {n}"), MessageId::compose(at, n as u128));
            let header =
                Header { to: vec![agent.parse().unwrap()], subject: format!("number {n}"), ..Header::default() };
            let message = Draft::new(header, "body\n").accept(&name, &from, &Limits::default()).unwrap();
            fs::write(dir.join(name.file(Flags::NONE)), &message.bytes).unwrap();
            name.id().to_string()
        })
        .collect()
}

/// Fault 8.
#[test]
fn a_scan_under_changing_flags_misses_none_and_lists_none_twice() {
    let world = World::new();
    let ids: BTreeSet<String> = fill(&world, "Agent-2", "inbox/cur", size(2_000, 10_000)).into_iter().collect();
    let folder = world.folder("Agent-2", "inbox/cur");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // A plain `mv` holds no lock: the hardest case for a scan.
        scope.spawn(|| {
            let flagged = Flags::NONE.with(Flag::Flagged);
            while !stop.load(Ordering::Relaxed) {
                for name in world.mail("Agent-2", "inbox/cur") {
                    let (unique, flags) = UniqueName::parse(&name).unwrap();
                    let other = if flags.has(Flag::Flagged) { Flags::NONE } else { flagged };
                    fs::rename(folder.join(&name), folder.join(unique.file(other))).unwrap();
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
        });
        for round in 0..size(5, 20) {
            let listed: Vec<String> =
                world.inbox("Agent-2").iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect();
            let set: BTreeSet<String> = listed.iter().cloned().collect();
            let missing = ids.difference(&set).count();
            if missing > 0 || set.len() != listed.len() {
                stop.store(true, Ordering::Relaxed);
            }
            assert_eq!(missing, 0, "round {round}: {missing} are missing");
            assert_eq!(set.len(), listed.len(), "round {round}: some are listed twice");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Fault 11.
#[test]
#[ignore = "needs gcc for a shifted clock: run tests/run"]
fn an_hour_back_on_the_clock_changes_neither_order_nor_ids_nor_leases() {
    let world = World::new();
    let shim = c_program("old_clock", &["-shared", "-fPIC"]);
    let shifted = |agent: &str, args: &[&str], shift: &str| -> Value {
        let mut command = world.acting(agent);
        command.env("LD_PRELOAD", &shim).env("CLOCK_SHIFT", shift).arg("--json").args(args);
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", text(&out));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let send = |n: usize, shift: &str| {
        let sent = shifted("Agent-1", &["send", "--to", "Agent-2", "-s", &format!("n {n}"), "-m", "x"], shift);
        sent["id"].as_str().unwrap().to_owned()
    };
    let ids = [send(0, "0"), send(1, "-3600"), send(2, "-3600"), send(3, "0"), send(4, "-7200"), send(5, "0")];
    assert!(ids.is_sorted(), "{ids:?}");
    let by_name: Vec<String> =
        world.mail("Agent-2", "inbox/new").iter().map(|n| n[n.len() - 29..n.len() - 3].to_owned()).collect();
    assert_eq!(by_name, ids, "names do not sort as the sends did");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 6);
    // A lease taken before the step is neither lengthened nor cut short by it.
    let claim = shifted("Agent-2", &["next", "--lease", "10m"], "0");
    let other = shifted("Agent-2", &["next", "--lease", "1s"], "-3600");
    assert_ne!(claim["id"], other["id"]);
    wait("the short lease expires by the boot clock", || {
        world.mail("Agent-2", "inbox/claimed").len() == 1 || {
            world.run("Agent-2", &["inbox"]);
            next(&world, "Agent-2", "10m").is_some_and(|c| c["id"] == other["id"])
        }
    });
    world.ok("Agent-2", &["done", &member(&claim, "id"), "--token", &member(&claim, "token")]);
}

#[test]
fn peeking_marks_nothing_and_reading_marks_seen() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "look");
    world.ok("Agent-2", &["read", "--peek", &id]);
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1);
    world.ok("Agent-2", &["read", &id]);
    let cur = world.mail("Agent-2", "inbox/cur");
    assert!(cur.len() == 1 && cur[0].ends_with(",S.md"), "{cur:?}");
    world.ok("Agent-2", &["archive", &id]);
    assert!(world.mail("Agent-2", "inbox/cur").is_empty());
    assert!(world.inbox("Agent-2").is_empty());
}

#[test]
fn wait_ends_when_mail_arrives_and_gives_up_at_its_time() {
    let world = World::new();
    let out = world.run("Agent-2", &["wait", "--timeout", "100ms"]);
    assert_eq!(out.status.code(), Some(75), "{}", text(&out));
    let mut command = world.acting("Agent-2");
    command.args(["wait", "--timeout", "60s"]);
    let mut waiting = Running::start(command);
    world.send("Agent-1", "Agent-2", "ring");
    assert_eq!(waiting.code(), Some(0));
}

#[test]
fn search_finds_the_line_in_every_folder() {
    let world = World::new();
    let mut command = world.acting("Agent-1");
    command.args(["send", "--to", "Agent-2", "-s", "long", "-f", "-"]);
    let out = feed(command, b"first line\nthe needle is here\n");
    assert!(out.status.success(), "{}", text(&out));
    world.send("Agent-1", "Agent-2", "other");
    let hits = world.json("Agent-2", &["search", "needle"]);
    assert_eq!(hits.as_array().unwrap().len(), 1, "{hits}");
    world.fails("Agent-2", 3, &["search", "no-such-word"]);
}

/// Scripts rely on these names: they are those of the front matter.
#[test]
fn every_list_names_the_fields_of_the_front_matter() {
    let world = World::new();
    let first = world.send("Agent-2", "Agent-1", "the question");
    world.ok("Agent-1", &["read", &first]);
    fs::write(
        world.folder("Agent-1", "outbox").join("answer.md"),
        format!(
            "---\nto: [Agent-2]\ncc: [Agent-3]\nsubject: the answer\nin_reply_to: {first}\nthread: {first}\nack: required\n\
             deadline: 2099-01-01T00:00:00Z\nexpires: 2099-01-02T00:00:00Z\ntags: [a, b]\n---\nneedle\n"
        ),
    )
    .unwrap();
    let _daemon = world.up();
    wait("the answer is there", || world.mail("Agent-2", "inbox/new").len() == 1);
    let check = |what: &str, m: &serde_json::Value| {
        assert_eq!(m["to"], serde_json::json!(["Agent-2"]), "{what}: {m}");
        assert_eq!(m["cc"], serde_json::json!(["Agent-3"]), "{what}: {m}");
        assert_eq!(m["in_reply_to"], first.as_str(), "{what}: {m}");
        assert_eq!(m["thread"], first.as_str(), "{what}: {m}");
        assert_eq!(m["ack"], true, "{what}: {m}");
        assert_eq!(m["deadline"], "2099-01-01T00:00:00Z", "{what}: {m}");
        assert_eq!(m["expires"], "2099-01-02T00:00:00Z", "{what}: {m}");
        assert_eq!(m["tags"], serde_json::json!(["a", "b"]), "{what}: {m}");
    };
    check("inbox", &world.json("Agent-2", &["inbox"])[0]);
    check("search", &world.json("Agent-2", &["search", "needle"])[0]);
    let thread = world.json("Agent-2", &["thread", &first]);
    assert_eq!(thread[0]["in_reply_to"], serde_json::Value::Null, "{thread}");
    check("thread", &thread[1]);
    let id = thread[1]["id"].as_str().unwrap();
    check("read", &world.json("Agent-2", &["read", id, "--peek"]));
    check("next", &world.json("Agent-2", &["next"]));
}
