//! Keys and signatures through the real binary: who gets a key, what is
//! signed, what the lists say of it, rotation and revocation.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use agent_cellphone::model::signature::{put_in, take_apart};
use serde_json::Value;

use crate::harness::{World, feed, text, wait};
use crate::watching::drop_in;

/// The keys as `keys list` gives them.
pub fn keys(world: &World) -> Vec<Value> {
    world.json("tester", &["keys", "list"]).as_array().unwrap().clone()
}

/// The keys of one, in the order of the file.
pub fn keys_of(world: &World, agent: &str) -> Vec<Value> {
    keys(world).into_iter().filter(|key| key["agent"] == agent).collect()
}

/// The file of the key that signs for one.
pub fn private(world: &World, agent: &str) -> PathBuf {
    let path = |key: &Value| key["private"].as_str().map(PathBuf::from);
    keys_of(world, agent).iter().find_map(path).unwrap_or_else(|| panic!("{agent} has no key here"))
}

/// Where the private keys of this root are.
pub fn ring(world: &World) -> PathBuf {
    private(world, "Agent-1").parent().unwrap().to_owned()
}

/// What a list says of a message's proof: the word, and why.
pub fn proof(message: &Value) -> (String, String) {
    let of = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
    (of("verified"), of("verified_why"))
}

/// The message of this id as `inbox` lists it.
pub fn listed(world: &World, agent: &str, id: &str) -> Value {
    let all = world.inbox(agent);
    all.iter().find(|m| m["id"] == id).unwrap_or_else(|| panic!("{id} is not listed: {all:?}")).clone()
}

/// The proof of a message in an inbox.
pub fn seen(world: &World, agent: &str, id: &str) -> (String, String) {
    proof(&listed(world, agent, id))
}

/// The file of a message, wherever in the inbox it is.
pub fn file(world: &World, agent: &str, id: &str) -> PathBuf {
    PathBuf::from(listed(world, agent, id)["path"].as_str().unwrap())
}

/// The bytes of a signed file without its signature.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    take_apart(bytes).unwrap().unwrap().bytes()
}

/// These bytes, signed by the key in a file, for a namespace.
pub fn sign(bytes: &[u8], key: &Path, namespace: &str) -> Vec<u8> {
    let key = ssh_key::PrivateKey::from_openssh(fs::read(key).unwrap()).unwrap();
    let signature = key.sign(namespace, ssh_key::HashAlg::Sha512, bytes).unwrap();
    put_in(bytes, &signature.to_pem(ssh_key::LineEnding::LF).unwrap()).unwrap()
}

/// Gives a role more of a policy, as a person would: by an edit and `trust`.
pub fn policy(world: &World, role: &str, more: &str) {
    let path = world.root.join("config/roles.yaml");
    let old = fs::read_to_string(&path).unwrap();
    let begin = format!("  {role}:");
    let change = |line: &str| {
        let is_it = line.starts_with(&begin);
        if is_it { format!("{}, {more}}}\n", line.trim_end().trim_end_matches('}')) } else { format!("{line}\n") }
    };
    let new: String = old.lines().map(change).collect();
    assert_ne!(new, old, "there is no line of {role}");
    fs::write(path, new).unwrap();
    world.ok("tester", &["trust", "--yes"]);
}

#[test]
fn init_makes_a_key_for_everybody_outside_the_tree_for_the_user_alone() {
    let world = World::new();
    let all = keys(&world);
    assert_eq!(all.len(), 9, "eight agents and a person");
    for key in &all {
        assert_eq!(key["state"], "valid");
        let path = Path::new(key["private"].as_str().unwrap());
        assert!(!path.starts_with(&world.root));
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        assert!(fs::read_to_string(path).unwrap().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    }
    // What init wrote is approved; a second init makes nothing anew.
    let trust = world.json("tester", &["trust"]);
    let state = |file: &str| trust.as_array().unwrap().iter().find(|i| i["path"] == file).unwrap()["state"].clone();
    assert_eq!(state("config/allowed_signers"), "approved");
    let out = world.bare().args(["--json", "init"]).arg(&world.root).output().unwrap();
    let again: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(again["keys"], serde_json::json!([]), "{again}");
    assert_eq!(keys(&world).len(), 9);
    world.ok("tester", &["agents", "add", "Reviewer-1", "--role", "reviewer"]);
    world.ok("tester", &["join", "Newcomer"]);
    for name in ["Reviewer-1", "Newcomer"] {
        assert!(private(&world, name).exists());
        world.ok("tester", &["join", name]);
        assert_eq!(keys_of(&world, name).len(), 1, "who has a key gets no other");
    }
}

#[test]
fn whatever_leaves_is_signed_and_verified_wherever_it_is_shown() {
    let world = World::new();
    let good = ("verified".to_owned(), String::new());
    let id = world.send("Agent-1", "Agent-2", "needle");
    assert_eq!(seen(&world, "Agent-2", &id), good);
    assert_eq!(proof(&world.json("Agent-2", &["search", "needle"])[0]), good);
    assert_eq!(proof(&world.json("Agent-2", &["read", &id])), good);
    assert_eq!(proof(&world.json("Agent-2", &["thread", &id])[0]), good);
    assert_eq!(proof(&world.json("Agent-1", &["search", "needle"])[0]), good, "its sender's copy");
    let shown = world.ok("Agent-2", &["read", &id]);
    assert!(shown.starts_with("From      Agent-1 (verified)\n"), "{shown}");

    world.ok("Agent-2", &["reply", &id, "-m", "an answer"]);
    world.ok("Agent-2", &["forward", &id, "--to", "Agent-3", "-m", "see below"]);
    let asked = world.json("Agent-1", &["send", "--to", "Agent-2,Agent-3,@captain", "-s", "q", "-m", "x", "--ack"]);
    world.ok("Agent-2", &["ack", asked["id"].as_str().unwrap()]);
    let mut batch = world.acting("Agent-5");
    batch.args(["send", "--batch", "-"]);
    let lines = "{\"to\":\"Agent-1\",\"body\":\"x\"}\n{\"to\":\"@captain\",\"body\":\"y\"}\n";
    assert!(feed(batch, lines.as_bytes()).status.success());
    let daemon = world.up();
    // What an agent writes under `signature` is none, and is replaced.
    let dropped = b"---\nto: [Agent-3, any:@captain]\nmine: kept\nsignature: Bob\nmore: 'kept, too'\n---\nby hand\n";
    drop_in(&world.folder("Agent-6", "outbox"), "note.md", dropped);
    let has_come = |agent: &str| world.mail(agent, "inbox/new").len() == 3;
    wait("it is picked up, and delivered to both", || has_come("Agent-3") && has_come("Agent-4"));
    drop(daemon);
    for (agent, count) in [("Agent-1", 3), ("Agent-2", 2), ("Agent-3", 3), ("Agent-4", 3)] {
        let all = world.inbox(agent);
        assert_eq!(all.len(), count, "{agent}: {all:?}");
        for message in &all {
            assert_eq!(proof(message), good, "{agent}: {message}");
        }
    }
    let note = world.json("Agent-3", &["search", "by hand"])[0].clone();
    let whole = fs::read_to_string(note["path"].as_str().unwrap()).unwrap();
    assert!(whole.contains("\nmine: kept\n") && whole.contains("\nmore: 'kept, too'\n"), "{whole}");
    assert!(!whole.contains("signature: Bob"), "{whole}");
    let quiet = world.ok("Agent-3", &["inbox", "--all"]);
    assert!(!quiet.contains("PROOF"), "nothing need be said where all is well: {quiet}");
}

/// Whom a role meant is written down and signed, so it stays true.
#[test]
fn mail_to_a_role_stays_verified_when_roles_change_and_no_other_of_the_role_has_it() {
    let world = World::new();
    let all = world.json("Agent-4", &["send", "--to", "@agent", "-s", "all of you", "-m", "x"]);
    let one = world.json("Agent-4", &["send", "--to", "any:@agent", "-s", "one of you", "-m", "x"]);
    let id = |sent: &Value| sent["id"].as_str().unwrap().to_owned();
    let who = one["delivered"][0].as_str().unwrap().to_owned();
    let other = if who == "Agent-2" { "Agent-3" } else { "Agent-2" };
    assert_eq!(seen(&world, &who, &id(&one)).0, "verified");
    let path = file(&world, &who, &id(&one));
    fs::copy(&path, world.folder(other, "inbox/new").join(path.file_name().unwrap())).unwrap();
    let (word, why) = seen(&world, other, &id(&one));
    assert_eq!((word.as_str(), why.as_str()), ("forged", &*format!("replayed: it is not addressed to {other}")));
    world.ok("tester", &["agents", "set", "Agent-2", "--role", "reviewer"]);
    assert_eq!(seen(&world, "Agent-2", &id(&all)).0, "verified", "it was an agent then");
    let everybody = world.json("Agent-4", &["send", "--to", "@all", "-s", "all", "-m", "x"]);
    assert_eq!(seen(&world, "Agent-2", &id(&everybody)).0, "verified");
    assert!(!fs::read_to_string(file(&world, "Agent-2", &id(&everybody))).unwrap().contains("addressed:"));
}

#[test]
fn a_role_may_have_to_sign_or_never_sign() {
    let world = World::new();
    policy(&world, "agent", "sign: required");
    policy(&world, "captain", "sign: off");
    let old = private(&world, "Agent-1");
    fs::rename(&old, old.with_extension("lost")).unwrap();
    let why = world.fails("Agent-1", 4, &["send", "--to", "Agent-2", "-m", "x"]);
    assert!(why.contains("must sign") && why.contains("cellphone keys create Agent-1"), "{why}");
    assert!(world.mail("Agent-2", "inbox/new").is_empty());
    world.ok("Agent-1", &["keys", "create", "Agent-1"]);
    let id = world.send("Agent-1", "Agent-2", "again");
    assert_eq!(seen(&world, "Agent-2", &id).0, "verified");
    let ended = &keys_of(&world, "Agent-1")[0];
    // Valid to the end of its last second, which may be over by now.
    assert!(["valid", "ended"].contains(&ended["state"].as_str().unwrap()), "{ended}");
    assert!(ended["valid_before"].is_string(), "the lost key counts up to now: {ended}");
    let from_captain = world.send("Agent-4", "Agent-2", "unsigned");
    assert_eq!(seen(&world, "Agent-2", &from_captain).0, "unsigned");
    let list = world.ok("Agent-2", &["inbox"]);
    assert!(list.contains("PROOF") && list.contains("unsigned"), "{list}");
    assert_eq!(world.json("tester", &["roles", "show", "captain"])["sign"], "off");
}

#[test]
fn a_key_that_others_can_read_signs_nothing() {
    let world = World::new();
    let key = private(&world, "Agent-1");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let why = world.fails("Agent-1", 4, &["send", "--to", "Agent-2", "-m", "x"]);
    assert!(why.contains("chmod 600") && why.contains(key.to_str().unwrap()), "{why}");
    let found = world.run("tester", &["doctor"]);
    assert!(text(&found).contains(key.to_str().unwrap()), "{}", text(&found));
    world.run("tester", &["doctor", "--fix"]);
    world.send("Agent-1", "Agent-2", "mended");
}

#[test]
fn after_a_rotation_old_mail_verifies_and_the_old_key_signs_no_more() {
    let world = World::new();
    let before = world.send("Agent-1", "Agent-2", "before");
    let first = private(&world, "Agent-1");
    let old_text = fs::read(&first).unwrap();
    let new = world.json("Agent-1", &["keys", "rotate", "Agent-1"]);
    let end: jiff::Timestamp = keys_of(&world, "Agent-1")[0]["valid_before"].as_str().unwrap().parse().unwrap();
    let at_once = world.send("Agent-1", "Agent-2", "at once");
    let mut later = (String::new(), Value::Null);
    wait("the second has passed", || {
        let id = world.send("Agent-1", "Agent-2", "later");
        let date: jiff::Timestamp = listed(&world, "Agent-2", &id)["date"].as_str().unwrap().parse().unwrap();
        later = (id, Value::Null);
        date.as_second() > end.as_second()
    });
    for id in [&before, &at_once, &later.0] {
        assert_eq!(seen(&world, "Agent-2", id).0, "verified");
    }
    let ends: Vec<Value> = keys_of(&world, "Agent-1").iter().map(|k| k["state"].clone()).collect();
    assert_eq!(ends, ["ended", "valid"]);
    assert!(new["private"].is_string() && fs::read(&first).unwrap() != old_text);
    // Who kept the old key can sign nothing of today with it.
    let kept = world.home.join("kept");
    fs::write(&kept, &old_text).unwrap();
    let path = file(&world, "Agent-2", &later.0);
    fs::write(&path, sign(&unsigned(&fs::read(&path).unwrap()), &kept, "cellphone")).unwrap();
    let (word, why) = seen(&world, "Agent-2", &later.0);
    assert!(word == "forged" && why.starts_with("expired key: SHA256:"), "{why}");
}

#[test]
fn a_revoked_key_makes_all_it_signed_forged_and_a_new_one_can_be_made() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "before");
    let print = keys_of(&world, "Agent-1")[0]["fingerprint"].as_str().unwrap().to_owned();
    world.fails("Agent-2", 4, &["keys", "revoke", "Agent-1"]);
    world.fails("Agent-2", 4, &["keys", "rotate", "Agent-1"]);
    world.fails("tester", 3, &["keys", "revoke", "SHA256:nobody/at+all"]);
    world.fails("tester", 3, &["keys", "rotate", "Agent-9"]);
    let why = world.fails("tester", 5, &["keys", "create", "Agent-1"]);
    assert!(why.contains("cellphone keys rotate Agent-1"), "{why}");
    assert_eq!(world.json("tester", &["keys", "revoke", &print])[0]["state"], "revoked");
    let (word, why) = seen(&world, "Agent-2", &id);
    assert_eq!((word.as_str(), why.as_str()), ("forged", &*format!("revoked key: {print}")));
    let list = fs::read_to_string(world.root.join("config/revoked_keys")).unwrap();
    assert_eq!(list.lines().filter(|l| l.starts_with("ssh-ed25519 ")).count(), 1, "{list}");
    let next = world.send("Agent-1", "Agent-2", "without a key");
    assert_eq!(seen(&world, "Agent-2", &next).0, "unsigned");
    world.ok("tester", &["keys", "create", "Agent-1"]);
    let last = world.send("Agent-1", "Agent-2", "with another");
    assert_eq!(seen(&world, "Agent-2", &last).0, "verified");
    assert_eq!(seen(&world, "Agent-2", &id).0, "forged");
    // By name: what it can sign with now.
    world.ok("Agent-3", &["keys", "revoke", "Agent-3"]);
    assert_eq!(keys_of(&world, "Agent-3")[0]["state"], "revoked");
    world.fails("tester", 3, &["keys", "revoke", "Agent-3"]);
}

/// Signers are used as approved: what stands in the tree alone makes nobody
/// one, and our own commands take none of it along.
#[test]
fn a_strangers_line_in_the_tree_makes_nobody_a_signer() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "x");
    let path = world.root.join("config/allowed_signers");
    let own = fs::read_to_string(&path).unwrap();
    let public = fs::read_to_string(ring(&world).join("Agent-8.pub")).unwrap();
    fs::write(&path, format!("{own}Agent-1 namespaces=\"cellphone\" {public}")).unwrap();
    let mail = file(&world, "Agent-2", &id);
    let forged = sign(&unsigned(&fs::read(&mail).unwrap()), &private(&world, "Agent-8"), "cellphone");
    fs::write(&mail, forged).unwrap();
    assert!(seen(&world, "Agent-2", &id).1.starts_with("wrong key"));
    world.ok("tester", &["keys", "rotate", "Agent-3"]);
    assert!(seen(&world, "Agent-2", &id).1.starts_with("wrong key"), "a command approved a stranger's line");
    let trust = world.json("tester", &["trust"]);
    let signers = trust.as_array().unwrap().iter().find(|i| i["path"] == "config/allowed_signers").unwrap();
    assert_eq!(signers["state"], "changed");
    assert!(fs::read_to_string(&path).unwrap().contains(public.trim()), "a command changed a stranger's line");
    // A person who approves a line that cannot be used is told which.
    fs::write(&path, format!("{own}Agent-1 valid-after=\"soon\" {public}")).unwrap();
    let why = world.fails("tester", 4, &["trust", "--yes"]);
    assert!(why.contains("allowed_signers:12") && why.contains("is no time"), "{why}");
    // Gone from the tree: what was approved holds.
    fs::remove_file(&path).unwrap();
    let next = world.send("Agent-5", "Agent-2", "y");
    assert_eq!(seen(&world, "Agent-2", &next).0, "verified");
}

#[test]
fn who_has_lost_the_private_key_gets_a_new_one_by_renew_and_the_others_keep_theirs() {
    let world = World::new();
    fs::remove_file(private(&world, "Agent-2")).unwrap();
    let kept = private(&world, "Agent-1");
    let before = fs::read(&kept).unwrap();
    let renewed = world.json("tester", &["keys", "renew"]);
    assert_eq!(renewed.as_array().unwrap().iter().map(|key| &key["agent"]).collect::<Vec<_>>(), ["Agent-2"]);
    assert_eq!(fs::read(&kept).unwrap(), before);
    let id = world.send("Agent-2", "Agent-3", "signed again");
    let inbox = world.json("Agent-3", &["inbox"]);
    let message = inbox.as_array().unwrap().iter().find(|m| m["id"] == id).unwrap();
    assert_eq!(proof(message).0, "verified");
}
