//! `cellphone up`: the daemon. The one command that may use `daemon/`.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use super::open::sign_in_at;
use crate::daemon::{self, Worker};
use crate::office::desk::Desk;
use crate::office::tokens::CODE;
use crate::office::{Office, control};
use crate::surface::http::{self, Door};
use crate::surface::mcp;
use crate::surface::render::{Paint, age, text};

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
            let http = control::daemon_status(office.root().state().path(), PATIENCE).ok().map(|status| status.http);
            return told(cx, &office, pid, http.and_then(|http| http.address), "");
        }
        crate::observe::start(&office.settings().log.filter, crate::observe::Output::Stderr);
        let door = Arc::new(Door::open(&office));
        let (address, teller) = (door.url(), office.clone());
        // Nobody may be reading; the daemon runs all the same.
        let ready = || {
            let _ = told(cx, &teller, std::process::id(), address, "; Ctrl-C ends it");
        };
        daemon::up(office, |desk| doors(&door, &desk), ready).map_err(|e| match e {
            daemon::UpError::Instance(e) => Failure::new(Code::Conflict, e.to_string()).hint("cellphone status"),
            other => failed(&other),
        })
    }
}

/// Says that it runs, and where a browser finds it.
fn told(cx: &Context, office: &Office, pid: u32, address: Option<String>, how: &str) -> Result<(), Failure> {
    let root = office.root().path();
    if cx.json() {
        return cx.write_json(&json!({ "running": true, "pid": pid, "root": root, "http": address }));
    }
    let head = cx.paint(Paint::Good, "The daemon runs");
    cx.say(&format!("{head}, process {pid}, for {}{how}", shown(root)))?;
    let Some(address) = address else { return Ok(()) };
    // A code is for the person who looks on, and for no log.
    let url = if std::io::stdout().is_terminal() { sign_in_at(office, &address).ok() } else { None };
    match url {
        Some((url, _)) => {
            cx.say(&format!("The page: {url}"))?;
            let lasts = age::span(CODE);
            cx.say(
                &cx.paint(
                    Paint::Faint,
                    &format!("  signs a browser in, once, within {lasts}; another: cellphone open"),
                ),
            )
        }
        None => cx.say(&format!("The page: {address} (cellphone open signs a browser in)")),
    }
}

/// The worker that answers browsers and programs.
fn doors(door: &Arc<Door>, desk: &Arc<dyn Desk>) -> Vec<Worker> {
    desk.note_http(&mut |http| {
        http.address = door.url();
        http.error = door.fault().map(str::to_owned);
    });
    if door.url().is_none() {
        return Vec::new();
    }
    let (door, desk) = (Arc::clone(door), Arc::clone(desk));
    vec![Worker::new("http", move |shutdown| {
        let end = async move { shutdown.requested().await }.boxed().shared();
        http::serve(Arc::clone(&door), Arc::clone(&desk), http::mounted(mcp::service()), end)
    })]
}

fn shown(path: &std::path::Path) -> String {
    text::line(&path.display().to_string()).into_owned()
}
