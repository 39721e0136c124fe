//! The layers of the settings: each beats the one below it and names its
//! origin, each refuses what it does not know, and none of them stops mail.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::harness::{World, feed, text, wait};

/// A root whose machine has a file of settings of its own.
struct Layered {
    world: World,
    system: PathBuf,
    user: PathBuf,
}

impl Layered {
    fn new() -> Self {
        let world = World::new();
        let (system, user) =
            (world.home.join("etc/cellphone.yaml"), world.home.join(".config/cellphone/cellphone.yaml"));
        fs::create_dir_all(system.parent().unwrap()).unwrap();
        fs::create_dir_all(user.parent().unwrap()).unwrap();
        Self { world, system, user }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.acting("tester");
        command.env("CELLPHONE_SYSTEM_CONFIG", &self.system).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The value of a setting, its layer and its origin.
    fn get(&self, mut command: Command, key: &str) -> (String, String, String) {
        let out = command.args(["--json", "config", "get", key]).output().unwrap();
        assert!(out.status.success(), "{}", text(&out));
        let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let part = |name: &str| found[name].as_str().unwrap().to_owned();
        (part("value"), part("layer"), part("origin"))
    }
}

#[test]
fn every_layer_beats_the_one_below_it_and_names_its_origin() {
    let all = Layered::new();
    let root = all.world.root.join("config/cellphone.yaml");
    let key = "nudge.cooldown";
    let plain = || all.command(&[]);
    assert_eq!(all.get(plain(), key), ("30s".into(), "default".into(), "default".into()));
    let expect = |command: Command, value: &str, layer: &str, origin: &str| {
        let (found, name, from) = all.get(command, key);
        assert_eq!((found.as_str(), name.as_str()), (value, layer));
        assert!(from.contains(origin), "{from}");
    };
    fs::write(&all.system, "nudge:\n  cooldown: 31s\n").unwrap();
    expect(plain(), "31s", "system", "etc/cellphone.yaml:2");
    fs::write(&all.user, "# mine\nnudge:\n  cooldown: 32s\n").unwrap();
    expect(plain(), "32s", "user", ".config/cellphone/cellphone.yaml:3");
    let said = all.run(&["config", "set", key, "33s"]);
    assert!(said.status.success(), "{}", text(&said));
    let line = 1 + fs::read_to_string(&root).unwrap().lines().position(|l| l == "  cooldown: 33s").unwrap();
    expect(plain(), "33s", "root", &format!("config/cellphone.yaml:{line}"));
    let mut with_variable = plain();
    with_variable.env("CELLPHONE_NUDGE_COOLDOWN", "34s");
    expect(with_variable, "34s", "environment", "CELLPHONE_NUDGE_COOLDOWN");
    let _daemon = all.world.up();
    assert!(all.run(&["config", "set", "--runtime", key, "35s"]).status.success());
    let mut with_variable = plain();
    with_variable.env("CELLPHONE_NUDGE_COOLDOWN", "34s");
    expect(with_variable, "35s", "runtime", "runtime");
    let mut with_line = plain();
    with_line.env("CELLPHONE_NUDGE_COOLDOWN", "34s").args(["--set", "nudge.cooldown=36s"]);
    expect(with_line, "36s", "command line", "command line");
    let shown = all.run(&["config", "show", "--origin"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let row = shown.lines().find(|l| l.starts_with("nudge.cooldown ")).unwrap();
    assert!(row.contains("35s") && row.ends_with("runtime"), "{row}");
}

#[test]
fn the_file_that_init_writes_leaves_the_layers_below_in_force() {
    let all = Layered::new();
    assert!(all.run(&["config", "set", "--user", "limits.hops", "7"]).status.success());
    assert!(all.run(&["config", "set", "--system", "limits.attempts", "9"]).status.success());
    assert_eq!(all.get(all.command(&[]), "limits.hops").1, "user");
    assert_eq!(all.get(all.command(&[]), "limits.attempts").1, "system");
    let written = fs::read_to_string(&all.user).unwrap();
    assert!(written.starts_with("# yaml-language-server: $schema=cellphone.schema.json\n"), "{written}");
    assert!(all.user.with_file_name("cellphone.schema.json").is_file());
    assert!(all.run(&["config", "unset", "--user", "limits.hops"]).status.success());
    assert_eq!(all.get(all.command(&[]), "limits.hops").1, "default");
    // What is written below another layer says that the other one holds.
    assert!(all.run(&["config", "set", "limits.hops", "8"]).status.success());
    let out = all.run(&["config", "set", "--user", "limits.hops", "6"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        out.status.success() && said.contains("config/cellphone.yaml") && said.contains("holds here"),
        "{}",
        text(&out)
    );
    assert_eq!(all.run(&["--as", "Agent-1", "config", "set", "--user", "limits.hops", "5"]).status.code(), Some(2));
    all.world.fails("Agent-1", 4, &["config", "set", "--user", "limits.hops", "5"]);
}

/// A file that cannot be used is named on standard error, and mail goes on.
fn goes_on(mut command: Command, what: &str, near: &str) {
    let out = command.args(["send", "--to", "Agent-2", "-s", what, "-m", "body"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains(what) && said.contains(near), "{}", text(&out));
}

#[test]
fn unknown_keys_are_refused_in_every_layer_with_the_nearest_known() {
    let all = Layered::new();
    let (wrong, near) = ("nudge:\n  cooldwon: 3s\n", "did you mean `nudge.cooldown`?");
    for path in [&all.system, &all.user] {
        fs::write(path, wrong).unwrap();
        goes_on(all.command(&[]), path.to_str().unwrap(), near);
        fs::remove_file(path).unwrap();
    }
    let root = all.world.root.join("config/cellphone.yaml");
    let good = fs::read(&root).unwrap();
    fs::write(&root, wrong).unwrap();
    goes_on(all.command(&[]), "config/cellphone.yaml:2", near);
    fs::write(&root, good).unwrap();
    let mut command = all.command(&[]);
    command.env("CELLPHONE_NUDGE_COOLDWON", "3s");
    goes_on(command, "CELLPHONE_NUDGE_COOLDWON", "did you mean CELLPHONE_NUDGE_COOLDOWN?");
    let _daemon = all.world.up();
    for (code, args) in [
        (3, &["--set", "nudge.cooldwon=3s", "inbox"][..]),
        (3, &["config", "set", "nudge.cooldwon", "3s"]),
        (3, &["config", "set", "--user", "nudge.cooldwon", "3s"]),
        (3, &["config", "set", "--runtime", "nudge.cooldwon", "3s"]),
        (3, &["config", "unset", "--runtime", "nudge.cooldwon"]),
    ] {
        let out = all.run(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", text(&out));
        assert!(String::from_utf8_lossy(&out.stderr).contains(near), "{args:?}: {}", text(&out));
    }
    for (args, word) in
        [(["--set", "lease=soon"], "10s"), (["--set", "lease"], "KEY=VALUE"), (["--set", "lease=0"], "1s")]
    {
        let out = all.run(&[args[0], args[1], "inbox"]);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out));
        assert!(String::from_utf8_lossy(&out.stderr).contains(word), "{args:?}: {}", text(&out));
    }
}

#[test]
fn a_broken_file_of_the_user_or_the_machine_stops_no_mail_and_the_last_good_one_holds() {
    use std::os::unix::fs::PermissionsExt as _;
    for layer in ["user", "system"] {
        let all = Layered::new();
        let path = if layer == "user" { &all.user } else { &all.system };
        assert!(all.run(&["config", "set", &format!("--{layer}"), "limits.hops", "77"]).status.success());
        for broken in ["limits: [\n", "limits:\n  hops: many\n", "lease: 0s\n", "\u{7f}\u{0}"] {
            fs::write(path, broken).unwrap();
            goes_on(all.command(&[]), path.to_str().unwrap(), "the last good one holds");
            assert_eq!(all.get(all.command(&[]), "limits.hops").0, "77", "{broken:?}");
            let out = all.run(&["doctor", "--json"]);
            let findings: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
            let named = |f: &serde_json::Value| f["check"] == "config" && f["path"] == path.to_str().unwrap();
            assert!(findings.as_array().unwrap().iter().any(named), "{findings}");
        }
        fs::write(path, "limits:\n  hops: 5\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        goes_on(all.command(&[]), "chmod go-w", path.to_str().unwrap());
        assert_eq!(all.get(all.command(&[]), "limits.hops").0, "77", "what others can write does not count");
    }
}

#[test]
fn what_is_set_at_run_time_holds_for_the_daemon_and_for_commands_and_goes_with_it() {
    let world = World::new();
    let alone = world.fails("tester", 75, &["config", "set", "--runtime", "limits.body", "1KiB"]);
    assert!(alone.contains("no daemon runs") && alone.contains("cellphone up --detach"), "{alone}");
    let mut daemon = world.up();
    let hint = world.root.join(".cellphone/runtime");
    let said = world.ok("tester", &["config", "set", "--runtime", "limits.body", "1KiB"]);
    assert_eq!(said, "limits.body = 1KiB (until the daemon ends; default 10MiB)\n");
    world.ok("tester", &["config", "set", "--runtime", "log.filter", "debug"]);
    let settings = fs::read_to_string(world.root.join("config/cellphone.yaml")).unwrap();
    assert!(!settings.contains("\n  body: 1KiB"), "nothing is written");
    // A command obeys it, and so does the daemon, by the outbox that it picks up.
    let big = "x".repeat(2_000);
    let refused = world.fails("Agent-1", 4, &["send", "--to", "Agent-2", "-s", "big", "-f", &file(&world, &big)]);
    assert!(refused.contains("1024 bytes"), "{refused}");
    fs::write(world.folder("Agent-1", "outbox").join("big.md"), format!("---\nto: Agent-2\n---\n{big}\n")).unwrap();
    wait("the daemon buries it", || !world.mail("Agent-1", "dead").is_empty());
    let path = world.root.join("config/cellphone.yaml");
    fs::write(&path, "limits: [\n").unwrap();
    wait("the log tells more", || world.daemon_log().contains("DEBUG"));
    fs::write(&path, &settings).unwrap();
    // Only by who may, and nothing that is approved.
    world.fails("Agent-1", 4, &["config", "set", "--runtime", "limits.body", "2KiB"]);
    let request =
        "{\"request\":\"set_at_run_time\",\"actor\":\"Agent-1\",\"key\":\"limits.body\",\"value\":\"2KiB\"}\n";
    assert!(ask(&world, request).contains("may not change"));
    let request = "{\"request\":\"set_at_run_time\",\"actor\":\"tester\",\"key\":\"snapshot.password_command\",\"value\":\"id\"}\n";
    assert!(ask(&world, request).contains("in force as approved"));
    world.ok("tester", &["config", "unset", "--runtime", "limits.body"]);
    assert_eq!(world.json("tester", &["config", "get", "limits.body"])["layer"], "default");
    assert_eq!(world.json("tester", &["config", "get", "log.filter"])["layer"], "runtime");
    assert!(hint.exists());
    world.ok("tester", &["down"]);
    assert_eq!(daemon.code(), Some(0));
    assert!(!hint.exists());
    assert_eq!(world.json("tester", &["config", "get", "log.filter"])["layer"], "default");
    let mut daemon = world.up();
    assert_eq!(world.json("tester", &["config", "get", "log.filter"])["layer"], "default", "gone after a restart");
    // One that was killed leaves the file, which says nothing.
    world.ok("tester", &["config", "set", "--runtime", "limits.hops", "3"]);
    daemon.signal("KILL");
    daemon.code();
    assert!(hint.exists());
    let out = world.run("tester", &["--json", "config", "get", "limits.hops"]);
    assert!(out.status.success() && out.stderr.is_empty(), "{}", text(&out));
    assert!(String::from_utf8_lossy(&out.stdout).contains("\"layer\":\"default\""), "{}", text(&out));
}

#[test]
fn the_command_line_of_the_daemon_is_below_what_is_set_at_run_time() {
    let world = World::new();
    world.ok("tester", &["--set", "nudge.budget=3", "--set", "limits.body=1KiB", "up", "--detach"]);
    fs::write(
        world.folder("Agent-1", "outbox").join("big.md"),
        format!("---\nto: Agent-2\n---\n{}\n", "x".repeat(2_000)),
    )
    .unwrap();
    wait("the daemon obeys its command line", || !world.mail("Agent-1", "dead").is_empty());
    world.ok("tester", &["config", "set", "--runtime", "limits.body", "4KiB"]);
    fs::write(
        world.folder("Agent-1", "outbox").join("fine.md"),
        format!("---\nto: Agent-2\n---\n{}\n", "x".repeat(2_000)),
    )
    .unwrap();
    wait("the later word holds", || world.mail("Agent-2", "inbox/new").len() == 1);
    world.ok("tester", &["down"]);
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_the_files_name() {
    let world = World::new();
    for name in ["cellphone", "agents", "roles", "profile"] {
        let printed = world.ok("tester", &["config", "schema", name]);
        let path = world.root.join("config/schema").join(format!("{name}.schema.json"));
        assert_eq!(fs::read_to_string(&path).unwrap(), printed, "{name}");
        let schema: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        if name != "profile" {
            let file = fs::read_to_string(world.root.join(format!("config/{name}.yaml"))).unwrap();
            assert!(
                file.starts_with(&format!("# yaml-language-server: $schema=schema/{name}.schema.json\n")),
                "{file}"
            );
        }
    }
    let bare = world.bare().args(["config", "schema"]).output().unwrap();
    assert!(bare.status.success(), "it needs no root: {}", text(&bare));
    let about = world.ok("tester", &["config", "show", "--about"]);
    assert!(about.contains("limits.body") && about.contains("Longest body of a message."), "{about}");
    world.fails("tester", 2, &["config", "schema", "nothing"]);
}

/// A file with a text, by its path.
fn file(world: &World, content: &str) -> String {
    let path = world.home.join("content");
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Says a line to the daemon, as anybody who reaches its socket can.
fn ask(world: &World, request: &str) -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(world.root.join(".cellphone/control.sock")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_body_from_standard_input_obeys_the_command_line() {
    let world = World::new();
    let mut command = world.acting("Agent-1");
    command.args(["--set", "limits.body=1KiB", "send", "--to", "Agent-2", "-s", "big", "-"]);
    assert_eq!(feed(command, "x".repeat(2_000).as_bytes()).status.code(), Some(4));
    let mut command = world.acting("Agent-1");
    command.args(["send", "--to", "Agent-2", "-s", "big", "-"]);
    assert!(feed(command, "x".repeat(2_000).as_bytes()).status.success());
}

/// A variable that another part reads is no misspelt setting: each that the program names is known.
#[test]
fn every_variable_that_the_program_names_is_known() {
    let mut named = std::collections::BTreeSet::new();
    let mut open = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // Names in strings of the code above the unit tests.
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for (at, _) in code.match_indices("\"CELLPHONE_") {
                let rest = &code[at + 1..];
                let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap();
                named.extend(rest[end..].starts_with('"').then(|| rest[..end].to_owned()));
            }
        }
    }
    named.remove("CELLPHONE_");
    assert!(named.contains("CELLPHONE_AGENT") && named.len() > 6, "{named:?}");
    let world = World::new();
    for name in named {
        let value = if name == "CELLPHONE_ROOT" { world.root.to_str().unwrap() } else { "0" };
        let out = world.acting("Agent-1").env(&name, value).args(["config", "get", "lease"]).output().unwrap();
        assert!(!text(&out).contains("there is no such setting"), "{name}: {}", text(&out));
    }
}
