//! The same signatures and keys in OpenSSH's own programs. What is run is what
//! `docs/security.md` tells a person to type.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use agent_cellphone::model::signature::put_in;

use crate::harness::{Running, World, text, wait};
use crate::identity::{file, keys_of, private, seen, unsigned};

/// The commands in `docs/security.md` below the comment `# NAME`, up to the end
/// of their block or the next such comment.
pub fn documented(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let text = fs::read_to_string(&path).unwrap();
    let begin = format!("# {name}\n");
    let at = text.find(&begin).unwrap_or_else(|| panic!("{} has no commands {name:?}", path.display()));
    let rest = &text[at + begin.len()..];
    rest.lines().take_while(|line| !line.starts_with("```") && !line.starts_with("# ")).collect::<Vec<_>>().join("\n")
}

/// Checks a message with `ssh-keygen` alone, in the root, as documented.
fn verify(world: &World, message: &Path, who: &str) -> Output {
    let mut shell = world.program("sh");
    shell.args(["-euc", &documented("check with OpenSSH")]).current_dir(&world.root);
    shell.env("FILE", message).env("WHO", who).output().unwrap()
}

#[test]
#[ignore = "needs ssh-keygen: run tests/run"]
fn ssh_keygen_verifies_what_we_signed_and_we_verify_what_it_signed() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "x");
    let path = file(&world, "Agent-2", &id);
    let out = verify(&world, &path, "Agent-1");
    assert!(out.status.success() && text(&out).contains("Good \"cellphone\" signature for Agent-1"), "{}", text(&out));
    assert!(!verify(&world, &path, "Agent-3").status.success(), "for somebody else");
    let other = world.home.join("changed.md");
    fs::write(&other, fs::read_to_string(&path).unwrap().replace("subject: x", "subject: y")).unwrap();
    assert!(!verify(&world, &other, "Agent-1").status.success(), "changed");
    // A block in the body is text: it is not cut out of what is checked.
    let quoted = format!("{}\n\nsignature: |\n  -----END SSH SIGNATURE-----\n", fs::read_to_string(&path).unwrap());
    fs::write(&other, quoted).unwrap();
    assert!(!verify(&world, &other, "Agent-1").status.success(), "a block was added to the body");

    // The other way: signed by ssh-keygen with the same key, and with another.
    let plain = world.home.join("plain");
    fs::write(&plain, unsigned(&fs::read(&path).unwrap())).unwrap();
    for (key, namespace, wanted) in
        [("Agent-1", "cellphone", ""), ("Agent-3", "cellphone", "wrong key"), ("Agent-1", "git", "other namespace")]
    {
        let mut sign = world.program("ssh-keygen");
        sign.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(private(&world, key)).arg(&plain);
        let out = sign.output().unwrap();
        assert!(out.status.success(), "{}", text(&out));
        let armor = fs::read_to_string(world.home.join("plain.sig")).unwrap();
        fs::write(&path, put_in(&fs::read(&plain).unwrap(), &armor).unwrap()).unwrap();
        let (word, why) = seen(&world, "Agent-2", &id);
        assert!(why.starts_with(wanted) && (word == "verified") == wanted.is_empty(), "{word} {why}");
        fs::remove_file(world.home.join("plain.sig")).unwrap();
    }
    // Its fingerprint is ours, and it reads our key.
    let mut list = world.program("ssh-keygen");
    let out = list.arg("-lf").arg(private(&world, "Agent-1")).output().unwrap();
    assert!(text(&out).contains(keys_of(&world, "Agent-1")[0]["fingerprint"].as_str().unwrap()), "{}", text(&out));
}

#[test]
#[ignore = "needs ssh-keygen: run tests/run"]
fn ssh_keygen_agrees_on_rotated_and_revoked_keys() {
    let world = World::new();
    let old = world.send("Agent-1", "Agent-2", "old");
    world.ok("Agent-1", &["keys", "rotate", "Agent-1"]);
    let new = world.send("Agent-1", "Agent-2", "new");
    for id in [&old, &new] {
        let out = verify(&world, &file(&world, "Agent-2", id), "Agent-1");
        assert!(out.status.success(), "{}", text(&out));
    }
    // Without the time of the message, the key that has ended verifies nothing any more.
    let line = documented("check with OpenSSH").replace("verify-time=\"$at\"", "verify-time=20990101000000Z");
    assert!(line.contains("2099"), "the documented command names no time: {line}");
    let mut shell = world.program("sh");
    shell.args(["-euc", &line]).current_dir(&world.root).env("WHO", "Agent-1");
    let out = shell.env("FILE", file(&world, "Agent-2", &old)).output().unwrap();
    assert!(!out.status.success(), "{}", text(&out));
    world.ok("tester", &["keys", "revoke", keys_of(&world, "Agent-1")[0]["fingerprint"].as_str().unwrap()]);
    let out = verify(&world, &file(&world, "Agent-2", &old), "Agent-1");
    assert!(!out.status.success(), "{}", text(&out));
    assert_eq!(seen(&world, "Agent-2", &old).0, "forged");
    assert!(verify(&world, &file(&world, "Agent-2", &new), "Agent-1").status.success());
}

#[test]
#[ignore = "needs ssh-agent and ssh-add: run tests/run"]
fn a_key_that_ssh_agent_holds_signs_and_only_the_one_of_the_sender() {
    let world = World::new();
    let socket = world.home.join("agent.sock");
    let mut agent = world.program("ssh-agent");
    agent.arg("-D").arg("-a").arg(&socket).stdout(std::process::Stdio::null());
    let _agent = Running::start(agent);
    wait("ssh-agent listens", || socket.exists());
    let key = private(&world, "Agent-1");
    let mut add = world.program("ssh-add");
    let out = add.arg(&key).env("SSH_AUTH_SOCK", &socket).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    for gone in [private(&world, "Agent-3"), key] {
        fs::remove_file(gone).unwrap();
    }
    let send = |who: &str, with: bool| {
        let mut command: Command = world.acting(who);
        if with {
            command.env("SSH_AUTH_SOCK", &socket);
        }
        let out = command.args(["--json", "send", "--to", "Agent-2", "-m", "x"]).output().unwrap();
        assert!(out.status.success(), "{}", text(&out));
        serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(seen(&world, "Agent-2", &send("Agent-1", true)).0, "verified");
    assert_eq!(seen(&world, "Agent-2", &send("Agent-1", false)).0, "unsigned", "without the agent");
    assert_eq!(seen(&world, "Agent-2", &send("Agent-3", true)).0, "unsigned", "it holds no key of this one");
    // A socket at which nobody listens stops no mail.
    let mut command = world.acting("Agent-3");
    let out =
        command.env("SSH_AUTH_SOCK", world.home.join("gone")).args(["send", "--to", "Agent-2", "-m", "x"]).output();
    assert!(out.unwrap().status.success());
}
