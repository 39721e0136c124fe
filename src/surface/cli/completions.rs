//! `cellphone completions`: for the shell.

use clap_complete::Shell;

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
        cx.print(&String::from_utf8_lossy(&script))
    }
}
