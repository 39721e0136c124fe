//! Every forgery, told by its name; what `forged: dead` does about it; and
//! that no restore and no `mv` is taken for one.

use std::fs;
use std::path::Path;
use std::process::Command;

use agent_cellphone::model::message::digest;
use agent_cellphone::model::signature::put_in;

use crate::harness::{World, names, text, wait};
use crate::identity::{file, listed, policy, private, proof, seen, sign, unsigned};

/// One message of Agent-1 in the inbox of Agent-2, changed by whoever can
/// write there; what `inbox` says of it then.
fn forged(world: &World, change: impl Fn(&[u8]) -> Vec<u8>) -> (String, String) {
    let id = world.send("Agent-1", "Agent-2", "original");
    let path = file(world, "Agent-2", &id);
    let bytes = fs::read(&path).unwrap();
    let other = change(&bytes);
    assert_ne!(other, bytes);
    fs::write(&path, other).unwrap();
    let (word, why) = seen(world, "Agent-2", &id);
    let read = proof(&world.json("Agent-2", &["next"]));
    assert_eq!(read, (word.clone(), why.clone()), "`next` says something else");
    world.ok("Agent-2", &["inbox", "--all"]);
    fs::remove_file(world.folder("Agent-2", "inbox/claimed").join(path.file_name().unwrap())).unwrap();
    (word, why)
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(bytes.to_vec()).unwrap().replacen(from, to, 1).into_bytes()
}

#[test]
fn every_change_of_key_namespace_header_body_and_recipients_is_told() {
    let world = World::new();
    let made = jiff::Timestamp::now().as_second();
    let own = private(&world, "Agent-1");
    let other = private(&world, "Agent-3");
    let stranger = world.home.join("stranger");
    let secret = ssh_key::PrivateKey::from(ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]));
    fs::write(&stranger, secret.to_openssh(ssh_key::LineEnding::LF).unwrap().as_bytes()).unwrap();
    let again = |key: &Path, namespace: &'static str| {
        let key = key.to_owned();
        move |bytes: &[u8]| sign(&unsigned(bytes), &key, namespace)
    };
    let body = |bytes: &[u8]| {
        let other = replace(bytes, "\nbody", "\nBody");
        replace(&other, &digest("body"), &digest("Body"))
    };
    let short = |bytes: &[u8]| replace(bytes, "  -----END", "  =\n  -----END");
    let cases: Vec<(&str, (String, String))> = vec![
        ("wrong key: SHA256:", forged(&world, again(&other, "cellphone"))),
        ("unknown signer: SHA256:", forged(&world, again(&stranger, "cellphone"))),
        ("other namespace: it was signed for \"git\"", forged(&world, again(&own, "git"))),
        ("edited: ", forged(&world, |b| replace(b, "subject: original", "subject: changed"))),
        ("edited: ", forged(&world, |b| replace(b, "priority: normal", "priority: critical"))),
        ("edited: ", forged(&world, |b| replace(b, "hops: 0", "hops: 0\nack: required"))),
        ("edited: ", forged(&world, |b| replace(b, "to: [Agent-2]", "to: [Agent-2, Agent-3]"))),
        ("edited: ", forged(&world, |b| replace(b, "from: Agent-1", "from: Agent-1 "))),
        ("wrong key: ", forged(&world, |b| replace(b, "from: Agent-1", "from: Agent-4"))),
        ("edited: ", forged(&world, body)),
        ("malformed: ", forged(&world, |b| replace(b, "signature: |", "signature: |-"))),
        ("malformed: ", forged(&world, short)),
        (
            "replayed: ",
            forged(&world, |b| {
                let moved = replace(&unsigned(b), "to: [Agent-2]", "to: [Agent-3]");
                sign(&moved, &own, "cellphone")
            }),
        ),
    ];
    for (wanted, (word, why)) in cases {
        assert_eq!(word, "forged", "{wanted}");
        assert!(why.starts_with(wanted), "wanted {wanted:?}, got {why:?}");
    }
    // Without the signature it is only unsigned, as nobody has to sign.
    assert_eq!(forged(&world, unsigned).0, "unsigned");
    policy(&world, "agent", "sign: required");
    // Keys begin with a second, in which nothing says whether one was there.
    wait("the keys are a second old", || jiff::Timestamp::now().as_second() > made);
    let (word, why) = forged(&world, unsigned);
    assert!(word == "forged" && why.starts_with("downgraded: Agent-1 must sign"), "{why}");
}

/// A body without its digest cannot be read at all; signed, it was edited.
#[test]
fn a_body_that_does_not_fit_its_digest_is_listed_as_edited_and_not_shown() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "original");
    let path = file(&world, "Agent-2", &id);
    fs::write(&path, replace(&fs::read(&path).unwrap(), "\nbody", "\nBody")).unwrap();
    let (word, why) = seen(&world, "Agent-2", &id);
    assert!(word == "forged" && why.starts_with("edited"), "{word} {why}");
    let told = world.fails("Agent-2", 1, &["read", &id]);
    assert!(told.contains("digest"), "{told}");
}

#[test]
fn a_key_past_its_time_and_one_before_it_sign_nothing() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "x");
    let path = world.root.join("config/allowed_signers");
    let own = fs::read_to_string(&path).unwrap();
    for (interval, wanted) in [
        ("valid-before=\"20200101Z\"", "was valid until 2020-01-01T00:00:00Z"),
        ("valid-after=\"20990101000000Z\"", "is valid only since 2099-01-01T00:00:00Z"),
    ] {
        let change = |line: &str| match line.split_once(" ssh-ed25519 ") {
            Some((head, key)) if head.starts_with("Agent-1 ") => format!("Agent-1 {interval} ssh-ed25519 {key}\n"),
            _ => format!("{line}\n"),
        };
        fs::write(&path, own.lines().map(change).collect::<String>()).unwrap();
        world.ok("tester", &["trust", "--yes"]);
        let (word, why) = seen(&world, "Agent-2", &id);
        assert!(word == "forged" && why.starts_with("expired key") && why.contains(wanted), "{why}");
    }
}

#[test]
fn a_second_acceptance_of_an_id_is_a_replay_and_a_mv_or_a_restore_is_none() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "once");
    let original = file(&world, "Agent-2", &id);
    let name = original.file_name().unwrap().to_owned();
    let (new, kept) = (world.folder("Agent-2", "inbox/new"), world.home.join("kept.md"));
    fs::copy(&original, &kept).unwrap();

    // Put in the mailbox of somebody else.
    fs::copy(&kept, world.folder("Agent-3", "inbox/new").join(&name)).unwrap();
    assert_eq!(seen(&world, "Agent-3", &id).1, "replayed: it is not addressed to Agent-3");
    // In the sender's own, where it is no copy of what was sent.
    fs::copy(&kept, world.folder("Agent-1", "inbox/new").join(&name)).unwrap();
    assert_eq!(seen(&world, "Agent-1", &id).1, "replayed: it is not addressed to Agent-1");
    fs::remove_file(world.folder("Agent-1", "inbox/new").join(&name)).unwrap();

    // Again, after it was filed.
    world.ok("Agent-2", &["archive", &id]);
    fs::copy(&kept, new.join(&name)).unwrap();
    let (word, why) = seen(&world, "Agent-2", &id);
    assert!(word == "forged" && why.starts_with("replayed: it is in the archive already ("), "{word} {why}");
    let shown = world.ok("Agent-2", &["read", &id, "--peek"]);
    assert!(shown.contains("(FORGED, do not trust it)") && shown.contains("This is forged. Replayed: "), "{shown}");
    fs::remove_file(new.join(&name)).unwrap();

    // Under another name, as if it were younger.
    let younger = name.to_str().unwrap().replacen("20", "21", 1);
    fs::copy(&kept, new.join(&younger)).unwrap();
    assert!(seen(&world, "Agent-2", &id).1.starts_with("replayed: "), "another name");
    fs::remove_file(new.join(&younger)).unwrap();

    // A mv out of the archive, and back.
    let day = world.folder("Agent-2", "archive").join(&names(&world.folder("Agent-2", "archive"))[0]);
    let filed = day.join(
        world.mail("Agent-2", day.strip_prefix(world.folder("Agent-2", "")).unwrap().to_str().unwrap())[0].clone(),
    );
    fs::rename(&filed, new.join(&name)).unwrap();
    assert_eq!(seen(&world, "Agent-2", &id).0, "verified", "a mv is no replay");
    world.ok("Agent-2", &["archive", &id]);

    // A restore of an earlier state, whole and of one message.
    let staged = crate::restore::stage(&world, "staged");
    fs::remove_dir_all(&day).unwrap();
    crate::restore::restore(&world, &staged, &["--message", &id]);
    let back = world.json("Agent-2", &["thread", &id]);
    assert_eq!(proof(&back[0]).0, "verified", "a restore is no replay: {back}");
    let waiting = world.send("Agent-1", "Agent-2", "waits");
    let staged = crate::restore::stage(&world, "staged-2");
    world.ok("Agent-2", &["read", &waiting]);
    world.ok("Agent-2", &["archive", &waiting]);
    crate::restore::restore(&world, &staged, &[]);
    assert_eq!(listed(&world, "Agent-2", &waiting)["state"], "new");
    assert_eq!(seen(&world, "Agent-2", &waiting).0, "verified");
}

#[test]
fn where_policy_says_so_forged_mail_is_dead_and_the_captain_hears_of_each_once() {
    let world = World::new();
    policy(&world, "agent", "forged: dead");
    let good = world.send("Agent-1", "Agent-2", "good");
    let bad = world.send("Agent-1", "Agent-2", "bad");
    let path = file(&world, "Agent-2", &bad);
    fs::write(&path, replace(&fs::read(&path).unwrap(), "subject: bad", "subject: worse")).unwrap();
    let about = || {
        let inbox = world.inbox("Agent-4");
        inbox.iter().filter(|m| m["subject"].as_str().unwrap().ends_with(" to Agent-2")).count()
    };
    let daemon = world.up();
    wait("it is dead", || world.mail("Agent-2", "dead").len() == 1);
    wait("the captain hears of it", || about() == 1);
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1);
    assert_eq!(seen(&world, "Agent-2", &good).0, "verified");
    let dead = world.json("Agent-2", &["dead", "list"]);
    assert!(dead[0]["reason"].as_str().unwrap().starts_with("forged: edited"), "{dead}");
    let told = world.inbox("Agent-4")[0].clone();
    let text = world.ok("Agent-4", &["read", told["id"].as_str().unwrap(), "--peek"]);
    assert!(text.contains(&bad) && text.contains("edited") && text.contains("dead list"), "{text}");
    // Put there again after it was filed: dead again, and what lies in other roles' inboxes stays.
    let kept = world.home.join("kept.md");
    fs::copy(file(&world, "Agent-2", &good), &kept).unwrap();
    let name = file(&world, "Agent-2", &good).file_name().unwrap().to_owned();
    world.ok("Agent-2", &["archive", &good]);
    fs::copy(&kept, world.folder("Agent-4", "inbox/new").join(&name)).unwrap();
    fs::copy(&kept, world.folder("Agent-2", "inbox/new").join(&name)).unwrap();
    wait("the copy is dead", || world.mail("Agent-2", "dead").len() == 2);
    wait("the captain hears of that", || about() == 2);
    drop(daemon);
    let daemon = world.up();
    let marker = world.send("Agent-1", "Agent-2", "marker");
    wait("the next daemon has looked", || {
        let log = world.ok("tester", &["--json", "trace", &marker]);
        log.contains("delivered") && world.json("tester", &["status"])["daemon"]["scan"]["mailboxes"].as_u64() > Some(0)
    });
    assert_eq!((about(), world.mail("Agent-2", "dead").len()), (2, 2));
    assert_eq!(seen(&world, "Agent-4", &good).0, "forged", "the captain's role shows it");
    drop(daemon);
}

/// The captain's own forged mail is told to the people.
#[test]
fn of_the_captains_own_mail_the_people_hear() {
    let world = World::new();
    policy(&world, "captain", "forged: dead");
    let id = world.send("Agent-1", "Agent-4", "bad");
    let path = file(&world, "Agent-4", &id);
    fs::write(&path, replace(&fs::read(&path).unwrap(), "subject: bad", "subject: worse")).unwrap();
    let _daemon = world.up();
    let told = |who: &str| world.inbox(who).iter().filter(|m| m["from"] == "system").count();
    wait("the person hears of it", || told("tester") == 1);
    wait("it is dead", || world.mail("Agent-4", "dead").len() == 1);
    assert_eq!(told("Agent-4"), 0);
}

/// Faults 16 to 19, where the hostile thing is in or beside a signature.
#[test]
fn hostile_names_links_headers_and_escapes_stay_harmless_with_signatures_on() {
    let world = World::new();
    let ring = crate::identity::ring(&world);
    let before = (names(&ring), fs::read(world.root.join("config/allowed_signers")).unwrap());
    for name in ["../../etc", "CON", "a/b", "Agent-1.pub", ".", "-rf", "é", "Agent-9"] {
        for what in ["create", "rotate", "revoke"] {
            let out = world.run("tester", &["keys", what, "--", name]);
            assert!((2..=4).contains(&out.status.code().unwrap()), "{what} {name:?}: {}", text(&out));
        }
    }
    assert_eq!((names(&ring), fs::read(world.root.join("config/allowed_signers")).unwrap()), before);

    // A key, or the list of signers, that is a link or a pipe is refused at once.
    let key = private(&world, "Agent-1");
    let aside = ring.join("Agent-1.aside");
    fs::rename(&key, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &key).unwrap();
    assert!(!world.run("Agent-1", &["send", "--to", "Agent-2", "-m", "x"]).status.success(), "a link was followed");
    fs::remove_file(&key).unwrap();
    assert!(Command::new("mkfifo").arg("-m").arg("600").arg(&key).status().unwrap().success());
    let mut command = world.program("timeout");
    command.args(["10", crate::harness::BIN, "--root"]).arg(&world.root);
    let out = command.args(["--as", "Agent-1", "send", "--to", "Agent-2", "-m", "x"]).output().unwrap();
    assert!(!out.status.success() && out.status.code() != Some(124), "{}", text(&out));
    fs::remove_file(&key).unwrap();
    fs::rename(&aside, &key).unwrap();

    // What a forger writes into a signature reaches no terminal as it is.
    let id = world.send("Agent-1", "Agent-2", "x");
    let path = file(&world, "Agent-2", &id);
    let plain = unsigned(&fs::read(&path).unwrap());
    fs::write(&path, sign(&plain, &key, "\u{1b}[2J\u{202e}\u{1b}[201~\r")).unwrap();
    for args in [vec!["read", "--peek", &id], vec!["inbox"], vec!["--json", "inbox"]] {
        let out = world.ok("Agent-2", &args);
        assert!(!out.contains(['\u{1b}', '\u{202e}', '\r']), "{args:?}: {out:?}");
    }
    assert!(seen(&world, "Agent-2", &id).1.starts_with("other namespace"));

    // Bombs, and a block that never ends, cost nothing.
    let long = format!("signature: |\n{}", "  AAAA\n".repeat(1_500));
    let alias = "signature: &a [*a, *a]\n".to_owned();
    for block in [long, alias] {
        let text = String::from_utf8(plain.clone()).unwrap();
        fs::write(&path, text.replacen("\n---\n", &format!("\n{block}---\n"), 1)).unwrap();
        let (word, _) = seen(&world, "Agent-2", &id);
        assert!(word == "forged" || word == "unreadable", "{word}");
    }
    assert!(put_in(&plain, "-----BEGIN SSH SIGNATURE-----\n\u{1b}\n-----END SSH SIGNATURE-----\n").is_err());
}
