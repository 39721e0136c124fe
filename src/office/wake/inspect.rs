//! `nudge test`: what the gates see and decide, nothing typed.

use super::ring::{LIMIT, first_channel, target};
use crate::nudge::NudgeContext;
pub use crate::nudge::inspect::{Inspection, Seen};
use crate::office::{ErrorKind, Office, OfficeError, Result};

/// Looks at an agent's window on its first channel as a nudge would.
///
/// # Errors
/// No such agent, one without a channel, or a profile that is broken.
pub fn inspect(office: &Office, agent: &str) -> Result<Inspection> {
    let (agent, channel) = first_channel(office, agent)?;
    let target = target(office, agent, channel).map_err(|why| OfficeError::new(ErrorKind::Failed, why))?;
    let notice = super::once::glance(office, agent)?;
    let context = NudgeContext {
        human_idle: office.settings().nudge.human_idle,
        limit: LIMIT,
        ..NudgeContext::new(office.root().state().path())
    };
    Ok(crate::nudge::inspect::inspect(&target, &notice.text(), &context))
}
