//! `cellphone send`: one message, or many by `--batch`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::parse::{self, BodyArgs, ScanArgs};
use super::{Run, mail};
use crate::model::{Address, MessageId, Priority};
use crate::office::SendRequest;
use crate::surface::render::{json, text};
use crate::surface::wire;

pub(super) const EXAMPLES: &str = "cellphone send --to Agent-2 -s 'Review the parser' -m 'Branch parse-2, please'
cellphone send --to @captain,Agent-3 -s Blocked --ack --deadline 30m -f why.md
git diff | cellphone send --to any:@reviewer -s 'Look at this' -
cellphone send --to Agent-2 -s 'The password' --seal -f secret.txt
cellphone send --batch messages.jsonl";

/// A batch is read whole before anything is sent; this bounds it.
const BATCH_LIMIT: u64 = 1 << 30;

/// What says something of one message. A line of a batch says it itself: an
/// option beside it would be ignored.
const OF_ONE: [&str; 13] = [
    "to",
    "cc",
    "subject",
    "message",
    "file",
    "stdin",
    "priority",
    "ack",
    "deadline",
    "expires",
    "tags",
    "idempotency_key",
    "seal",
];

/// Arguments of `send`.
#[derive(Debug, clap::Args)]
pub(super) struct SendArgs {
    /// Recipients, separated by commas: Agent-2, @all, @role, any:@role
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', required_unless_present = "batch")]
    to: Vec<Address>,
    /// More recipients, told for their knowledge
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    cc: Vec<Address>,
    /// One line about it
    #[arg(short, long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    subject: String,
    #[command(flatten)]
    body: BodyArgs,
    /// normal, urgent or critical (the last two only for roles that may)
    #[arg(long, value_name = "P", default_value = "normal", hide_default_value = true)]
    priority: Priority,
    /// Ask for a receipt
    #[arg(long)]
    ack: bool,
    /// Tell the captain when it is not acknowledged by then (2h, or RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = parse::instant)]
    deadline: Option<Timestamp>,
    /// Give up delivering or keeping it unread after this (1d, or RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = parse::instant)]
    expires: Option<Timestamp>,
    /// A word to find it by; may be repeated
    #[arg(long = "tag", value_name = "TAG", value_delimiter = ',')]
    tags: Vec<String>,
    /// Sending again with the same key sends nothing twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Seal the body: only the recipients and the sender can open it
    #[arg(long)]
    seal: bool,
    #[command(flatten)]
    scan: ScanArgs,
    /// Send many: a file of JSON lines (`-` for standard input); each line says all of its own message
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_ONE)]
    batch: Option<PathBuf>,
}

impl Run for SendArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office_with(self.scan.said())?;
        let limit = office.settings().limits.body;
        if let Some(file) = &self.batch {
            return batch(cx, &office, &parse::read_text(file, BATCH_LIMIT)?);
        }
        let sent = office.send(SendRequest {
            to: self.to,
            cc: self.cc,
            subject: self.subject,
            body: self.body.require(limit)?,
            priority: self.priority,
            ack: self.ack,
            deadline: self.deadline,
            expires: self.expires,
            tags: self.tags,
            idempotency_key: self.idempotency_key,
            seal: self.seal,
            ..SendRequest::default()
        })?;
        mail::show_sent(cx, &sent, "sent")
    }
}

/// A line of a batch: the names are those of the front matter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    to: OneOrMany,
    #[serde(default)]
    cc: OneOrMany,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    ack: Ack,
    deadline: Option<String>,
    expires: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    idempotency_key: Option<String>,
    #[serde(default)]
    seal: bool,
    in_reply_to: Option<MessageId>,
    thread: Option<MessageId>,
}

/// `"ack": true` or, as in the front matter, `"ack": "required"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Ack {
    Flag(bool),
    Word(String),
}

impl Default for Ack {
    fn default() -> Self {
        Self::Flag(false)
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    fn addresses(&self) -> Result<Vec<Address>, String> {
        let join = match self {
            Self::One(text) => text.clone(),
            Self::Many(list) => list.join(","),
        };
        Address::parse_list(&join).map_err(|e| e.to_string())
    }
}

fn request(text: &str) -> Result<SendRequest, String> {
    let line: Line = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let instant = |t: Option<&String>| t.map(|t| parse::instant(t)).transpose();
    let ack = match &line.ack {
        Ack::Flag(flag) => *flag,
        Ack::Word(word) if word == "required" => true,
        Ack::Word(word) => return Err(format!("ack: {word:?} is unknown; the only word is \"required\"")),
    };
    let to = line.to.addresses()?;
    if to.is_empty() {
        return Err("`to` names nobody".into());
    }
    Ok(SendRequest {
        to,
        cc: line.cc.addresses()?,
        priority: line.priority,
        ack,
        deadline: instant(line.deadline.as_ref())?,
        expires: instant(line.expires.as_ref())?,
        subject: line.subject,
        body: line.body,
        tags: line.tags,
        idempotency_key: line.idempotency_key,
        seal: line.seal,
        in_reply_to: line.in_reply_to,
        thread: line.thread,
        ..SendRequest::default()
    })
}

fn batch(cx: &Context, office: &crate::office::Office, text: &str) -> Result<(), Failure> {
    let requests = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(n, line)| {
            request(line).map_err(|why| {
                Failure::usage(format!("batch, line {}: {why}; nothing was sent", n + 1))
                    .hint(r#"a line is {"to": "Agent-2", "subject": "…", "body": "…"}"#)
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let results = office.send_batch(requests)?;
    let failed = results.iter().filter(|r| r.is_err()).count();
    let (total, mut first) = (results.len(), None);
    let mut out = String::new();
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(sent) if cx.json() => out += &json::line(&wire::Sent::from(sent))?,
            Ok(sent) => out += &format!("sent {}\n", sent.id),
            Err(e) => {
                let failure = Failure::from(e);
                if let (true, Failure::Report { code, message, .. }) = (cx.json(), &failure) {
                    let error = json!({ "kind": code.word(), "code": code.exit_code(), "message": message });
                    out += &json::line(&json!({ "line": n + 1, "error": error }))?;
                }
                first.get_or_insert((n + 1, failure));
            }
        }
    }
    cx.print(&out)?;
    match first {
        None => Ok(()),
        Some((n, Failure::Report { code, message, hint })) => {
            let message = format!(
                "{failed} of {} were not sent; the first is number {n}: {message}",
                text::count(total, "message")
            );
            Err(Failure::Report { code, message, hint })
        }
        Some((_, other)) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_lines() {
        let r =
            request(r#"{"to":["Agent-1","@captain"],"subject":"s","body":"b","ack":"required","priority":"urgent"}"#);
        let r = r.unwrap();
        assert_eq!((r.to.len(), r.ack, r.priority), (2, true, Priority::Urgent));
        assert!(request(r#"{"to":"Agent-1,Agent-2","body":"b"}"#).unwrap().to.len() == 2);
        assert!(request(r#"{"to":"../x","body":"b"}"#).is_err());
        assert!(request(r#"{"to":[],"body":"b"}"#).is_err());
        assert!(request(r#"{"to":"Agent-1","bodi":"b"}"#).unwrap_err().contains("bodi"));
    }
}
