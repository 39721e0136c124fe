//! `cellphone token`: what programs show to the HTTP API.

use std::time::Duration;

use serde_json::{Value, json};

use super::context::Context;
use super::failure::Failure;
use super::{Run, parse};
use crate::model::Role;
use crate::office::tokens::{Token, TokenUse};
use crate::surface::render::{Column, Paint, Table, age, text};

pub(super) const EXAMPLES: &str = "cellphone token create --label grafana --read-only
cellphone --as Agent-2 token create --expires 30d
cellphone token create --role observer
cellphone token list
cellphone token revoke k3v9
cellphone token revoke --all";

/// Ninety days: long enough to be used, short enough to be made again.
const LASTS: &str = "90d";

/// Arguments of `token`.
#[derive(Debug, clap::Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tokens and sessions that count; never what they are
    List,
    /// Makes a token of whoever acts, and prints it, once
    Create {
        /// It may no more than this role, nor than its owner
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// It changes nothing
        #[arg(long)]
        read_only: bool,
        /// What it is for, to tell it from others
        #[arg(long, default_value = "")]
        label: String,
        /// How long it counts
        #[arg(long, value_name = "DURATION", default_value = LASTS, value_parser = parse::duration)]
        expires: Duration,
    },
    /// Ends a token or a session, at once
    Revoke {
        /// Its id, or how that begins
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All of whoever acts
        #[arg(long)]
        all: bool,
    },
}

impl Run for TokenArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        match self.what.unwrap_or(What::List) {
            What::List => list(cx, &office.tokens()?),
            What::Create { role, read_only, label, expires } => {
                let made = office.token_create(role, read_only, &label, expires)?;
                if cx.json() {
                    let mut value = token_json(&made.token);
                    value["secret"] = made.text.into();
                    return cx.write_json(&value);
                }
                cx.say(&made.text)?;
                let until = left(&made.token, cx);
                cx.note(&format!("it acts as {}, for {until}, and is shown only now", made.token.actor));
                Ok(())
            }
            What::Revoke { id, .. } => {
                let ended = office.token_revoke(id.as_deref())?;
                if cx.json() {
                    return cx.write_json(&ended.iter().map(token_json).collect::<Vec<_>>());
                }
                for token in &ended {
                    cx.say(&format!("{} of {} counts no more", token.id, token.actor))?;
                }
                if ended.is_empty() { cx.say(&format!("{} has none.", office.actor())) } else { Ok(()) }
            }
        }
    }
}

fn list(cx: &Context, all: &[Token]) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&all.iter().map(token_json).collect::<Vec<_>>());
    }
    if all.is_empty() {
        return cx.say("There is none. cellphone token create makes one.");
    }
    let mut table = Table::new(&[
        Column::text("ID"),
        Column::text("ACTS AS"),
        Column::text("FOR"),
        Column::text("BOUND TO"),
        Column::number("AGE"),
        Column::number("LEFT"),
        Column::flexible("LABEL"),
    ]);
    for token in all {
        let purpose = match token.purpose {
            TokenUse::Api => "programs",
            TokenUse::SignIn => "signing in",
            TokenUse::Session => "a browser",
        };
        let mut bounds: Vec<String> = token.role.iter().map(ToString::to_string).collect();
        bounds.extend(token.read_only.then(|| "reading".to_owned()));
        table.painted(vec![
            (token.id.clone(), Some(Paint::Faint)),
            (token.actor.to_string(), Some(Paint::Strong)),
            (purpose.to_owned(), None),
            (bounds.join(", "), None),
            (age::age(token.created, cx.now), Some(Paint::Faint)),
            (left(token, cx), Some(Paint::Faint)),
            (text::line(&token.label).into_owned(), None),
        ]);
    }
    cx.print(&table.render(cx.style))
}

fn role(text: &str) -> Result<Role, String> {
    Role::new(text).map_err(|e| e.to_string())
}

/// How long it counts yet.
fn left(token: &Token, cx: &Context) -> String {
    age::span(Duration::try_from(token.expires.duration_since(cx.now)).unwrap_or_default())
}

/// All but the secret, of which only the hash is kept.
fn token_json(token: &Token) -> Value {
    json!({
        "id": token.id, "actor": token.actor, "use": token.purpose.word(), "role": token.role,
        "read_only": token.read_only, "label": token.label, "created": token.created, "expires": token.expires,
    })
}
