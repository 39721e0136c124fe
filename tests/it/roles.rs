//! Who may do what, on every surface: the command line, a file in an outbox,
//! the library, the control socket, and `roles test`. Held against a table
//! that is written here, by hand.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::harness::{World, text, wait};
use crate::parity::{dead, drop_in};

/// The columns of [`TABLE`]: who, in which role.
const WHO: [(&str, &str); 9] = [
    ("Agent-1", "agent"),
    ("Agent-4", "captain"),
    ("Rev", "reviewer"),
    ("Obs", "observer"),
    ("Op", "operator"),
    ("tester", "human"),
    ("Pia", "painter"),
    ("Kay", "keeper"),
    ("Cle", "clerk"),
];

/// What the file says of roles that are not built in; `painter` it does not name.
const ROLES: &str = "roles:
  keeper:
    send: false
    snapshot: true
    prune: true
    restore: true
    read_others: true
  clerk:
    send: [\"@captain\", Agent-2]
    manage: true
    trust: false
    broadcast: false
";

/// Who may: `y` or `n` for each of [`WHO`].
const TABLE: [(&str, &str); 12] = [
    // agent captain reviewer observer operator human painter keeper clerk
    ("send", "yyynyyyny"),
    ("broadcast", "yyynyyynn"),
    ("ring", "yyynyyyny"),
    ("snapshot", "yyynyyyyy"),
    ("prune", "nynnyynyy"),
    ("restore", "nynnyynyy"),
    ("drill", "nynnyynny"),
    ("config", "nynnyynny"),
    ("onboard", "nynnyynny"),
    ("roster", "nynnyynny"),
    ("trust", "nynnyynnn"),
    ("read_others", "nynnyynyy"),
];

fn table() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    TABLE
        .iter()
        .flat_map(|(action, row)| WHO.iter().zip(row.chars()).map(move |((who, _), may)| (*who, *action, may == 'y')))
}

fn world() -> World {
    let world = World::new();
    for (who, role) in WHO {
        let known = who.starts_with("Agent-") || who == "tester";
        world.ok("tester", &["agents", if known { "set" } else { "add" }, who, "--role", role]);
    }
    fs::write(world.root.join("config/roles.yaml"), ROLES).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    world
}

/// Command lines that need an action, and change nothing that another needs.
fn lines(action: &str) -> &'static [&'static [&'static str]] {
    match action {
        "send" => &[&["send", "--to", "Agent-2", "-m", "x"]],
        "broadcast" => &[&["send", "--to", "@all", "-m", "x"], &["send", "--to", "Agent-2", "--cc", "@all", "-m", "x"]],
        "ring" => &[&["nudge", "Agent-2", "--dry-run"], &["nudge", "Agent-2"]],
        "snapshot" => &[&["snapshot", "create"]],
        "prune" => &[&["retention", "apply", "--yes"], &["snapshot", "prune", "--yes"]],
        "restore" => &[&["snapshot", "sheet"], &["snapshot", "restore", "--resume", "--yes"]],
        "config" => &[&["config", "set", "lease", "10m"], &["config", "unset", "lease"]],
        "onboard" => &[&["agents", "onboard", "Agent-2", "--dry-run"]],
        "roster" => &[
            &["agents", "set", "Agent-3", "--dnd", "off"],
            &["agents", "remove", "Nobody"],
            &["coords", "set", "Agent-3", "10", "10"],
            &["join", "Agent-3"],
            &["run", "Agent-3", "--", "/bin/true"],
        ],
        "trust" => &[&["trust", "--yes"]],
        "read_others" => &[
            &["inbox", "--of", "Agent-2"],
            &["read", "01K3ZJ9Q", "--of", "Agent-2"],
            &["snapshot", "cat", "latest", "agent_workspaces/Agent-2/status.yaml"],
        ],
        // No command yet.
        "drill" => &[],
        other => panic!("no command for {other}"),
    }
}

#[test]
fn every_role_and_action_on_the_command_line_and_as_it_is_explained() {
    let world = world();
    world.ok("tester", &["snapshot", "create"]);
    let mut faults = Vec::new();
    for (at, (who, action, may)) in table().enumerate() {
        if action == "trust" {
            // Something to approve, anew for each of them.
            fs::write(world.root.join("config/onboarding/styles/new.md"), format!("{at}\n")).unwrap();
        }
        for line in lines(action) {
            let out = world.run(who, line);
            let refused = out.status.code() == Some(4);
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            if refused == may || refused && !(said.contains("may not") && said.contains("cellphone roles show")) {
                faults.push(format!("{who}: {line:?}, may {may}: {}", text(&out)));
            }
        }
        let question: &[&str] = match action {
            "send" => &["roles", "test", "--send-to", "Agent-2"],
            "broadcast" => &["roles", "test", "--send-to", "@all"],
            action => &["roles", "test", "--may", action],
        };
        let out = world.run(who, &[&["--json"], question].concat());
        let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        if out.status.code() != Some(if may { 0 } else { 4 }) || told["allowed"] != may {
            faults.push(format!("{who}: {question:?}, may {may}: {}", text(&out)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_file_in_an_outbox_asks_the_same() {
    let world = world();
    let _daemon = world.up();
    let cases: Vec<_> = table().filter(|(_, action, _)| matches!(*action, "send" | "broadcast")).collect();
    for (who, action, _) in &cases {
        let to = if *action == "send" { "Agent-2" } else { "'@all'" };
        let letter = format!("---\nto: {to}\nsubject: {who} {action}\n---\nx\n");
        drop_in(&world, who, &format!("{action}.md"), &letter);
    }
    let arrived = |subject: &str| world.inbox("Agent-2").iter().any(|m| m["subject"] == subject);
    for (who, action, may) in cases {
        let subject = format!("{who} {action}");
        let buried = || {
            let says = |d: &serde_json::Value, key: &str, word: &str| d[key].as_str().unwrap().contains(word);
            dead(&world, who).iter().any(|d| says(d, "file", action) && says(d, "reason", "may not"))
        };
        wait(&format!("{subject} is decided"), || arrived(&subject) || buried());
        assert_eq!((arrived(&subject), buried()), (may, !may), "{subject}");
    }
}

#[test]
fn the_control_socket_asks_the_same() {
    let world = world();
    let _daemon = world.up();
    let ask = |line: &str| {
        let mut stream = UnixStream::connect(world.root.join(".cellphone/control.sock")).unwrap();
        writeln!(stream, "{line}").unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    };
    for (who, _, may) in table().filter(|(_, action, _)| *action == "ring") {
        let answer = ask(&format!("{{\"request\":\"nudge\",\"agent\":\"Agent-2\",\"by\":\"{who}\"}}"));
        assert_eq!(answer.contains("\"done\""), may, "{who}: {answer}");
        assert_eq!(answer.contains("may not ring Agent-2"), !may, "{who}: {answer}");
    }
    assert!(ask("{\"request\":\"nudge\",\"agent\":\"Obs\",\"by\":\"Obs\"}").contains("\"done\""), "the own window");
    assert!(ask("{\"request\":\"nudge\",\"agent\":\"Agent-2\"}").contains("not understood"), "nobody's wish");
    assert!(
        ask("{\"request\":\"nudge\",\"agent\":\"Agent-2\",\"by\":\"stranger\"}").contains("\"done\""),
        "as an agent"
    );
}

/// The library finds approved copies by the environment, which is this
/// process's: so the test runs itself again, in the home of its world.
#[test]
fn the_library_asks_the_same() {
    use agent_cellphone::model::{Action, Permission};
    use agent_cellphone::office::setup::AgentChange;
    use agent_cellphone::office::snapshots::{Kind, Progress};
    use agent_cellphone::{ErrorKind, InboxQuery, Office, SendRequest, Which};

    let Some(root) = std::env::var_os("CELLPHONE_TEST_ROLES_ROOT") else {
        let world = world();
        let mut again = world.program(std::env::current_exe().unwrap());
        let name = "roles::the_library_asks_the_same";
        let out = again.args(["--exact", name]).env("CELLPHONE_TEST_ROLES_ROOT", &world.root).output().unwrap();
        assert!(out.status.success() && text(&out).contains("1 passed"), "{}", text(&out));
        return;
    };
    let send = |to: &str| SendRequest { to: vec![to.parse().unwrap()], body: "x".into(), ..SendRequest::default() };
    for (who, action, may) in table() {
        let office = Office::open(Some(root.as_ref()), Some(who)).unwrap();
        let two = office.entry(&"Agent-2".parse().unwrap()).unwrap().name;
        let query = InboxQuery { which: Which::Inbox, limit: None };
        let done = match action {
            "send" => office.send(send("Agent-2")).map(drop),
            "broadcast" => office.send(send("@all")).map(drop),
            "ring" => office.may(Action::On(Permission::Ring, &two)),
            "snapshot" => office.snapshot_create(Kind::Incremental, false, &Progress::default()).map(drop),
            "prune" => office.retention_plan().and_then(|plan| office.retention_apply(&plan)).map(drop),
            "restore" => office.restore_resume().map(drop),
            "drill" => office.may(Permission::Drill),
            "config" => {
                office.set_setting(agent_cellphone::office::setup::FileLayer::Root, "lease", Some("10m")).map(drop)
            }
            "onboard" => office.may(Permission::Onboard),
            "roster" => office.set_agent(&two, AgentChange::default()).map(drop),
            "trust" => office.trust_approve(&[]).map(drop),
            "read_others" => office.inbox_of(&two, query).map(drop),
            other => panic!("{other}"),
        };
        let refused = done.as_ref().err().map(|e| e.kind) == Some(ErrorKind::Refused);
        assert!(refused != may && (may == done.is_ok()), "{who}: {action}, may {may}: {done:?}");
    }
}

#[test]
fn what_is_ones_own_needs_no_permission_and_what_makes_the_program_act_does() {
    let world = world();
    world.ok("Obs", &["agents", "set", "Obs", "--dnd", "on"]);
    world.ok("Obs", &["inbox", "--of", "Obs"]);
    world.ok("Obs", &["coords", "set", "Obs", "10", "10"]);
    for line in [
        &["agents", "set", "Obs", "--role", "captain"][..],
        &["agents", "set", "Obs", "--channel", "command", "--", "/bin/true"],
        &["agents", "set", "Obs", "--channel", "webhook", "--target", "http://127.0.0.1:1/x"],
        &["agents", "onboard", "Obs"],
    ] {
        world.fails("Obs", 4, line);
    }
    // Cle may change settings, but not those that are approved by being set.
    world.ok("Cle", &["config", "set", "lease", "9m"]);
    world.fails("Cle", 4, &["config", "set", "snapshot.password_command", "touch /tmp/x"]);
    // Who may onboard does not by that give roles.
    fs::write(world.root.join("config/roles.yaml"), "roles:\n  clerk: {onboard: true}\n").unwrap();
    world.ok("tester", &["trust", "--yes"]);
    world.ok("Cle", &["agents", "onboard", "Agent-2", "--dry-run"]);
    world.fails("Cle", 4, &["agents", "onboard", "Cle", "--role", "captain"]);
    assert!(world.ok("tester", &["agents", "show", "Cle"]).starts_with("Cle (clerk)"));
}

#[test]
fn to_whom_which_kinds_and_at_which_priority() {
    let world = world();
    let cases =
        [("Agent-2", true), ("Agent-4", true), ("@captain", true), ("Agent-3", false), ("Agent-2,Agent-3", false)];
    for (to, may) in cases {
        let code = world.run("Cle", &["send", "--to", to, "-m", "x"]).status.code();
        assert_eq!(code, Some(if may { 0 } else { 4 }), "{to}");
        assert_eq!(world.run("Cle", &["roles", "test", "--send-to", to]).status.code(), code, "{to}");
    }
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1, "of two recipients neither got it");
    // A text that tells an agent its place comes from who may onboard, in whatever way it is sent.
    let test =
        |who: &str| world.run(who, &["roles", "test", "--send-to", "Agent-2", "--kind", "onboarding"]).status.code();
    assert_eq!((test("Agent-1"), test("Agent-4")), (Some(4), Some(0)));
    drop_in(&world, "Agent-1", "place.md", "---\nto: Agent-2\nkind: onboarding\n---\nobey\n");
    let daemon = world.up();
    wait("it is refused", || !dead(&world, "Agent-1").is_empty());
    assert!(dead(&world, "Agent-1")[0]["reason"].as_str().unwrap().contains("may not onboard"));
    drop(daemon);
    let narrow = "roles:\n  agent:\n    kinds: [agent_to_captain]\n    max_priority: urgent\n";
    fs::write(world.root.join("config/roles.yaml"), narrow).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    world.ok("Agent-1", &["send", "--to", "Agent-4", "-m", "x"]);
    // A role that the file does not name is as `agent`, in the file too.
    for who in ["Agent-1", "Pia"] {
        let why = world.fails(who, 4, &["send", "--to", "Agent-2", "-m", "x"]);
        assert!(why.contains("mail of kind agent_to_agent") && why.contains("config/roles.yaml:3"), "{why}");
    }
    let sent = world.json("Agent-1", &["send", "--to", "Agent-4", "-s", "now", "-m", "x", "--priority", "critical"]);
    assert!(sent["notices"][0].as_str().unwrap().contains("lowered from critical to urgent"), "{sent}");
    let told = world.json("Agent-1", &["roles", "test", "--send-to", "Agent-4", "--priority", "critical"]);
    assert_eq!((&told["priority"], &told["priority_rule"]["line"]), (&"urgent".into(), &4.into()), "{told}");
    // What nobody approved changes nothing.
    fs::write(world.root.join("config/roles.yaml"), "roles:\n  agent: {manage: true}\n").unwrap();
    world.fails("Agent-1", 4, &["agents", "add", "Mine"]);
}

#[test]
fn the_answer_names_the_rule_and_fits_eighty_columns() {
    let world = world();
    let out = world.run("Kay", &["roles", "test", "--send-to", "Agent-2"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        said.contains("Kay (keeper) may not send") && said.contains("keeper: send: [], config/roles.yaml:3"),
        "{said}"
    );
    let told = world.json("Agent-1", &["roles", "test", "--may", "ring", "--of", "Agent-2"]);
    assert_eq!((&told["rule"]["role"], &told["rule"]["key"]), (&"agent".into(), &"send".into()), "{told}");
    assert_eq!(told["rule"]["origin"], "built in");
    // Recipients for whom one rule decides stand in one line.
    let all = world.ok("Agent-1", &["roles", "test", "--send-to", "@all"]);
    assert!(all.lines().count() == 4 && all.contains("may write to Agent-2, Agent-3, Agent-4"), "{all}");
    let shown = world.ok("tester", &["roles", "show", "clerk"]);
    let rows: Vec<String> = shown.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in [
        "send [@captain, Agent-2] config/roles.yaml:9, as approved",
        "max_priority normal of agent, built in",
        "ring true as manage, config/roles.yaml:10, as approved",
        "trust false config/roles.yaml:11, as approved",
        "Who has it: Cle",
    ] {
        assert!(rows.iter().any(|r| r == row), "{row} is not in\n{shown}");
    }
    // Without a terminal nothing is cut; only the names at the end may be long.
    let list = world.ok("tester", &["roles", "list"]);
    let column = list.lines().next().unwrap().find("WHO").unwrap();
    assert!(column < 80, "{column}\n{list}");
    let all = world.json("tester", &["roles", "list"]);
    let keeper = all.as_array().unwrap().iter().find(|r| r["role"] == "keeper").unwrap();
    assert_eq!((&keeper["permissions"]["prune"], &keeper["rules"]["prune"]["line"]), (&true.into(), &5.into()));
    assert_eq!(world.run("Kay", &["roles", "test", "--may", "fly"]).status.code(), Some(2));
    assert_eq!(world.run("Kay", &["roles", "test"]).status.code(), Some(2));
}

#[test]
fn blocked_mail_is_refused_before_anything_is_accepted_and_leaders_are_not_shut_out() {
    let world = world();
    world.ok("Agent-2", &["agents", "set", "Agent-2", "--block", "Agent-3,@reviewer"]);
    assert!(world.ok("tester", &["agents", "show", "Agent-2"]).contains("blocks           Agent-3, @reviewer"));
    for who in ["Agent-3", "Rev"] {
        let why = world.fails(who, 4, &["send", "--to", "Agent-2", "-m", "x"]);
        assert!(why.contains(&format!("Agent-2 takes no mail from {who}")), "{why}");
        // Several recipients are one decision.
        let why = world.fails(who, 4, &["send", "--to", "Agent-1,Agent-2", "-m", "x"]);
        assert!(why.contains("nothing was sent"), "{why}");
        world.fails(who, 4, &["send", "--to", "@all", "-m", "x"]);
        world.fails(who, 4, &["roles", "test", "--send-to", "Agent-2"]);
    }
    assert!(world.mail("Agent-1", "inbox/new").is_empty() && world.mail("Agent-2", "inbox/new").is_empty());
    assert!(crate::harness::names(&world.root.join(".cellphone/spool")).is_empty());
    // A receipt was asked for by the one who blocks.
    let asked = world.json("Agent-2", &["send", "--to", "Agent-3", "-s", "sign", "-m", "x", "--ack"]);
    world.ok("Agent-3", &["ack", asked["id"].as_str().unwrap()]);
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1);
    world.ok("Agent-2", &["agents", "set", "Agent-2", "--unblock", "Agent-3"]);
    world.send("Agent-3", "Agent-2", "again");
    for party in ["*", "@captain", "Agent-4", "@human"] {
        let why = world.fails("Agent-2", 4, &["agents", "set", "Agent-2", "--block", party]);
        assert!(why.contains("leads"), "{party}: {why}");
    }
    world.fails("Agent-2", 4, &["agents", "set", "Agent-3", "--block", "Agent-1"]);
    world.ok("tester", &["agents", "set", "Agent-2", "--block", "*"]);
    world.fails("Agent-4", 4, &["send", "--to", "Agent-2", "-m", "x"]);
    // A block that nobody approved holds nothing.
    let roster = world.root.join("config/agents.yaml");
    let more = fs::read_to_string(&roster).unwrap().replace("  Agent-5:\n", "  Agent-5:\n    block: [\"*\"]\n");
    fs::write(&roster, more).unwrap();
    world.send("Agent-1", "Agent-5", "still");
}

#[test]
fn a_rate_holds_for_all_processes_together() {
    const BURST: usize = 12;
    let world = world();
    let rate = format!("roles:\n  agent:\n    rate: 6/hour\n    burst: {BURST}\n");
    fs::write(world.root.join("config/roles.yaml"), rate).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    let start = |n: usize| {
        let mut command = world.acting("Agent-1");
        command.args(["send", "--to", "Agent-2", "-m", &n.to_string()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..3 * BURST).map(start).collect();
    let ended: Vec<_> = running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let sent = ended.iter().filter(|out| out.status.success()).count();
    let late: Vec<_> = ended.iter().filter(|out| !out.status.success()).collect();
    assert_eq!((sent, world.mail("Agent-2", "inbox/new").len()), (BURST, BURST));
    for out in late {
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(75) && said.contains("try again in "), "{}", text(out));
        assert!(said.contains("config/roles.yaml:3"), "{said}");
    }
    // Each sender has a bucket of its own, and receipts need none.
    let asked = world.json("Agent-3", &["send", "--to", "Agent-1", "-s", "sign", "-m", "x", "--ack"]);
    world.ok("Agent-1", &["ack", asked["id"].as_str().unwrap()]);
    world.ok("tester", &["send", "--to", "Agent-1", "-m", "x"]);
    // A file in the outbox waits, and is not lost.
    drop_in(&world, "Agent-1", "waits.md", "---\nto: Agent-2\nsubject: patient\n---\nx\n");
    let outbox = world.folder("Agent-1", "outbox");
    let _daemon = world.up();
    wait("it was looked at", || world.daemon_log().contains("sends too often"));
    assert!(outbox.join("waits.md").exists() && dead(&world, "Agent-1").is_empty());
    fs::write(world.root.join("config/roles.yaml"), "roles:\n  agent:\n    rate: none\n").unwrap();
    world.ok("tester", &["trust", "--yes"]);
    wait("it goes when it may", || !outbox.join("waits.md").exists());
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), BURST + 1);
}
