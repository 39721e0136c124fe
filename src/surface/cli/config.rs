//! `cellphone config`: the settings, where each came from, and changing one.

use serde_json::{Value, json};

use super::context::Context;
use super::failure::{Code, Failure};
use super::{Run, parse};
use crate::office::Office;
use crate::office::setup::{FileLayer, SchemaOf, Setting, json_schema, json_schema_text};
use crate::surface::render::{Column, Paint, Table, text};

pub(super) const EXAMPLES: &str = "cellphone config show --origin
cellphone config get limits.body
cellphone config set nudge.cooldown 10s
cellphone config set --user log.filter warn
pass show hook | cellphone config set --secret nudge.webhook_token
cellphone config set --runtime nudge.enabled false
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
        /// Also which file and line, variable or command each came from
        #[arg(long)]
        origin: bool,
        /// What each means, its unit and its default
        #[arg(long, conflicts_with = "origin")]
        about: bool,
    },
    /// One setting
    Get {
        /// Its key, as limits.body
        key: String,
    },
    /// Change one setting in config/cellphone.yaml, or elsewhere; its other lines stay
    Set {
        #[command(flatten)]
        place: Place,
        /// Encrypt what is typed, or comes on standard input, and write that
        #[arg(long, conflicts_with_all = ["value", "runtime", "system"])]
        secret: bool,
        /// Its key, as limits.body
        key: String,
        /// Its value, as 10MiB, 5m, 100 or true
        #[arg(allow_hyphen_values = true, required_unless_present = "secret")]
        value: Option<String>,
    },
    /// Take one setting out of config/cellphone.yaml, or elsewhere, so that what is below it holds
    Unset {
        #[command(flatten)]
        place: Place,
        /// Its key, as limits.body
        key: String,
    },
    /// A JSON schema of a file, for editors
    Schema {
        /// cellphone, agents, roles, profile or scenario
        #[arg(default_value = "cellphone")]
        file: SchemaOf,
    },
}

/// Which layer is changed; the root's file when nothing is said.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
struct Place {
    /// In the user's file, for every root of theirs
    #[arg(long)]
    user: bool,
    /// In the machine's file, for everybody
    #[arg(long)]
    system: bool,
    /// In the running daemon, until it ends
    #[arg(long)]
    runtime: bool,
}

impl Place {
    const fn layer(self) -> FileLayer {
        match self {
            Self { user: true, .. } => FileLayer::User,
            Self { system: true, .. } => FileLayer::System,
            _ => FileLayer::Root,
        }
    }

    fn change(self, cx: &Context, office: &Office, key: &str, value: Option<&str>) -> Result<(), Failure> {
        if self.runtime {
            let now = office.set_at_run_time(key, value)?;
            return changed(cx, &now, value, "runtime");
        }
        let now = office.set_setting(self.layer(), key, value)?;
        changed(cx, &now, value, self.layer().as_str())
    }
}

impl Run for ConfigArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let what = self.what.unwrap_or(What::Show { origin: false, about: false });
        if let What::Schema { file } = what {
            // The same in every root, and wanted where there is none yet.
            return if cx.json() { cx.write_json(&json_schema(file)) } else { cx.print(&json_schema_text(file)) };
        }
        let office = cx.office()?;
        office.keep_good();
        let all = office.settings().list();
        match what {
            What::Get { key } => {
                let Some(found) = all.iter().find(|s| s.key == key) else {
                    return Err(Failure::new(Code::NotFound, format!("there is no setting {key:?}"))
                        .hint("cellphone config show --about"));
                };
                if cx.json() { cx.write_json(&as_json(found)) } else { cx.say(&text::line(&found.value)) }
            }
            What::Set { place, secret: true, key, .. } => {
                office.may_hold_secret(&key)?;
                let sealed = office.sealed_for(&key, parse::secret(&format!("{key}: "))?)?;
                place.change(cx, &office, &key, Some(&sealed))
            }
            What::Set { place, key, value, .. } => place.change(cx, &office, &key, Some(&value.unwrap_or_default())),
            What::Unset { place, key } => place.change(cx, &office, &key, None),
            _ if cx.json() => cx.write_json(&all.iter().map(as_json).collect::<Vec<_>>()),
            What::Show { about: true, .. } => cx.print(&explained(cx, &all)),
            What::Show { origin, .. } => cx.print(&shown(cx, &office, &all, origin)),
            What::Schema { .. } => Ok(()),
        }
    }
}

fn as_json(s: &Setting) -> Value {
    json!({
        "key": s.key, "value": s.value, "origin": s.origin.to_string(), "layer": s.origin.layer(),
        "default": s.default, "unit": s.unit, "about": s.about,
    })
}

fn shown(cx: &Context, office: &Office, all: &[Setting], origin: bool) -> String {
    let mut columns = vec![Column::text("SETTING"), Column::text("VALUE")];
    if origin {
        columns.push(Column::flexible("FROM"));
    }
    // A file of the root is named from there, which fits beside the value.
    let root = format!("{}/", office.root().path().display());
    let mut table = Table::new(&columns);
    for s in all {
        let mut row = vec![s.key.to_owned(), s.value.clone()];
        if origin {
            let from = s.origin.to_string();
            row.push(from.strip_prefix(&root).unwrap_or(&from).to_owned());
        }
        table.row(&row);
    }
    table.render(cx.style)
}

fn explained(cx: &Context, all: &[Setting]) -> String {
    let one = |s: &Setting| {
        let key = cx.paint(Paint::Strong, s.key);
        format!("{key}  ({}, default {})\n{}", s.unit, s.default, text::quote(s.about, "    "))
    };
    all.iter().map(one).collect()
}

/// How the setting stands after a change in one layer.
fn changed(cx: &Context, now: &Setting, asked: Option<&str>, layer: &str) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&as_json(now));
    }
    let holder = now.origin.layer();
    if asked.is_some() && holder != layer {
        cx.note(&format!("it was written ({layer}), but {} holds here", now.origin));
    }
    let origin = match holder {
        _ if now.value == now.default => "the default".to_owned(),
        "runtime" => format!("until the daemon ends; default {}", now.default),
        _ => format!("default {}", now.default),
    };
    cx.say(&text::line(&format!("{} = {} ({origin})", now.key, now.value)))
}
