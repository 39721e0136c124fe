//! Reading `config/roles.yaml`: what it says of each role, and in which line.
//! A key that nobody knows is refused with the nearest one, since a rule that
//! is misspelt would not hold.

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml::Value;

use super::load::{Ordered, utf8};
use crate::config::{ConfigError, nearest};
use crate::model::policy::BROAD_KEYS;
use crate::model::{Kind, Party, Permission, PolicyPart, Rate, Role};

/// What each role may do, as far as the file says.
pub(super) type Policies = BTreeMap<Role, PolicyPart>;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    #[serde(default)]
    roles: Option<Ordered<Option<Ordered<Value>>>>,
}

/// Reads the whole file.
///
/// # Errors
/// Names the line, what is wrong, and the nearest known key.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Policies, ConfigError> {
    let text = utf8(bytes, path)?;
    let file: Option<RolesFile> = serde_yaml::from_str(text).map_err(|e| ConfigError::yaml(path, &e))?;
    let mut policies = Policies::new();
    for (written, entry) in file.and_then(|f| f.roles).map(|r| r.0).unwrap_or_default() {
        let lines = Lines::of(text, &written);
        let fault = |line, why: String| ConfigError::invalid(path, line, why);
        let role = Role::new(&written).map_err(|e| fault(lines.role, e.to_string()))?;
        let mut part = PolicyPart::default();
        let mut burst = None;
        for (key, value) in entry.map(|e| e.0).unwrap_or_default() {
            let line = lines.key(&key);
            let known =
                take(&mut part, &mut burst, &key, &value).map_err(|why| fault(line, format!("`{key}`: {why}")))?;
            let Some(key) = known else {
                let near = nearest(&key, keys()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(fault(line, format!("unknown key `{key}` of the role {written}{near}")));
            };
            if part.lines.insert(key, line.unwrap_or_default()).is_some() {
                return Err(fault(line, format!("`{key}` stands twice in the role {written}; remove one")));
            }
        }
        match (&mut part.rate, burst) {
            (_, None) => {}
            (Some(Some(rate)), Some(burst)) => rate.burst = burst,
            _ => return Err(fault(lines.key("burst"), "`burst` needs a `rate`, as 60/minute".into())),
        }
        if policies.insert(role, part).is_some() {
            return Err(fault(lines.role, format!("the role {written} stands twice; remove one")));
        }
    }
    Ok(policies)
}

fn keys() -> impl Iterator<Item = &'static str> {
    BROAD_KEYS.into_iter().chain(Permission::all().map(Permission::word))
}

/// Takes one key over; gives it as the model names it, or `None` when nobody
/// knows it.
fn take(
    part: &mut PolicyPart,
    burst: &mut Option<u32>,
    key: &str,
    value: &Value,
) -> Result<Option<&'static str>, String> {
    match key {
        "send" => part.send = Some(parties(value)?),
        "kinds" => part.kinds = Some(kinds(value)?),
        "max_priority" => part.max_priority = Some(word(value)?.parse()?),
        "manage" => part.manage = Some(switch(value)?),
        "rate" => {
            part.rate = Some(match word(value)? {
                "none" => None,
                text => Some(Rate::parse(text)?),
            });
        }
        "sign" => part.sign = Some(word(value)?.parse()?),
        "seal" => part.seal = Some(word(value)?.parse()?),
        "forged" => part.forged = Some(word(value)?.parse()?),
        "burst" => {
            let number = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
            *burst = Some(number.ok_or("it is a whole number, 1 or more")?);
        }
        _ => match key.parse::<Permission>() {
            Ok(permission) => {
                part.permissions.insert(permission, switch(value)?);
            }
            Err(_) => return Ok(None),
        },
    }
    Ok(keys().find(|known| *known == key))
}

fn switch(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "it is true or false".to_owned())
}

fn word(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "it is one word".to_owned())
}

/// A list, or one word in its place.
fn words(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Sequence(all) => all.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn parties(value: &Value) -> Result<Vec<Party>, String> {
    if let Some(yes) = value.as_bool() {
        return Ok(if yes { vec![Party::Everyone] } else { Vec::new() });
    }
    let all = words(value).ok_or("it is true, false, or a list as [\"@captain\", Agent-2, \"*\"]")?;
    all.into_iter().map(|one| one.parse::<Party>().map_err(|e| e.to_string())).collect()
}

fn kinds(value: &Value) -> Result<Vec<Kind>, String> {
    let all = words(value).ok_or("it is a list, as [agent_to_agent, agent_to_captain] or [\"*\"]")?;
    if all.contains(&"*") {
        return Ok(Kind::all().collect());
    }
    all.into_iter().map(str::parse).collect()
}

/// The lines of one role's entry: the YAML library keeps none for values.
struct Lines<'a> {
    text: &'a str,
    /// The line of the role, from 1.
    role: Option<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str, role: &str) -> Self {
        let top = |line: &str| line.starts_with([' ', '\t']) && key_of(line) == Some(role);
        Self { text, role: text.lines().position(top).map(|at| at + 1) }
    }

    /// The line of a key in the entry; that of the role when both share one.
    fn key(&self, key: &str) -> Option<usize> {
        let first = self.role?;
        let indent = |line: &str| line.len() - line.trim_start().len();
        let depth = self.text.lines().nth(first - 1).map_or(0, indent);
        let inside = |line: &&str| line.trim().is_empty() || indent(line) > depth;
        let found = self.text.lines().skip(first).take_while(inside).position(|line| key_of(line) == Some(key));
        Some(found.map_or(first, |at| first + at + 1))
    }
}

fn key_of(line: &str) -> Option<&str> {
    line.split_once(':').map(|(key, _)| key.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Policy, Priority};

    fn read(text: &str) -> Result<Policies, String> {
        parse(text.as_bytes(), Path::new("config/roles.yaml")).map_err(|e| e.to_string())
    }

    #[test]
    fn every_key_is_read_with_its_line() {
        let text = "# who\nroles:\n  agent: {max_priority: urgent, send: true}\n  painter:\n    send: [\"@captain\", Agent-2]\n    kinds: [agent_to_captain]\n    # slow\n    rate: 60/hour\n    burst: 5\n    restore: true\n";
        let policies = read(text).unwrap();
        let painter = Role::new("painter").unwrap();
        let policy = Policy::of(&painter, &policies);
        let (to, rule) = policy.send();
        assert_eq!((Party::list(to).as_str(), rule.line), ("[@captain, Agent-2]", Some(5)));
        assert_eq!((policy.kinds().0, policy.kinds().1.line), (&[Kind::AgentToCaptain][..], Some(6)));
        let (rate, rule) = policy.rate();
        assert_eq!((rate.unwrap().burst, rule.line, rule.value.as_str()), (5, Some(8), "60/hour, burst 5"));
        assert_eq!(policy.may(Permission::Restore), (true, policy.may(Permission::Restore).1));
        assert_eq!(policy.may(Permission::Restore).1.line, Some(10));
        assert_eq!(
            policy.max_priority().1.to_string(),
            "agent: max_priority: urgent, config/roles.yaml:3, as approved"
        );
        assert_eq!(policy.max_priority().0, Priority::Urgent);
        assert!(read("").unwrap().is_empty() && read("roles:\n  agent:\n").unwrap().len() == 1);
    }

    #[test]
    fn the_keys_of_earlier_versions_are_read() {
        let text =
            "roles:\n  agent: {max_priority: normal, send: false, broadcast: false, manage: true, read_others: true}\n";
        let policies = read(text).unwrap();
        let policy = Policy::of(&Role::agent(), &policies);
        assert!(policy.send().0.is_empty() && policy.manage().0 && !policy.may(Permission::Broadcast).0);
        assert!(policy.may(Permission::ReadOthers).0);
    }

    #[test]
    fn what_cannot_hold_is_refused_with_its_line_and_what_to_write() {
        for (entry, line, word) in [
            ("  agent:\n    sned: true", 3, "did you mean `send`?"),
            ("  agent:\n    restroe: true", 3, "did you mean `restore`?"),
            ("  agent: {zzz: true}", 2, "unknown key `zzz` of the role agent"),
            ("  agent:\n    send: 3", 3, "\"@captain\""),
            ("  agent:\n    send: [\"@../x\"]", 3, "not an address"),
            ("  agent:\n    kinds: [shout]", 3, "not a kind"),
            ("  agent:\n    max_priority: high", 3, "normal, urgent or critical"),
            ("  agent:\n    rate: 60/day", 3, "60/minute"),
            ("  agent:\n    burst: 4", 3, "needs a `rate`"),
            ("  agent:\n    rate: 6/hour\n    burst: 0", 4, "1 or more"),
            ("  agent:\n    trust: maybe", 3, "true or false"),
            ("  agent:\n    send: true\n    send: false", 4, "twice"),
            ("  agent: {}\n  Agent: {}", 3, "twice"),
            ("  all: {}", 2, "no role"),
        ] {
            let error = read(&format!("roles:\n{entry}\n")).unwrap_err();
            assert!(error.contains(word), "{entry}: {error}");
            // Of two that are one, the line of either helps.
            assert!(word == "twice" || error.contains(&format!("roles.yaml:{line}:")), "{entry}: {error}");
        }
    }
}
