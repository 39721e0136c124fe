//! What a role may do, and which rule says so.
//!
//! Two broad switches, `send` and `manage`, and a key for each permission,
//! which overrides them. Parts are laid over each other: what the file says of
//! the role, then what is built in. A role that is not built in is treated as
//! `agent`: what the file says of `agent` comes between. Each answer names the
//! key, the role and the line it stands in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Serialize, Serializer};

use super::{Kind, OnForged, Party, Permission, Priority, Rate, Role, Sealing, Signing};

/// Where rules are written, from the root; for what is said about them.
const FILE: &str = "config/roles.yaml";

/// The keys of a role that are no permissions.
pub const BROAD_KEYS: [&str; 9] =
    ["send", "kinds", "max_priority", "manage", "rate", "burst", "sign", "seal", "forged"];

/// What one source says of a role; what it leaves out, the next one says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyPart {
    /// To whom it may send; empty: to nobody.
    pub send: Option<Vec<Party>>,
    /// Which kinds of mail.
    pub kinds: Option<Vec<Kind>>,
    /// Highest priority that is delivered as asked; above it is lowered.
    pub max_priority: Option<Priority>,
    /// Whether it manages: stands in for every permission that is not named,
    /// but for `broadcast`.
    pub manage: Option<bool>,
    /// Permissions by name.
    pub permissions: BTreeMap<Permission, bool>,
    /// How many messages in a time; `Some(None)`: as many as it likes.
    pub rate: Option<Option<Rate>>,
    /// Whether what it sends is signed.
    pub sign: Option<Signing>,
    /// Whether what it sends is sealed.
    pub seal: Option<Sealing>,
    /// What becomes of forged mail in its inbox.
    pub forged: Option<OnForged>,
    /// The line of each key, from 1; none where it is built in.
    pub lines: BTreeMap<&'static str, usize>,
}

/// The rule that an answer follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The role in whose entry it stands: one's own, or `agent`.
    pub role: Role,
    /// The key.
    pub key: &'static str,
    /// Its value, as written.
    pub value: String,
    /// Its line in the approved `config/roles.yaml`; `None`: built in.
    pub line: Option<usize>,
}

impl Rule {
    /// Where it stands, for a person.
    #[must_use]
    pub fn origin(&self) -> String {
        self.line.map_or_else(|| "built in".to_owned(), |line| format!("{FILE}:{line}, as approved"))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, key, value, .. } = self;
        write!(f, "{role}: {key}: {value}, {}", self.origin())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = to.serialize_map(Some(5))?;
        map.serialize_entry("role", &self.role)?;
        map.serialize_entry("key", self.key)?;
        map.serialize_entry("value", &self.value)?;
        map.serialize_entry("line", &self.line)?;
        map.serialize_entry("origin", &self.origin())?;
        map.end()
    }
}

/// What is built in for a role.
#[derive(Debug)]
struct BuiltIn {
    send: Vec<Party>,
    kinds: Vec<Kind>,
    max_priority: Priority,
    manage: bool,
    broadcast: bool,
}

impl BuiltIn {
    fn of(name: &str) -> Self {
        let agent = Self {
            send: vec![Party::Everyone],
            kinds: Kind::all().collect(),
            max_priority: Priority::Normal,
            manage: false,
            broadcast: true,
        };
        match name {
            "captain" | "human" | "operator" | "system" => {
                Self { max_priority: Priority::Critical, manage: true, ..agent }
            }
            "reviewer" => Self { max_priority: Priority::Urgent, ..agent },
            "observer" => Self { send: Vec::new(), broadcast: false, ..agent },
            _ => agent,
        }
    }
}

static AGENT: LazyLock<(Role, BuiltIn)> = LazyLock::new(|| (Role::agent(), BuiltIn::of("agent")));

static BUILT_IN: LazyLock<BTreeMap<Role, BuiltIn>> = LazyLock::new(|| {
    let names = ["captain", "reviewer", "observer", "operator", "human", "system"];
    names.iter().filter_map(|name| Some((Role::new(name).ok()?, BuiltIn::of(name)))).collect()
});

/// The roles that are built in and may stand on the roster.
pub const ROLES: [&str; 6] = ["captain", "agent", "reviewer", "observer", "operator", "human"];

/// What a role may do: what the file says, the nearest first, over what is
/// built in.
#[derive(Debug, Clone)]
pub struct Policy<'a> {
    stated: Vec<(&'a Role, &'a PolicyPart)>,
    base: (&'a Role, &'a BuiltIn),
}

impl<'a> Policy<'a> {
    /// The policy of a role, where a file says this of some roles.
    #[must_use]
    pub fn of(role: &Role, file: &'a BTreeMap<Role, PolicyPart>) -> Self {
        let mut stated: Vec<_> = file.get_key_value(role).into_iter().collect();
        let base = BUILT_IN.get_key_value(role).unwrap_or_else(|| {
            let (agent, built_in) = &*AGENT;
            if role != agent {
                stated.extend(file.get_key_value(agent));
            }
            (agent, built_in)
        });
        Self { stated, base }
    }

    /// To whom it may send.
    #[must_use]
    pub fn send(&self) -> (&'a [Party], Rule) {
        self.broad("send", |p| p.send.as_deref(), self.base.1.send.as_slice(), |list| Party::list(list))
    }

    /// Which kinds of mail.
    #[must_use]
    pub fn kinds(&self) -> (&'a [Kind], Rule) {
        self.broad("kinds", |p| p.kinds.as_deref(), self.base.1.kinds.as_slice(), |kinds| kinds_text(kinds))
    }

    /// The highest priority that is delivered as asked.
    #[must_use]
    pub fn max_priority(&self) -> (Priority, Rule) {
        self.broad("max_priority", |p| p.max_priority, self.base.1.max_priority, Priority::to_string)
    }

    /// Whether it manages.
    #[must_use]
    pub fn manage(&self) -> (bool, Rule) {
        self.broad("manage", |p| p.manage, self.base.1.manage, bool::to_string)
    }

    /// How often it may send.
    #[must_use]
    pub fn rate(&self) -> (Option<Rate>, Rule) {
        let text = |rate: &Option<Rate>| match rate {
            Some(rate) if rate.burst == rate.count => rate.to_string(),
            Some(rate) => format!("{rate}, burst {}", rate.burst),
            None => "none".to_owned(),
        };
        self.broad("rate", |p| p.rate, None, text)
    }

    /// Whether what it sends is signed.
    #[must_use]
    pub fn sign(&self) -> (Signing, Rule) {
        self.broad("sign", |p| p.sign, Signing::default(), |sign| sign.word().to_owned())
    }

    /// Whether what it sends is sealed.
    #[must_use]
    pub fn seal(&self) -> (Sealing, Rule) {
        self.broad("seal", |p| p.seal, Sealing::default(), |seal| seal.word().to_owned())
    }

    /// What becomes of forged mail in its inbox.
    #[must_use]
    pub fn forged(&self) -> (OnForged, Rule) {
        self.broad("forged", |p| p.forged, OnForged::default(), |forged| forged.word().to_owned())
    }

    /// Whether it has a permission: the nearest part that names it, or the
    /// broad switch that it follows there.
    #[must_use]
    pub fn may(&self, permission: Permission) -> (bool, Rule) {
        let word = permission.word();
        // Looking after one's own work goes with sending; the rest is for who manages.
        let with_send = matches!(permission, Permission::Ring | Permission::Snapshot);
        for (role, part) in &self.stated {
            if let Some(yes) = part.permissions.get(&permission) {
                return (*yes, stated(role, part, word, yes.to_string()));
            }
            let follows = part.manage.is_some() || with_send && part.send.is_some();
            if follows && permission != Permission::Broadcast {
                return self.followed(with_send);
            }
        }
        if permission == Permission::Broadcast {
            let yes = self.base.1.broadcast;
            return (yes, self.built_in(word, yes.to_string()));
        }
        self.followed(with_send)
    }

    fn followed(&self, with_send: bool) -> (bool, Rule) {
        let managing = self.manage();
        if !with_send || managing.0 {
            return managing;
        }
        let (to, rule) = self.send();
        (!to.is_empty(), rule)
    }

    fn broad<T>(
        &self,
        key: &'static str,
        get: impl Fn(&'a PolicyPart) -> Option<T>,
        base: T,
        text: impl Fn(&T) -> String,
    ) -> (T, Rule) {
        let said = self.stated.iter().find_map(|(role, part)| Some((role, part, get(part)?)));
        match said {
            Some((role, part, value)) => {
                let rule = stated(role, part, key, text(&value));
                (value, rule)
            }
            None => {
                let rule = self.built_in(key, text(&base));
                (base, rule)
            }
        }
    }

    fn built_in(&self, key: &'static str, value: String) -> Rule {
        Rule { role: self.base.0.clone(), key, value, line: None }
    }
}

fn stated(role: &Role, part: &PolicyPart, key: &'static str, value: String) -> Rule {
    Rule { role: role.clone(), key, value, line: part.lines.get(key).copied() }
}

fn kinds_text(kinds: &[Kind]) -> String {
    if Kind::all().all(|kind| kinds.contains(&kind)) {
        return "[*]".to_owned();
    }
    format!("[{}]", kinds.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> Role {
        Role::new(name).unwrap()
    }

    fn file(parts: &[(&str, PolicyPart)]) -> BTreeMap<Role, PolicyPart> {
        parts.iter().map(|(name, part)| (role(name), part.clone())).collect()
    }

    fn granted(name: &str, file: &BTreeMap<Role, PolicyPart>) -> Vec<&'static str> {
        let role = role(name);
        let policy = Policy::of(&role, file);
        Permission::all().filter(|p| policy.may(*p).0).map(Permission::word).collect()
    }

    #[test]
    fn what_is_built_in() {
        let none = BTreeMap::new();
        for managing in ["captain", "human", "operator", "system"] {
            assert_eq!(granted(managing, &none).len(), 11, "{managing}");
        }
        for working in ["agent", "reviewer", "painter"] {
            assert_eq!(granted(working, &none), ["broadcast", "ring", "snapshot"], "{working}");
        }
        assert!(granted("observer", &none).is_empty());
    }

    #[test]
    fn the_nearest_part_decides_and_a_named_permission_overrides_the_switch() {
        let manages = PolicyPart { manage: Some(true), ..PolicyPart::default() };
        let but_no_trust =
            PolicyPart { permissions: [(Permission::Trust, false)].into(), lines: [("trust", 7)].into(), ..manages };
        let silent = PolicyPart { send: Some(vec![]), lines: [("send", 9)].into(), ..PolicyPart::default() };
        let file = file(&[("painter", but_no_trust), ("agent", silent.clone()), ("captain", silent)]);
        let (painter, writer) = (role("painter"), role("writer"));
        let of_painter = Policy::of(&painter, &file);
        let (yes, rule) = of_painter.may(Permission::Trust);
        assert_eq!(
            (yes, rule.to_string().as_str()),
            (false, "painter: trust: false, config/roles.yaml:7, as approved")
        );
        assert!(of_painter.may(Permission::Restore).0 && of_painter.may(Permission::Ring).0);
        // What it does not say is what `agent` may; so it is for a role that is not listed.
        assert_eq!(of_painter.send().1.line, Some(9));
        let of_writer = Policy::of(&writer, &file);
        let (yes, rule) = of_writer.may(Permission::Ring);
        assert_eq!((yes, rule.to_string().as_str()), (false, "agent: send: [], config/roles.yaml:9, as approved"));
        // A captain who may not write still manages, and so may ring.
        let captain = role("captain");
        let of_captain = Policy::of(&captain, &file);
        assert!(of_captain.send().0.is_empty() && of_captain.may(Permission::Ring).0);
        assert_eq!(of_captain.may(Permission::Ring).1.to_string(), "captain: manage: true, built in");
    }
}
