//! Mail that goes on while everything breaks: without it, "nothing was lost"
//! would mean nothing.
//!
//! Senders run `send` as agents do. What it acknowledged is written down with
//! the moment of the answer; what it refused was not accepted and cannot be
//! lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::call::call;
use super::inject::Site;
use super::outcome::{Lost, Traffic};
use crate::model::{AgentName, MessageId};

/// Between two messages of one sender.
const PACE: Duration = Duration::from_millis(60);
/// Looks at whether it is over.
const LOOK: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(20);
const SENDERS: usize = 2;

#[derive(Debug, Default)]
struct Ledger {
    sent: usize,
    acknowledged: Vec<Lost>,
}

/// Senders that run.
#[derive(Debug)]
pub(super) struct Senders {
    over: Arc<AtomicBool>,
    ledger: Arc<Mutex<Ledger>>,
    threads: Vec<JoinHandle<()>>,
}

impl Senders {
    /// Starts them; each writes from one of these agents to another.
    pub(super) fn start(site: &Arc<Site>, agents: &[AgentName], dice: &mut fastrand::Rng) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let threads = (0..SENDERS)
            .map(|_| {
                let (site, agents) = (Arc::clone(site), agents.to_vec());
                let (over, ledger) = (Arc::clone(&over), Arc::clone(&ledger));
                let mut dice = dice.fork();
                std::thread::spawn(move || send_until(&site, &agents, &over, &ledger, &mut dice))
            })
            .collect();
        Self { over, ledger, threads }
    }

    /// Ends them; gives what was sent, and each message that was acknowledged.
    pub(super) fn stop(mut self) -> (Traffic, Vec<Lost>) {
        self.end();
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        (Traffic { sent: ledger.sent, acknowledged: ledger.acknowledged.len() }, ledger.acknowledged.clone())
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            // One that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.end();
    }
}

fn send_until(site: &Site, agents: &[AgentName], over: &AtomicBool, ledger: &Mutex<Ledger>, dice: &mut fastrand::Rng) {
    for n in 0.. {
        if over.load(Ordering::SeqCst) || agents.len() < 2 {
            return;
        }
        let from = dice.usize(..agents.len());
        let to = (from + dice.usize(1..agents.len())) % agents.len();
        let (from, to) = (&agents[from], &agents[to]);
        let mut command = site.command();
        command.args(["--as", from.as_str(), "--json", "send", "--to", to.as_str()]);
        command.args(["-s", &format!("Traffic {n}"), "-m", "Sent while a drill went on."]);
        let said = call(&mut command, PATIENCE);
        let accepted = Timestamp::now();
        let id = said
            .ok()
            .filter(|said| said.code == Some(0))
            .and_then(|said| said.json()?.get("id")?.as_str()?.parse::<MessageId>().ok());
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.sent += 1;
        ledger.acknowledged.extend(id.map(|id| Lost { agent: to.clone(), id, accepted }));
        drop(ledger);
        pause(over);
    }
}

fn pause(over: &AtomicBool) {
    let begun = std::time::Instant::now();
    while begun.elapsed() < PACE && !over.load(Ordering::SeqCst) {
        std::thread::sleep(LOOK);
    }
}
