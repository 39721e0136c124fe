//! `cellphone read`: one message, as data.

use super::context::Context;
use super::failure::Failure;
use super::{Run, mail};

/// Arguments of `read`.
#[derive(Debug, clap::Args)]
pub(super) struct ReadArgs {
    /// Its id, or six or more characters from its beginning or end
    id: String,
    /// Do not mark it seen
    #[arg(long)]
    peek: bool,
}

impl Run for ReadArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let opened = cx.office()?.read(&self.id, self.peek)?;
        if cx.json() { cx.write_json(&mail::opened_json(&opened)) } else { mail::show_opened(cx, &opened) }
    }
}
