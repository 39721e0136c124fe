//! `cellphone ack`: the receipt that a sender asked for.

use super::context::Context;
use super::failure::Failure;
use super::{Run, mail};

/// Arguments of `ack`.
#[derive(Debug, clap::Args)]
pub(super) struct AckArgs {
    /// The message to acknowledge
    id: String,
}

impl Run for AckArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let sent = cx.office()?.ack(&self.id)?;
        mail::show_sent(cx, &sent, "acknowledged: receipt")
    }
}
