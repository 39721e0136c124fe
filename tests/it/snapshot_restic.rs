//! restic itself reads what we write, and we what it writes: recovery never
//! depends on this program.

use crate::harness::World;
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
