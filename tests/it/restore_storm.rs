//! Restores while everybody goes on working: what was acknowledged is there
//! once, whoever moved what when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::crash::traced;
use crate::harness::{World, is_whole, size, text, wait};
use crate::restore::{mail, restore, stage};

#[test]
fn nothing_acknowledged_is_lost_and_nothing_stands_twice_in_a_storm_of_restores() {
    let world = World::new();
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    for n in 0..size(30, 400) {
        acknowledged.insert(world.send("Agent-1", "Agent-2", &format!("old {n}")));
    }
    let staged = stage(&world, "staged");
    let _daemon = world.up();
    let until = Instant::now() + Duration::from_secs(size(6, 60) as u64);
    let working = || Instant::now() < until;
    let restores = std::thread::scope(|scope| {
        let senders: Vec<_> = ["Agent-1", "Agent-3", "Agent-4"]
            .map(|from| {
                let (world, working) = (&world, &working);
                scope.spawn(move || {
                    let mut sent = Vec::new();
                    while working() {
                        // Several recipients go through the spool, one does not.
                        let to = if sent.len() % 2 == 0 { "Agent-2" } else { "Agent-2,Agent-5" };
                        sent.push(world.send(from, to, &format!("new from {from}")));
                    }
                    sent
                })
            })
            .into();
        // Reads and files whatever it finds.
        scope.spawn(|| {
            while working() {
                for listed in world.inbox("Agent-2").into_iter().take(5) {
                    let id = listed["id"].as_str().unwrap();
                    let _ = world.run("Agent-2", &["read", id]);
                    let _ = world.run("Agent-2", &["archive", id]);
                }
            }
        });
        // An agent that only knows `mv`, which asks nobody and overwrites.
        scope.spawn(|| {
            let (new, cur) = (world.folder("Agent-2", "inbox/new"), world.folder("Agent-2", "inbox/cur"));
            while working() {
                for name in world.mail("Agent-2", "inbox/new").into_iter().rev().take(20) {
                    let _ = std::fs::rename(new.join(&name), cur.join(name.replace(".md", ",S.md")));
                }
            }
        });
        // Works under leases.
        scope.spawn(|| {
            while working() {
                let out = world.run("Agent-2", &["--json", "next", "--lease", "30s"]);
                let Ok(job) = serde_json::from_slice::<serde_json::Value>(&out.stdout) else { continue };
                if let (Some(id), Some(token)) = (job["id"].as_str(), job["token"].as_str()) {
                    // A restore leaves a live claim alone, so its holder can always finish.
                    world.ok("Agent-2", &["done", id, "--token", token]);
                }
            }
        });
        let mut restores = 0;
        while working() {
            restore(&world, &staged, &[]);
            if restores % 3 == 2 {
                world.ok("tester", &["snapshot", "restore", "--undo", "--yes"]);
            }
            restores += 1;
        }
        acknowledged.extend(senders.into_iter().flat_map(|sender| sender.join().unwrap()));
        restores
    });
    assert!(restores >= 3, "{restores} restores in the storm: nothing was proved");
    let there = mail(&world);
    for id in &acknowledged {
        let places = there.get(&("Agent-2".into(), id.clone(), false)).cloned().unwrap_or_default();
        assert_eq!(places.len(), 1, "{id} of {}: {places:?}", acknowledged.len());
        assert!(is_whole(&world.folder("Agent-2", "").join(&places[0])), "{places:?}");
    }
}

/// A sender that stands still before its rename has opened `inbox/new` long
/// ago: what it then delivers has to be in the live mailbox.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_sender_that_holds_the_inbox_open_across_a_restore_delivers_into_the_live_one() {
    let world = World::new();
    let old = world.send("Agent-1", "Agent-2", "old");
    let staged = stage(&world, "staged");
    for discard in [false, true] {
        world.ok("Agent-2", &["read", &old]);
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| {
                let options = ["-e", "trace=renameat2", "-e", "inject=renameat2:delay_enter=2000000:when=1"];
                traced(&world, &options, "Agent-1", &["--json", "send", "--to", "Agent-2", "-s", "slow", "-m", "x"])
            });
            wait("the sender has written", || !crate::harness::names(&world.folder("Agent-2", "inbox/tmp")).is_empty());
            let more: &[&str] = if discard { &["--discard-newer"] } else { &[] };
            assert_eq!(restore(&world, &staged, more)["applied"], true);
            assert!(!slow.is_finished(), "the send was over before the restore: nothing was proved");
            let sent = slow.join().unwrap();
            assert!(sent.status.success(), "{}", text(&sent));
            let sent: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
            let key = ("Agent-2".to_owned(), sent["id"].as_str().unwrap().to_owned(), false);
            assert_eq!(mail(&world)[&key].len(), 1);
            // Discarding names what there was when it was planned.
            world.ok("Agent-2", &["read", &key.1]);
        });
    }
}
