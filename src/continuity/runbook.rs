//! The recovery plan, filled with the paths, ids and commands of one root. What
//! `drill plan` prints for a person with the system down is, step by step, what
//! a drill runs: the same words, filled with the ground's values.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scenario::{PLACEHOLDERS, PROGRAMS, Scenario, Step};
use crate::model::shell::quoted;

/// What stands for the placeholders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<&'static str, String>);

impl Values {
    /// Sets what stands for one of [`PLACEHOLDERS`]; any other name is none.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        if let Some((known, _)) = PLACEHOLDERS.iter().find(|(known, _)| *known == name) {
            self.0.insert(known, value.into());
        }
    }

    /// A word or sentence with every placeholder filled that is known; each is
    /// looked at once, so that braces in a value are not filled again.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            let tail = &rest[at + 1..];
            let known = tail.find('}').and_then(|end| Some((end, self.0.get(&tail[..end])?)));
            match known {
                Some((end, value)) => {
                    out.push_str(value);
                    rest = &tail[end + 1..];
                }
                None => {
                    out.push('{');
                    rest = tail;
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// The program of a step and its arguments; `None` for what a person does
    /// by hand.
    ///
    /// # Errors
    /// It names another program than a plan may.
    pub fn command(&self, step: &Step) -> Result<Option<(String, Vec<String>)>, String> {
        let Some(words) = &step.run else { return Ok(None) };
        let program = words.first().map(String::as_str).unwrap_or_default();
        if !PROGRAMS.contains(&program) {
            return Err(format!("a plan runs {} only, not {program:?}", PROGRAMS.join(" and ")));
        }
        Ok(Some((program.to_owned(), words.iter().skip(1).map(|word| self.fill(word)).collect())))
    }

    /// A step's command as a person types it.
    #[must_use]
    pub fn line(&self, step: &Step) -> Option<String> {
        let words = step.run.as_ref()?;
        Some(words.iter().map(|word| quoted(&self.fill(word))).collect::<Vec<_>>().join(" "))
    }
}

/// A plan that is filled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// In a few words.
    pub title: String,
    /// What is believed.
    pub hypothesis: String,
    /// The systems it affects, each with its tier.
    pub systems: Vec<super::outcome::System>,
    /// What is wanted.
    pub targets: super::outcome::Targets,
    /// How it is noticed.
    pub noticed: Vec<String>,
    /// The steps in their order.
    pub steps: Vec<PlanStep>,
    /// What need not come back as it was, and why.
    pub may_differ: Vec<(String, String)>,
}

/// A step that is filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanStep {
    /// What it is for.
    pub title: String,
    /// What a person should know, or does by hand.
    pub say: String,
    /// The command, as a shell takes it.
    pub command: Option<String>,
    /// The exit codes that are well, where others than 0 are.
    pub exits: Vec<i32>,
    /// Words that must stand in what it prints.
    pub expect: Option<String>,
}

/// Fills the plan of a scenario.
#[must_use]
pub fn plan(scenario: &Scenario, values: &Values) -> Plan {
    let step = |step: &Step| PlanStep {
        title: step.title.clone(),
        say: values.fill(&step.say),
        command: values.line(step),
        exits: if step.exits == [0] { Vec::new() } else { step.exits.clone() },
        expect: step.expect.clone(),
    };
    Plan {
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        hypothesis: scenario.hypothesis.clone(),
        systems: scenario.systems.clone(),
        targets: scenario.targets,
        noticed: scenario.detect.any_of.clone(),
        steps: scenario.recover.iter().map(step).collect(),
        may_differ: scenario.may_differ.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_once_and_quoted_for_a_shell() {
        let mut values = Values::default();
        values.set("root", "/tmp/it's {agent}");
        values.set("agent", "Agent-1");
        values.set("nobody", "x");
        assert_eq!(values.fill("{root}/{agent}/{nobody}/{"), "/tmp/it's {agent}/Agent-1/{nobody}/{");
        let step = Step {
            title: String::new(),
            say: String::new(),
            run: Some(vec!["cellphone".into(), "--root".into(), "{root}".into()]),
            exits: vec![0],
            expect: None,
        };
        assert_eq!(values.line(&step).unwrap(), "cellphone --root \"/tmp/it's {agent}\"");
        let other = Step { run: Some(vec!["sh".into()]), ..step };
        assert!(values.command(&other).unwrap_err().contains("restic"));
    }
}
