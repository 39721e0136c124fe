//! `cellphone config`: the settings, where each came from, and changing one.

use serde_json::{Value, json};

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::office::setup::Setting;
use crate::surface::render::{Column, Paint, Table, text};

pub(super) const EXAMPLES: &str = "cellphone config show --origin
cellphone config get limits.body
cellphone config set nudge.cooldown 10s
cellphone config unset nudge.cooldown";

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every setting in force
    Show {
        /// Also which file and line, or variable, each came from
        #[arg(long)]
        origin: bool,
    },
    /// One setting
    Get {
        /// Its key, as limits.body
        key: String,
    },
    /// Change one setting in config/cellphone.yaml; its other lines stay
    Set {
        /// Its key, as limits.body
        key: String,
        /// Its value, as 10MiB, 5m, 100 or true
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Take one setting out of config/cellphone.yaml, so that its default holds
    Unset {
        /// Its key, as limits.body
        key: String,
    },
    /// What each setting means, its unit and its default
    Schema,
}

impl Run for ConfigArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        office.keep_good();
        let all = office.settings().list();
        let as_json = |s: &Setting| -> Value {
            json!({
                "key": s.key, "value": s.value, "origin": s.origin.to_string(),
                "default": s.default, "unit": s.unit, "about": s.about,
            })
        };
        match self.what.unwrap_or(What::Show { origin: false }) {
            What::Get { key } => {
                let Some(found) = all.iter().find(|s| s.key == key) else {
                    return Err(Failure::new(Code::NotFound, format!("there is no setting {key:?}"))
                        .hint("cellphone config schema"));
                };
                if cx.json() { cx.write_json(&as_json(found)) } else { cx.say(&text::line(&found.value)) }
            }
            What::Set { key, value } => changed(cx, &office.set_setting(&key, Some(&value))?, &value, as_json),
            What::Unset { key } => changed(cx, &office.set_setting(&key, None)?, "the default", as_json),
            _ if cx.json() => cx.write_json(&all.iter().map(as_json).collect::<Vec<_>>()),
            What::Show { origin } => {
                let mut columns = vec![Column::text("SETTING"), Column::text("VALUE")];
                if origin {
                    columns.push(Column::flexible("FROM"));
                }
                let mut table = Table::new(&columns);
                for s in &all {
                    let mut row = vec![s.key.to_owned(), s.value.clone()];
                    if origin {
                        // A file of the root is named from there, which fits beside the value.
                        let (from, root) = (s.origin.to_string(), format!("{}/", office.root().path().display()));
                        row.push(from.strip_prefix(&root).unwrap_or(&from).to_owned());
                    }
                    table.row(&row);
                }
                cx.print(&table.render(cx.style))
            }
            What::Schema => {
                let mut out = String::new();
                for s in &all {
                    let key = cx.paint(Paint::Strong, s.key);
                    out += &format!("{key}  ({}, default {})\n", s.unit, s.default);
                    out += &text::quote(s.about, "    ");
                }
                cx.print(&out)
            }
        }
    }
}

fn changed(cx: &Context, now: &Setting, asked: &str, as_json: impl Fn(&Setting) -> Value) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&as_json(now));
    }
    if now.origin.to_string().starts_with("environment") {
        cx.note(&format!("{asked} was written, but {} holds here", now.origin));
    }
    let origin = if now.value == now.default { "the default".to_owned() } else { format!("default {}", now.default) };
    cx.say(&text::line(&format!("{} = {} ({origin})", now.key, now.value)))
}
