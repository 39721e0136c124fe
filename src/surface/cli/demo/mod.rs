//! `cellphone demo`: the whole path, for real, in a temporary root.
//!
//! Everything runs through this same program as child processes, as a person
//! would run it: a daemon, two hosted agents, mail. Each step is verified by
//! what the journal and the folders say afterwards, and the demo succeeds
//! only when every step was. [`stage`] holds the processes and takes them
//! down whatever happens; [`play`] is the story.

mod play;
mod stage;

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::surface::render::{Paint, age};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Keep the temporary root, to look around in it
    #[arg(long)]
    keep: bool,
}

impl Run for DemoArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let begun = std::time::Instant::now();
        let mut stage = stage::Stage::build()?;
        let played = play::play(cx, &mut stage);
        stage.close();
        let place = if self.keep { stage.keep() } else { None };
        if let Some(code) = stage.interruption() {
            drop(stage);
            let place = place.map_or_else(|| "its folder is gone".to_owned(), |p| format!("kept: {}", p.display()));
            cx.note(&format!("interrupted: its processes were ended, {place}"));
            return Err(Failure::Silent(code));
        }
        let steps = played?;
        let took = begun.elapsed();
        if cx.json() {
            return cx.write_json(&json!({
                "passed": true, "seconds": took.as_secs_f64(), "steps": steps, "root": place,
            }));
        }
        let head = cx.paint(Paint::Good, "All of it was verified");
        cx.say(&format!("\n{head} in {}; nothing was lost, nothing came twice.", age::span(took)))?;
        match place {
            Some(path) => cx.say(&format!("The root is kept: {}", path.display())),
            None => {
                let install = if is_installed() { "" } else { "cargo install --path . && " };
                cx.say(&format!("Next: {install}cellphone init ~/office && cd ~/office && cellphone up --detach"))
            }
        }
    }
}

/// Whether a shell finds this program by its name.
fn is_installed() -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|dir| dir.join("cellphone").is_file() || dir.join("cellphone.exe").is_file())
}
