//! A mode: which agent takes which role and duty for a sort of work, for the
//! whole team at once. Data like the sequences (`config/onboarding/modes/`),
//! used as the approved copy only.
//!
//! Everything that can be told beforehand is, for all of them: a mode that
//! cannot be carried out changes nobody. Then one after the other, the captain
//! first; one whose window is busy keeps nobody waiting but itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::texts::{Texts, approved, file};
use super::{OnboardRequest, Onboarded, StepDone};
use crate::config::trust;
use crate::model::{AgentName, Permission, Role};
use crate::office::{ErrorKind, Office, OfficeError, Result};

const FOLDER: &str = "config/onboarding/modes/";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ModeRequest {
    /// A file of `config/onboarding/modes`.
    pub mode: String,
    /// A file of `config/onboarding/styles`.
    pub style: String,
    /// A sequence of `config/onboarding`: `soft` or `hard`.
    pub way: String,
    /// How long a closed gate is waited for, all steps of one agent together.
    pub patience: Duration,
    /// Look only; nothing is sent, changed or typed.
    pub dry_run: bool,
}

/// What a mode makes of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignment {
    /// The role it takes.
    pub(super) role: Role,
    /// What it is for, in the second person.
    pub(super) duty: String,
}

/// A mode as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mode {
    /// What it is for.
    about: String,
    /// Who becomes what, in the order of the file.
    agents: Vec<(AgentName, Assignment)>,
}

/// How one agent of a mode fared.
#[derive(Debug, Clone, Serialize)]
pub struct ModeStep {
    /// Who.
    pub agent: AgentName,
    /// The role of the mode.
    pub role: Role,
    /// What was done; `None` when it was not, or not all.
    pub done: Option<Onboarded>,
    /// Why not.
    pub why: Option<String>,
    /// Whether it may work later.
    pub later: bool,
}

/// What became of a mode.
#[derive(Debug, Clone, Serialize)]
pub struct ModeDone {
    /// Its name.
    pub mode: String,
    /// What it is for.
    pub about: String,
    /// Each agent of it that is on the roster.
    pub agents: Vec<ModeStep>,
    /// Agents of it that are not on the roster.
    pub absent: Vec<AgentName>,
}

impl Mode {
    /// Reads a mode.
    ///
    /// # Errors
    /// For a person: what is wrong.
    fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            about: String,
            agents: serde_yaml::Mapping,
        }
        let written: Written = serde_yaml::from_slice(bytes).map_err(|e| e.to_string())?;
        let one = |(name, value): (serde_yaml::Value, serde_yaml::Value)| {
            let name: AgentName = serde_yaml::from_value(name).map_err(|e| e.to_string())?;
            let assigned: Assignment = serde_yaml::from_value(value).map_err(|e| format!("{name}: {e}"))?;
            if assigned.role == Role::human() || assigned.role == Role::system() {
                return Err(format!("{name}: only agents are onboarded, not a {}", assigned.role));
            }
            Ok((name, assigned))
        };
        let agents = written.agents.into_iter().map(one).collect::<std::result::Result<Vec<_>, String>>()?;
        let leads = agents.iter().filter(|(_, a)| a.role == Role::captain()).count();
        match leads {
            0 | 1 if !agents.is_empty() => Ok(Self { about: written.about, agents }),
            0 | 1 => Err("it names no agents".into()),
            more => Err(format!("it names {more} captains; a team has one")),
        }
    }

    fn captain(&self) -> Option<&AgentName> {
        self.agents.iter().find(|(_, a)| a.role == Role::captain()).map(|(name, _)| name)
    }
}

/// Whether a file that is to be approved could be used, if it is a mode.
///
/// # Errors
/// For a person: what is wrong.
pub(in crate::office) fn check(path: &str, bytes: &[u8]) -> std::result::Result<(), String> {
    if !path.starts_with(FOLDER) {
        return Ok(());
    }
    Mode::parse(bytes).map(drop).map_err(|why| format!("{path}: {why}"))
}

impl Office {
    /// Gives every agent of a mode its place. Tells each step as it ends.
    ///
    /// # Errors
    /// The actor may not, there is no such mode, a text is missing, or none of
    /// its agents is on the roster: nothing was changed then.
    pub fn onboard_mode(&self, request: &ModeRequest, told: &mut dyn FnMut(&AgentName, &StepDone)) -> Result<ModeDone> {
        self.may(Permission::Onboard)?;
        let mode = self.mode(&request.mode)?;
        let (mut present, absent): (Vec<_>, Vec<_>) =
            mode.agents.iter().cloned().partition(|(name, _)| self.roster().get(name.as_str()).is_some());
        // Whoever leads knows its place before the others are told of it.
        present.sort_by_key(|(_, assigned)| assigned.role != Role::captain());
        if present.is_empty() {
            let why = format!("nobody of the mode {} is on the roster", request.mode);
            return Err(OfficeError::new(ErrorKind::NotFound, why).hint("cellphone agents list"));
        }
        let asked: Vec<OnboardRequest> = present
            .iter()
            .map(|(name, assigned)| OnboardRequest {
                agent: name.clone(),
                role: Some(assigned.role.clone()),
                duty: Some(assigned.duty.clone()),
                captain: mode.captain().cloned(),
                style: request.style.clone(),
                way: request.way.clone(),
                patience: request.patience,
                dry_run: request.dry_run,
            })
            .collect();
        for one in &asked {
            self.foresee(one)?;
        }
        let steps = asked.iter().map(|one| self.onboard_one(one, &mut |step| told(&one.agent, step))).collect();
        let absent = absent.into_iter().map(|(name, _)| name).collect();
        Ok(ModeDone { mode: request.mode.clone(), about: mode.about, agents: steps, absent })
    }

    /// Refuses what can be told of one of them before any is changed.
    fn foresee(&self, request: &OnboardRequest) -> Result<()> {
        let agent = self.entry(&request.agent)?;
        let role = request.role.clone().unwrap_or_else(|| agent.role.clone());
        if role != agent.role {
            self.may(Permission::Roster)?;
        }
        Texts::read(self, &agent, &role, request).map(drop)
    }

    fn onboard_one(&self, request: &OnboardRequest, told: &mut dyn FnMut(&StepDone)) -> ModeStep {
        let role = request.role.clone().unwrap_or_else(Role::agent);
        let step = |done, why, later| ModeStep { agent: request.agent.clone(), role, done, why, later };
        match self.onboard(request, told) {
            Ok(done) => step(Some(done), None, false),
            Err(e) => step(None, Some(e.to_string()), e.kind == ErrorKind::TryAgain),
        }
    }

    fn mode(&self, name: &str) -> Result<Mode> {
        let path = file(name, "modes/", "yaml")?;
        let bytes = approved(self, &path).map_err(|e| match e.kind {
            ErrorKind::NotFound => {
                let known = self.modes().join(", ");
                OfficeError::new(ErrorKind::NotFound, format!("there is no mode {name}; there are {known}"))
                    .hint(format!("write {path} like the others and run `cellphone trust`"))
            }
            _ => e,
        })?;
        Mode::parse(&bytes).map_err(|why| {
            OfficeError::new(ErrorKind::Refused, format!("{path}: {why}"))
                .hint(format!("edit {path} and run `cellphone trust`"))
        })
    }

    /// The modes that are approved, by name.
    #[must_use]
    pub fn modes(&self) -> Vec<String> {
        let items = trust::status(self.root()).unwrap_or_default();
        let known = items.iter().filter(|item| item.state != trust::TrustState::New);
        known.filter_map(|item| Some(item.path.strip_prefix(FOLDER)?.strip_suffix(".yaml")?.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [(&str, &str); 6] = [
        ("bootstrap_cli", include_str!("../../../config/onboarding/modes/bootstrap_cli.yaml")),
        ("compliance_refactor_v2", include_str!("../../../config/onboarding/modes/compliance_refactor_v2.yaml")),
        ("memory_nexus", include_str!("../../../config/onboarding/modes/memory_nexus.yaml")),
        ("production_ready", include_str!("../../../config/onboarding/modes/production_ready.yaml")),
        ("enterprise_deploy", include_str!("../../../config/onboarding/modes/enterprise_deploy.yaml")),
        ("live_ops_growth", include_str!("../../../config/onboarding/modes/live_ops_growth.yaml")),
    ];

    #[test]
    fn the_six_modes_give_each_of_eight_agents_a_duty_of_its_own() {
        let mut duties = std::collections::BTreeSet::new();
        for (name, text) in MODES {
            let mode = Mode::parse(text.as_bytes()).unwrap();
            assert_eq!(mode.captain().unwrap().as_str(), "Agent-4", "{name}");
            let names: Vec<&str> = mode.agents.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, (1..=8).map(|n| format!("Agent-{n}")).collect::<Vec<_>>(), "{name}");
            for (agent, assigned) in mode.agents {
                assert!((80..400).contains(&assigned.duty.len()), "{name}: {agent}: {}", assigned.duty);
                assert!(duties.insert(assigned.duty), "{name}: {agent} does what another one does");
            }
        }
        assert_eq!(duties.len(), 48);
    }

    #[test]
    fn what_is_no_mode_is_refused_with_what_is_wrong() {
        for (text, word) in [
            ("about: x\nagents: {}", "no agents"),
            ("agents: {A: {role: agent, duty: x}}", "about"),
            ("about: x\nagents: {A: {role: agent}}", "A: missing field `duty`"),
            ("about: x\nagents: {A: {role: agent, duty: x, run: y}}", "unknown field `run`"),
            ("about: x\nagents: {../x: {role: agent, duty: x}}", "not an agent name"),
            ("about: x\nagents: {A: {role: human, duty: x}}", "only agents"),
            ("about: x\nagents: {A: {role: captain, duty: x}, B: {role: captain, duty: y}}", "2 captains"),
        ] {
            let error = Mode::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
