//! `cellphone init`: a working root.

use std::path::PathBuf;

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::model::shell::quoted;
use crate::office::setup;
use crate::surface::render::{Paint, text};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// The folder; made when it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The name of the person's mailbox; otherwise the user's name
    #[arg(long, value_name = "NAME")]
    human: Option<String>,
    /// It takes the place of the root with this id, which was lost: its approvals, keys and passwords count
    /// again. The recovery sheet and `cellphone drill plan` tell the id
    #[arg(long, value_name = "ID")]
    instead_of: Option<String>,
}

impl Run for InitArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let (human, instead_of) = (self.human.as_deref(), self.instead_of.as_deref());
        let setup::Made { report, keys, keys_folder } = setup::init_with(&self.dir, human, instead_of, &cx.said)?;
        if cx.json() {
            return cx.write_json(&json!({
                "root": report.root, "id": report.id, "human": report.human,
                "created": report.created, "kept": report.kept, "default": report.is_default,
                "keys": keys, "keys_folder": keys_folder, "before": report.before,
            }));
        }
        let head = cx.paint(Paint::Good, "A working root");
        let mut out = format!("{head} at {}\n", text::line(&report.root.display().to_string()));
        out += &format!(
            "  {} made, {} kept as they were; your own mailbox is {}\n",
            report.created.len(),
            report.kept.len(),
            report.human
        );
        if !keys.is_empty() {
            let place = text::line(&keys_folder.display().to_string()).into_owned();
            out +=
                &format!("  {} made, to sign mail with, outside the root: {place}\n", text::count(keys.len(), "key"));
        }
        let here = std::env::current_dir().and_then(|dir| dir.canonicalize());
        let enter = format!("cd {}", text::line(&quoted(&report.root.display().to_string())));
        let is_found = report.is_default || here.is_ok_and(|here| here.starts_with(&report.root));
        out += match (report.is_default, is_found) {
            (true, _) => "  it is your default root: commands find it from anywhere\n",
            (false, true) => "  commands find it from here and below, or with --root\n",
            (false, false) => "  it is not your default root: commands find it in its folder, or with --root\n",
        };
        // Whoever takes the place of one has just settled that.
        for id in report.before.iter().filter(|_| instead_of.is_none()) {
            let again = format!("cellphone init {} --instead-of {id}", quoted(&report.root.display().to_string()));
            out += "  another root stood here; to have its approvals, keys and passwords again:\n";
            out += &format!("    {}\n", cx.paint(Paint::Code, &text::line(&again)));
        }
        out += "\nNext:\n";
        let enter = (!is_found).then_some((enter.as_str(), ""));
        for (line, what) in enter.into_iter().chain([
            ("cellphone up --detach", "start the daemon"),
            ("cellphone join Agent-1", "in the tmux pane of an agent"),
            ("cellphone send --to Agent-1 -s Hello -m 'Are you there?'", ""),
        ]) {
            let what = if what.is_empty() { String::new() } else { format!("   # {what}") };
            out += &format!("  {}{}\n", cx.paint(Paint::Code, line), cx.paint(Paint::Faint, &what));
        }
        cx.print(&out)
    }
}
