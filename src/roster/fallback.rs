//! The roster when one of its files cannot be read: what was last good.
//!
//! Names may come from anywhere, roles, channels and policies only from texts
//! outside the tree, so a broken file in the tree grants nobody anything.

use super::agent::Agent;
use super::load::{parse_agents, with_desktop};
use super::policies::{self, Policies};
use super::{Coordinates, Roster};
use crate::config::good::{Side, keep, kept, kept_path};
use crate::config::{AGENTS, COORDINATES, ConfigError, ConfigFault, ROLES, Root, SAMPLE_ROLES, trust};

impl Roster {
    /// The roster in force: as [`load`](Self::load) reads it, at no further
    /// cost; where a file cannot be used, from its last good text, then
    /// without it.
    #[must_use]
    pub fn in_force(root: &Root) -> (Self, Vec<ConfigFault>) {
        match Self::load(root) {
            Ok(roster) => (roster, Vec::new()),
            Err(_) => fall_back(root),
        }
    }

    /// Says whether bytes could stand as this file of the roster; true for
    /// files that are none of it.
    ///
    /// # Errors
    /// Names the line and what is wrong.
    pub fn check(root: &Root, relative: &str, bytes: &[u8]) -> Result<(), ConfigError> {
        let path = root.path().join(relative);
        match relative {
            AGENTS => parse_agents(bytes, &path).map(drop),
            ROLES => policies::parse(bytes, &path).map(drop),
            COORDINATES => Coordinates::parse(bytes, &path).map(drop),
            _ => Ok(()),
        }
    }

    /// Keeps each text of the roster that can be used, for when it no longer
    /// can.
    ///
    /// # Errors
    /// When a copy cannot be written.
    pub fn keep_good(root: &Root) -> Result<(), ConfigError> {
        let texts = [
            (Side::Tree, AGENTS, root.read(AGENTS)),
            (Side::Approved, AGENTS, trust::approved(root, AGENTS)),
            (Side::Approved, ROLES, trust::approved(root, ROLES)),
        ];
        for (side, relative, text) in texts {
            if let Ok(Some(bytes)) = text
                && Self::check(root, relative, &bytes).is_ok()
            {
                keep(root, side, relative, &bytes)?;
            }
        }
        Ok(())
    }
}

fn fall_back(root: &Root) -> (Roster, Vec<ConfigFault>) {
    let mut faults = Vec::new();
    let approved_path = |relative| trust::approved_path(root, relative);
    // Reads a text; one that cannot be used is noted and its last good one taken.
    fn take<T: Default>(
        root: &Root,
        (side, relative): (Side, &'static str),
        text: Result<T, ConfigError>,
        parse: impl Fn(&[u8]) -> Option<T>,
        faults: &mut Vec<ConfigFault>,
    ) -> T {
        text.unwrap_or_else(|e| {
            let good = kept(root, side, relative).and_then(|bytes| parse(&bytes));
            faults.push(ConfigFault::of_file(root, side, relative, &e, good.is_some()));
            good.unwrap_or_default()
        })
    }
    let parse = |side| move |bytes: &[u8]| parse_agents(bytes, &kept_path(root, side, AGENTS)).ok();
    let agents = |bytes: Option<Vec<u8>>, path| bytes.map_or(Ok(Vec::new()), |bytes| parse_agents(&bytes, path));

    let path = approved_path(AGENTS);
    let text = trust::approved(root, AGENTS).and_then(|bytes| agents(bytes, &path));
    let known: Vec<Agent> = take(root, (Side::Approved, AGENTS), text, parse(Side::Approved), &mut faults);

    let broken = faults.len();
    let path = root.path().join(AGENTS);
    let text = root.read(AGENTS).and_then(|bytes| bytes.map_or(Ok(known.clone()), |b| agents(Some(b), &path)));
    let mut listed: Vec<Agent> = take(root, (Side::Tree, AGENTS), text, parse(Side::Tree), &mut faults);
    if faults.len() > broken {
        // Who was added by command stands in the approved copy, and may be newer than the last good text.
        let missing: Vec<Agent> =
            known.iter().filter(|k| !listed.iter().any(|l| l.name.same(k.name.as_str()))).cloned().collect();
        listed.extend(missing);
    }
    let trusted = |agent: Agent| {
        let entry = known.iter().find(|k| k.name.same(agent.name.as_str())).cloned();
        Agent { name: agent.name.clone(), ..entry.unwrap_or_else(|| Agent::new(agent.name)) }
    };

    let path = approved_path(ROLES);
    let text = trust::approved(root, ROLES).and_then(|bytes| match bytes {
        Some(bytes) if bytes != SAMPLE_ROLES.as_bytes() => policies::parse(&bytes, &path),
        // The sample says what is built in.
        _ => Ok(Policies::new()),
    });
    let policies = take(
        root,
        (Side::Approved, ROLES),
        text,
        |bytes| policies::parse(bytes, &kept_path(root, Side::Approved, ROLES)).ok(),
        &mut faults,
    );
    let agents = listed.into_iter().map(trusted).map(with_desktop).collect();
    (Roster { agents, policies }, faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;
    use crate::model::Role;

    #[test]
    fn a_broken_roster_grants_nothing_and_forgets_nobody() {
        let home = Home::new();
        let root = home.root();
        let good = String::from_utf8(root.read(AGENTS).unwrap().unwrap()).unwrap();
        home.write(AGENTS, &format!("{good}  Extra:\n    role: captain\n"));
        Roster::keep_good(&root).unwrap();
        let before = Roster::load(&root).unwrap();
        for broken in ["agents: [", "agents:\n  a/b:\n    role: captain\n", "agents:\n  Evil:\n    rule: captain\n"] {
            home.write(AGENTS, broken);
            Roster::keep_good(&root).unwrap();
            let (roster, faults) = Roster::in_force(&root);
            assert_eq!(roster, before, "{broken}");
            assert_eq!(faults.len(), 1);
            assert_eq!(faults[0].restorable, Some(AGENTS));
        }
        assert_eq!(before.get("extra").unwrap().role, Role::agent());
    }

    #[test]
    fn broken_approved_copies_leave_the_last_good_ones_in_force() {
        let home = Home::new();
        let root = home.root();
        trust::approve_bytes(&root, ROLES, b"roles:\n  agent:\n    send: false\n").unwrap();
        Roster::keep_good(&root).unwrap();
        let before = Roster::load(&root).unwrap();
        trust::approve_bytes(&root, ROLES, b"roles: 3\n").unwrap();
        trust::approve_bytes(&root, AGENTS, b"agents:\n  CON:\n").unwrap();
        Roster::keep_good(&root).unwrap();
        let (roster, faults) = Roster::in_force(&root);
        assert_eq!(roster, before);
        assert!(roster.policy(&Role::agent()).send().0.is_empty());
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults.iter().all(|f| f.kept && f.restorable.is_none() && f.fix.contains("cellphone trust")));
    }
}
