//! `cellphone dead`: what could not be delivered or read.

use serde_json::{Map, Value, json};

use super::context::Context;
use super::failure::Failure;
use super::{Run, mail};
use crate::office::DeadListed;
use crate::surface::render::{Column, Paint, Table, age, foreign};

pub(super) const EXAMPLES: &str = "cellphone dead list
cellphone dead show 01K3ZJ9Q
cellphone dead retry 01K3ZJ9Q";

/// Arguments of `dead`.
#[derive(Debug, clap::Args)]
pub(super) struct DeadArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// All of them, with the reason
    List,
    /// One, with its text
    Show {
        /// Its file name, or a part of its id
        id: String,
    },
    /// Sends it again
    Retry {
        /// Its file name, or a part of its id
        id: String,
    },
}

impl Run for DeadArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        match self.what.unwrap_or(What::List) {
            What::List => list(cx, &office.dead_list()?),
            What::Show { id } => {
                let (letter, content) = office.dead_show(&id)?;
                if cx.json() {
                    let mut map = letter_json(&letter);
                    map.insert("text".into(), content.into());
                    return cx.write_json(&map);
                }
                let reason = foreign::field(&letter.reason, cx.style.width, 0);
                let mut out = format!("{}\n", cx.paint(Paint::Bad, &reason));
                out += &format!("{}\n\n", cx.paint(Paint::Faint, &foreign::line(&letter.path.display().to_string())));
                out += &foreign::quote(&content, cx.style.width);
                out += &format!("{}\n", cx.paint(Paint::Faint, "End of the file."));
                cx.print(&out)
            }
            What::Retry { id } => mail::show_sent(cx, &office.dead_retry(&id)?, "sent again"),
        }
    }
}

fn letter_json(letter: &DeadListed) -> Map<String, Value> {
    let Value::Object(map) = json!({
        "file": letter.file, "id": letter.id, "reason": letter.reason, "at": letter.at,
        "path": letter.path, "state": "dead",
    }) else {
        return Map::new();
    };
    map
}

fn list(cx: &Context, letters: &[DeadListed]) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&letters.iter().map(letter_json).collect::<Vec<_>>());
    }
    if letters.is_empty() {
        return cx.say("No dead letters.");
    }
    let mut table = Table::new(&[Column::text("LETTER"), Column::flexible("REASON"), Column::number("AGE")]);
    for letter in letters {
        let name = letter.id.map_or_else(|| letter.file.clone(), |id| id.to_string());
        let at = letter.at.parse().ok().map(|at| age::age(at, cx.now)).unwrap_or_default();
        table.painted(vec![(name, None), (letter.reason.clone(), Some(Paint::Warn)), (at, Some(Paint::Faint))]);
    }
    let foot = cx.paint(Paint::Faint, "cellphone dead show LETTER; cellphone dead retry LETTER");
    cx.print(&(table.render(cx.style) + &foot + "\n"))
}
