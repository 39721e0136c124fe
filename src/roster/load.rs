//! Reading the roster and the role policies.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::agent::{Agent, Channel, ChannelKind, Entry};
use super::policies::{self, Policies};
use crate::config::{AGENTS, ConfigError, ROLES, Root, SAMPLE_ROLES, nearest, os_user, trust};
use crate::model::{AgentName, Policy, Role, policy};

/// Everyone who has a mailbox, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    pub(super) agents: Vec<Agent>,
    pub(super) policies: Policies,
}

impl Roster {
    /// Reads the roster: names from the tree, roles and channels only from the
    /// approved copy. When the tree has no `config/agents.yaml` (a branch
    /// without it is checked out), the approved copy stands in.
    ///
    /// # Errors
    /// Names the file and line, and what to write instead.
    pub fn load(root: &Root) -> Result<Self, ConfigError> {
        let approved = trust::approved(root, AGENTS)?;
        let tree = root.read(AGENTS)?;
        let same = tree == approved;
        let tree_path = root.path().join(AGENTS);
        let copy_path = trust::approved_path(root, AGENTS);
        let known = approved.map(|bytes| parse_agents(&bytes, &copy_path)).transpose()?;
        let agents = match (tree, known) {
            (_, Some(known)) if same => known,
            (None, known) => known.unwrap_or_default(),
            (Some(bytes), known) => {
                let known = known.unwrap_or_default();
                let approved = |agent: Agent| {
                    let entry = known.iter().find(|k| k.name.same(agent.name.as_str())).cloned();
                    let entry = entry.unwrap_or_else(|| Agent::new(agent.name.clone()));
                    Agent { name: agent.name, ..entry }
                };
                parse_agents(&bytes, &tree_path)?.into_iter().map(approved).collect()
            }
        };
        let policies = match trust::approved(root, ROLES)? {
            // The sample says what is built in (a test holds it to that): nothing to read.
            Some(bytes) if bytes == SAMPLE_ROLES.as_bytes() => Policies::new(),
            Some(bytes) => policies::parse(&bytes, &trust::approved_path(root, ROLES))?,
            None => Policies::new(),
        };
        Ok(Self { agents: agents.into_iter().map(with_desktop).collect(), policies })
    }

    /// Everyone, in the order of the file.
    #[must_use]
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// One by name, without regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.name.same(name))
    }

    /// Everyone of a role.
    #[must_use]
    pub fn with_role(&self, role: &Role) -> Vec<&Agent> {
        self.agents.iter().filter(|agent| agent.role == *role).collect()
    }

    /// Who leads: the first of role `captain`.
    #[must_use]
    pub fn captain(&self) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.role == Role::captain())
    }

    /// Who acts when nobody is named: a person, the one named as the user of
    /// the machine first.
    #[must_use]
    pub fn default_actor(&self) -> Option<&Agent> {
        let user = os_user();
        let mut humans = self.agents.iter().filter(|agent| agent.is_human());
        humans.clone().find(|agent| agent.name.same(&user)).or_else(|| humans.next())
    }

    /// The name on the roster that is nearest to a misspelt one.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&AgentName> {
        let near = nearest(name, self.agents.iter().map(|agent| agent.name.as_str()))?;
        self.get(near).map(|agent| &agent.name)
    }

    /// What a role may do: the approved `config/roles.yaml` over what is built
    /// in.
    #[must_use]
    pub fn policy(&self, role: &Role) -> Policy<'_> {
        Policy::of(role, &self.policies)
    }

    /// The roles that the approved file names.
    pub fn policies(&self) -> impl Iterator<Item = &Role> {
        self.policies.keys()
    }

    /// Every role there is: built in, named by the file, or held by somebody.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<Role> {
        let built_in = policy::ROLES.iter().filter_map(|role| Role::new(role).ok());
        built_in.chain(self.policies().cloned()).chain(self.agents().iter().map(|agent| agent.role.clone())).collect()
    }

    /// The role of a name: as on the roster; `agent` for a sender without a
    /// mailbox.
    #[must_use]
    pub fn role_of(&self, name: &AgentName) -> Role {
        match self.get(name.as_str()) {
            Some(agent) => agent.role.clone(),
            None if *name == AgentName::system() => Role::system(),
            None => Role::agent(),
        }
    }
}

impl Roster {
    /// What a roster would make the program run, call or type, a line each;
    /// nothing of one that cannot be read.
    #[must_use]
    pub fn acts(bytes: &[u8]) -> Vec<String> {
        let agents = parse_agents(bytes, Path::new(AGENTS)).unwrap_or_default();
        let line = |agent: &Agent, channel: &Channel| {
            let (name, target) = (&agent.name, channel.target.as_deref().unwrap_or("the usual place"));
            match channel.kind {
                ChannelKind::Command => format!("runs for {name}: {}", channel.command.join(" ")),
                ChannelKind::Webhook => format!("calls for {name}: {target}"),
                ChannelKind::Desktop => format!("shows a notification for {name}"),
                kind => format!("types for {name}: {kind} {target}"),
            }
        };
        let of = |agent: &Agent| -> Vec<String> {
            let role = (agent.role != Role::agent()).then(|| format!("gives {} the role {}", agent.name, agent.role));
            role.into_iter().chain(agent.channels.iter().map(|channel| line(agent, channel))).collect()
        };
        agents.iter().flat_map(of).collect()
    }
}

/// A person without a channel is told by the desktop.
pub(super) fn with_desktop(mut agent: Agent) -> Agent {
    if agent.is_human() && agent.channels.is_empty() {
        agent.channels.push(Channel::new(ChannelKind::Desktop));
    }
    agent
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentsFile {
    #[serde(default)]
    agents: Option<Ordered<Option<Entry>>>,
}

/// A map in the order of the file; a key that stands twice is kept twice, and
/// refused by who reads it.
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visit<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("names, each with what belongs to it below")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut found = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    found.push(entry);
                }
                Ok(Ordered(found))
            }
        }
        from.deserialize_map(Visit(std::marker::PhantomData))
    }
}

pub(super) fn parse_agents(bytes: &[u8], path: &Path) -> Result<Vec<Agent>, ConfigError> {
    let text = utf8(bytes, path)?;
    let fault = |name: &str, why: String| ConfigError::invalid(path, line_of(text, name), why);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let file: Option<AgentsFile> = serde_yaml::from_str(text).map_err(|e| ConfigError::yaml(path, &e))?;
    let entries = file.and_then(|f| f.agents).map(|a| a.0).unwrap_or_default();
    let mut agents: Vec<Agent> = Vec::with_capacity(entries.len());
    for (written, entry) in entries {
        let name = check_name(&written).map_err(|why| fault(&written, why))?;
        if let Some(twin) = agents.iter().find(|a| a.name.same(name.as_str())) {
            let why = format!("{written} and {} are one mailbox where case is ignored; remove one", twin.name);
            return Err(fault(&written, why));
        }
        let agent = entry.map_or_else(|| Agent::new(name.clone()), |e| e.named(name.clone()));
        if agent.role == Role::system() {
            return Err(fault(&written, "the role `system` is the program's own; choose another".into()));
        }
        if let Some(channel) = agent.channels.iter().find(|c| c.kind == ChannelKind::Command && c.command.is_empty()) {
            return Err(fault(&written, format!("{written}: channel {} needs `command: [program, …]`", channel.kind)));
        }
        let web = agent.channels.iter().filter(|c| c.kind == ChannelKind::Webhook);
        let wrong = |c: &Channel| !c.target.as_deref().is_some_and(is_address);
        if web.into_iter().any(wrong) {
            let why = "channel webhook needs `target: https://…`, the address that is told";
            return Err(fault(&written, format!("{written}: {why}")));
        }
        agents.push(agent);
    }
    Ok(agents)
}

/// A web address, as far as the roster can tell.
fn is_address(target: &str) -> bool {
    let host = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && target.bytes().all(|b| b.is_ascii_graphic())
}

/// A name that may be on the roster.
pub(super) fn check_name(text: &str) -> Result<AgentName, String> {
    let name = AgentName::new(text).map_err(|e| e.to_string())?;
    if name.is_reserved() {
        return Err(format!("{text} is reserved for senders without a mailbox; choose another name"));
    }
    Ok(name)
}

pub(super) fn utf8<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|_| ConfigError::invalid(path, None, "it is not UTF-8"))
}

/// The last line that begins with a key: of two twins the second is shown.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let is = |line: &str| line.split_once(':').is_some_and(|(key, _)| key.trim().trim_matches(['"', '\'']) == name);
    text.lines().enumerate().filter(|(_, line)| is(line)).last().map(|(at, _)| at + 1)
}
