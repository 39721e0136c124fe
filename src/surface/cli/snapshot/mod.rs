//! `cellphone snapshot`: take, look at, keep and check snapshots.

mod progress;
mod shown;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::office::snapshots::{Kind, Wanted};

pub(super) const EXAMPLES: &str = "cellphone snapshot create
cellphone snapshot list";

/// Arguments of `snapshot`.
#[derive(Debug, clap::Args)]
pub(super) struct SnapshotArgs {
    /// Another repository than the first: a path or URL
    #[arg(long, global = true, value_name = "PLACE")]
    repository: Option<String>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Take a snapshot; compared with the newest one, unless said otherwise
    Create {
        /// Read every file, whatever the last snapshot has
        #[arg(long, conflicts_with = "differential")]
        full: bool,
        /// Compare with the last full one
        #[arg(long)]
        differential: bool,
    },
    /// All snapshots, newest last
    List,
    /// One snapshot
    Show {
        /// Its id or the beginning of it, or `latest`
        #[arg(value_parser = wanted, default_value = "latest")]
        snapshot: Wanted,
    },
}

/// Reads a word that says which snapshot is meant.
fn wanted(text: &str) -> Result<Wanted, String> {
    match text {
        "latest" => Ok(Wanted::Latest),
        text if text.len() >= 4 && text.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(Wanted::Id(text.to_owned())),
        text => Err(format!("{text:?} is no snapshot; write latest, or at least four digits of its id")),
    }
}

impl Run for SnapshotArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let which = self.repository.as_deref();
        match self.what {
            What::Create { full, differential } => {
                let kind = match (full, differential) {
                    (true, _) => Kind::Full,
                    (_, true) => Kind::Differential,
                    _ => Kind::Incremental,
                };
                if office.snapshot_places()?.unapproved {
                    cx.note("the settings name other places for snapshots that nobody approved: cellphone trust");
                }
                let taken = progress::watched(cx, |progress| Ok(office.snapshot_create(kind, progress)?))?;
                shown::created(cx, &taken)
            }
            What::List => shown::list(cx, &office.snapshot_list(which)?, office.root().id()),
            What::Show { snapshot } => shown::one(cx, &office.snapshot_show(which, &snapshot)?),
        }
    }
}
