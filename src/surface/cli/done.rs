//! `cellphone done`: a claimed message is finished.

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;

/// Arguments of `done`.
#[derive(Debug, clap::Args)]
pub(super) struct DoneArgs {
    /// The claimed message
    id: String,
    /// The token that `next` gave
    #[arg(long)]
    token: String,
}

impl Run for DoneArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        cx.office()?.done(&self.id, &self.token)?;
        if cx.json() {
            return cx.write_json(&json!({ "id": self.id, "state": "done" }));
        }
        cx.say(&format!("done {}", self.id))
    }
}
