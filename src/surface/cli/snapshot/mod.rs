//! `cellphone snapshot`: take, look at, keep, check and restore snapshots.

mod back;
mod health;
mod keep;
mod look;
mod progress;
mod shown;

use std::path::PathBuf;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::office::snapshots::{Kind, Wanted};

pub(super) const EXAMPLES: &str = "cellphone snapshot create
cellphone snapshot list
cellphone snapshot restore --target ~/restored
cellphone snapshot check --read-data";

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
        /// Begin a new repository in the place of one that is gone
        #[arg(long)]
        new_repository: bool,
        /// At a low priority, as the daemon does
        #[arg(long, hide = true)]
        background: bool,
    },
    /// All snapshots, newest last
    List,
    /// One snapshot
    Show {
        /// Its id or the beginning of it, or `latest`
        #[arg(value_parser = wanted, default_value = "latest")]
        snapshot: Wanted,
    },
    /// What is in a snapshot
    Ls {
        /// Its id or the beginning of it, or `latest`
        #[arg(value_parser = wanted, default_value = "latest")]
        snapshot: Wanted,
        /// Only what is below this path
        #[arg(default_value = "")]
        path: PathBuf,
    },
    /// The bytes of one file
    Cat {
        /// Its id or the beginning of it, or `latest`
        #[arg(value_parser = wanted)]
        snapshot: Wanted,
        /// The path from the root
        path: PathBuf,
    },
    /// What changed from one snapshot to another
    Diff {
        /// The earlier
        #[arg(value_parser = wanted)]
        from: Wanted,
        /// The later
        #[arg(value_parser = wanted, default_value = "latest")]
        to: Wanted,
    },
    /// Bring a snapshot back, or a part of it: planned, shown, then done
    Restore(back::RestoreArgs),
    /// Whether the snapshots are as young, checked and safe as they should be
    Health,
    /// Whether what is stored is still what was stored
    Check {
        /// Read all data, not only directories
        #[arg(long)]
        read_data: bool,
        /// Read this part of the data, others each time
        #[arg(long, value_name = "N%", value_parser = percent, conflicts_with = "read_data")]
        read_data_subset: Option<f64>,
        /// At a low priority, as the daemon does
        #[arg(long, hide = true)]
        background: bool,
    },
    /// Give up old snapshots by rule: planned, shown, then done
    Forget(keep::ForgetArgs),
    /// Give back the space that no snapshot needs: planned, shown, then done
    Prune(keep::PruneArgs),
    /// Take damaged pieces out of the index, so that live files are stored anew
    Repair {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Copy what the other repositories do not have
    Copy,
    /// The recovery sheet: a page to print, that restores everything by restic alone
    Sheet {
        /// Leave a line for the password, to be written by hand
        #[arg(long)]
        without_password: bool,
    },
    /// The password and the keys
    Key {
        #[command(subcommand)]
        what: keep::KeyWhat,
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

/// Lets everybody else go first.
fn lower(background: bool) {
    if background {
        crate::office::snapshots::lower_priority();
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse::<f64>().ok().filter(|n| *n > 0.0 && *n <= 100.0);
    number.ok_or_else(|| format!("{text:?} is no part; write 5%"))
}

impl Run for SnapshotArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let which = self.repository.as_deref();
        match self.what {
            What::Create { full, differential, new_repository, background } => {
                lower(background);
                let kind = match (full, differential) {
                    (true, _) => Kind::Full,
                    (_, true) => Kind::Differential,
                    _ => Kind::Incremental,
                };
                if which.is_some() {
                    return Err(Failure::usage("a snapshot goes to the first repository")
                        .hint("cellphone snapshot create, then cellphone snapshot copy"));
                }
                if office.snapshot_places()?.unapproved {
                    cx.note("the settings name other places for snapshots that nobody approved: cellphone trust");
                }
                let taken =
                    progress::watched(cx, |progress| Ok(office.snapshot_create(kind, new_repository, progress)?))?;
                shown::created(cx, &taken)
            }
            What::List => {
                let check = office.snapshot_last_check(which)?;
                shown::list(cx, &office.snapshot_list(which)?, office.root().id(), check.as_ref())
            }
            What::Show { snapshot } => shown::one(cx, &office.snapshot_show(which, &snapshot)?),
            What::Ls { snapshot, path } => look::entries(cx, &office.snapshot_ls(which, &snapshot, &path)?),
            What::Cat { snapshot, path } => {
                let mut out = std::io::stdout().lock();
                Ok(office.snapshot_cat(which, &snapshot, &path, &mut out)?)
            }
            What::Diff { from, to } => look::differences(cx, &office.snapshot_diff(which, &from, &to)?),
            What::Restore(args) => args.run(cx, &office, which),
            What::Health => health::show(cx, &office.snapshot_health()?),
            What::Check { read_data, read_data_subset, background } => {
                lower(background);
                keep::check(cx, &office, which, read_data, read_data_subset)
            }
            What::Forget(args) => args.run(cx, &office, which),
            What::Prune(args) => args.run(cx, &office, which),
            What::Repair { yes } => keep::repair(cx, &office, which, yes),
            What::Copy => keep::copy(cx, &office),
            What::Sheet { without_password } => {
                let sheet = office.recovery_sheet(!without_password)?;
                if cx.json() { cx.write_json(&serde_json::json!({ "sheet": sheet })) } else { cx.print(&sheet) }
            }
            What::Key { what } => what.run(cx, &office, which),
        }
    }
}
