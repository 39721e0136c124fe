//! The way back from a drill on the tree itself. Every part may be done again,
//! so that it can be finished by whoever comes after one that was killed.
//!
//! What is missing or other bytes comes back from the plain copy, what arrived
//! between the copy and the disaster from where the disaster moved it. A
//! restore puts everything where it was when the copy was made; what agents
//! did meanwhile, a message filed, a note changed, lies aside then and is
//! brought forward again. The drill's own agents go, and the tree is compared
//! with the copy before that is removed.

use std::path::Path;
use std::time::Duration;

use super::super::control::{self, ControlError, Request};
use super::super::snapshots::restore::{Key, RestorePlan, RestoreRequest, RestoredFrom, Step};
use super::super::{ErrorKind, Office, OfficeError, Result};
use super::{COPY, FOLDER, Mark, wipe};
use crate::continuity::live::{self, CAST};
use crate::fsio::{self, Dir};
use crate::identity::{ALLOWED, KeyRing, withdraw};
use crate::model::{AgentName, Event, EventKind};
use crate::roster::strike;

/// What `doctor --fix` leaves beside a file whose last good one it put back.
const BROKEN: &str = ".broken";
const JOURNAL: &str = ".cellphone/journal";
/// A daemon has read its configuration anew by then.
const PATIENCE: Duration = Duration::from_secs(10);
/// Paths that an error names.
const NAMED: usize = 5;

impl Office {
    pub(super) fn make_whole(&self, mark: &Mark) -> Result<String> {
        let copy = mark.shelf.join(COPY);
        if !mark.whole {
            live::end_left(&mark.shelf).map_err(failed)?;
            if !copy.is_dir() {
                let why = format!("{} is gone, from which the tree would be made whole", copy.display());
                return Err(failed(why).hint("cellphone snapshot restore latest, then remove .cellphone/drill-live"));
            }
            self.bring_all_back(mark, &copy)?;
            self.remove_what_broke(&copy)?;
            self.remove_cast()?;
            let left = self.not_as_it_was(mark, &copy)?;
            if !left.is_empty() {
                let some = left.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
                let why = format!("{} files are not as they were before the drill: {some}", left.len());
                return Err(failed(why).hint(format!("they lie in {}", copy.display())));
            }
            for aside in self.restores()?.into_iter().filter(|aside| aside.record.at >= mark.began) {
                self.restore_forget(&aside.record.id)?;
            }
            let whole = Mark { whole: true, ..mark.clone() };
            whole.write(&self.root().state().child(FOLDER)?)?;
        }
        wipe(self.root().state(), &mark.shelf)?;
        let done =
            Event::new(self.now(), EventKind::Drill).with("scenario", &mark.scenario).with("live", "whole again");
        self.note(&[done]);
        Ok("the tree is as it was, and nothing of the drill is left".into())
    }

    fn bring_all_back(&self, mark: &Mark, copy: &Path) -> Result<()> {
        self.restore_resume()?;
        let journal = mark.broken.iter().any(|path| path.starts_with(JOURNAL));
        if journal || !self.not_as_it_was(mark, copy)?.is_empty() {
            self.bring_back(copy)?;
        }
        let folder = self.root().state().child(FOLDER)?;
        for name in folder.names()? {
            let Ok(part) = folder.child(&name) else { continue };
            // Else a journal alone would be no part of a root.
            part.child_or_create("hooks")?;
            self.bring_back(part.path())?;
        }
        for aside in self.restores()?.into_iter().filter(|aside| aside.record.at >= mark.began).rev() {
            self.bring_forward(&aside.record.id, mark, copy)?;
        }
        Ok(())
    }

    fn bring_back(&self, tree: &Path) -> Result<()> {
        let from = RestoredFrom { tree: tree.to_owned(), snapshot: None, spent: false };
        let plan =
            self.restore_plan(RestoreRequest { from, agent: None, path: None, message: None, keep_newer: true })?;
        self.apply_some(plan)
    }

    /// Brings forward what a restore put aside and the disaster had not broken.
    fn bring_forward(&self, id: &str, mark: &Mark, copy: &Path) -> Result<()> {
        let mut plan = self.restore_undo_plan(Some(id))?;
        let was = Dir::open(copy)?;
        let (live, aside) = (self.root().dir().clone(), Dir::open(&plan.source.tree)?);
        let newer = |prefix: &str, step: &Step| {
            let (Some(bring), [out]) = (&step.bring, step.out.as_slice()) else { return false };
            let (from, to, out) =
                (format!("{prefix}{}", bring.from), format!("{prefix}{}", bring.path), format!("{prefix}{out}"));
            let here = digest(&live, &out);
            // It was touched since the restore: then it is newer than what lies aside.
            if here.is_none() || digest(&was, &out) != here {
                return false;
            }
            match &step.key {
                Key::File(_) => !mark.took(&to),
                // A message is never other bytes unless it is broken; it may have been moved.
                _ => digest(&aside, &from) == here,
            }
        };
        for mailbox in &mut plan.mailboxes {
            let prefix = format!("agent_workspaces/{}/", mailbox.agent);
            mailbox.steps.retain(|step| newer(&prefix, step));
        }
        plan.files.steps.retain(|step| newer("", step));
        self.apply_some(plan)
    }

    fn apply_some(&self, plan: RestorePlan) -> Result<()> {
        if plan.is_empty() {
            return Ok(());
        }
        self.restore_apply(plan).map(drop)
    }

    /// What stands beside a configuration that was broken and put back.
    fn remove_what_broke(&self, copy: &Path) -> Result<()> {
        let Ok(config) = self.root().dir().child("config") else { return Ok(()) };
        for name in config.names()?.iter().filter(|name| name.ends_with(BROKEN)) {
            if !copy.join("config").join(name).exists() {
                config.remove(name)?;
            }
        }
        Ok(())
    }

    /// Takes those off the roster who were there for the drill alone, with
    /// their mailboxes and keys.
    fn remove_cast(&self) -> Result<()> {
        let root = self.root();
        let names: Vec<AgentName> = CAST.into_iter().map(AgentName::new).collect::<std::result::Result<_, _>>()?;
        for name in &names {
            strike(root, name)?;
        }
        // A daemon that has not heard of it would make the folders anew, and call them missing.
        match control::ask(root.state().path(), &Request::Reload, PATIENCE) {
            Ok(_) | Err(ControlError::NotRunning(_) | ControlError::Platform) => {}
            Err(e) => return Err(failed(format!("the daemon does not read the roster anew: {e}"))),
        }
        let ring = KeyRing::of(root);
        for name in &names {
            withdraw(root, name)?;
            ring.forget(name)?;
            fsio::remove_tree(&root.path().join("agent_workspaces").join(name.as_str()))?;
        }
        Ok(())
    }

    /// Messages that are in the copy and not in the tree, or otherwise, and what
    /// the disaster took; whatever else differs others have changed meanwhile.
    fn not_as_it_was(&self, mark: &Mark, copy: &Path) -> Result<Vec<String>> {
        let mut all = live::differences(copy, self.root().path())?;
        // As long as the drill's own agents stand in these they are not as they were.
        let theirs = [crate::config::AGENTS, ALLOWED];
        let names_them = |text: &[u8]| CAST.iter().any(|name| String::from_utf8_lossy(text).contains(name));
        let is_theirs = |path: &str| {
            theirs.contains(&path) && matches!(self.root().read(path), Ok(Some(text)) if names_them(&text))
        };
        all.retain(|path| (path.starts_with("agent_workspaces/") || mark.took(path)) && !is_theirs(path));
        Ok(all)
    }
}

fn failed(why: String) -> OfficeError {
    OfficeError::new(ErrorKind::Failed, why)
}

/// The digest of a plain file, where there is one.
fn digest(top: &Dir, path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    top.below(folder).ok()?.digest(name).ok()
}
