//! One mailbox: its folders, modes, unfinished files, and every message in
//! its inbox.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Chart, Check, Patient, Trouble, age, repeated, writer_is_dead};
use crate::fsio::{Dir, FileKind, Stat};
use crate::mailbox::{FOLDERS, Mailbox, MailboxError, Place, Scanned, Which};
use crate::model::{AgentName, Flag, Flags, MessageId, UniqueName};
use crate::post::outbox::{is_editors, is_letter};

/// How long a file in an outbox must have lain there to be spoken of.
const SETTLED: Duration = Duration::from_secs(5);

/// What others than the owner may not do: write.
const FOREIGN_WRITE: u32 = 0o022;

/// The files in the `sent/` of each sender, listed once: a look for each
/// message by itself is most of the work.
#[derive(Default)]
pub(super) struct Copies(Mutex<HashMap<AgentName, Arc<HashSet<String>>>>);

impl Copies {
    fn of(&self, patient: &Patient<'_>, sender: &AgentName) -> Arc<HashSet<String>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = || {
            // Nothing is made by looking.
            let workspaces = patient.tree.workspaces().ok()?;
            let sent = present(&workspaces, &format!("{sender}/sent"))?;
            let days = sent.names().ok()?.into_iter().filter_map(|day| sent.child(&day).ok());
            Some(days.filter_map(|day| day.names().ok()).flatten().collect())
        };
        Arc::clone(known.entry(sender.clone()).or_insert_with(|| Arc::new(listed().unwrap_or_default())))
    }
}

pub(super) fn examine(chart: &mut Chart, patient: &Patient<'_>, copies: &Copies, agent: &AgentName) {
    let workspaces = patient.tree.workspaces();
    let Some(workspaces) = chart.checked(patient.state.path(), workspaces) else { return };
    let home = workspaces.path().join(agent.as_str());
    if matches!(workspaces.stat(agent.as_str()), Ok(None)) {
        chart.repairable(Check::Folder, &home, format!("{agent} has no mailbox folder"), "make it", || {
            patient.tree.mailbox(agent)?.complete_layout()?;
            Ok(())
        });
        if !chart.fix {
            return;
        }
    }
    let mailbox = patient.tree.mailbox(agent);
    let Some(mailbox) = chart.checked(&home, mailbox) else { return };
    folders(chart, &mailbox);
    modes(chart, &workspaces, &mailbox);
    temporaries(chart, patient, &mailbox);
    strays(chart, &mailbox);
    outbox(chart, &mailbox);
    let Some(all) = scan(chart, &mailbox) else { return };
    twice(chart, &mailbox, &all);
    leases(chart, &mailbox, &all);
    messages(chart, patient, copies, &mailbox, &all);
}

/// A folder that is there; nothing is made.
fn present(home: &Dir, path: &str) -> Option<Dir> {
    path.split('/').try_fold(home.clone(), |dir, part| dir.child(part).ok())
}

fn folders(chart: &mut Chart, mailbox: &Mailbox) {
    let home = mailbox.home();
    let missing: Vec<&str> = FOLDERS.into_iter().filter(|path| present(home, path).is_none()).collect();
    for path in missing {
        let top = path.split('/').next().unwrap_or(path);
        let what = if matches!(home.stat(top), Ok(Some(stat)) if stat.kind != FileKind::Dir) {
            format!("{top} is not a folder: a link or a file stands in its place")
        } else {
            format!("{path} is missing")
        };
        chart.repairable(Check::Folder, home.path().join(path), what, "make it", || {
            mailbox.complete_layout()?;
            Ok(())
        });
    }
}

fn modes(chart: &mut Chart, workspaces: &Dir, mailbox: &Mailbox) {
    let home = mailbox.home();
    check_mode(chart, workspaces, mailbox.agent().as_str());
    for path in FOLDERS {
        let (parent, name) =
            path.split_once('/').map_or((Some(home.clone()), path), |(top, sub)| (home.child(top).ok(), sub));
        let Some(parent) = parent else { continue };
        check_mode(chart, &parent, name);
        let Some(dir) = present(home, path) else { continue };
        if matches!(path, "sent" | "archive") {
            // Git checks these out with the umask's modes, and they hold what is in history anyway.
            continue;
        }
        for file in dir.names().unwrap_or_default() {
            check_mode(chart, &dir, &file);
        }
    }
    check_mode(chart, home, "inbox");
}

fn check_mode(chart: &mut Chart, parent: &Dir, name: &str) {
    let Ok(Some(stat)) = parent.stat(name) else { return };
    let least = match stat.kind {
        FileKind::Dir => 0o700,
        FileKind::File => 0o600,
        FileKind::Link | FileKind::Other => return,
    };
    // Where the platform has no modes they are 0.
    if stat.mode == 0 && cfg!(not(unix)) {
        return;
    }
    let mode = stat.mode & 0o777;
    let right = (mode | least) & !FOREIGN_WRITE;
    if right == mode {
        return;
    }
    let what = if mode & FOREIGN_WRITE == 0 { "its owner cannot use it" } else { "others may write it" };
    let what = format!("{what} (mode {mode:03o})");
    chart.repairable(Check::Mode, parent.path().join(name), what, &format!("set mode {right:03o}"), || {
        Ok(parent.set_mode(name, right)?)
    });
}

fn temporaries(chart: &mut Chart, patient: &Patient<'_>, mailbox: &Mailbox) {
    let Some(tmp) = present(mailbox.home(), "inbox/tmp") else { return };
    for name in tmp.names().unwrap_or_default() {
        let Ok(Some(stat)) = tmp.stat(&name) else { continue };
        let old = age(stat.modified) >= patient.tmp_after;
        let half_published = stat.links == 2 && in_inbox(mailbox, &name, &stat);
        if name.starts_with(".git") || !(old || half_published || writer_is_dead(&name)) {
            continue;
        }
        let what = if half_published {
            "a delivery died between its two names; the message itself is in the inbox"
        } else {
            "a file that its writer left unfinished; it was never acknowledged"
        };
        chart.repairable(Check::Temporary, tmp.path().join(&name), what, "remove it", || {
            if stat.kind == FileKind::Dir {
                return Ok(tmp.remove_dir(&name)?);
            }
            Ok(tmp.remove(&name)?)
        });
    }
}

/// Whether the inbox holds the same file under the same name.
fn in_inbox(mailbox: &Mailbox, name: &str, stat: &Stat) -> bool {
    let same = |folder: &str| {
        let found = present(mailbox.home(), folder).and_then(|dir| dir.stat(name).ok().flatten());
        found.is_some_and(|there| there.inode == stat.inode && there.device == stat.device)
    };
    same("inbox/new") || same("inbox/cur")
}

/// Files that are no messages, or messages where none belong.
fn strays(chart: &mut Chart, mailbox: &Mailbox) {
    let home = mailbox.home();
    for (path, known) in
        [("inbox", ["tmp", "new", "cur", "claimed"].as_slice()), ("inbox/new", &[]), ("inbox/cur", &[])]
    {
        let Some(dir) = present(home, path) else { continue };
        for name in dir.names().unwrap_or_default() {
            if name.starts_with('.') || known.contains(&name.as_str()) {
                continue;
            }
            let is_message = UniqueName::parse(&name).is_ok();
            if is_message && path != "inbox" {
                continue;
            }
            let at = dir.path().join(&name);
            let file = matches!(dir.stat(&name), Ok(Some(stat)) if stat.kind == FileKind::File);
            if is_message && file {
                chart.repairable(Check::Misplaced, at, "a message beside the folders", "move it to inbox/new", || {
                    let new = mailbox.place(Place::New, "")?;
                    Ok(dir.rename(&name, &new, &name)?)
                });
            } else {
                let what = "no message: its name is not TIME-SENDER-SUBJECT-ID.md";
                chart.repairable(Check::Misplaced, at, what, "move it to dead/ with this reason", || {
                    mailbox.bury(&dir, &name, what)?;
                    Ok(())
                });
            }
        }
    }
}

/// What lies in the outbox and is never sent, so that its writer does not
/// wait for an answer in vain.
fn outbox(chart: &mut Chart, mailbox: &Mailbox) {
    let Some(top) = present(mailbox.home(), "outbox") else { return };
    let mut open = vec![(top, true)];
    while let Some((dir, is_top)) = open.pop() {
        for name in dir.names().unwrap_or_default() {
            let at = dir.path().join(&name);
            let stat = match dir.stat(&name) {
                // A name that cannot be asked for by its own text is not UTF-8.
                Ok(None) if name.contains('\u{fffd}') => {
                    let what = "its name is not UTF-8 text, so it is not sent";
                    chart.told(Check::Misplaced, at, what, "give it another name");
                    continue;
                }
                Ok(Some(stat)) => stat,
                _ => continue,
            };
            if is_editors(&name) {
                continue;
            }
            if stat.kind != FileKind::Dir {
                // What is younger may be on its way to its name.
                if !is_letter(&name) && age(stat.modified) >= SETTLED {
                    let what = "only files that end in .md are sent";
                    chart.told(Check::Misplaced, at, what, "rename it, or put it elsewhere");
                }
            } else if is_top {
                open.extend(dir.child(&name).ok().map(|folder| (folder, false)));
            } else {
                let what = "a folder within a folder of the outbox: nothing in it is sent";
                chart.told(Check::Misplaced, at, what, "move its files one folder up");
            }
        }
    }
}

fn scan(chart: &mut Chart, mailbox: &Mailbox) -> Option<Vec<Scanned>> {
    let home = mailbox.home();
    if FOLDERS.iter().any(|path| present(home, path).is_none()) {
        // A scan would make them; without --fix nothing is made.
        return None;
    }
    chart.checked(home.path(), mailbox.scan(Which::All, None))
}

/// A scan shows each message once, at the later place of its life; the other
/// copies are found by their names.
fn twice(chart: &mut Chart, mailbox: &Mailbox, all: &[Scanned]) {
    let mut copies: Vec<(MessageId, Place, Dir, String)> = Vec::new();
    for place in [Place::New, Place::Claimed, Place::Cur] {
        let Some(dir) = present(mailbox.home(), &format!("inbox/{}", place.word())) else { continue };
        for file in dir.names().unwrap_or_default() {
            if let Ok((name, _)) = UniqueName::parse(&file) {
                copies.push((name.id(), place, dir.clone(), file));
            }
        }
    }
    let archived = all.iter().filter(|s| s.place == Place::Archive).map(|s| s.name.id());
    let ids = copies.iter().map(|(id, ..)| *id).chain(archived);
    for id in repeated(ids) {
        // The one a scan shows stays.
        let Some(kept) = all.iter().find(|s| s.name.id() == id) else { continue };
        for (_, place, dir, file) in copies.iter().filter(|(copy, ..)| *copy == id) {
            if *place == kept.place && *file == kept.file {
                continue;
            }
            let what = format!("{id} stands twice; the one in {} counts", kept.place.word());
            chart.repairable(Check::Twice, dir.path().join(file), what.clone(), "move this copy to dead/", || {
                mailbox.bury(dir, file, &what)?;
                Ok(())
            });
        }
    }
}

fn leases(chart: &mut Chart, mailbox: &Mailbox, all: &[Scanned]) {
    let Some(claimed) = present(mailbox.home(), "inbox/claimed") else { return };
    for name in claimed.names().unwrap_or_default() {
        let Some(id) = name.strip_suffix(".lease").and_then(|id| id.parse::<MessageId>().ok()) else { continue };
        // A message that was given back keeps its lease file: it counts the attempts.
        let live = all.iter().any(|s| s.name.id() == id && s.place != Place::Archive);
        if !live {
            let what = "a lease whose message is not in the inbox any more";
            chart.repairable(
                Check::Lease,
                claimed.path().join(&name),
                what,
                "remove it",
                || Ok(claimed.remove(&name)?),
            );
        }
    }
}

/// Opens every message of the inbox: readable, and its sender has the copy.
fn messages(chart: &mut Chart, patient: &Patient<'_>, copies: &Copies, mailbox: &Mailbox, all: &[Scanned]) {
    for found in all.iter().filter(|s| s.place != Place::Archive) {
        let path = mailbox.path_of(found);
        match mailbox.open(found) {
            Ok(message) => {
                let sender = message.from();
                if !patient.agents.contains(&sender) || has_copy(patient, copies, &sender, &message.name) {
                    continue;
                }
                let what = format!("{sender} has no copy of it in sent/");
                chart.repairable(Check::Sent, path, what, "write the copy", || {
                    Ok(patient.tree.mailbox(&sender)?.keep_sent(&message)?)
                });
            }
            Err(MailboxError::NotFound(..)) => {}
            Err(e) => {
                let gone = Trouble::from(e);
                if gone.1 {
                    continue;
                }
                chart.repairable(Check::Unreadable, &path, gone.0.clone(), "move it to dead/ with this reason", || {
                    let dir = present(mailbox.home(), &format!("inbox/{}", found.place.word()));
                    let dir = dir.ok_or_else(|| Trouble("its folder has gone".into(), true))?;
                    mailbox.bury(&dir, &found.file, &gone.0)?;
                    Ok(())
                });
            }
        }
    }
}

/// As `Mailbox::has_sent`, but a mailbox that is not there is not made.
fn has_copy(patient: &Patient<'_>, copies: &Copies, sender: &AgentName, name: &UniqueName) -> bool {
    let listed = copies.of(patient, sender);
    if [Flags::NONE, Flags::NONE.with(Flag::Seen)].iter().any(|flags| listed.contains(&name.file(*flags))) {
        return true;
    }
    // Sent since it was listed, or filed elsewhere.
    let there = patient.tree.workspaces().is_ok_and(|all| all.child(sender.as_str()).is_ok());
    there && patient.tree.mailbox(sender).and_then(|mailbox| mailbox.has_sent(name)).unwrap_or(false)
}
