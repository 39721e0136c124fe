//! Changing the roster: the entry changes in the tree and, by the same edit,
//! in the approved copy. Whatever else differs between the two stays
//! unapproved, so an agent's edit cannot ride along with a person's command.

use super::agent::{Agent, Entry};
use super::load::{check_name, parse_agents};
use crate::config::good::{Side, keep};
use crate::config::{AGENTS, ConfigError, Root, remove_entry, set_entry, trust};
use crate::model::AgentName;

/// Adds an agent or changes its entry; other entries and comments stay.
///
/// # Errors
/// [`ConfigError::Refused`] for a name that may not be on the roster or a
/// roster that would not read afterwards; nothing is changed then.
pub fn save_agent(root: &Root, agent: &Agent) -> Result<(), ConfigError> {
    check_name(agent.name.as_str()).map_err(ConfigError::Refused)?;
    let block = serde_yaml::to_string(&Entry::of(agent)).map_err(|e| ConfigError::Refused(e.to_string()))?;
    change(root, |text| set_entry(text, "agents", agent.name.as_str(), &block))
}

/// Takes an agent off the roster; its folder stays.
///
/// # Errors
/// [`ConfigError::NotFound`] when it is not there.
pub fn remove_agent(root: &Root, name: &AgentName) -> Result<(), ConfigError> {
    if super::Roster::load(root)?.get(name.as_str()).is_none() {
        return Err(ConfigError::NotFound(format!(
            "{name} is not on the roster; `cellphone agents list` shows who is"
        )));
    }
    strike(root, name)
}

/// The same for somebody who may stand in the tree, in its approved copy, in
/// both or in neither.
///
/// # Errors
/// A roster that cannot be read, or the disk.
pub fn strike(root: &Root, name: &AgentName) -> Result<(), ConfigError> {
    change(root, |text| remove_entry(text, "agents", name.as_str()))
}

fn change(root: &Root, edit: impl Fn(&str) -> Result<String, String>) -> Result<(), ConfigError> {
    let _held = root.lock("roster")?;
    let path = root.path().join(AGENTS);
    let copy_path = trust::approved_path(root, AGENTS);
    let copy = trust::approved(root, AGENTS)?.unwrap_or_default();
    // A tree without a roster starts from what was approved.
    let tree = root.read(AGENTS)?.unwrap_or_else(|| copy.clone());
    let edited = |bytes: &[u8], path: &std::path::Path| -> Result<String, ConfigError> {
        parse_agents(bytes, path)?;
        let after = edit(&String::from_utf8_lossy(bytes)).map_err(|why| ConfigError::invalid(path, None, why))?;
        parse_agents(after.as_bytes(), path)?;
        Ok(after)
    };
    let (tree, copy) = (edited(&tree, &path)?, edited(&copy, &copy_path)?);
    root.dir().child_or_create("config")?.replace("agents.yaml", tree.as_bytes(), true)?;
    trust::approve_bytes(root, AGENTS, copy.as_bytes())?;
    // What is put back one day must know what was changed by command.
    keep(root, Side::Tree, AGENTS, tree.as_bytes())?;
    keep(root, Side::Approved, AGENTS, copy.as_bytes())
}
