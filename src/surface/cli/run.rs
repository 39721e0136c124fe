//! `cellphone run`: hosts a program, so that its terminal can ring.

use std::ffi::OsString;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::model::AgentName;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Which agent the program is
    agent: AgentName,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

impl Run for RunArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let agent = office.entry(&self.agent)?.name;
        // The program's own exit code is ours.
        match office.host(&agent, &self.program)? {
            0 => Ok(()),
            code => Err(Failure::Silent(code)),
        }
    }
}
