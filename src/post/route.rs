//! From addresses to mailboxes.

use crate::model::{Address, AgentName, Role};

use super::{PostError, Result};

/// Somebody who can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mate {
    /// The name, as on the roster.
    pub name: AgentName,
    /// The role.
    pub role: Role,
}

/// The mailboxes that the addresses mean, each once, in the order written. A
/// group leaves out the sender; an agent may write to itself by name. `load`
/// tells how much waits for an agent, for `any:@role`.
///
/// # Errors
/// [`PostError::Route`] names the address that leads nowhere.
pub fn resolve(
    addresses: &[Address],
    from: &AgentName,
    mates: &[Mate],
    load: impl Fn(&AgentName) -> usize,
) -> Result<Vec<AgentName>> {
    let mut found: Vec<AgentName> = Vec::new();
    let others = |role: Option<&Role>| -> Vec<&Mate> {
        mates.iter().filter(|m| !from.same(m.name.as_str()) && role.is_none_or(|r| m.role == *r)).collect()
    };
    for address in addresses {
        let meant: Vec<AgentName> = match address {
            Address::Agent(name) => {
                let mate = mates.iter().find(|m| m.name.same(name.as_str())).ok_or_else(|| unknown(name, mates))?;
                vec![mate.name.clone()]
            }
            Address::All => others(None).into_iter().map(|m| m.name.clone()).collect(),
            Address::Role(role) => others(Some(role)).into_iter().map(|m| m.name.clone()).collect(),
            Address::Any(role) => others(Some(role))
                .into_iter()
                .min_by_key(|m| load(&m.name))
                .map(|m| m.name.clone())
                .into_iter()
                .collect(),
        };
        if meant.is_empty() {
            return Err(PostError::Route(format!("nobody but the sender answers to {address}")));
        }
        for name in meant {
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    Ok(found)
}

fn unknown(name: &AgentName, mates: &[Mate]) -> PostError {
    let known: Vec<&str> = mates.iter().map(|m| m.name.as_str()).collect();
    PostError::Route(format!("{name} is not on the roster; there are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mates() -> Vec<Mate> {
        [("Agent-1", "agent"), ("Agent-2", "reviewer"), ("Agent-3", "reviewer"), ("Agent-4", "captain")]
            .map(|(name, role)| Mate { name: AgentName::new(name).unwrap(), role: Role::new(role).unwrap() })
            .to_vec()
    }

    fn names(to: &str, from: &str) -> std::result::Result<String, String> {
        let load = |name: &AgentName| if name.as_str() == "Agent-2" { 5 } else { 1 };
        let from = AgentName::new(from).unwrap();
        resolve(&Address::parse_list(to).unwrap(), &from, &mates(), load)
            .map(|v| v.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn groups_leave_out_the_sender_and_nobody_is_named_twice() {
        assert_eq!(names("@all,Agent-2", "Agent-1").unwrap(), "Agent-2 Agent-3 Agent-4");
        assert_eq!(names("@reviewer", "Agent-2").unwrap(), "Agent-3");
        assert_eq!(names("any:@reviewer", "Agent-1").unwrap(), "Agent-3");
        assert_eq!(names("agent-1", "Agent-1").unwrap(), "Agent-1");
        assert!(names("@captain", "Agent-4").unwrap_err().contains("@captain"));
        assert!(names("Agent-9", "Agent-4").unwrap_err().contains("not on the roster"));
    }
}
