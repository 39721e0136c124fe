//! Which part of a tree was asked for.

use std::path::{Component, Path};

use super::plan::Selection;
use super::staged::{PLAIN, WORKSPACES};
use super::{ExchangeError, Result};
use crate::mailbox::Item;
use crate::model::AgentName;

/// What a selection takes.
pub(super) struct Wanted<'a> {
    selection: &'a Selection,
    path: Option<String>,
    message: Option<String>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(selection: &'a Selection, root: &Path) -> Result<Self> {
        let path = selection.path.as_deref().map(|p| relative(p, root)).transpose()?;
        let message = selection.message.as_ref().map(|text| text.trim().to_ascii_uppercase());
        if message.as_ref().is_some_and(|text| text.len() < 6) {
            return Err(ExchangeError::Selection("give at least 6 characters of the message's id".into()));
        }
        Ok(Self { selection, path, message })
    }

    pub(super) fn agent(&self, agent: &AgentName) -> bool {
        self.selection.agent.as_ref().is_none_or(|wanted| wanted.same(agent.as_str()))
            && self.path.as_ref().is_none_or(|path| {
                let mine = format!("{WORKSPACES}/{agent}");
                overlaps(path, &mine)
            })
    }

    pub(super) fn path(&self, path: &str) -> bool {
        self.path.as_ref().is_none_or(|wanted| {
            path == wanted || path.strip_prefix(wanted.as_str()).is_some_and(|r| r.starts_with('/'))
        })
    }

    pub(super) fn takes(&self, prefix: &str, item: &Item) -> bool {
        let message = self.message.as_ref().is_none_or(|wanted| {
            let id = item.key.id().map(|id| id.to_string());
            id.is_some_and(|id| id.starts_with(wanted) || id.ends_with(wanted))
        });
        message && self.path(&format!("{prefix}{}", item.path))
    }

    /// Whether something that is no plain file may not stand under this path: it
    /// would be brought back, and leads who knows where.
    pub(super) fn refuses(&self, path: &str) -> bool {
        self.path(path) && self.message.as_ref().is_none_or(|wanted| path.to_ascii_uppercase().contains(wanted))
    }

    /// Whether mail that the restored tree does not have can be asked to go.
    pub(super) fn removes(&self) -> bool {
        self.message.is_none()
    }

    /// Whether a path was named: then all of it comes, also what waits to be sent.
    pub(super) fn names_path(&self) -> bool {
        self.path.is_some()
    }

    pub(super) fn words(&self) -> String {
        let parts = [self.message.clone(), self.path.clone(), self.selection.agent.as_ref().map(ToString::to_string)];
        parts.into_iter().flatten().next().unwrap_or_default()
    }
}

fn overlaps(a: &str, b: &str) -> bool {
    let below = |x: &str, y: &str| x == y || x.strip_prefix(y).is_some_and(|rest| rest.starts_with('/'));
    below(a, b) || below(b, a)
}

/// A path as it was asked for, from the root.
fn relative(path: &str, root: &Path) -> Result<String> {
    let plain = Path::new(path);
    let inside = plain.strip_prefix(root).unwrap_or(plain);
    let mut parts = Vec::new();
    for part in inside.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::CurDir => {}
            _ => return Err(ExchangeError::Selection(format!("{path} leads out of the root"))),
        }
    }
    match parts.first().map(String::as_str) {
        Some(top) if top == WORKSPACES || PLAIN.contains(&top) => Ok(parts.join("/")),
        _ => Err(ExchangeError::Selection(format!(
            "{path} is not below agent_workspaces/, config/ or hooks/, which is what can be restored by path"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_the_root_and_fits_whole_names_alone() {
        let root = Path::new("/r");
        let of = |path: &str| Selection { path: Some(path.into()), ..Selection::default() };
        for bad in ["../x", "/etc/passwd", "agent_workspaces/../..", ".cellphone/locks", "", "src"] {
            assert!(Wanted::new(&of(bad), root).is_err(), "{bad}");
        }
        let one = of("/r/agent_workspaces/Agent-1/archive/");
        let wanted = Wanted::new(&one, root).unwrap();
        assert!(wanted.path("agent_workspaces/Agent-1/archive/2026-01-01/x.md"));
        assert!(!wanted.path("agent_workspaces/Agent-1/archived"));
        assert!(wanted.agent(&AgentName::new("Agent-1").unwrap()));
        assert!(!wanted.agent(&AgentName::new("Agent-10").unwrap()));
    }
}
