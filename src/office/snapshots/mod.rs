//! Snapshots as use cases: permission is checked here, whoever asks.

mod restore;

pub use restore::{Aside, DaemonTold, RestoreRequest, Restored, RestoredFrom};

pub use crate::mailbox::{Exchanged, Key, Step};
pub use crate::snapshot::exchange::{
    FilePlan, JournalPlan, MailboxPlan, Phase, Plan as RestorePlan, Record as RestoreRecord, Selection,
};
