//! `cellphone completions`: for the shell.

use clap_complete::Shell;
use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

impl Run for CompletionsArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::full(), "cellphone", &mut script);
        let script = String::from_utf8_lossy(&script);
        if cx.json() {
            return cx.write_json(&json!({ "shell": self.shell.to_string(), "script": script }));
        }
        cx.print(&script)
    }
}
