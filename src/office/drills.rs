//! Drills as the surfaces ask for them: permission, which scenarios, the plan
//! for this root, and running one.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::snapshots::Place;
use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::ConfigError;
use crate::continuity::drill::{self, Asked, NoDrill};
use crate::continuity::runbook::{self, Values};
use crate::continuity::scenario::Scenario;
use crate::continuity::{find_scenario, new_scenario, scenario_names};
use crate::model::Permission;
use crate::snapshot::of_root;

pub use crate::continuity::outcome::{Outcome, Phase, Tier};
pub use crate::continuity::runbook::{Plan, PlanStep};

/// What a person puts in, who the disaster tells to them.
const BLANKS: [(&str, &str); 4] = [("agent", "AGENT"), ("other", "OTHER"), ("copy", "COPY"), ("key", "KEY")];

impl From<NoDrill> for OfficeError {
    fn from(e: NoDrill) -> Self {
        let error = Self::new(ErrorKind::TryAgain, e.to_string());
        error.hint("wait until it has ended: cellphone drill history")
    }
}

fn of_scenario(e: ConfigError) -> OfficeError {
    let kind = match &e {
        ConfigError::NotFound(_) => ErrorKind::NotFound,
        ConfigError::Refused(_) => ErrorKind::Refused,
        _ => ErrorKind::Failed,
    };
    OfficeError::new(kind, e.to_string()).hint("cellphone drill list")
}

impl Office {
    /// The scenarios in force, sorted by name; one that cannot be used is named
    /// with the reason.
    ///
    /// # Errors
    /// When the approved copies cannot be listed.
    pub fn drill_scenarios(&self) -> Result<Vec<std::result::Result<Scenario, (String, String)>>> {
        let names = scenario_names(self.root())?;
        Ok(names.into_iter().map(|name| find_scenario(self.root(), &name).map_err(|e| (name, e.to_string()))).collect())
    }

    /// The scenario in force under a name.
    ///
    /// # Errors
    /// There is none, or it waits for approval.
    pub fn drill_scenario(&self, name: &str) -> Result<Scenario> {
        find_scenario(self.root(), name).map_err(of_scenario)
    }

    /// How often each scenario must be drilled.
    ///
    /// # Errors
    /// When the approved copies cannot be listed.
    pub fn drill_intervals(&self) -> Result<Vec<(String, Duration)>> {
        let all = self.drill_scenarios()?.into_iter().flatten();
        Ok(all.map(|scenario| (scenario.name, scenario.every)).collect())
    }

    /// Writes a commented scenario to begin from; gives its path.
    ///
    /// # Errors
    /// The actor may not change the settings, or the name is none or taken.
    pub fn drill_new(&self, name: &str) -> Result<std::path::PathBuf> {
        self.may(Permission::Config)?;
        self.may(Permission::Drill)?;
        new_scenario(self.root(), name).map_err(of_scenario)
    }

    /// The recovery plan of a scenario, filled with the paths, ids and commands
    /// of this root; `agent` is whom it happened to, where that is known.
    ///
    /// # Errors
    /// There is no such scenario, or no such agent.
    pub fn drill_plan(&self, name: &str, agent: Option<&str>) -> Result<Plan> {
        let scenario = self.drill_scenario(name)?;
        Ok(runbook::plan(&scenario, &self.plan_values(agent)?))
    }

    /// What stands for the placeholders of a plan in this root.
    pub(super) fn plan_values(&self, agent: Option<&str>) -> Result<Values> {
        let mut values = Values::default();
        for (blank, shown) in BLANKS {
            values.set(blank, shown);
        }
        if let Some(agent) = agent {
            values.set("agent", super::on_roster(self.roster(), agent)?.as_str());
        }
        let root = self.root();
        values.set("root", root.path().display().to_string());
        values.set("id", root.id());
        let captain = self.roster().captain().or_else(|| self.roster().default_actor());
        values.set("captain", captain.map_or("CAPTAIN", |agent| agent.name.as_str()));
        let places = self.snapshot_repositories()?;
        let shown = |place: &Place| match place {
            Place::Local(path) => path.display().to_string(),
            Place::Remote(_) => place.to_string(),
        };
        values.set("repository", places.first().map(shown).unwrap_or_default());
        values.set("second", places.get(1).map_or_else(|| "SECOND-REPOSITORY".into(), shown));
        // A plan is wanted most when the repository is away: then the newest one is named by its place.
        let newest = self.snapshot_list(None).ok().and_then(|all| of_root(all, root.id()).last().map(|s| s.id.clone()));
        values.set("snapshot", newest.unwrap_or_else(|| "latest".into()));
        let file = self.snapshot_secrets()?.password_file();
        values.set("password_file", file.map_or_else(|| "PASSWORD-FILE".into(), |path| path.display().to_string()));
        let beside = root.path().with_file_name("restored");
        values.set("target", beside.display().to_string());
        Ok(values)
    }

    /// Runs a drill on a copy of the tree, writes its report, and tells whoever
    /// must hear of it. `told` hears of each phase as it begins; `stop` ends it
    /// early.
    ///
    /// # Errors
    /// The actor may not, there is no such scenario, another drill runs, or the
    /// report cannot be written. A drill that failed is none.
    pub fn drill_run(
        &self,
        name: &str,
        seed: u64,
        told: &dyn Fn(Phase),
        stop: &AtomicBool,
    ) -> Result<(Outcome, std::path::PathBuf)> {
        self.may(Permission::Drill)?;
        let scenario = self.drill_scenario(name)?;
        // Where there is no place for the report the work would be in vain.
        self.drill_folder()?;
        self.drill_back()?;
        let outcome = drill::run(&Asked { root: self.root(), scenario: &scenario, seed, told, stop, live: None })?;
        let written = self.drill_ended(&outcome)?;
        Ok((outcome, written.folder))
    }
}
