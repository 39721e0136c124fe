//! `cellphone wait`: blocks until mail is there.

use std::time::Duration;

use serde_json::json;

use super::context::Context;
use super::failure::{Code, Failure};
use super::{Run, parse};
use crate::surface::render::text;

/// Arguments of `wait`.
#[derive(Debug, clap::Args)]
pub(super) struct WaitArgs {
    /// Give up after this, with exit code 75
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    timeout: Option<Duration>,
}

impl Run for WaitArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        match office.wait(self.timeout)? {
            Some(n) if cx.json() => cx.write_json(&json!({ "unread": n })),
            Some(n) => cx.say(&format!("{}: {}", office.actor(), text::count(n, "new message"))),
            None => Err(Failure::new(Code::TryAgain, format!("no mail came for {}", office.actor()))
                .hint("cellphone wait --timeout 10m")),
        }
    }
}
