//! `cellphone inbox`: what waits.

use super::context::Context;
use super::failure::Failure;
use super::{Run, mail};
use crate::model::AgentName;
use crate::office::{InboxQuery, Which};
use crate::surface::render::{Paint, text};

const FOOT: &str = "cellphone read ID shows one; cellphone next claims the next";

/// Arguments of `inbox`.
#[derive(Debug, clap::Args)]
pub(super) struct InboxArgs {
    /// Seen mail too
    #[arg(long, conflicts_with = "unread")]
    all: bool,
    /// Only unseen mail, which is the default
    #[arg(long)]
    unread: bool,
    /// The newest N only
    #[arg(short = 'n', long = "limit", value_name = "N")]
    limit: Option<usize>,
    /// Another's, for roles that may; nothing is marked
    #[arg(long, value_name = "AGENT")]
    of: Option<AgentName>,
}

impl Run for InboxArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let which = if self.all { Which::Inbox } else { Which::Unread };
        let query = InboxQuery { which, limit: self.limit };
        let messages = match &self.of {
            Some(whose) => office.inbox_of(whose, query)?,
            None => office.inbox(query)?,
        };
        let whose = self.of.unwrap_or_else(|| office.actor());
        if cx.json() {
            return cx.write_json(&messages.iter().map(mail::listed_json).collect::<Vec<_>>());
        }
        if messages.is_empty() {
            let what = if self.all { "no mail" } else { "no new mail" };
            return cx.say(&format!("{whose}: {what}"));
        }
        let head = format!("{whose}: {}", text::count(messages.len(), "message"));
        let foot = cx.paint(Paint::Faint, &text::wrap(FOOT, cx.style.width, 0));
        cx.print(&format!("{}\n{}{foot}\n", cx.paint(Paint::Strong, &head), mail::table(cx, &messages)))
    }
}
