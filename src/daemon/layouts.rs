//! The folders of the mailboxes: what is missing is told, then made anew.

use std::path::PathBuf;

use super::house::House;

impl House {
    /// Makes the folders that are missing in the mailboxes of the roster, and
    /// before it says which were there once; `gone` is what was seen to go.
    pub(super) fn complete_layouts(&self, gone: &[PathBuf]) {
        let misses = self.missing(gone);
        let made = self.make_layouts();
        if !misses && !made.is_empty() {
            // They went between the look and the making.
            self.missing(&made);
        }
        if let Err(e) = self.office().guard_knows_mailboxes(&self.guard) {
            tracing::warn!(error = %e, "which mailboxes there are could not be written down");
        }
    }

    /// Says what is missing; whether anything is.
    fn missing(&self, gone: &[PathBuf]) -> bool {
        self.office().guard_folders(&self.guard, gone).unwrap_or_else(|e| {
            tracing::warn!(error = %e, "what is missing could not be written down");
            false
        })
    }

    fn make_layouts(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for (agent, made) in self.office().complete_layouts() {
            match made {
                Ok(made) if made.is_empty() => {}
                Ok(made) => {
                    tracing::info!(%agent, ?made, "missing folders were made");
                    all.extend(made.into_iter().map(PathBuf::from));
                }
                Err(e) => self.warn(&format!("the mailbox of {agent} is not complete: {e}")),
            }
        }
        all
    }
}
