//! Which record of what happened goes on: the live one, unless it is lost or
//! damaged, or was begun anew since, and the restored one is whole.

use super::Result;
use super::plan::JournalPlan;
use crate::fsio::Dir;
use crate::journal::{Journal, standing};

/// Judges by both chains.
pub(super) fn judge(live: &Journal, restored: &Dir) -> Result<JournalPlan> {
    let (here, there) = (live.standing()?, standing(restored)?);
    let kept = |why: String| Ok(JournalPlan::Kept { why });
    if let Some(broken) = there.broken {
        return kept(format!("the restored one is damaged ({broken})"));
    }
    if let Some(broken) = here.broken {
        return Ok(JournalPlan::BroughtBack { why: format!("the live one is damaged ({broken})") });
    }
    if here.began_anew_after(&there) {
        let why = "the live one was begun anew after what the restored one tells".to_owned();
        return Ok(JournalPlan::BroughtBack { why });
    }
    if there.last > here.last {
        let why = match here.last {
            0 => "the live one is lost".to_owned(),
            lines => format!("the live one has {lines} lines, the restored one {}", there.last),
        };
        return Ok(JournalPlan::BroughtBack { why });
    }
    kept(format!("its chain is whole up to line {}, the restored one ends at {}", here.last, there.last))
}
