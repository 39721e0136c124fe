//! `cellphone down`: the daemon ends, gracefully.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use super::status::PATIENCE;
use crate::office::control::{self, ControlError, Request};

/// How long its workers may take to finish.
const FAREWELL: Duration = Duration::from_secs(10);

/// Arguments of `down`.
#[derive(Debug, clap::Args)]
pub(super) struct DownArgs {}

impl Run for DownArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let state = office.root().state().path();
        let was_running = match control::ask(state, &Request::Stop, PATIENCE) {
            Ok(_) => true,
            Err(ControlError::NotRunning(_)) => false,
            Err(e) => return Err(Failure::from(e)),
        };
        let begun = Instant::now();
        // Its lock is given back by the end of the process itself.
        while was_running && control::daemon_lock_held(office.root().state()).is_ok_and(|held| held) {
            if begun.elapsed() > FAREWELL {
                return Err(Failure::new(Code::TryAgain, format!("the daemon still works after {FAREWELL:?}"))
                    .hint("cellphone status"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        if cx.json() {
            return cx.write_json(&json!({ "running": false, "was_running": was_running }));
        }
        cx.say(if was_running {
            "The daemon has ended. Mail still arrives; windows do not ring."
        } else {
            "No daemon was running."
        })
    }
}

impl From<ControlError> for Failure {
    fn from(e: ControlError) -> Self {
        match e {
            ControlError::NotRunning(_) => Self::new(Code::TryAgain, e.to_string()).hint("cellphone up --detach"),
            ControlError::Silent(..) => Self::new(Code::TryAgain, e.to_string()).hint("cellphone doctor"),
            ControlError::Refused(why) => Self::new(Code::Refused, why),
            other => Self::new(Code::Failed, other.to_string()),
        }
    }
}
