//! `cellphone thread`: a whole conversation.

use super::context::Context;
use super::failure::Failure;
use super::{Run, mail};

/// Arguments of `thread`.
#[derive(Debug, clap::Args)]
pub(super) struct ThreadArgs {
    /// Any message of it
    id: String,
}

impl Run for ThreadArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let messages = cx.office()?.thread(&self.id)?;
        if cx.json() {
            return cx.write_json(&messages.iter().map(mail::listed_json).collect::<Vec<_>>());
        }
        cx.print(&mail::table(cx, &messages))
    }
}
