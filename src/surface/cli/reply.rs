//! `cellphone reply`: an answer in the same thread.

use super::context::Context;
use super::failure::Failure;
use super::parse::{BodyArgs, ScanArgs};
use super::{Run, mail};

/// Arguments of `reply`.
#[derive(Debug, clap::Args)]
pub(super) struct ReplyArgs {
    /// The message to answer
    id: String,
    /// Seal the body, also where the message is not sealed
    #[arg(long)]
    seal: bool,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    body: BodyArgs,
}

impl Run for ReplyArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office_with(self.scan.said())?;
        let body = self.body.require(office.settings().limits.body)?;
        let sent = office.reply(&self.id, body, self.seal)?;
        mail::show_sent(cx, &sent, "replied")
    }
}
