//! Mail as resources: the inbox and conversations, to be attached by a person
//! or an agent. Reading one marks nothing.

use rmcp::model::{Resource, ResourceTemplate};
use serde_json::{Value, json};

use super::view;
use crate::office::{ErrorKind, InboxQuery, Office, OfficeError, Result, Which};

const INBOX: &str = "cellphone://inbox";
const THREAD: &str = "cellphone://thread/";
const JSON: &str = "application/json";
/// Messages of the inbox that are listed.
const NEWEST: usize = 50;

pub(super) fn list() -> Vec<Resource> {
    vec![Resource::new(INBOX, "inbox").with_description("The mail that waits, newest last").with_mime_type(JSON)]
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    let thread = ResourceTemplate::new(format!("{THREAD}{{id}}"), "thread");
    vec![thread.with_description("A conversation, by the id of one of its messages").with_mime_type(JSON)]
}

/// Reads one.
///
/// # Errors
/// There is none of that name, or what the office says.
pub(super) fn read(office: &Office, uri: &str) -> Result<Value> {
    if uri == INBOX {
        let query = InboxQuery { which: Which::Inbox, limit: Some(NEWEST) };
        let all = office.inbox(query)?;
        return Ok(json!({ "agent": office.actor(), "messages": all.iter().map(view::listed).collect::<Vec<_>>() }));
    }
    let Some(id) = uri.strip_prefix(THREAD) else {
        let why = format!("there is no resource {uri:?}");
        return Err(OfficeError::new(ErrorKind::NotFound, why).hint(format!("{INBOX} or {THREAD}ID")));
    };
    let all = office.thread(id)?;
    let messages = all.iter().map(|one| {
        // One that cannot be opened is listed all the same.
        office.read(&one.id.to_string(), true).map_or_else(|_| view::listed(one), |m| view::opened(&m))
    });
    Ok(json!({ "messages": messages.collect::<Vec<_>>() }))
}
