//! Snapshots: restic reads them and we read restic's, every part comes back
//! byte for byte, damage is named, nothing is written outside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::{World, feed, names, text};

/// The protected parts of a root, as path → (mode, bytes); the journal apart,
/// which goes on while a test looks.
pub fn protected(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut open: Vec<PathBuf> = ["agent_workspaces", "config", "hooks"].iter().map(|d| root.join(d)).collect();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let relative = path.strip_prefix(root).unwrap().to_owned();
            if kind.is_dir() {
                if relative.ends_with("inbox/tmp") {
                    continue;
                }
                all.insert(relative, (fs::metadata(&path).unwrap().mode(), Vec::new()));
                open.push(path);
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
                all.insert(relative, (0, target));
            } else {
                let meta = fs::metadata(&path).unwrap();
                let mtime = format!("{}.{}", meta.mtime(), meta.mtime_nsec()).into_bytes();
                all.insert(relative, (meta.mode(), [fs::read(&path).unwrap(), mtime].concat()));
            }
        }
    }
    all
}

/// The repository of a world.
pub fn repository(world: &World) -> PathBuf {
    let taken = world.json("Agent-1", &["snapshot", "create"]);
    PathBuf::from(taken["repository"].as_str().unwrap())
}

pub fn restic(world: &World, repository: &Path, args: &[&str]) -> Output {
    let file = world.json("Agent-1", &["snapshot", "key", "file"]);
    let mut command = world.program("restic");
    command.env("RESTIC_PASSWORD_FILE", file["password_file"].as_str().unwrap());
    command.arg("--repo").arg(repository).args(args).output().expect("restic is needed: run tests/run")
}

pub fn ok(out: Output) -> String {
    assert!(out.status.success(), "{}", text(&out));
    String::from_utf8(out.stdout).unwrap()
}

/// A tree with all that a tree can have.
pub fn furnish(world: &World) {
    for n in 0..20 {
        world.send("Agent-1", if n % 2 == 0 { "Agent-2" } else { "Agent-3" }, &format!("message {n}"));
    }
    world.ok("Agent-1", &["send", "--to", "@all", "-s", "to all", "-m", "x"]);
    let notes = world.folder("Agent-2", "notes");
    fs::create_dir_all(notes.join("deep/er")).unwrap();
    let mut big = Vec::new();
    for n in 0..400_000_u32 {
        big.extend_from_slice(&n.wrapping_mul(2_654_435_761).to_le_bytes());
    }
    fs::write(notes.join("big.bin"), &big).unwrap();
    fs::write(notes.join("empty"), b"").unwrap();
    fs::write(notes.join("deep/er/a \"name\" with \\ and ü.txt"), b"x").unwrap();
    use std::os::unix::ffi::OsStrExt as _;
    fs::write(notes.join(std::ffi::OsStr::from_bytes(b"not \xff utf-8")), b"y").unwrap();
    fs::set_permissions(notes.join("empty"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("../../../../etc/passwd", notes.join("link")).unwrap();
    fs::write(notes.join("secret.pem"), b"never").unwrap();
    fs::write(world.folder("Agent-2", "inbox/tmp").join("half"), b"never").unwrap();
}

pub fn without_left_out(mut all: BTreeMap<PathBuf, (u32, Vec<u8>)>) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    all.retain(|path, _| !path.ends_with("secret.pem"));
    all
}

#[test]
fn a_snapshot_comes_back_byte_for_byte_whole_and_in_parts() {
    let world = World::new();
    furnish(&world);
    let before = without_left_out(protected(&world.root));
    let taken = world.json("Agent-1", &["snapshot", "create"]);
    assert_eq!(taken["kind"], "full");
    assert!(taken["files_new"].as_u64().unwrap() > 40 && taken["seconds"].is_number());
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    let done = world.json("tester", &["snapshot", "restore", "--target", whole.to_str().unwrap()]);
    assert_eq!(done["verified"], true);
    assert_eq!(protected(&whole), before);
    assert!(whole.join(".cellphone/journal/journal.jsonl").is_file());
    assert!(!whole.join(".cellphone/locks").exists());

    let agent = home.path().join("agent");
    world.ok("tester", &["snapshot", "restore", "latest", "--agent", "Agent-3", "--target", agent.to_str().unwrap()]);
    assert_eq!(names(&agent.join("agent_workspaces")), ["Agent-3"]);
    let path = home.path().join("path");
    let file = "agent_workspaces/Agent-2/notes/big.bin";
    world.ok("tester", &["snapshot", "restore", "--path", file, "--target", path.to_str().unwrap()]);
    assert_eq!(fs::read(path.join(file)).unwrap(), fs::read(world.root.join(file)).unwrap());
    let mail = world.mail("Agent-2", "inbox/new")[0].clone();
    let id = mail.strip_suffix(".md").unwrap().rsplit('-').next().unwrap().to_owned();
    let message = home.path().join("message");
    world.ok("tester", &["snapshot", "restore", "--message", &id, "--target", message.to_str().unwrap()]);
    let found = protected(&message);
    let files = found.keys().filter(|p| p.extension().is_some_and(|e| e == "md")).count();
    assert_eq!(files, 2, "the inbox and the sender's copy: {:?}", found.keys());

    // What is there already is not written over, and the tree itself is no target.
    let full = world.fails("tester", 4, &["snapshot", "restore", "--target", whole.to_str().unwrap()]);
    assert!(full.contains("not empty"), "{full}");
    let inside = world.root.join("agent_workspaces/x");
    world.fails("tester", 4, &["snapshot", "restore", "--target", inside.to_str().unwrap()]);
    let cat = world.run("tester", &["snapshot", "cat", "latest", file]);
    assert_eq!(cat.stdout, fs::read(world.root.join(file)).unwrap());
    world.fails("tester", 3, &["snapshot", "cat", "latest", "agent_workspaces/nobody"]);
}

#[test]
fn kinds_are_compared_with_what_they_say_and_a_diff_tells_moves() {
    let world = World::new();
    for n in 0..5 {
        world.send("Agent-1", "Agent-2", &format!("message {n}"));
    }
    let full = world.json("Agent-1", &["snapshot", "create", "--full"]);
    let id = world.send("Agent-1", "Agent-2", "another");
    let second = world.json("Agent-1", &["snapshot", "create"]);
    assert_eq!((second["kind"].as_str(), second["files_new"].as_u64()), (Some("incremental"), Some(2)));
    world.ok("Agent-2", &["read", &id]);
    let third = world.json("Agent-1", &["snapshot", "create", "--differential"]);
    assert_eq!((third["kind"].as_str(), third["files_new"].as_u64()), (Some("differential"), Some(2)));
    let fourth = world.json("Agent-1", &["snapshot", "create", "--full"]);
    assert_eq!(fourth["files_unmodified"], 0, "{fourth}");
    let list = world.json("Agent-1", &["snapshot", "list"]);
    let parents: Vec<&str> = list.as_array().unwrap().iter().map(|s| s["parent"].as_str().unwrap_or("")).collect();
    let id_of = |s: &serde_json::Value| s["id"].as_str().unwrap().to_owned();
    assert_eq!(parents, ["", &id_of(&full), &id_of(&full), ""]);
    let diff = world.json("Agent-1", &["snapshot", "diff", &id_of(&second)[..8], &id_of(&third)[..8]]);
    let moved: Vec<_> = diff.as_array().unwrap().iter().filter(|d| d["change"] == "moved").collect();
    assert_eq!(moved.len(), 1, "{diff}");
    assert!(
        moved[0]["path"].as_str().unwrap().contains("/cur/") && moved[0]["from"].as_str().unwrap().contains("/new/")
    );
}

#[test]
fn a_repository_in_the_tree_is_refused_and_a_place_that_nobody_approved_is_not_used() {
    let world = World::new();
    let inside = world.root.join("config/repo");
    symlink(&world.root, world.root.parent().unwrap().join("way-in")).unwrap();
    let way_in = world.root.parent().unwrap().join("way-in/repo");
    for place in [&inside, &way_in] {
        world.ok("tester", &["config", "set", "snapshot.repositories", place.to_str().unwrap()]);
        let said = world.fails("tester", 4, &["snapshot", "create"]);
        assert!(said.contains("lies in the tree"), "{said}");
    }
    world.ok("tester", &["config", "unset", "snapshot.repositories"]);
    let elsewhere = world.root.parent().unwrap().join("elsewhere");
    let settings = world.root.join("config/cellphone.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let line = format!("\nsnapshot:\n  repositories: {}\n", elsewhere.display());
    fs::write(&settings, text.replace("\nsnapshot:\n", &line)).unwrap();
    let taken = world.json("tester", &["snapshot", "create"]);
    assert_ne!(taken["repository"], elsewhere.to_str().unwrap());
    assert!(!elsewhere.exists());
    world.ok("tester", &["trust", "--yes"]);
    let taken = world.json("tester", &["snapshot", "create"]);
    assert_eq!(taken["repository"], elsewhere.to_str().unwrap());
}

#[test]
fn a_wrong_password_says_so_and_a_second_key_opens() {
    let world = World::new();
    let repo = repository(&world);
    let with = |password: &str| {
        let mut command = world.acting("Agent-1");
        command.env("CELLPHONE_SNAPSHOT_PASSWORD", password).args(["snapshot", "list"]).output().unwrap()
    };
    let wrong = with("wrong");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong).contains("password does not open"), "{}", text(&wrong));
    let mut add = world.acting("tester");
    add.args(["snapshot", "key", "add"]);
    assert!(feed(add, b"second\n").status.success());
    assert!(with("second").status.success());
    let keys = world.json("tester", &["snapshot", "key", "list"]);
    assert_eq!(keys.as_array().unwrap().len(), 2);
    let first = keys[0]["id"].as_str().unwrap();
    world.ok("tester", &["snapshot", "key", "remove", &first[..10]]);
    assert!(!with("wrong").status.success() && with("second").status.success());
    assert!(repo.join("config").is_file());
    // Nobody but the owner reads the secrets.
    let file = world.json("tester", &["snapshot", "key", "file"]);
    let mode = fs::metadata(file["password_file"].as_str().unwrap()).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// The largest pack of data, which holds the messages.
fn pack(repo: &Path) -> PathBuf {
    let mut packs: Vec<PathBuf> = names(&repo.join("data"))
        .iter()
        .flat_map(|two| {
            names(&repo.join("data").join(two)).into_iter().map(move |n| repo.join("data").join(two).join(n))
        })
        .collect();
    packs.sort_by_key(|p| fs::metadata(p).unwrap().len());
    packs.pop().unwrap()
}

fn flip(file: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

/// Fault 22.
#[test]
fn one_flipped_bit_in_a_pack_is_named_with_what_it_costs_and_repaired_from_the_live_tree() {
    let world = World::new();
    furnish(&world);
    let repo = repository(&world);
    world.ok("Agent-1", &["snapshot", "check", "--read-data"]);
    flip(&pack(&repo), 300);
    world.ok("Agent-1", &["snapshot", "check"]);
    let out = world.run("Agent-1", &["--json", "snapshot", "check", "--read-data"]);
    assert_eq!(out.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let lost: Vec<&str> = found["lost"].as_array().unwrap().iter().map(|l| l["path"].as_str().unwrap()).collect();
    assert!(!lost.is_empty() && lost.len() < 5, "{found}");
    let target = tempfile::tempdir().unwrap();
    let place = target.path().join("x");
    let said = world.fails("tester", 1, &["snapshot", "restore", "--target", place.to_str().unwrap()]);
    assert!(said.contains("cannot be restored") && said.contains(lost[0]) && !said.contains("panicked"), "{said}");
    // All others are there.
    let live = without_left_out(protected(&world.root));
    let back = protected(&place);
    let missing: Vec<_> = live.keys().filter(|p| !back.contains_key(*p) || back[*p].1 != live[*p].1).collect();
    let named = |p: &&&PathBuf| lost.iter().any(|l| Path::new(l) == p.as_path());
    let unnamed: Vec<_> = missing.iter().filter(|p| !named(p)).collect();
    assert!(unnamed.iter().all(|p| live[**p].0 & 0o40_000 != 0), "not named: {unnamed:?}; named: {lost:?}");
    assert!(lost.iter().all(|l| l.starts_with(".cellphone") || missing.iter().any(|p| p.as_path() == Path::new(l))));
    // What live files still have is stored anew.
    world.ok("tester", &["snapshot", "repair", "--yes"]);
    world.ok("tester", &["snapshot", "create", "--full"]);
    let again = target.path().join("again");
    world.ok("tester", &["snapshot", "restore", "--target", again.to_str().unwrap()]);
    assert_eq!(without_left_out(protected(&world.root)), protected(&again));
}

#[test]
fn a_damaged_directory_and_a_lost_index_end_in_errors_and_the_index_is_found_again() {
    let world = World::new();
    furnish(&world);
    let repo = repository(&world);
    for name in names(&repo.join("index")) {
        fs::remove_file(repo.join("index").join(name)).unwrap();
    }
    let said = world.fails("tester", 1, &["snapshot", "restore", "--target", "/tmp/never-made-by-this"]);
    assert!(said.contains("no index knows") && !said.contains("panicked"), "{said}");
    assert!(!Path::new("/tmp/never-made-by-this").exists());
    world.fails("Agent-1", 1, &["snapshot", "check"]);
    world.ok("tester", &["snapshot", "repair", "--yes"]);
    world.ok("Agent-1", &["snapshot", "check", "--read-data"]);
    // Every pack in turn, every ninth byte region: an error or nothing, never a panic.
    let packs: Vec<PathBuf> = names(&repo.join("data"))
        .iter()
        .flat_map(|t| names(&repo.join("data").join(t)).into_iter().map(move |n| PathBuf::from(t).join(n)))
        .collect();
    for relative in packs {
        let file = repo.join("data").join(relative);
        let size = fs::metadata(&file).unwrap().len();
        for part in 0..6 {
            let at = (size - 1) * part / 5;
            flip(&file, at);
            let target = tempfile::tempdir().unwrap();
            let place = target.path().join("x");
            for args in [
                &["snapshot", "check", "--read-data"][..],
                &["snapshot", "restore", "--target", place.to_str().unwrap()],
            ] {
                let out = world.run("tester", args);
                assert!(!text(&out).contains("panicked"), "{}", text(&out));
                assert!(out.status.code().is_some());
            }
            flip(&file, at);
        }
    }
    world.ok("Agent-1", &["snapshot", "check", "--read-data"]);
}

#[test]
fn a_point_in_time_among_fifty_is_the_tree_of_that_time() {
    let world = World::new();
    let mut known = Vec::new();
    for n in 0..50 {
        world.send("Agent-1", "Agent-2", &format!("message {n}"));
        if n % 7 == 3 {
            world.ok("Agent-2", &["archive", &world.mail("Agent-2", "inbox/new")[0].rsplit('-').next().unwrap()[..26]]);
        }
        let taken = world.json("Agent-1", &["snapshot", "create"]);
        known.push((taken["time"].as_str().unwrap().to_owned(), protected(&world.root)));
    }
    let target = tempfile::tempdir().unwrap();
    for n in [0, 1, 17, 24, 48, 49] {
        let place = target.path().join(n.to_string());
        // A moment before the next one began.
        let at = known.get(n + 1).map_or_else(
            || "2100-01-01T00:00:00Z".into(),
            |(next, _)| {
                let next: jiff::Timestamp = next.parse().unwrap();
                (next - jiff::SignedDuration::from_nanos(1)).to_string()
            },
        );
        world.ok("tester", &["snapshot", "restore", "--at", &at, "--target", place.to_str().unwrap()]);
        assert_eq!(protected(&place), known[n].1, "snapshot {n} at {at}");
    }
    let first: jiff::Timestamp = known[0].0.parse().unwrap();
    let before = (first - jiff::SignedDuration::from_secs(1)).to_string();
    world.fails("tester", 3, &["snapshot", "restore", "--at", &before, "--target", "/tmp/never-made-by-this"]);

    // What is kept by rule, and what is given back.
    let plan = world.run("tester", &["snapshot", "forget", "--keep-last", "5"]);
    assert_eq!(plan.status.code(), Some(4), "it asks first: {}", text(&plan));
    world.ok("tester", &["snapshot", "forget", "--keep-last", "5", "--yes"]);
    let left = world.json("Agent-1", &["snapshot", "list"]);
    assert_eq!(left.as_array().unwrap().len(), 6, "five and the newest full one");
    world.ok("tester", &["snapshot", "prune", "--yes"]);
    world.ok("tester", &["snapshot", "prune", "--now", "--yes"]);
    world.ok("Agent-1", &["snapshot", "check", "--read-data"]);
    let place = target.path().join("after");
    world.ok("tester", &["snapshot", "restore", "--target", place.to_str().unwrap()]);
    assert_eq!(protected(&place), known[49].1);
    world.ok("tester", &["config", "set", "snapshot.append_only", "true"]);
    world.fails("tester", 4, &["snapshot", "forget", "--keep-last", "1", "--yes"]);
    world.ok("tester", &["config", "unset", "snapshot.append_only"]);

    // A copy in a second repository restores as the first does.
    let second = target.path().join("second");
    world.ok("tester", &["config", "set", "snapshot.repositories", &format!("default,{}", second.display())]);
    world.ok("tester", &["snapshot", "copy"]);
    let place = target.path().join("copied");
    let second = second.to_str().unwrap();
    world.ok("tester", &["snapshot", "--repository", second, "restore", "--target", place.to_str().unwrap()]);
    assert_eq!(protected(&place), known[49].1);
    let again = world.json("tester", &["snapshot", "copy"]);
    assert_eq!(again[0]["snapshots"], 0, "{again}");
}

/// Used by the storm as well.
pub fn ids_below(root: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut open = vec![root.join("agent_workspaces")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                let name = path.file_name().unwrap().to_str().unwrap().trim_end_matches(".md");
                let name = name.split(',').next().unwrap();
                found.entry(name[name.len() - 26..].to_owned()).or_default().push(path);
            }
        }
    }
    found
}

#[test]
fn the_help_and_the_exit_codes_are_as_written() {
    let world = World::new();
    world.fails("Agent-1", 3, &["snapshot", "show"]);
    world.fails("Agent-1", 2, &["snapshot", "show", "zz"]);
    let out = Command::new(crate::harness::BIN).args(["snapshot", "--help"]).output().unwrap();
    assert!(out.status.success());
}
