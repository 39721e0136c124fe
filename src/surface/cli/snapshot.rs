//! `cellphone snapshot`: one file per subcommand beside this one.

use super::Run;
use super::context::Context;
use super::failure::Failure;
use super::snapshot_restore::RestoreArgs;

/// Examples of the command's help.
pub(super) const EXAMPLES: &str = "cellphone snapshot restore --staged ~/restored\ncellphone snapshot restore --staged ~/restored --agent Agent-2 --yes\ncellphone snapshot restore --undo --yes";

/// Arguments of `snapshot`.
#[derive(Debug, clap::Args)]
pub(super) struct SnapshotArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Bring a restored tree back into the root; shows the plan first
    Restore(RestoreArgs),
}

impl Run for SnapshotArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        match self.what {
            What::Restore(args) => args.run(cx),
        }
    }
}
