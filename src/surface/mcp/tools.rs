//! The tools: what an agent does with its mail.
//!
//! Schemas are written by hand, a line each: what is generated costs every
//! agent several times as many tokens. A test holds them against what is read.

use std::time::Duration;

use jiff::Timestamp;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::view;
use crate::model::{Address, Priority};
use crate::office::control;
use crate::office::{ErrorKind, InboxQuery, Office, OfficeError, Result, SearchQuery, SendRequest, Which};

/// Lines of a list that are given unless more are asked for.
const LINES: usize = 20;
/// How long the daemon may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// A tool.
pub(super) struct Entry {
    pub(super) name: &'static str,
    about: &'static str,
    /// Name, type (with `!` behind it where it is required) and meaning.
    takes: &'static [(&'static str, &'static str, &'static str)],
    pub(super) reads_only: bool,
    run: fn(&Office, Value) -> Result<Value>,
}

impl Entry {
    /// Does it.
    ///
    /// # Errors
    /// Arguments that make no sense, and what the office says.
    pub(super) fn call(&self, office: &Office, arguments: Value) -> Result<Value> {
        (self.run)(office, arguments)
    }

    fn schema(&self) -> JsonObject {
        let mut properties = JsonObject::new();
        let mut required = Vec::new();
        for (name, kind, about) in self.takes {
            if kind.ends_with('!') {
                required.push(Value::from(*name));
            }
            let mut one = match kind.trim_end_matches('!') {
                "list" => json!({ "type": "array", "items": { "type": "string" } }),
                "priority" => json!({ "enum": ["normal", "urgent", "critical"] }),
                kind => json!({ "type": kind }),
            };
            if !about.is_empty() {
                one["description"] = Value::from(*about);
            }
            properties.insert((*name).to_owned(), one);
        }
        let mut schema = JsonObject::new();
        schema.insert("type".to_owned(), Value::from("object"));
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
        schema.insert("additionalProperties".to_owned(), Value::from(false));
        schema
    }
}

#[rustfmt::skip] // One line each reads best.
static TOOLS: &[Entry] = &[
    Entry {
        name: "send", about: "Send a message; when this returns it is delivered durably.", reads_only: false, run: send,
        takes: &[("to", "list!", "Agent names, @role, @all, or any:@role for one of them"), ("subject", "string!", ""), ("body", "string!", "Markdown"),
                 ("priority", "priority", ""), ("ack", "boolean", "Ask for a receipt"), ("seal", "boolean", "Encrypt the body to its recipients"),
                 ("key", "string", "Sent again with the same key, it is the same message")],
    },
    Entry {
        name: "inbox", about: "List your mail, newest last; marks nothing.", reads_only: true, run: inbox,
        takes: &[("all", "boolean", "Seen mail too"), ("limit", "integer", "Newest N, default 20")],
    },
    Entry {
        name: "read", about: "Show one message and mark it seen.", reads_only: false, run: read,
        takes: &[("id", "string!", ""), ("peek", "boolean", "Do not mark it")],
    },
    Entry {
        name: "reply", about: "Answer a message in its thread.", reads_only: false, run: reply,
        takes: &[("id", "string!", ""), ("body", "string!", ""), ("seal", "boolean", "")],
    },
    Entry {
        name: "next", about: "Claim the next message for yourself, under a lease; finish it with done.", reads_only: false, run: next,
        takes: &[("lease_minutes", "integer", ""), ("urgent_first", "boolean", "")],
    },
    Entry {
        name: "done", about: "Finish a claimed message, or give it back.", reads_only: false, run: done,
        takes: &[("id", "string!", ""), ("token", "string!", "From next"), ("give_back", "string", "Why you cannot do it")],
    },
    Entry {
        name: "ack", about: "Send the receipt that a message asks for.", reads_only: false, run: ack,
        takes: &[("id", "string!", "")],
    },
    Entry {
        name: "search", about: "Search your mail, sent and archived too.", reads_only: true, run: search,
        takes: &[("text", "string!", ""), ("regex", "boolean", ""), ("limit", "integer", "Default 20")],
    },
    Entry { name: "who", about: "The other agents: role, unread mail, window.", reads_only: true, run: who, takes: &[] },
    Entry { name: "status", about: "Who you are, what waits, and whether anything is wrong.", reads_only: true, run: status, takes: &[] },
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TOOLS.iter().map(|tool| tool.name)
}

pub(super) fn find(name: &str) -> Option<&'static Entry> {
    TOOLS.iter().find(|tool| tool.name == name)
}

pub(super) fn list() -> Vec<Tool> {
    let hints = |tool: &Entry| {
        let hints = ToolAnnotations::new().read_only(tool.reads_only).open_world(false);
        if tool.reads_only { hints } else { hints.destructive(false) }
    };
    TOOLS.iter().map(|tool| Tool::new(tool.name, tool.about, tool.schema()).with_annotations(hints(tool))).collect()
}

fn arguments<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| OfficeError::new(ErrorKind::Usage, e.to_string()))
}

/// Agents write one name where a list is asked for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Address),
    Many(Vec<Address>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SendArgs {
    to: OneOrMany,
    subject: String,
    body: String,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    ack: bool,
    #[serde(default)]
    seal: bool,
    key: Option<String>,
}

fn send(office: &Office, value: Value) -> Result<Value> {
    let args: SendArgs = arguments(value)?;
    let to = match args.to {
        OneOrMany::One(to) => vec![to],
        OneOrMany::Many(to) => to,
    };
    let sent = office.send(SendRequest {
        to,
        subject: args.subject,
        body: args.body,
        priority: args.priority,
        ack: args.ack,
        seal: args.seal,
        idempotency_key: args.key,
        ..SendRequest::default()
    })?;
    Ok(view::sent(&sent))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InboxArgs {
    #[serde(default)]
    all: bool,
    limit: Option<usize>,
}

fn inbox(office: &Office, value: Value) -> Result<Value> {
    let args: InboxArgs = arguments(value)?;
    let which = if args.all { Which::Inbox } else { Which::Unread };
    let limit = args.limit.unwrap_or(LINES);
    let found = office.inbox(InboxQuery { which, limit: Some(limit) })?;
    let unread = office.unread(&office.actor())?.ids.len();
    Ok(json!({ "unread": unread, "messages": found.iter().map(view::listed).collect::<Vec<_>>() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadArgs {
    id: String,
    #[serde(default)]
    peek: bool,
}

fn read(office: &Office, value: Value) -> Result<Value> {
    let args: ReadArgs = arguments(value)?;
    Ok(Value::Object(view::opened(&office.read(&args.id, args.peek)?)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyArgs {
    id: String,
    body: String,
    #[serde(default)]
    seal: bool,
}

fn reply(office: &Office, value: Value) -> Result<Value> {
    let args: ReplyArgs = arguments(value)?;
    Ok(view::sent(&office.reply(&args.id, args.body, args.seal)?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NextArgs {
    lease_minutes: Option<u32>,
    #[serde(default)]
    urgent_first: bool,
}

fn next(office: &Office, value: Value) -> Result<Value> {
    let args: NextArgs = arguments(value)?;
    let lease = args.lease_minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
    let Some(claimed) = office.next(lease, args.urgent_first)? else {
        return Ok(json!({ "message": null, "note": "nothing waits" }));
    };
    Ok(json!({
        "token": claimed.token, "lease_until": claimed.lease_until, "attempts": claimed.attempts,
        "message": view::opened(&claimed.opened),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DoneArgs {
    id: String,
    token: String,
    give_back: Option<String>,
}

fn done(office: &Office, value: Value) -> Result<Value> {
    let args: DoneArgs = arguments(value)?;
    let state = match args.give_back {
        None => office.done(&args.id, &args.token).map(|()| "done"),
        Some(why) => office.release(&args.id, &args.token, &why).map(|()| "given back"),
    }?;
    Ok(json!({ "id": args.id, "state": state }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AckArgs {
    id: String,
}

fn ack(office: &Office, value: Value) -> Result<Value> {
    let args: AckArgs = arguments(value)?;
    Ok(view::sent(&office.ack(&args.id)?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchArgs {
    text: String,
    #[serde(default)]
    regex: bool,
    limit: Option<usize>,
}

fn search(office: &Office, value: Value) -> Result<Value> {
    let args: SearchArgs = arguments(value)?;
    let limit = Some(args.limit.unwrap_or(LINES));
    let hits = office.search(SearchQuery { text: args.text, fixed: !args.regex, ignore_case: true, limit })?;
    let hits = hits.iter().map(|hit| {
        let l = &hit.listed;
        json!({ "id": l.id, "from": l.from, "verified": l.verified, "subject": l.subject, "date": l.date,
                "line": hit.line, "text": hit.text.trim_end() })
    });
    Ok(json!({ "hits": hits.collect::<Vec<_>>() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn who(office: &Office, value: Value) -> Result<Value> {
    let Nothing {} = arguments(value)?;
    let daemon = control::daemon_status(office.root().state().path(), PATIENCE).ok();
    let windows = daemon.as_ref().map(|status| status.windows.as_slice()).unwrap_or_default();
    let agents = office.roster().agents().iter().map(|agent| {
        let window = windows.iter().find(|window| window.agent == agent.name);
        json!({
            "name": agent.name, "role": agent.role,
            "unread": office.count_unread(&agent.name).unwrap_or(0),
            "window": window.map(|window| &window.state), "seen": window.and_then(|window| window.seen),
        })
    });
    Ok(json!({ "you": office.actor(), "agents": agents.collect::<Vec<_>>() }))
}

fn status(office: &Office, value: Value) -> Result<Value> {
    let Nothing {} = arguments(value)?;
    let actor = office.actor();
    let unread = office.unread(&actor)?;
    let alarms = office.alarms();
    let alarms = alarms
        .iter()
        .map(|alarm| json!({ "severity": alarm.seen.severity.word(), "what": alarm.seen.what, "since": alarm.since }));
    Ok(json!({
        "you": actor, "role": office.entry(&actor).map(|agent| agent.role).ok(),
        "root": office.root().path(), "unread": unread.ids.len(),
        "daemon_runs": control::daemon_status(office.root().state().path(), PATIENCE).is_ok(),
        "alarms": alarms.collect::<Vec<_>>(), "now": Timestamp::now(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_say_what_is_read() {
        type Accepts = fn(Value) -> bool;
        let read: [(&str, Accepts); 8] = [
            ("send", |v| arguments::<SendArgs>(v).is_ok()),
            ("inbox", |v| arguments::<InboxArgs>(v).is_ok()),
            ("read", |v| arguments::<ReadArgs>(v).is_ok()),
            ("reply", |v| arguments::<ReplyArgs>(v).is_ok()),
            ("next", |v| arguments::<NextArgs>(v).is_ok()),
            ("done", |v| arguments::<DoneArgs>(v).is_ok()),
            ("ack", |v| arguments::<AckArgs>(v).is_ok()),
            ("search", |v| arguments::<SearchArgs>(v).is_ok()),
        ];
        for (name, accepts) in read {
            let tool = find(name).unwrap();
            let whole: JsonObject = tool
                .takes
                .iter()
                .map(|(name, kind, _)| {
                    let value = match kind.trim_end_matches('!') {
                        "string" => json!("x"),
                        "list" => json!(["Agent-1"]),
                        "priority" => json!("urgent"),
                        "boolean" => json!(true),
                        _ => json!(3),
                    };
                    ((*name).to_owned(), value)
                })
                .collect();
            assert!(accepts(Value::Object(whole.clone())), "{name}");
            for (key, kind, _) in tool.takes {
                let mut without = whole.clone();
                without.remove(*key);
                assert_eq!(accepts(Value::Object(without)), !kind.ends_with('!'), "{name} without {key}");
            }
            let mut more = whole;
            more.insert("colour".to_owned(), json!("x"));
            assert!(!accepts(Value::Object(more)), "{name}: what is not known is refused");
        }
    }

    #[test]
    fn the_tools_stay_few_and_short() {
        let tools = serde_json::to_string(&list()).unwrap();
        assert!(names().count() <= 10 && tools.len() < 4_000, "{} bytes", tools.len());
    }
}
