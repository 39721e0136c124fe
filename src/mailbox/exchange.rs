//! Bringing messages of another day back into a mailbox that is in use.
//!
//! File by file, never folder by folder: `inbox/new` and every other folder
//! stay the ones they are, so a sender that holds `new/` open delivers into
//! the live mailbox whatever happens here, a watcher keeps its watches, and
//! mail that the plan does not name is not touched at all. What has to go is
//! moved aside, never removed. A step first puts the wanted copy in its place
//! and then takes the other copies of the same message away, so no message is
//! missing at any moment, and a crash leaves one too many at worst, which the
//! same step, done again, takes away.
//!
//! The lock is held for some hundred renames at a time; everything that is
//! slow (copying, syncing, making folders) happens before and after. What is
//! under a live lease stays with its holder. What comes back unclaimed has no
//! token anybody could finish it by; it keeps the count of its attempts.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fsio::{Dir, Placed, place};
use crate::model::{Flag, Flags, MessageId, UniqueName};

use super::claim::Lease;
use super::contents::Key;
use super::layout::Mailbox;
use super::{Result, unnumbered};

/// Steps for which the lock is held at a time: a few milliseconds.
const TURN: usize = 256;

/// How often a copy is looked for that plain `mv`s move meanwhile.
const CHASES: usize = 8;

/// A file that is to be in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// Where it lies in the restored tree.
    pub from: String,
    /// Where it is to be; prepared copies lie under this path too.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Permission bits; messages have their own.
    pub mode: u32,
    /// SHA-256 of the prepared copy, once there is one.
    pub digest: Option<String>,
    /// How often the message had been claimed.
    pub attempts: Option<u32>,
}

/// What an exchange does about one message or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// About what.
    pub key: Key,
    /// What comes; `None`: the thing only goes aside.
    pub bring: Option<Brought>,
    /// The copies that go aside, by their paths when it was planned.
    pub out: Vec<String>,
}

/// How the steps ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    /// Messages and files put in their place.
    pub brought: usize,
    /// Copies moved aside.
    pub aside: usize,
    /// Messages left alone because somebody works on them under a lease.
    pub leased: usize,
}

impl std::ops::AddAssign for Exchanged {
    fn add_assign(&mut self, other: Self) {
        self.brought += other.brought;
        self.aside += other.aside;
        self.leased += other.leased;
    }
}

impl Mailbox {
    /// Does the steps, with the copies prepared in `inn`; what goes aside goes
    /// into `out`, under the path it had. Both are on the mailbox's file
    /// system. Nothing is synced. After a crash the same call finishes.
    ///
    /// # Errors
    /// Whatever the disk says; nothing is lost then.
    pub fn exchange(&self, steps: &[Step], inn: &Dir, out: &Dir) -> Result<Exchanged> {
        let mut all = Exchanged::default();
        for turn in steps.chunks(TURN) {
            let mut rooms = Rooms { live: Room::new(&self.home), inn: Room::new(inn), out: Room::new(out) };
            for step in turn {
                rooms.make(step)?;
            }
            let _lock = self.lock_exclusive()?;
            let live = self.standing()?;
            for step in turn {
                all += self.take_exchange_step(step, &live, &mut rooms)?;
            }
        }
        Ok(all)
    }

    /// Whether the message is under a live lease.
    ///
    /// # Errors
    /// When the lease cannot be read.
    pub fn is_leased(&self, id: MessageId) -> Result<bool> {
        Ok(self.lease(id)?.is_some_and(|lease| lease.is_live()))
    }

    /// Where the messages of the inbox stand, by id; the lock is held.
    fn standing(&self) -> Result<HashMap<MessageId, Vec<String>>> {
        let mut found: HashMap<MessageId, Vec<String>> = HashMap::new();
        for folder in ["new", "claimed", "cur"] {
            for file in self.inbox(folder)?.names()? {
                if let Ok((name, _)) = UniqueName::parse(&file) {
                    found.entry(name.id()).or_default().push(format!("inbox/{folder}/{file}"));
                }
            }
        }
        Ok(found)
    }

    fn take_exchange_step(
        &self,
        step: &Step,
        live: &HashMap<MessageId, Vec<String>>,
        rooms: &mut Rooms,
    ) -> Result<Exchanged> {
        let mut done = Exchanged::default();
        let target = step.bring.as_ref().map(|b| b.path.as_str());
        let mut copies = candidates(step, live);
        copies.retain(|path| rooms.live.has(path));
        if let Key::Received(id) = step.key
            && copies.iter().any(|path| path.starts_with("inbox/claimed/"))
            && self.is_leased(id)?
        {
            // The prepared copy stays where it is, and so tells that it was not brought.
            return Ok(Exchanged { leased: 1, ..done });
        }
        let mut brought = 0;
        if let Some(bring) = &step.bring {
            brought = rooms.inn.top.stat(&bring.path)?.map_or(0, |stat| stat.inode);
            match rooms.place(bring)? {
                Placed::New => done.brought += 1,
                Placed::Swapped => {
                    done.brought += 1;
                    done.aside += 1;
                }
                Placed::Same | Placed::Before => {}
            }
            if !rooms.live.has(&bring.path) {
                // Brought before a crash, and its owner has moved it since: the last copy is never taken away.
                let moved = copies.iter().position(|path| !step.out.contains(path)).or(copies.len().checked_sub(1));
                moved.map(|at| copies.remove(at));
            }
        }
        copies.retain(|path| Some(path.as_str()) != target);
        for _ in 0..CHASES {
            let mut missed = false;
            for path in copies.drain(..) {
                match rooms.put_aside(&path, brought)? {
                    Aside::Moved => done.aside += 1,
                    Aside::Gone => missed = true,
                    Aside::Brought => {}
                }
            }
            let (true, Key::Received(id)) = (missed, &step.key) else { break };
            // A plain `mv` holds no lock: it took a copy elsewhere between the look and the move.
            copies.extend(self.standing()?.remove(id).unwrap_or_default());
            copies.retain(|path| Some(path.as_str()) != target);
            if target.is_some_and(|path| !rooms.live.has(path)) {
                // What was brought is among them; the last copy is never taken away.
                copies.pop();
            }
        }
        if let Key::Received(id) = step.key {
            self.settle_lease(id, target, step.bring.as_ref().and_then(|b| b.attempts))?;
        }
        Ok(done)
    }

    /// No claim survives an exchange but one that was left alone. A message
    /// that waits again keeps count of its attempts; any other needs none.
    fn settle_lease(&self, id: MessageId, target: Option<&str>, attempts: Option<u32>) -> Result<()> {
        if !target.is_some_and(|path| path.starts_with("inbox/new/")) {
            return self.forget_lease(id);
        }
        match (self.lease(id)?, attempts) {
            (Some(lease), _) if lease.held => self.write_lease(id, &Lease { held: false, ..lease }),
            (None, Some(attempts)) => {
                let over = Lease {
                    token: 0,
                    attempts,
                    deadline_boot_ms: 0,
                    boot: String::new(),
                    until: Timestamp::UNIX_EPOCH,
                    held: false,
                };
                self.write_lease(id, &over)
            }
            _ => Ok(()),
        }
    }
}

/// Every path at which a copy of the step's message may stand now.
fn candidates(step: &Step, live: &HashMap<MessageId, Vec<String>>) -> Vec<String> {
    let mut paths = step.out.clone();
    let target = step.bring.as_ref().map(|b| b.path.clone());
    if let Key::Received(id) = step.key {
        paths.extend(live.get(&id).into_iter().flatten().cloned());
        // Filed or buried since the plan was made.
        let known = paths.first().or(target.as_ref()).and_then(|path| path.rsplit('/').next());
        if let Some(Ok((name, _))) = known.map(|file| UniqueName::parse(unnumbered(file))) {
            let day = crate::model::time::day(name.accepted());
            for flags in [Flags::NONE, Flags::NONE.with(Flag::Seen)] {
                let file = name.file(flags);
                paths.extend([format!("archive/{day}/{file}"), format!("archive/{file}"), format!("dead/{file}")]);
            }
        }
    }
    paths.extend(target);
    paths.sort();
    paths.dedup();
    paths
}

/// A tree whose folders are opened one after the other.
struct Room {
    top: Dir,
    last: Option<(String, Dir)>,
}

/// What became of a copy that was to go aside.
enum Aside {
    Moved,
    /// A plain `mv` was quicker.
    Gone,
    /// It was the wanted one, which its owner had moved there already.
    Brought,
}

/// The three trees of an exchange.
struct Rooms {
    live: Room,
    inn: Room,
    out: Room,
}

impl Room {
    fn new(top: &Dir) -> Self {
        Self { top: top.clone(), last: None }
    }

    /// The folder a path is in, and the name there. Steps come sorted by
    /// folder, so the last one is usually the one.
    fn at<'a>(&mut self, path: &'a str) -> Result<(Dir, &'a str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some((_, dir)) = self.last.as_ref().filter(|(known, _)| known == folder) {
            return Ok((dir.clone(), name));
        }
        let dir = self.top.below_or_create(folder)?;
        self.last = Some((folder.to_owned(), dir.clone()));
        Ok((dir, name))
    }

    fn has(&self, path: &str) -> bool {
        self.top.stat(path).ok().flatten().is_some()
    }
}

impl Rooms {
    /// Makes the folders a step needs.
    fn make(&mut self, step: &Step) -> Result<()> {
        if let Some(bring) = &step.bring {
            self.live.at(&bring.path)?;
            self.out.at(&bring.path)?;
        }
        for path in &step.out {
            self.out.at(path)?;
        }
        Ok(())
    }

    fn place(&mut self, bring: &Brought) -> Result<Placed> {
        let free = self.free(&bring.path)?;
        let (inn, name) = self.inn.at(&bring.path)?;
        let (live, _) = self.live.at(&bring.path)?;
        let (out, aside) = self.out.at(&free)?;
        Ok(place((&inn, name), (&live, name), (&out, aside), bring.digest.as_deref().unwrap_or(""))?)
    }

    /// Moves a live copy aside, with the reason of a dead letter; but not the
    /// file of the number `brought`, which a plain `mv` may have put over it.
    fn put_aside(&mut self, path: &str, brought: u64) -> Result<Aside> {
        let free = self.free(path)?;
        let (live, name) = self.live.at(path)?;
        let (out, aside) = self.out.at(&free)?;
        match live.rename(name, &out, aside) {
            Err(e) if e.is_not_found() => return Ok(Aside::Gone),
            other => other?,
        }
        if brought != 0 && out.stat(aside)?.is_some_and(|stat| stat.inode == brought) {
            out.rename(aside, &live, name)?;
            return Ok(Aside::Brought);
        }
        if path.starts_with("dead/") {
            // A letter without its reason would be a riddle, a reason without a letter is harmless.
            let _ = live.rename(&format!("{name}.reason"), &out, &format!("{aside}.reason"));
        }
        Ok(Aside::Moved)
    }

    /// The path under which something can lie aside: its own, unless the same
    /// thing went there before.
    fn free(&self, path: &str) -> Result<String> {
        let mut free = path.to_owned();
        let mut n = 1;
        while self.out.top.stat(&free)?.is_some() {
            n += 1;
            free = format!("again-{n}/{path}");
        }
        Ok(free)
    }
}
