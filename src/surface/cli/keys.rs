//! `cellphone keys`: what signs mail, and opens what is sealed.

use serde_json::{Value, json};

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::model::AgentName;
use crate::model::time::rfc3339;
use crate::office::keys::KeyListed;
use crate::surface::render::{Column, Paint, Table, text};

pub(super) const EXAMPLES: &str = "cellphone keys list
cellphone keys create Agent-2
cellphone keys rotate Agent-2
cellphone keys revoke Agent-2
cellphone keys revoke SHA256:9xKp2vQm";

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every key there is or was, and which private ones are here
    List,
    /// Makes a key for somebody who has none
    Create {
        /// Whose: a name on the roster, or system
        agent: AgentName,
    },
    /// Gives somebody a new key; what the old one signed stays verified
    Rotate {
        /// Whose
        agent: AgentName,
    },
    /// Gives a new key to everybody whose key counts nothing here, as after a restore on another machine
    Renew,
    /// Has a key count no more: everything it ever signed is forged
    Revoke {
        /// Whose keys, or the fingerprint of one (8 characters are enough)
        #[arg(value_name = "AGENT|FINGERPRINT")]
        what: String,
    },
}

impl Run for KeysArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        match self.what.unwrap_or(What::List) {
            What::List => list(cx, &office.keys_list()?),
            What::Create { agent } => made(cx, &office.key_create(&agent)?, "made"),
            What::Rotate { agent } => made(cx, &office.key_rotate(&agent)?, "made; the one before has ended"),
            What::Renew => {
                let renewed = office.keys_renew()?;
                if cx.json() {
                    return cx.write_json(&renewed.iter().map(key_json).collect::<Vec<_>>());
                }
                for key in &renewed {
                    made(cx, key, "made")?;
                }
                if renewed.is_empty() { cx.say("Every key that signs here counts.") } else { Ok(()) }
            }
            What::Revoke { what } => {
                let revoked = office.key_revoke(&what)?;
                if cx.json() {
                    return cx.write_json(&revoked.iter().map(key_json).collect::<Vec<_>>());
                }
                for key in &revoked {
                    cx.say(&format!("{}: {} revoked", text::line(&key.agent), key.fingerprint))?;
                }
                let left = revoked.first().map(|key| key.agent.clone()).unwrap_or_default();
                cx.say(&format!("A new one: cellphone keys create {}", text::line(&left)))
            }
        }
    }
}

fn made(cx: &Context, key: &KeyListed, how: &str) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&key_json(key));
    }
    cx.say(&format!("{}: {} {how}", text::line(&key.agent), key.fingerprint))?;
    match &key.private {
        Some(path) => cx.say(&format!("  private half: {}", text::line(&path.display().to_string()))),
        None => Ok(()),
    }
}

fn list(cx: &Context, keys: &[KeyListed]) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&keys.iter().map(key_json).collect::<Vec<_>>());
    }
    if keys.is_empty() {
        return cx.say("Nobody has a key. cellphone keys create NAME makes one.");
    }
    let mut table = Table::new(&[
        Column::text("WHOSE"),
        Column::text("KEY"),
        Column::text("STATE"),
        Column::text("SINCE"),
        Column::text("UNTIL"),
        Column::text("SIGNS HERE"),
    ]);
    let moment = |at: Option<jiff::Timestamp>| at.map_or_else(String::new, |at| format!("{at:.0}"));
    for key in keys {
        let paint = match key.state {
            "valid" => None,
            "ended" => Some(Paint::Faint),
            "revoked" => Some(Paint::Bad),
            _ => Some(Paint::Warn),
        };
        table.painted(vec![
            (key.agent.clone(), None),
            (key.fingerprint.clone(), Some(Paint::Faint)),
            (key.state.to_owned(), paint),
            (moment(key.valid_after), Some(Paint::Faint)),
            (moment(key.valid_before), Some(Paint::Faint)),
            (if key.private.is_some() { "yes" } else { "" }.to_owned(), None),
        ]);
    }
    cx.print(&table.render(cx.style))
}

fn key_json(key: &KeyListed) -> Value {
    json!({
        "agent": key.agent, "fingerprint": key.fingerprint, "state": key.state,
        "valid_after": key.valid_after.map(rfc3339), "valid_before": key.valid_before.map(rfc3339),
        "private": key.private,
    })
}
