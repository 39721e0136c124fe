//! `cellphone up`: the daemon. The one command that may use `daemon/`.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::daemon;
use crate::surface::render::{Paint, text};

/// How long a daemon in the background may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `up`.
#[derive(Debug, clap::Args)]
pub(super) struct UpArgs {
    /// In the background; returns once it answers
    #[arg(long, short)]
    detach: bool,
}

impl Run for UpArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let root = office.root().path().to_owned();
        let failed = |e: &dyn std::fmt::Display| Failure::new(Code::Failed, e.to_string()).hint("cellphone status");
        if self.detach {
            let mut arguments = vec![OsString::from("--root"), root.clone().into_os_string()];
            arguments.extend(cx.globals.set.iter().flat_map(|said| ["--set".into(), said.into()]));
            arguments.push("up".into());
            let pid = daemon::detach::detach(office.root().state(), &arguments, PATIENCE).map_err(|e| failed(&e))?;
            if cx.json() {
                return cx.write_json(&json!({ "running": true, "pid": pid, "root": root }));
            }
            return cx.say(&format!(
                "{}, process {pid}, for {}",
                cx.paint(Paint::Good, "The daemon runs"),
                shown(&root)
            ));
        }
        crate::observe::start(&office.settings().log.filter, crate::observe::Output::Stderr);
        // Nobody may be reading; the daemon runs all the same.
        let ready = || {
            let pid = std::process::id();
            let _ = if cx.json() {
                cx.write_json(&json!({ "running": true, "pid": pid, "root": root }))
            } else {
                let head = cx.paint(Paint::Good, "The daemon runs");
                cx.say(&format!("{head}, process {pid}, for {}; Ctrl-C ends it", shown(&root)))
            };
        };
        daemon::up(office, Vec::new(), ready).map_err(|e| match e {
            daemon::UpError::Instance(e) => Failure::new(Code::Conflict, e.to_string()).hint("cellphone status"),
            other => failed(&other),
        })
    }
}

fn shown(path: &std::path::Path) -> String {
    text::line(&path.display().to_string()).into_owned()
}
