//! `cellphone read`: one message, as data.

use super::context::Context;
use super::failure::Failure;
use super::{Run, mail};
use crate::model::AgentName;

/// Arguments of `read`.
#[derive(Debug, clap::Args)]
pub(super) struct ReadArgs {
    /// Its id, or six or more characters from its beginning or end
    id: String,
    /// Do not mark it seen
    #[arg(long)]
    peek: bool,
    /// One of another's, for roles that may; it is not marked
    #[arg(long, value_name = "AGENT")]
    of: Option<AgentName>,
}

impl Run for ReadArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let opened = match &self.of {
            Some(whose) => office.read_of(whose, &self.id)?,
            None => office.read(&self.id, self.peek)?,
        };
        if cx.json() { cx.write_json(&mail::opened_json(&opened)) } else { mail::show_opened(cx, &opened) }
    }
}
