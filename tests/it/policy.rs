//! When a window rings, through the real binary: do-not-disturb, quiet hours,
//! budget, receipts, loops and the deadline of urgent mail; each with its
//! reason in the journal.

use std::process::Output;

use crate::harness::{World, text, wait};
use crate::wake::host;

/// The steps of a message at one agent: event, gate, why.
fn told(world: &World, id: &str) -> Vec<(String, String, String)> {
    let Ok(events) = serde_json::from_slice::<serde_json::Value>(&world.run("tester", &["--json", "trace", id]).stdout)
    else {
        return Vec::new();
    };
    let of = |e: &serde_json::Value, key: &str| e["detail"][key].as_str().unwrap_or_default().to_owned();
    let list = events.as_array().cloned().unwrap_or_default();
    list.iter().map(|e| (e["event"].as_str().unwrap().to_owned(), of(e, "gate"), of(e, "why"))).collect()
}

fn has(world: &World, id: &str, event: &str, gate: &str) -> bool {
    told(world, id).iter().any(|(e, g, why)| e == event && g == gate && (event != "deferred" || !why.is_empty()))
}

fn urgent(world: &World, to: &str, subject: &str) -> String {
    let sent = world.json("tester", &["send", "--to", to, "-s", subject, "-m", "x", "--priority", "urgent"]);
    sent["id"].as_str().unwrap().to_owned()
}

/// Waits until Agent-2 has worked through its mail and shows its prompt.
fn rests(world: &World) {
    let empty = |folder| world.mail("Agent-2", folder).is_empty();
    wait("the agent rests", || {
        let ready = || world.run("tester", &["nudge", "Agent-2", "--dry-run"]).status.success();
        empty("inbox/new") && empty("inbox/claimed") && ready() && empty("inbox/new")
    });
}

/// A range of hours that holds now, and one that does not, whatever the zone.
fn hours(world: &World) -> (String, String) {
    let clock = |offset: &str| -> String {
        let out = world.program("date").args(["-d", offset, "+%H:00"]).env("TZ", "Asia/Kathmandu").output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    (format!("{}-{}", clock("now"), clock("+2 hours")), format!("{}-{}", clock("+4 hours"), clock("+6 hours")))
}

#[test]
fn do_not_disturb_and_quiet_hours_hold_and_urgent_mail_breaks_what_it_may() {
    let world = World::new();
    let _hosts = [host(&world, "Agent-2"), host(&world, "Agent-3"), host(&world, "Agent-5")];
    let (quiet, loud) = hours(&world);
    world.ok("tester", &["agents", "set", "Agent-2", "--dnd", "2h"]);
    world.ok("tester", &["agents", "set", "Agent-3", "--quiet", &quiet]);
    world.ok("tester", &["agents", "set", "Agent-5", "--quiet", &loud, "--quiet-urgent", "off"]);
    let _daemon = world.up_with(&[("TZ", "Asia/Kathmandu"), ("CELLPHONE_NUDGE_COOLDOWN", "1s")]);
    let held = [urgent(&world, "Agent-2", "not now"), world.send("tester", "Agent-3", "at night")];
    let rung = world.send("tester", "Agent-5", "by day");
    wait("the loud one is woken", || has(&world, &rung, "woken", ""));
    wait("do not disturb is the reason", || has(&world, &held[0], "deferred", "do_not_disturb"));
    wait("the quiet hours are", || has(&world, &held[1], "deferred", "quiet_hours"));
    let story = world.ok("tester", &["trace", &held[1]]);
    assert!(story.contains("Agent-3 waits: quiet hours until"), "{story}");
    let breaks = urgent(&world, "Agent-3", "fire");
    wait("urgent mail breaks quiet hours", || has(&world, &breaks, "woken", ""));
    assert!(!told(&world, &held[0]).iter().any(|(e, ..)| e == "submitted"), "not do-not-disturb");
    world.ok("tester", &["agents", "set", "Agent-2", "--dnd", "off"]);
    wait("it rings once the hold is gone", || has(&world, &held[0], "woken", ""));
    assert!(!world.ok("tester", &["agents", "show", "Agent-2"]).contains("dnd"));
}

#[test]
fn a_hold_with_an_end_ends_by_itself() {
    let world = World::new();
    let _host = host(&world, "Agent-2");
    world.ok("tester", &["agents", "set", "Agent-2", "--dnd", "2s"]);
    let _daemon = world.up();
    let id = world.send("tester", "Agent-2", "in a moment");
    wait("it is held", || has(&world, &id, "deferred", "do_not_disturb"));
    wait("and rings", || has(&world, &id, "woken", ""));
}

#[test]
fn the_budget_is_kept_and_receipts_wake_nobody() {
    let world = World::new();
    let _host = host(&world, "Agent-2");
    world.ok("tester", &["agents", "set", "Agent-2", "--budget", "1", "--cooldown", "0s"]);
    let _daemon = world.up();
    let asked = world.json("Agent-2", &["send", "--to", "Agent-1", "-s", "q", "-m", "x", "--ack"]);
    world.ok("Agent-1", &["ack", asked["id"].as_str().unwrap()]);
    wait("the receipt is there", || !world.mail("Agent-2", "inbox/new").is_empty());
    let first = world.send("tester", "Agent-2", "first");
    wait("the first rings", || has(&world, &first, "woken", ""));
    let line = world.ok("tester", &["log", "-n", "200"]);
    assert_eq!(line.matches(" submitted ").count(), 1, "the receipt rang: {line}");
    rests(&world);
    let second = world.send("tester", "Agent-2", "second");
    wait("the budget is the reason", || has(&world, &second, "deferred", "budget"));
    world.ok("tester", &["agents", "set", "Agent-2", "--budget", "default"]);
    wait("more budget, and it rings", || has(&world, &second, "woken", ""));
}

#[test]
fn two_agents_that_answer_without_end_are_damped_and_the_captain_is_told_once() {
    let world = World::new();
    let _host = host(&world, "Agent-2");
    let _daemon = world.up_with(&[
        ("CELLPHONE_NUDGE_LOOP_BURST", "3"),
        ("CELLPHONE_NUDGE_COOLDOWN", "0s"),
        ("CELLPHONE_NUDGE_BUDGET", "0"),
    ]);
    let about_loop = || {
        let inbox = world.inbox("Agent-4");
        inbox.iter().filter(|m| m["subject"].as_str().unwrap().contains("answer each other without end")).count()
    };
    for round in 1..=10_usize {
        world.send("Agent-1", "Agent-2", &format!("round {round}"));
        wait("it is answered", || world.mail("Agent-1", "inbox/new").len() >= round || about_loop() > 0);
        if about_loop() > 0 {
            break;
        }
        rests(&world);
    }
    wait("the captain is told", || about_loop() == 1);
    wait("the agent shows its prompt", || world.run("tester", &["nudge", "Agent-2", "--dry-run"]).status.success());
    let last = world.send("Agent-1", "Agent-2", "into the silence");
    wait("the loop is the reason", || has(&world, &last, "deferred", "loop"));
    assert!(!world.mail("Agent-2", "inbox/new").is_empty(), "the mail is delivered all the same");
    world.send("Agent-1", "Agent-2", "once more");
    let other = world.send("tester", "Agent-2", "from a person");
    wait("other mail rings, and theirs with it", || has(&world, &other, "woken", ""));
    assert_eq!(about_loop(), 1);
}

#[test]
fn urgent_mail_that_wakes_nobody_reaches_the_captain_and_then_the_people() {
    let world = World::new();
    world.ok("tester", &["agents", "set", "Agent-2", "--urgent-deadline", "1s", "--channel", "pty"]);
    let _daemon = world.up();
    let id = urgent(&world, "Agent-2", "nobody home");
    let told_of = |who: &str| world.inbox(who).iter().any(|m| m["subject"] == "Agent-2 cannot be woken");
    wait("the captain is told", || told_of("Agent-4"));
    wait("the people are told", || told_of("tester"));
    let story = world.ok("tester", &["trace", &id]);
    assert!(story.contains("brought on to the people"), "{story}");
}

#[test]
fn urgent_mail_that_comes_as_another_is_read_has_a_deadline_of_its_own() {
    let world = World::new();
    world.ok("tester", &["agents", "set", "Agent-2", "--urgent-deadline", "1s", "--channel", "pty"]);
    let daemon = world.up();
    let first = urgent(&world, "Agent-2", "nobody home");
    let escalated = |id: &str| world.run("tester", &["trace", id]);
    wait("the people are told", || text(&escalated(&first)).contains("brought on to the people"));
    // Both within one scan: the daemon looks only afterwards.
    daemon.signal("STOP");
    let (new, cur) = (world.folder("Agent-2", "inbox/new"), world.folder("Agent-2", "inbox/cur"));
    let file = world.mail("Agent-2", "inbox/new").remove(0);
    std::fs::rename(new.join(&file), cur.join(&file)).unwrap();
    let second = urgent(&world, "Agent-2", "still nobody");
    daemon.signal("CONT");
    wait("the people are told again", || text(&escalated(&second)).contains("brought on to the people"));
}

#[test]
fn a_person_whose_desktop_fails_is_left_in_peace_and_nobody_is_told_of_it() {
    let world = World::new();
    let none = tempfile::tempdir().unwrap();
    let path = none.path().to_str().unwrap();
    let _daemon = world.up_with(&[
        ("PATH", path),
        ("CELLPHONE_NUDGE_RETRY_FIRST", "100ms"),
        ("CELLPHONE_NUDGE_COOLDOWN", "0s"),
        ("CELLPHONE_NUDGE_BREAKER_FAILURES", "4"),
    ]);
    let id = world.send("Agent-1", "tester", "for a person");
    let failed = || told(&world, &id).iter().filter(|(event, ..)| event == "nudge_failed").count();
    wait("it was tried, again and again", || failed() >= 4 && has(&world, &id, "deferred", "breaker"));
    let story = told(&world, &id);
    assert!(!story.iter().any(|(event, ..)| event == "escalated"), "{story:?}");
    assert!(world.inbox("Agent-4").is_empty());
}

#[test]
fn another_window_is_tried_without_the_pauses_of_the_one_that_failed() {
    let world = World::new();
    let by = |program: &[&str]| {
        let set = ["agents", "set", "Agent-2", "--channel", "command", "--"];
        world.ok("tester", &[&set[..], program].concat());
    };
    by(&["/bin/false"]);
    let _daemon = world.up_with(&[
        ("CELLPHONE_NUDGE_RETRY_FIRST", "100ms"),
        ("CELLPHONE_NUDGE_COOLDOWN", "0s"),
        ("CELLPHONE_NUDGE_BREAKER_FAILURES", "3"),
        ("CELLPHONE_NUDGE_BREAKER_REST", "1h"),
    ]);
    let id = world.send("tester", "Agent-2", "nobody is told");
    wait("the breaker opens", || has(&world, &id, "deferred", "breaker"));
    let rang = world.root.join("rang");
    by(&["/usr/bin/touch", rang.to_str().unwrap()]);
    wait("the other one rings", || rang.exists());
}

#[test]
fn a_nudge_by_hand_keeps_the_limits_and_stands_in_the_journal() {
    let world = World::new();
    let _host = host(&world, "Agent-2");
    let ring = ["nudge", "Agent-2"];
    assert!(world.ok("tester", &ring).contains("nothing is unread"));
    let id = world.send("tester", "Agent-2", "by hand");
    world.ok("tester", &["agents", "set", "Agent-2", "--dnd", "2h"]);
    let before = told(&world, &id).len();
    for args in [&["nudge", "Agent-2", "--dry-run"][..], &ring] {
        let why = world.fails("tester", 75, args);
        assert!(why.contains("do not disturb until"), "{why}");
    }
    assert_eq!(told(&world, &id).len(), before + 1, "a look leaves nothing behind");
    assert!(has(&world, &id, "deferred", "do_not_disturb"));
    world.ok("tester", &["agents", "set", "Agent-2", "--dnd", "off"]);
    world.ok("tester", &["agents", "set", "Agent-6", "--role", "observer"]);
    let why = world.fails("Agent-6", 4, &ring);
    assert!(why.contains("observer") && why.contains("ring"), "{why}");
    wait("it rings", || world.run("Agent-1", &ring).status.success());
    assert!(has(&world, &id, "submitted", ""));
    assert!(world.ok("tester", &["log", "-n", "50"]).contains("Agent-1"));
}

#[test]
fn a_look_at_a_mailbox_puts_nothing_in_order() {
    let world = World::new();
    let _host = host(&world, "Agent-2");
    std::fs::write(world.folder("Agent-2", "inbox/new").join("no message.md"), "x").unwrap();
    let photo = || crate::harness::photograph(&world.root.join("agent_workspaces"));
    let before = photo();
    world.run("tester", &["nudge", "Agent-2", "--dry-run"]);
    assert!(photo() == before, "something was moved");
}

#[test]
fn what_is_no_limit_is_refused_with_what_to_write() {
    let world = World::new();
    let refused =
        |args: &[&str]| -> Output { world.run("tester", &[&["agents", "set", "Agent-2"][..], args].concat()) };
    for (args, word) in [
        (["--dnd", "soon"], "2h"),
        (["--quiet", "22-7"], "22:00-07:00"),
        (["--budget", "many"], "number"),
        (["--cooldown", "1 fortnight"], "10s"),
        (["--quiet-urgent", "maybe"], "on, off"),
    ] {
        let out = refused(&args);
        let why = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(2) && why.contains(word), "{args:?}: {}", text(&out));
    }
    world.ok(
        "tester",
        &["agents", "set", "Agent-2", "--quiet", "22:00-07:00,12:00-13:00", "--budget", "9", "--cooldown", "90s"],
    );
    let shown = world.ok("tester", &["agents", "show", "Agent-2"]);
    assert!(shown.contains("22:00-07:00,12:00-13:00") && shown.contains("1m30s"), "{shown}");
    world.ok(
        "tester",
        &["agents", "set", "Agent-2", "--quiet", "default", "--budget", "default", "--cooldown", "default"],
    );
    assert!(!world.ok("tester", &["agents", "show", "Agent-2"]).contains("quiet"));
}

#[test]
fn a_webhook_is_told_by_the_daemon_and_no_agent_chooses_its_address() {
    use std::io::{Read as _, Write as _};
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let set = ["agents", "set", "Agent-2", "--channel", "webhook", "--target", &url];
    world.fails("Agent-2", 4, &set);
    world.ok("tester", &set);
    let why = world.run("tester", &["agents", "set", "Agent-3", "--channel", "webhook", "--target", "nowhere"]);
    assert!(!why.status.success() && text(&why).contains("https://"), "{}", text(&why));
    let _daemon = world.up();
    let id = world.json("tester", &["send", "--to", "Agent-2", "-s", "a secret matter", "-m", "a secret body"]);
    let (mut stream, _) = listener.accept().unwrap();
    let (mut seen, mut part) = (String::new(), [0; 4096]);
    while !seen.ends_with('}') {
        let n = stream.read(&mut part).unwrap();
        assert!(n > 0, "{seen}");
        seen.push_str(std::str::from_utf8(&part[..n]).unwrap());
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert!(seen.starts_with("POST /hook") && seen.contains("\"agent\":\"Agent-2\""), "{seen}");
    assert!(!seen.contains("secret"), "{seen}");
    wait("it is in the journal", || has(&world, id["id"].as_str().unwrap(), "submitted", ""));
}
