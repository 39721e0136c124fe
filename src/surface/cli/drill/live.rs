//! A drill on the root itself: what a person is asked before it, and
//! `cellphone drill back`.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use crate::office::Office;
use crate::office::drill_live::Intended;
use crate::surface::render::text;

/// Has the person type the scenario's name, who has read what will be done.
pub(super) fn confirmed(cx: &Context, office: &Office, intended: &Intended, said: Option<&str>) -> Result<(), Failure> {
    let name = intended.name();
    if said.is_some_and(|said| said == name) {
        return Ok(());
    }
    if said.is_some() || !std::io::stdin().is_terminal() || cx.json() {
        let what =
            format!("this breaks {} itself, and has to be confirmed by its name", office.root().path().display());
        return Err(Failure::new(Code::Usage, what).hint(format!("cellphone drill run {name} --live --confirm {name}")));
    }
    let mut lines = vec![format!("This breaks {} itself, not a copy. It will:", office.root().path().display())];
    lines.extend(intended.deeds().iter().map(|deed| format!("- {deed}")));
    lines.push("Before: a plain copy of everything outside the tree, and a snapshot.".into());
    lines.push("After: the plan brings it back; what it leaves out comes from the copy.".into());
    lines.push("Its own agents write and are rung, and nobody else. Alarms are real ones: whoever is told of alarms hears of these.".into());
    for line in lines {
        cx.print(&text::wrap(&text::line(&line), cx.style.width, 2))?;
        cx.print("\n")?;
    }
    cx.print(&format!("Type {name} to go on: "))?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|e| Failure::new(Code::Failed, format!("cannot read the answer: {e}")))?;
    if line.trim() == name {
        return Ok(());
    }
    Err(Failure::new(Code::Usage, "that is not its name; nothing was done"))
}

/// `cellphone drill back`.
pub(super) fn back(cx: &Context, office: &Office) -> Result<(), Failure> {
    let done = office.drill_back()?;
    if cx.json() {
        return cx.write_json(&json!({ "done": done }));
    }
    cx.say(match done {
        None => "No drill on this root was cut short.",
        Some(_) => "The tree is as it was before the drill, and nothing of the drill is left.",
    })
}
