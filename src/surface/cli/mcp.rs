//! `cellphone mcp`: an agent's mail over the Model Context Protocol.

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::surface::mcp::{Seat, serve_stdio};

/// Arguments of `mcp`.
#[derive(Debug, clap::Args)]
pub(super) struct McpArgs {}

impl Run for McpArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let seat = Seat { root: cx.globals.root.clone(), actor: cx.globals.actor.clone(), said: cx.said.clone() };
        Ok(serve_stdio(seat)?)
    }
}
