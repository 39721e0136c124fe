//! `cellphone forward`: a message passed on, with a word of one's own.

use super::context::Context;
use super::failure::Failure;
use super::parse::{BodyArgs, ScanArgs};
use super::{Run, mail};
use crate::model::Address;

/// Arguments of `forward`.
#[derive(Debug, clap::Args)]
pub(super) struct ForwardArgs {
    /// The message to pass on
    id: String,
    /// Recipients, separated by commas
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', required = true)]
    to: Vec<Address>,
    /// Seal the body, also where the message is not sealed
    #[arg(long)]
    seal: bool,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    body: BodyArgs,
}

impl Run for ForwardArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office_with(self.scan.said())?;
        let body = self.body.read(office.settings().limits.body)?.unwrap_or_default();
        let sent = office.forward(&self.id, self.to, body, self.seal)?;
        mail::show_sent(cx, &sent, "forwarded")
    }
}
