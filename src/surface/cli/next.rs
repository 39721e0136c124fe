//! `cellphone next`: the next message, claimed under a lease.

use std::time::Duration;

use serde_json::Value;

use super::context::Context;
use super::failure::{Code, Failure};
use super::{Run, mail, parse};
use crate::surface::render::{Paint, age};

/// Arguments of `next`.
#[derive(Debug, clap::Args)]
pub(super) struct NextArgs {
    /// How long it is yours; then it returns to the inbox
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    lease: Option<Duration>,
    /// Urgent and critical mail before older mail
    #[arg(long)]
    urgent_first: bool,
}

impl Run for NextArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let Some(claimed) = office.next(self.lease, self.urgent_first)? else {
            return Err(Failure::new(Code::NotFound, format!("no mail waits for {}", office.actor()))
                .hint("cellphone wait --timeout 10m"));
        };
        let id = claimed.opened.listed.id;
        if cx.json() {
            let mut map = mail::opened_json(&claimed.opened);
            map.insert("token".into(), Value::String(claimed.token));
            map.insert("attempts".into(), Value::from(claimed.attempts));
            map.insert("lease_until".into(), Value::String(crate::model::time::rfc3339(claimed.lease_until)));
            return cx.write_json(&map);
        }
        mail::show_opened(cx, &claimed.opened)?;
        let left = age::age(claimed.lease_until, cx.now);
        cx.print(&format!(
            "\nYours {left}. Then:\n  {}\n  {}\n",
            cx.paint(Paint::Code, &format!("cellphone done {id} --token {}", claimed.token)),
            cx.paint(Paint::Code, &format!("cellphone release {id} --token {} --reason WHY", claimed.token)),
        ))
    }
}
