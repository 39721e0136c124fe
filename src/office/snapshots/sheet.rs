//! The recovery sheet: one page from which somebody who has lost this machine
//! brings everything back with restic alone.

use super::super::{Office, Result};
use crate::model::Permission;
use crate::snapshot::{Place, hostname};

impl Office {
    /// The page, as plain text of at most 78 columns but for places and
    /// passwords. With the password it opens everything, so only whoever may
    /// restore gets it.
    ///
    /// # Errors
    /// The actor may not, or the password cannot be had.
    pub fn recovery_sheet(&self, with_password: bool) -> Result<String> {
        self.may(Permission::Restore)?;
        let places = self.snapshot_repositories()?;
        let secrets = self.snapshot_secrets()?;
        let password = if with_password { secrets.password(false)?.expose().to_owned() } else { "_".repeat(44) };
        let root = self.root();
        let mut out = String::new();
        let mut line = |text: &str| {
            out.push_str(text);
            out.push('\n');
        };
        line("RECOVERY SHEET");
        line(&format!("{}, {} on {}", self.now().strftime("%Y-%m-%d"), root.path().display(), hostname()));
        line("");
        line("Whoever has this page can read all mail in the snapshots. Keep it like a");
        line("key, away from the machine. Print it again after a change of repository or");
        line("password.");
        line("");
        line(&format!("Root       {}  (id {})", root.path().display(), root.id()));
        for (at, place) in places.iter().enumerate() {
            line(&format!("{}  {}", if at == 0 { "Snapshots" } else { "Copy     " }, restic_name(place)));
        }
        line(&format!("Password   {password}"));
        line("");
        line("The repositories are restic's (https://restic.net), format 2. Nothing of");
        line("this program is needed to read them:");
        line("");
        let place = places.first().map(restic_name).unwrap_or_default();
        line(&format!("  export RESTIC_REPOSITORY='{}'", place.replace('\'', "'\\''")));
        line("  export RESTIC_PASSWORD='the password above'");
        line("  restic snapshots --tag cellphone           # which there are, the newest last");
        line("  restic check --read-data                   # whether all of it is whole");
        line("  restic restore latest --tag cellphone --target restored");
        line("");
        line("If that place is lost too, set RESTIC_REPOSITORY to a copy named above.");
        line("");
        line("The mail is plain files then: restored/…/agent_workspaces. To work on with");
        line("it, on this or another machine with this program:");
        line("");
        let id = root.id();
        line("  cellphone init office && cd office");
        line("    (or, where the home of before is still there, with its keys and approvals:");
        line(&format!("    cellphone init office --instead-of {id} && cd office)"));
        line("  cellphone snapshot restore --staged ../restored         # shows the plan");
        line("  cellphone snapshot restore --staged ../restored --yes");
        line("  cellphone trust                            # looks at hooks and settings");
        line("  cellphone keys renew                       # keys that count, for everybody");
        line("  cellphone up --detach");
        line("");
        line("Not in the snapshots: private keys, tokens, this password, window pins and");
        line("approvals. Agents join again with `cellphone join NAME`.");
        Ok(out)
    }
}

/// A place as restic names it.
fn restic_name(place: &Place) -> String {
    match place {
        Place::Local(path) => path.display().to_string(),
        Place::Remote(_) => place.to_string(),
    }
}
