//! Repositories on other machines: a REST server (rclone's) and S3 (moto's),
//! both on loopback. Taken, restored, kept, copied and checked there, and read
//! by restic under the very name that stands in the configuration.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::harness::{Running, World, text, wait};
use crate::snapshot::{furnish, ok, protected, without_left_out};

/// A server that says in its log where it listens.
struct Server {
    _running: Running,
    address: String,
}

impl Server {
    fn start(world: &World, mut command: Command) -> Self {
        let log = world.home.join("server.log");
        let file = fs::File::create(&log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null());
        let running = Running::start(command);
        let mut address = None;
        wait("the server listens", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let at = said.split_once("http://").map(|(_, rest)| rest);
            address = at.map(|rest| rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect());
            address.as_ref().is_some_and(|a: &String| TcpStream::connect(a).is_ok())
        });
        Self { _running: running, address: address.unwrap() }
    }
}

/// A place for repositories, and what opens it.
struct Elsewhere<'a> {
    world: &'a World,
    environment: &'a [(&'a str, &'a str)],
}

impl Elsewhere<'_> {
    fn run(&self, args: &[&str]) -> String {
        ok(self.world.acting("tester").envs(self.environment.iter().copied()).args(args).output().unwrap())
    }

    fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.run(&[&["--json"], args].concat())).unwrap()
    }

    fn restic(&self, name: &str, args: &[&str]) -> String {
        let file = self.json(&["snapshot", "key", "file"]);
        let mut command = self.world.program("restic");
        command.env("RESTIC_PASSWORD_FILE", file["password_file"].as_str().unwrap());
        ok(command.envs(self.environment.iter().copied()).args(["--repo", name]).args(args).output().unwrap())
    }

    /// All that a repository is for; `name` stands in the configuration,
    /// `theirs` is what this restic calls it.
    fn serves(&self, name: &str, theirs: &str) {
        let world = self.world;
        furnish(world);
        self.run(&["config", "set", "snapshot.repositories", name]);
        let taken = self.json(&["snapshot", "create"]);
        assert_eq!((taken["kind"].as_str(), taken["repository"].as_str()), (Some("full"), Some(name)));
        let before = without_left_out(protected(&world.root));
        let target = tempfile::tempdir().unwrap();
        for (place, by_us) in [("ours", true), ("theirs", false)] {
            let place = target.path().join(place);
            let to = ["--target", place.to_str().unwrap()];
            if by_us {
                self.run(&[&["snapshot", "restore"], &to[..]].concat());
            } else {
                self.restic(theirs, &[&["restore", "latest"], &to[..]].concat());
            }
            assert_eq!(protected(&place), before);
        }
        world.send("Agent-1", "Agent-2", "one more");
        assert_eq!(self.json(&["snapshot", "create"])["kind"], "incremental");
        // What an incremental one builds on would be kept.
        self.run(&["snapshot", "create", "--full"]);
        self.run(&["config", "set", "snapshot.keep_last", "1"]);
        for key in ["keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_within"] {
            self.run(&["config", "set", &format!("snapshot.{key}"), if key == "keep_within" { "0s" } else { "0" }]);
        }
        self.run(&["snapshot", "forget", "--yes"]);
        self.run(&["snapshot", "prune", "--yes"]);
        assert_eq!(self.json(&["snapshot", "list"]).as_array().unwrap().len(), 1);
        self.run(&["snapshot", "check", "--read-data"]);
        self.restic(theirs, &["check", "--read-data"]);
        self.run(&["snapshot", "health"]);
    }

    /// A local repository with its copy there.
    fn takes_copies(&self, name: &str, theirs: &str) {
        self.run(&["config", "set", "snapshot.repositories", &format!("default, {name}")]);
        let taken = self.json(&["snapshot", "create"]);
        self.run(&["snapshot", "copy"]);
        let copied = self.json(&["snapshot", "--repository", name, "list"]);
        assert_eq!(copied.as_array().unwrap().len(), 1, "{copied} is a copy of {taken}");
        self.restic(theirs, &["check", "--read-data"]);
        self.run(&["snapshot", "--repository", name, "check", "--read-data"]);
    }
}

#[test]
#[ignore = "needs rclone, restic and --features rest: run tests/run --long"]
fn a_rest_server_holds_a_repository_and_copies() {
    let world = World::new();
    let store = world.home.join("store");
    fs::create_dir_all(&store).unwrap();
    let mut rclone = world.program("rclone");
    rclone.args(["serve", "restic", "-v", "--addr", "127.0.0.1:0", "--user", "me", "--pass", "p@ss/word"]).arg(&store);
    let server = Server::start(&world, rclone);
    let environment = [("RESTIC_REST_USERNAME", "me"), ("RESTIC_REST_PASSWORD", "p@ss/word")];
    let there = Elsewhere { world: &world, environment: &environment };
    let names = |path: &str| {
        let at = &server.address;
        (format!("rest:http://{at}/{path}/"), format!("rest:http://me:p%40ss%2Fword@{at}/{path}/"))
    };
    let (name, theirs) = names("first");
    there.serves(&name, &theirs);
    let (name, theirs) = names("copies");
    there.takes_copies(&name, &theirs);

    // Without the password nothing is made, and the answer names the place.
    let refused = world.run("tester", &["snapshot", "--repository", &name, "list"]);
    assert!(!refused.status.success() && text(&refused).contains("401"), "{}", text(&refused));
    // A password in the name is shown nowhere.
    let shown = world.run("tester", &["snapshot", "--repository", &theirs.replace("word", "wrong"), "list"]);
    assert!(!shown.status.success() && !text(&shown).contains("p%40ss"), "{}", text(&shown));
}

#[test]
#[ignore = "needs moto_server, restic and --features s3: run tests/run --long"]
fn an_s3_bucket_holds_a_repository_and_copies() {
    let world = World::new();
    let moto =
        std::env::var_os("CELLPHONE_TEST_MOTO").expect("CELLPHONE_TEST_MOTO names moto_server: run tests/run --long");
    let mut command = world.program(moto);
    command.args(["-H", "127.0.0.1", "-p", "0"]);
    let server = Server::start(&world, command);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "PUT /backups HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        server.address
    )
    .unwrap();
    let mut made = String::new();
    stream.read_to_string(&mut made).unwrap();
    assert!(made.contains(" 200 "), "{made}");
    let environment =
        [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_DEFAULT_REGION", "us-east-1")];
    let there = Elsewhere { world: &world, environment: &environment };
    let first = format!("s3:http://{}/backups/first", server.address);
    there.serves(&first, &first);
    let copies = format!("s3:http://{}/backups/copies", server.address);
    there.takes_copies(&copies, &copies);
}
