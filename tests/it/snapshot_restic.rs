//! restic itself reads what we write, and we what it writes: recovery never
//! depends on this program.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::{World, names};
use crate::snapshot::{furnish, ok, protected, repository, restic, without_left_out};

#[test]
#[ignore = "needs restic: run tests/run"]
fn restic_reads_checks_and_restores_our_repository_and_we_read_its() {
    let world = World::new();
    furnish(&world);
    let repo = repository(&world);
    world.ok("Agent-1", &["snapshot", "create", "--full"]);
    let list = ok(restic(&world, &repo, &["snapshots", "--json"]));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&list).unwrap().as_array().unwrap().len(), 2);
    ok(restic(&world, &repo, &["check", "--read-data"]));
    let target = tempfile::tempdir().unwrap();
    let place = target.path().join("theirs");
    ok(restic(&world, &repo, &["restore", "latest", "--target", place.to_str().unwrap()]));
    assert_eq!(protected(&place), without_left_out(protected(&world.root)));

    // A snapshot of restic's own beside ours: seen as foreign, restored by its id, no parent of ours.
    ok(restic(&world, &repo, &["backup", world.root.to_str().unwrap()]));
    let list = world.json("Agent-1", &["snapshot", "list"]);
    let foreign = list.as_array().unwrap().iter().find(|s| s["kind"].is_null()).unwrap();
    let id = &foreign["id"].as_str().unwrap()[..12];
    let place = target.path().join("ours");
    world.ok("tester", &["snapshot", "restore", id, "--target", place.to_str().unwrap()]);
    let mut theirs = protected(&place);
    theirs.retain(|path, _| !path.ends_with("secret.pem"));
    assert_eq!(theirs, without_left_out(protected(&world.root)));
    let next = world.json("Agent-1", &["snapshot", "create"]);
    assert_eq!(next["kind"], "incremental");
    ok(restic(&world, &repo, &["check", "--read-data"]));
    // A repository that restic made.
    let other = target.path().join("repo");
    ok(restic(&world, &other, &["init"]));
    ok(restic(&world, &other, &["backup", world.root.to_str().unwrap()]));
    let list = world.json("Agent-1", &["snapshot", "--repository", other.to_str().unwrap(), "list"]);
    assert_eq!(list.as_array().unwrap().len(), 1);
    world.ok("Agent-1", &["snapshot", "--repository", other.to_str().unwrap(), "check", "--read-data"]);
}

/// Names and lengths of the packs of a repository.
fn packs(repo: &Path) -> BTreeMap<PathBuf, u64> {
    let all = walkdir::WalkDir::new(repo.join("data")).into_iter().map(Result::unwrap);
    let files = all.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().len())).collect()
}

#[test]
#[ignore = "needs restic: run tests/run"]
fn a_copy_is_whole_for_restic_and_holds_nothing_twice_and_nothing_damaged() {
    let world = World::new();
    furnish(&world);
    let first = repository(&world);
    let target = tempfile::tempdir().unwrap();
    let second = target.path().join("second");
    world.ok("tester", &["config", "set", "snapshot.repositories", &format!("default,{}", second.display())]);
    let copy = || world.json("tester", &["snapshot", "copy"])[0]["snapshots"].clone();
    assert_eq!(copy(), 1);
    ok(restic(&world, &second, &["check", "--read-data"]));
    let before = packs(&second);
    assert_eq!(before.len(), packs(&first).len());

    // Of a pack of which little is missing only that is brought.
    world.send("Agent-1", "Agent-2", "one more");
    world.ok("Agent-1", &["snapshot", "create"]);
    assert_eq!(copy(), 1);
    let more: Vec<u64> =
        packs(&second).into_iter().filter(|(path, _)| !before.contains_key(path)).map(|p| p.1).collect();
    assert!(more.len() >= 2 && more.iter().sum::<u64>() < 60_000, "{more:?}");
    ok(restic(&world, &second, &["check", "--read-data"]));
    let place = target.path().join("theirs");
    ok(restic(&world, &second, &["restore", "latest", "--target", place.to_str().unwrap()]));
    assert_eq!(protected(&place), without_left_out(protected(&world.root)));

    // A damaged piece is not passed on.
    let (largest, _) = packs(&first).into_iter().max_by_key(|(_, length)| *length).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&largest, PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(&largest, bytes).unwrap();
    let third = target.path().join("third");
    world.ok("tester", &["config", "set", "snapshot.repositories", &format!("default,{}", third.display())]);
    world.fails("tester", 1, &["snapshot", "copy"]);
    assert_eq!(names(&third.join("snapshots")), [""; 0], "what is not whole is no snapshot");
}
