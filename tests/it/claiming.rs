//! Claiming and finishing: leases with tokens, whom they go to, in which
//! order, and what becomes of what fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{BIN, Running, World, size, text, wait};

pub fn next(world: &World, agent: &str, lease: &str) -> Option<Value> {
    let out = world.run(agent, &["--json", "next", "--lease", lease]);
    match out.status.code() {
        Some(0) => {
            let value: Value = serde_json::from_slice(&out.stdout).unwrap();
            (!value.is_null()).then_some(value)
        }
        Some(3) => None,
        _ => panic!("next: {}", text(&out)),
    }
}

pub fn member(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}

/// Fault 9, first part.
#[test]
fn of_two_claimants_one_wins_and_the_other_finds_nothing() {
    let world = World::new();
    for round in 0..size(5, 50) {
        let id = world.send("Agent-1", "Agent-2", &format!("task {round}"));
        let claims: Vec<Option<Value>> = thread::scope(|scope| {
            let both: Vec<_> = (0..2).map(|_| scope.spawn(|| next(&world, "Agent-2", "10m"))).collect();
            both.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let won: Vec<&Value> = claims.iter().flatten().collect();
        assert_eq!(won.len(), 1, "{claims:?}");
        assert_eq!(member(won[0], "id"), id);
        world.ok("Agent-2", &["done", &id, "--token", &member(won[0], "token")]);
    }
}

/// Fault 9, second part.
#[test]
fn a_late_done_is_refused_by_its_token_and_the_mail_is_somebody_elses() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "task");
    let late = next(&world, "Agent-2", "1s").unwrap();
    let mut second = None;
    wait("the lease expires and the mail returns", || {
        second = next(&world, "Agent-2", "10m");
        second.is_some()
    });
    let second = second.unwrap();
    assert_eq!(member(&second, "id"), id);
    assert_ne!(member(&second, "token"), member(&late, "token"));
    world.fails("Agent-2", 5, &["done", &id, "--token", &member(&late, "token")]);
    world.ok("Agent-2", &["done", &id, "--token", &member(&second, "token")]);
    world.fails("Agent-2", 5, &["done", &id, "--token", &member(&second, "token")]);
    assert!(next(&world, "Agent-2", "10m").is_none());
}

/// Fault 9, third part: the claimant is not slow, it does not run at all.
#[test]
fn a_claimant_that_was_stopped_past_its_lease_is_refused_when_it_goes_on() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "task");
    let [claimed, go, said] = ["claimed", "go", "said"].map(|name| world.root.join(name));
    let script = r#"
        cell="$0 --root $1 --as Agent-2"
        $cell --json next --lease 2s > "$2.part" && mv "$2.part" "$2"
        while [ ! -e "$3" ]; do sleep 0.01; done
        token=$(sed 's/.*"token":"\([0-9]*\)".*/\1/' "$2")
        $cell done "$5" --token "$token"
        echo $? > "$4.part" && mv "$4.part" "$4"
    "#;
    let mut command = world.program("sh");
    command.args(["-c", script, BIN]).arg(&world.root).args([&claimed, &go, &said]).arg(&id);
    let mut agent = Running::start(command);
    wait("it has the task", || claimed.exists());
    agent.signal("STOP");
    fs::write(&go, "").unwrap();
    let mut other = None;
    wait("another takes the task over", || {
        other = next(&world, "Agent-2", "10m");
        other.is_some()
    });
    let other = other.unwrap();
    assert_eq!((member(&other, "id"), other["attempts"].as_u64()), (id.clone(), Some(2)));
    assert!(!said.exists(), "it was not stopped");
    agent.signal("CONT");
    agent.code();
    assert_eq!(fs::read_to_string(said).unwrap().trim(), "5");
    assert_eq!(world.mail("Agent-2", "inbox/claimed").len(), 1, "the other's claim was touched");
    world.ok("Agent-2", &["done", &id, "--token", &member(&other, "token")]);
}

#[test]
fn urgent_mail_is_claimed_first_when_that_is_asked_for() {
    let world = World::new();
    let send = |subject: &str, priority: &str| {
        let sent = world.json("tester", &["send", "--to", "Agent-2", "-s", subject, "-m", "x", "--priority", priority]);
        member(&sent, "id")
    };
    let ids = [("a", "normal"), ("b", "urgent"), ("c", "critical"), ("d", "urgent"), ("e", "normal")]
        .map(|(subject, priority)| send(subject, priority));
    let claim = |args: &[&str]| member(&world.json("Agent-2", args), "id");
    let urgent: Vec<String> = (0..3).map(|_| claim(&["next", "--urgent-first"])).collect();
    assert_eq!(urgent, [ids[2].clone(), ids[1].clone(), ids[3].clone()]);
    assert_eq!(claim(&["next"]), ids[0]);
    assert_eq!(claim(&["next", "--urgent-first"]), ids[4]);
}

#[test]
fn a_finished_task_brings_its_sender_the_receipt_it_asked_for_and_no_other() {
    let world = World::new();
    let asked = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", "with", "-m", "x", "--ack"]);
    world.send("Agent-1", "Agent-2", "without");
    for _ in 0..2 {
        let claim = next(&world, "Agent-2", "10m").unwrap();
        world.ok("Agent-2", &["done", &member(&claim, "id"), "--token", &member(&claim, "token")]);
    }
    let inbox = world.inbox("Agent-1");
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    assert_eq!((&inbox[0]["kind"], &inbox[0]["in_reply_to"]), (&Value::from("receipt"), &asked["id"]));
    world.ok("Agent-2", &["ack", &member(&asked, "id")]);
    assert_eq!(world.inbox("Agent-1").len(), 1, "acknowledged twice is acknowledged once");
}

/// Fault 10.
#[test]
fn a_message_that_fails_five_times_is_dead_with_the_reason_and_the_next_proceeds() {
    let world = World::new();
    let poison = world.send("Agent-1", "Agent-2", "poison");
    let good = world.send("Agent-1", "Agent-2", "good");
    let mut failures = 0;
    let mut reached_good = false;
    for _ in 0..12 {
        let Some(claim) = next(&world, "Agent-2", "10m") else { break };
        if member(&claim, "id") == good {
            world.ok("Agent-2", &["done", &good, "--token", &member(&claim, "token")]);
            reached_good = true;
            continue;
        }
        world.ok("Agent-2", &["release", &poison, "--token", &member(&claim, "token")]);
        failures += 1;
    }
    assert_eq!(failures, 5);
    assert!(reached_good);
    let dead = world.json("Agent-2", &["dead", "list"]);
    let dead = dead.as_array().unwrap();
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(
        dead[0].to_string().contains(&poison) && dead[0]["reason"].as_str().is_some_and(|r| !r.is_empty()),
        "{dead:?}"
    );
    world.ok("Agent-2", &["dead", "retry", &poison]);
    assert_eq!(member(&next(&world, "Agent-2", "10m").unwrap(), "id"), poison);
}

/// One claim as its claimant saw it.
struct Claimed {
    file: String,
    id: String,
    attempts: u64,
    done: bool,
    began: Instant,
    ended: Instant,
}

/// Who takes the oldest never takes one while an older one, which nobody has
/// claimed before, lies there: what was acknowledged before this claim began
/// and claimed for the first time after it ended lay there all the time.
fn in_order(sent: &BTreeMap<String, Instant>, claims: &[Claimed]) -> Result<usize, String> {
    let mut compared = 0;
    for later in claims.iter().filter(|c| c.attempts == 1) {
        for earlier in claims.iter().filter(|c| c.ended < later.began && sent[&later.id] < c.began) {
            compared += 1;
            if earlier.file > later.file {
                return Err(format!("{} was claimed before {}", earlier.file, later.file));
            }
        }
    }
    Ok(compared)
}

/// What the many-process runs must never show.
#[test]
fn a_storm_of_senders_and_claimants_loses_nothing_claims_nothing_twice_and_keeps_the_order() {
    let world = World::new();
    let (senders, each, workers) = (4, size(15, 500), 4);
    let total = senders * each;
    let finished = std::sync::atomic::AtomicUsize::new(0);
    let (accepted, claimed) = thread::scope(|scope| {
        let world = &world;
        let sending: Vec<_> = (0..senders)
            .map(|s| {
                scope.spawn(move || {
                    let send = |n| (world.send("Agent-1", "Agent-2", &format!("s {s} n {n}")), Instant::now());
                    (0..each).map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        let working: Vec<_> = (0..workers)
            .map(|w| {
                let finished = &finished;
                scope.spawn(move || {
                    let mut mine: Vec<Claimed> = Vec::new();
                    wait("every message is done", || {
                        let began = Instant::now();
                        if let Some(claim) = next(world, "Agent-2", "10m") {
                            let ended = Instant::now();
                            let (id, token) = (member(&claim, "id"), member(&claim, "token"));
                            let attempts = claim["attempts"].as_u64().expect("`next` tells the attempts");
                            // Some claimants give up once in a while.
                            let done = mine.len() % 7 != w || attempts > 1;
                            let word = if done { "done" } else { "release" };
                            world.ok("Agent-2", &[word, &id, "--token", &token]);
                            let file = member(&claim, "path").rsplit('/').next().unwrap().to_owned();
                            mine.push(Claimed { file, id, attempts, done, began, ended });
                            finished.fetch_add(usize::from(done), Ordering::Relaxed);
                        }
                        finished.load(Ordering::Relaxed) >= total
                    });
                    mine
                })
            })
            .collect();
        let join = |threads: Vec<thread::ScopedJoinHandle<'_, Vec<(String, Instant)>>>| {
            threads.into_iter().flat_map(|t| t.join().unwrap()).collect::<BTreeMap<_, _>>()
        };
        (join(sending), working.into_iter().flat_map(|t| t.join().unwrap()).collect::<Vec<Claimed>>())
    });
    assert_eq!(accepted.len(), total);
    assert!(claimed.iter().any(|c| !c.done), "nobody gave up: that way is not tested");
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for claim in &claimed {
        *done.entry(&claim.id).or_default() += usize::from(claim.done);
    }
    let ids: BTreeSet<&str> = accepted.keys().map(String::as_str).collect();
    assert_eq!(done.keys().copied().collect::<BTreeSet<_>>(), ids, "claimed is not what was accepted");
    assert!(done.values().all(|n| *n == 1), "something was done twice: {done:?}");
    assert!(world.mail("Agent-2", "inbox/new").is_empty() && world.mail("Agent-2", "inbox/claimed").is_empty());
    assert!(in_order(&accepted, &claimed).unwrap() > total, "too few claims to compare");
}
