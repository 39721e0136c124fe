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
    /// The bytes of the file, as they are: nothing in them is made harmless
    #[arg(long)]
    raw: bool,
    /// One of another's, for roles that may; it is not marked
    #[arg(long, value_name = "AGENT")]
    of: Option<AgentName>,
}

impl Run for ReadArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        if self.raw && cx.json() {
            return Err(Failure::usage("--raw gives the bytes of the file, which are no JSON").hint("leave one out"));
        }
        let office = cx.office()?;
        let opened = match &self.of {
            Some(whose) => office.read_of(whose, &self.id)?,
            None => office.read(&self.id, self.peek)?,
        };
        if self.raw {
            return cx.write_bytes(&opened.raw);
        }
        if cx.json() { cx.write_json(&mail::opened_json(&opened)) } else { mail::show_opened(cx, &opened) }
    }
}
