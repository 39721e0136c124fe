//! Mail in a sandbox that may read everything and write nothing: a real
//! read-only mount, root, home and all, without a control socket.

use std::process::{Command, Output};

use crate::harness::{World, photograph, text};

/// Runs a command line as an agent with everything of the world mounted
/// read-only, in a mount namespace of its own.
fn read_only(world: &World, agent: &str, args: &[&str]) -> Output {
    let base = world.root.parent().unwrap();
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && ! touch \"$0/probe\" 2>/dev/null && exec \"$@\"";
    let inner = world.acting(agent);
    let mut command: Command = world.program("unshare");
    command.args(["-m", "sh", "-c", script]).arg(base).arg(inner.get_program()).args(inner.get_args()).args(args);
    command.current_dir("/");
    command.output().expect("unshare is needed: run tests/run")
}

#[test]
#[ignore = "needs root to mount: run tests/run"]
fn mail_is_listed_and_read_where_nothing_can_be_written() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "for a sandbox");
    let before = photograph(world.root.parent().unwrap());
    let lines: [&[&str]; 7] = [
        &["inbox"],
        &["inbox", "--all"],
        &["read", &id, "--peek"],
        &["thread", &id],
        &["trace", &id],
        &["search", "sandbox"],
        &["status"],
    ];
    for line in lines {
        let out = read_only(&world, "Agent-2", line);
        assert!(out.status.success(), "{line:?}: {}", text(&out));
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(line[0] == "status" || said.contains("sandbox") || said.contains(&id), "{line:?}: {said}");
        assert!(out.stderr.is_empty(), "{line:?}: {}", text(&out));
    }
    // A mailbox that was never opened has no lock yet.
    let out = read_only(&world, "Agent-7", &["inbox"]);
    assert!(out.status.success(), "{}", text(&out));
    // What has to write says so, and nothing is half done.
    for line in [&["read", &id][..], &["next"], &["archive", &id]] {
        let out = read_only(&world, "Agent-2", line);
        let why = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{line:?}: {}", text(&out));
        assert!(why.contains("read-only; nothing was changed"), "{line:?}: {why}");
    }
    assert_eq!(photograph(world.root.parent().unwrap()), before);
}

#[test]
#[ignore = "needs root to mount: run tests/run"]
fn the_same_holds_beside_a_daemon_that_cannot_be_reached() {
    let world = World::new();
    let _daemon = world.up();
    let id = world.send("Agent-1", "Agent-2", "for a sandbox");
    std::fs::remove_file(world.root.join(".cellphone/control.sock")).unwrap();
    let out = read_only(&world, "Agent-2", &["read", &id, "--peek"]);
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("for a sandbox"), "{}", text(&out));
}
