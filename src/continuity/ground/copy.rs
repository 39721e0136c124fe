//! The tree of a root, copied while it lives.
//!
//! Mail that moves from folder to folder meanwhile keeps its inode: what was
//! copied under one is not copied again, and a folder is listed until nothing
//! new is met. The copy is the drill's alone, so nothing of it is synced.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::config::Root;
use crate::fsio::{self, Dir, FsError, parallel};
use crate::model::{AgentName, Role};

/// Rounds after which a mailbox is taken as it is.
const ROUNDS: usize = 8;
/// A ground takes so many times the tree: the copy, two repositories, and one
/// more while it is restored.
const TIMES: u64 = 4;
const ROSTER: &str = "agents.yaml";
/// In place of a person's hook.
const STAND_IN: &[u8] = b"#!/bin/sh\n# In place of a hook: a drill runs nothing of yours.\nexit 0\n";
const EXECUTABLE: u32 = 0o700;
/// What of `.cellphone/` is part of a root, not of a running process.
const STATE: [&str; 2] = ["journal", "spool"];

/// Copies it into `top/root`, which is a root already, in place of what is there.
pub(super) fn tree(root: &Root, top: &Dir, names: &[(AgentName, Role)], room: u64) -> Result<(), String> {
    let told = |e: FsError| e.to_string();
    let copy = top.child("root").map_err(told)?;
    for folder in ["config", "hooks", "agent_workspaces"] {
        // As `init` made it.
        fsio::remove_tree(&copy.path().join(folder)).map_err(told)?;
    }
    kept(root, &copy, room)?;
    roster(&copy, names).map_err(told)?;
    stand_ins(&copy).map_err(told)
}

/// Copies mail, configuration, hooks, journal and spool into a folder that has
/// none of them, where that leaves so many bytes of `room`.
pub(in crate::continuity) fn kept(root: &Root, copy: &Dir, room: u64) -> Result<(), String> {
    let told = |e: FsError| e.to_string();
    let all = root.dir().files_below(&|_| false).map_err(told)?;
    let size: u64 = all.iter().filter(|f| is_ours(&f.path)).map(|f| f.stat.size).sum();
    let wanted = size.saturating_mul(TIMES).saturating_add(room);
    if fsio::free_space(copy.path()).is_some_and(|free| free < wanted) {
        let place = copy.path().display();
        return Err(format!("{place} has less than {wanted} bytes free, which a drill of this root takes"));
    }
    for folder in ["config", "hooks"] {
        if let Some(from) = root.folder(folder).map_err(|e| e.to_string())? {
            whole(&from, &copy.child_or_create(folder).map_err(told)?).map_err(told)?;
        }
    }
    let state = copy.child_or_create(".cellphone").map_err(told)?;
    for folder in STATE {
        if let Ok(from) = root.state().child(folder) {
            whole(&from, &state.child_or_create(folder).map_err(told)?).map_err(told)?;
        }
    }
    let workspaces = copy.child_or_create("agent_workspaces").map_err(told)?;
    if let Some(from) = root.folder("agent_workspaces").map_err(|e| e.to_string())? {
        let agents = from.names().map_err(told)?;
        let each = parallel::map_large(&agents, |agent| match from.child(agent) {
            Ok(mailbox) => whole(&mailbox, &workspaces.child_or_create(agent)?),
            // A file, or a folder that went meanwhile.
            Err(_) => Ok(()),
        });
        each.into_iter().collect::<Result<(), FsError>>().map_err(told)?;
    }
    Ok(())
}

fn is_ours(path: &str) -> bool {
    let ours = ["agent_workspaces/", "config/", "hooks/"];
    ours.iter().any(|folder| path.starts_with(folder))
        || STATE.iter().any(|s| path.starts_with(&format!(".cellphone/{s}/")))
}

/// Copies all below a folder, in rounds, until one meets nothing new.
fn whole(from: &Dir, to: &Dir) -> Result<(), FsError> {
    let mut seen = HashSet::new();
    for _ in 0..ROUNDS {
        let mut fresh = false;
        for file in from.files_below(&|_| false)? {
            if !seen.insert(file.stat.inode) {
                continue;
            }
            fresh = true;
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let copied = (|| {
                let source = if folder.is_empty() { from.clone() } else { from.below(folder)? };
                source.copy(name, &to.below_or_create(folder)?, name)
            })();
            match copied {
                // It moved between the look and the copy; the next round meets it.
                Err(e) if e.is_not_found() => drop(seen.remove(&file.stat.inode)),
                other => drop(other?),
            }
        }
        if !fresh {
            break;
        }
    }
    Ok(())
}

/// Names and roles, and no channel.
fn roster(copy: &Dir, names: &[(AgentName, Role)]) -> Result<(), FsError> {
    let mut text =
        String::from("# The roster of a drill: names and roles of the root's own, and no window.\nagents:\n");
    for (name, role) in names {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name}:\n    role: {}", role.as_str());
    }
    copy.child_or_create("config")?.replace(ROSTER, text.as_bytes(), false)
}

fn stand_ins(copy: &Dir) -> Result<(), FsError> {
    let hooks = copy.child_or_create("hooks")?;
    for name in hooks.names()? {
        if name.contains('.') || hooks.child(&name).is_ok() {
            continue;
        }
        hooks.replace(&name, STAND_IN, false)?;
        hooks.set_mode(&name, EXECUTABLE)?;
    }
    Ok(())
}
