//! The daemon as a whole, in this process.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::*;
use crate::fsio::Dir;
use crate::model::{AgentName, Draft, Header};
use crate::office::Office;
use crate::office::control::{self, Answer, Client, Request};
use crate::office::status::{DaemonStatus, WatchMode, WorkerState};
use crate::post::{Letter, Post};

const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    root: tempfile::TempDir,
    thread: Option<JoinHandle<Result<(), UpError>>>,
}

impl Running {
    fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        crate::config::init(root.path(), "Ann").unwrap();
        let mut running = Self { root, thread: None };
        running.up();
        running
    }

    fn up(&mut self) {
        let (tx, rx) = std::sync::mpsc::channel();
        let path = self.root.path().to_owned();
        self.thread = Some(std::thread::spawn(move || {
            let office = Office::open(Some(&path), None)?;
            up(office, |_| Vec::new(), move || tx.send(()).unwrap_or_default())
        }));
        rx.recv_timeout(PATIENCE).unwrap();
        self.until("it answers", |_| true);
    }

    fn state(&self) -> std::path::PathBuf {
        self.root.path().join(".cellphone")
    }

    fn ask(&self, request: &Request) -> control::Result<Answer> {
        control::ask(&self.state(), request, PATIENCE)
    }

    fn until(&self, what: &str, right: impl Fn(&DaemonStatus) -> bool) -> DaemonStatus {
        let begun = Instant::now();
        loop {
            let status = control::daemon_status(&self.state(), PATIENCE);
            match status {
                Ok(status) if right(&status) => return status,
                other => assert!(begun.elapsed() < PATIENCE, "{what}: {other:#?}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn send(&self, to: &str) {
        let root = crate::config::Root::open(self.root.path()).unwrap();
        let name = |n: &str| AgentName::new(n).unwrap();
        let tree = crate::mailbox::Tree::open(root.dir(), root.state(), Default::default(), 100).unwrap();
        let header = Header { subject: "Hello".into(), ..Header::default() };
        let draft = Draft::new(header, "Body.\n");
        let letter = Letter::new(draft, name("Agent-1"), vec![name(to)]);
        Post::new(&tree, root.state()).post(letter).unwrap();
    }

    fn unread(status: &DaemonStatus, agent: &str) -> usize {
        status.windows.iter().find(|w| w.agent.same(agent)).map_or(0, |w| w.unread)
    }

    fn stop(&mut self) {
        self.ask(&Request::Stop).unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

#[test]
fn it_answers_notices_mail_and_stops_gracefully() {
    let mut running = Running::start();
    let status = running.until("its first look", |s| s.watch.mode == WatchMode::Events && s.watch.mailboxes >= 9);
    assert_eq!(status.pid, std::process::id());
    assert!(status.workers.iter().all(|w| w.state == WorkerState::Running && w.restarts == 0), "{status:#?}");
    let second = Office::open(Some(running.root.path()), None).map(|office| up(office, |_| Vec::new(), || {})).unwrap();
    assert!(matches!(second, Err(UpError::Instance(InstanceError::Running { .. }))), "{second:?}");

    running.send("Agent-2");
    running.until("one unread", |s| Running::unread(s, "Agent-2") == 1);

    // A mailbox that is replaced is found again.
    let home = Dir::open(&running.root.path().join("agent_workspaces/Agent-2")).unwrap();
    home.rename("inbox", &home, "old").unwrap();
    running.until("its folders are back", |s| {
        Running::unread(s, "Agent-2") == 0 && home.path().join("inbox/new").is_dir()
    });
    running.send("Agent-2");
    running.until("one unread in the new folder", |s| Running::unread(s, "Agent-2") == 1);

    running.stop();
    assert!(control::probe(&running.state(), PATIENCE).is_none());
    assert!(!running.state().join(control::PID_FILE).exists());
    running.up();
    running.until("still one unread", |s| Running::unread(s, "Agent-2") == 1);
    running.stop();
}

#[test]
fn a_broken_configuration_keeps_the_last_good_one_and_says_so() {
    let mut running = Running::start();
    running.until("its first look", |s| s.watch.mode == WatchMode::Events);
    let config = Dir::open(&running.root.path().join("config")).unwrap();
    let good = config.read("cellphone.yaml", 1 << 20).unwrap();
    config.replace("cellphone.yaml", b"limits:\n  bodi: 3\n", false).unwrap();
    let status = running.until("it says so", |s| s.config.error.is_some());
    assert!(status.config.error.unwrap().contains("limits.body"));
    running.send("Agent-3");
    running.until("it goes on", |s| Running::unread(s, "Agent-3") == 1);
    assert!(matches!(running.ask(&Request::Reload), Err(control::ControlError::Refused(_))));
    config.replace("cellphone.yaml", &good, false).unwrap();
    running.until("all is well again", |s| s.config.error.is_none());
    running.stop();
}

#[test]
fn events_are_streamed_to_whoever_subscribed() {
    let mut running = Running::start();
    let mut client = Client::connect(&running.state(), PATIENCE).unwrap();
    client.put(&Request::Subscribe).unwrap();
    // Its place in the journal is taken while this is waited for.
    running.until("it is connected", |s| s.queues.connections >= 2);
    let office = Office::open(Some(running.root.path()), None).unwrap();
    let reader = std::thread::spawn(move || client.follow());
    let begun = Instant::now();
    while !reader.is_finished() {
        assert!(begun.elapsed() < PATIENCE);
        let event = crate::model::Event::new(jiff::Timestamp::now(), crate::model::EventKind::Warning);
        office.journal().append(&[event.with("what", "a test")]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let answer = reader.join().unwrap().unwrap().unwrap();
    assert!(matches!(&answer, Answer::Event { event } if event.detail["what"] == "a test"), "{answer:?}");
    running.stop();
}

#[test]
fn a_line_that_is_not_understood_is_refused_and_costs_nothing() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut running = Running::start();
    let mut stream = std::os::unix::net::UnixStream::connect(Path::join(&running.state(), control::SOCKET)).unwrap();
    stream.write_all(b"{\"request\":\"explode\"}\n\xff\xfe\n").unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for _ in 0..2 {
        assert!(lines.next().unwrap().unwrap().contains("refused"));
    }
    running.stop();
}
