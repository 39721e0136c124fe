//! Secrets: encrypted in place, taken from where nobody else reads, shown
//! nowhere, and looked for in what is about to leave.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{World, feed, photograph, text, wait};

const SECRET: &str = "correct-horse-4711";

/// Sets a secret, given on standard input, as a person's pipe would.
fn set(world: &World, key: &str, options: &[&str]) -> String {
    let mut command = world.acting("tester");
    command.args(["config", "set", "--secret"]).args(options).arg(key);
    let out = feed(command, format!("{SECRET}\n").as_bytes());
    assert!(out.status.success(), "{}", text(&out));
    text(&out)
}

/// Every file below the home and the root in which the secret stands.
fn leaks(world: &World) -> Vec<std::path::PathBuf> {
    let holds = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
    let all = [photograph(&world.home), photograph(&world.root)];
    all.into_iter().flatten().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

/// A repository with the password that holds now, in place of the one that `init` made.
fn first_snapshot(world: &World) {
    fs::remove_dir_all(world.home.join(".local/share/cellphone/repositories")).unwrap();
    world.ok("tester", &["snapshot", "create", "--new-repository"]);
}

#[test]
fn a_secret_set_in_place_is_encrypted_in_force_and_shown_nowhere() {
    let world = World::new();
    let said = set(&world, "snapshot.password", &[]);
    assert!(!said.contains(SECRET) && said.contains("••••"), "{said}");
    let file = fs::read_to_string(world.root.join("config/cellphone.yaml")).unwrap();
    assert!(file.contains("  password: \"age:"), "{file}");
    let key = world.home.join(".config/cellphone/secrets.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    let shown = world.ok("tester", &["config", "show", "--origin"]);
    let line = shown.lines().find(|l| l.contains("snapshot.password ")).unwrap();
    assert!(line.contains("••••") && line.contains("config/cellphone.yaml:"), "{line}");
    // It opens the repository that is made now, and its absence does not.
    first_snapshot(&world);
    assert_eq!(leaks(&world), Vec::<std::path::PathBuf>::new());
    fs::rename(&key, key.with_extension("away")).unwrap();
    let why = world.fails("tester", 1, &["snapshot", "list"]);
    assert!(why.contains("secrets.key") && why.contains("config set --secret"), "{why}");
}

#[test]
fn what_is_no_secret_or_is_given_as_it_is_is_refused() {
    let world = World::new();
    let why = world.fails("tester", 2, &["config", "set", "--secret", "nudge.cooldown"]);
    assert!(why.contains("is no secret"), "{why}");
    let why = world.fails("tester", 2, &["config", "set", "nudge.webhook_token", SECRET]);
    assert!(why.contains("file:PATH") && !why.contains(SECRET), "{why}");
    let why = world.fails("tester", 2, &["config", "set", "--secret", "nudge.webhook_token"]);
    assert!(why.contains("nothing was given"), "{why}");
    world.fails("Agent-1", 4, &["config", "set", "--secret", "nudge.webhook_token"]);
    assert_eq!(leaks(&world), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_file_that_others_may_read_gives_no_secret() {
    let world = World::new();
    let file = world.home.join("password");
    fs::write(&file, SECRET).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    world.ok("tester", &["config", "set", "snapshot.password", &format!("file:{}", file.display())]);
    let why = world.fails("tester", 1, &["snapshot", "create"]);
    assert!(why.contains("chmod") && why.contains("password"), "{why}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    first_snapshot(&world);
}

#[test]
fn what_an_agent_writes_into_the_tree_chooses_no_secret_and_runs_no_command() {
    let world = World::new();
    let ran = world.root.join("ran");
    let path = world.root.join("config/cellphone.yaml");
    let old = fs::read_to_string(&path).unwrap();
    let hostile =
        old.replace("\nsnapshot:\n", &format!("\nsnapshot:\n  password: \"command:touch {}\"\n", ran.display()));
    assert_ne!(hostile, old);
    fs::write(&path, hostile).unwrap();
    world.ok("tester", &["snapshot", "create"]);
    assert!(!ran.exists());
    let listed = text(&world.run("tester", &["trust"]));
    assert!(listed.contains("config/cellphone.yaml#snapshot"), "{listed}");
}

#[test]
fn a_token_goes_to_the_webhook_and_into_no_log() {
    use std::io::{Read as _, Write as _};
    let world = World::new();
    set(&world, "nudge.webhook_token", &["--user"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = [0; 4096];
        let n = stream.read(&mut seen).unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        String::from_utf8_lossy(&seen[..n]).into_owned()
    });
    world.ok("tester", &["agents", "set", "Agent-2", "--channel", "webhook", "--target", &url]);
    let _daemon = world.up_with(&[("CELLPHONE_LOG_FILTER", "trace")]);
    world.send("Agent-1", "Agent-2", "ring");
    wait("the webhook is called", || served.is_finished());
    let seen = served.join().unwrap();
    assert!(seen.to_lowercase().contains(&format!("authorization: bearer {SECRET}")), "{seen}");
    assert_eq!(leaks(&world), Vec::<std::path::PathBuf>::new());
}

#[test]
fn mail_to_many_is_searched_and_a_find_is_named_and_not_repeated() {
    let world = World::new();
    let secret = format!("AKIA{}", "QYLPMN5HHHFPZAM2");
    let body = format!("Hello.\nUse {secret} for it.\n");
    let send =
        |to: &str, more: &[&str]| world.run("Agent-1", &[&["send", "--to", to, "-s", "s", "-m", &body], more].concat());
    for (to, more) in [("@all", &[][..]), ("@captain", &[]), ("Agent-2", &["--scan-secrets"])] {
        let out = send(to, more);
        let said = text(&out);
        assert_eq!(out.status.code(), Some(4), "{said}");
        assert!(said.contains("line 2, column 5 of the body (aws-access-token)"), "{said}");
        assert!(said.contains("--scan-secrets=off") && !said.contains(&secret), "{said}");
    }
    assert!(world.inbox("Agent-2").is_empty() && world.inbox("Agent-4").is_empty());
    for (to, more) in [("Agent-2", &[][..]), ("@captain", &["--scan-secrets=off"]), ("@captain", &["--seal"])] {
        let out = send(to, more);
        assert!(out.status.success(), "{}", text(&out));
    }
    // A file is searched as well, and lies dead with the reason.
    world.set("scan_secrets", "always");
    let drop = world.folder("Agent-1", "outbox/Agent-3");
    fs::create_dir_all(&drop).unwrap();
    fs::write(drop.join("note.md"), &body).unwrap();
    let _daemon = world.up();
    wait("it is dead", || world.mail("Agent-1", "dead").iter().any(|name| name.contains("note")));
    let dead = world.ok("Agent-1", &["dead", "list"]);
    assert!(dead.contains("aws-access-token") || dead.contains("secret"), "{dead}");
    assert!(world.inbox("Agent-3").is_empty());
}

#[test]
#[ignore = "needs age: run tests/run"]
fn age_opens_a_secret_of_the_settings_and_one_that_age_sealed_is_in_force() {
    let world = World::new();
    set(&world, "snapshot.password", &[]);
    first_snapshot(&world);
    let settings = world.root.join("config/cellphone.yaml");
    let key = world.home.join(".config/cellphone/secrets.key");
    let text_of = fs::read_to_string(&settings).unwrap();
    let ours = text_of.lines().find_map(|line| line.trim().strip_prefix("password: \"")?.split('"').next()).unwrap();
    let mut shell = world.program("sh");
    shell.args(["-euc", "printf %s \"$VALUE\" | cut -d: -f2 | base64 -d | age -d -i \"$KEY\""]);
    let out = shell.env("VALUE", ours).env("KEY", &key).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), SECRET, "{}", text(&out));

    let mut shell = world.program("sh");
    shell.args(["-euc", "age -e -r \"$(age-keygen -y \"$KEY\")\" | base64 -w 0"]).env("KEY", &key);
    let sealed = feed(shell, SECRET.as_bytes());
    assert!(sealed.status.success(), "{}", text(&sealed));
    let theirs = format!("age:{}", String::from_utf8(sealed.stdout).unwrap());
    assert_ne!(theirs, ours);
    world.ok("tester", &["config", "set", "snapshot.password", &theirs]);
    assert!(world.ok("tester", &["snapshot", "list"]).contains("full"), "the repository was not opened");
    assert_eq!(leaks(&world), Vec::<std::path::PathBuf>::new());
}

/// This test is its own child: the program has no fault to show that is known.
#[test]
fn the_account_of_a_crash_hides_what_is_secret() {
    const CHILD: &str = "CELLPHONE_TEST_CRASHES";
    if std::env::var_os(CHILD).is_some() {
        agent_cellphone::observe::tell_of_crashes();
        let secret = agent_cellphone::config::Secret::new(SECRET.to_owned());
        panic!("the answer to {} was unexpected", secret.expose());
    }
    for trace in ["0", "1"] {
        let out = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "secrets::the_account_of_a_crash_hides_what_is_secret", "--nocapture"])
            .env(CHILD, "1")
            .env("RUST_BACKTRACE", trace)
            .output()
            .unwrap();
        let said = text(&out);
        assert!(!out.status.success() && said.contains("a fault of the program itself"), "{said}");
        assert!(said.contains("the answer to •••• was unexpected") && !said.contains(SECRET), "{said}");
        assert_eq!(said.contains("::tell_of_crashes"), trace == "1", "{said}");
    }
}
