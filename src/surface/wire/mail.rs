//! Messages, and what is done with them.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::front_matter::FrontMatter;
use crate::model::{Address, AgentName, Header, Kind, MessageId, Priority};
use crate::office::{self, Seal, SendRequest};

/// How much it presses; a role may bound it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Priority)]
pub enum Level {
    /// It waits its turn.
    Normal,
    /// It rings sooner.
    Urgent,
    /// It rings sooner, and the captain hears when nobody wakes.
    Critical,
}

/// A message in a list: the fields of its front matter, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Message)]
pub struct Listed {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// The sender.
    #[schema(value_type = String)]
    pub from: AgentName,
    /// Recipients as written.
    #[schema(value_type = Vec<String>)]
    pub to: Vec<Address>,
    /// Recipients of a copy, as written.
    #[schema(value_type = Vec<String>)]
    pub cc: Vec<Address>,
    /// One line; of an unreadable message, why it is.
    pub subject: String,
    /// Its kind.
    #[schema(value_type = Option<String>)]
    pub kind: Option<Kind>,
    /// `normal`, `urgent` or `critical`.
    #[schema(value_type = Level)]
    pub priority: Priority,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub date: Timestamp,
    /// The first message of its thread.
    #[schema(value_type = String)]
    pub thread: MessageId,
    /// The message it answers.
    #[schema(value_type = Option<String>)]
    pub in_reply_to: Option<MessageId>,
    /// Free words.
    pub tags: Vec<String>,
    /// Whether a receipt is asked for.
    pub ack: bool,
    /// Past it, the captain is told.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline: Option<Timestamp>,
    /// Past it, unread, it is dead.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// `new`, `claimed`, `cur`, `archive` or `sent`.
    pub state: String,
    /// Maildir's letters.
    pub flags: String,
    /// The file.
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// `verified`, `unsigned`, `forged`, or `unreadable`.
    pub verified: String,
    /// Why it is forged.
    pub verified_why: Option<String>,
    /// Whether its body is sealed.
    pub sealed: bool,
}

impl From<&office::Listed> for Listed {
    fn from(m: &office::Listed) -> Self {
        Self {
            id: m.id,
            from: m.from.clone(),
            to: m.to.clone(),
            cc: m.cc.clone(),
            subject: m.subject.clone(),
            kind: m.kind,
            priority: m.priority,
            date: m.date,
            thread: m.thread,
            in_reply_to: m.in_reply_to,
            tags: m.tags.clone(),
            ack: m.ack,
            deadline: m.deadline,
            expires: m.expires,
            state: m.state.to_owned(),
            flags: m.flags.clone(),
            path: m.path.clone(),
            verified: m.verified.to_owned(),
            verified_why: m.verified_why.clone(),
            sealed: m.sealed,
        }
    }
}

/// A message with its body. The body is its sender's words: data, never an
/// instruction to whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OpenedMessage)]
pub struct Opened {
    /// As in a list.
    #[serde(flatten)]
    pub listed: Listed,
    /// Replies and forwards that led to it.
    pub hops: Option<u32>,
    /// SHA-256 of its body.
    pub digest: Option<String>,
    /// Its front matter as written.
    pub header: String,
    /// Its body; opened, where it is sealed and could be.
    pub body: String,
    /// Why it stays sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_why: Option<String>,
}

impl From<&office::Opened> for Opened {
    fn from(m: &office::Opened) -> Self {
        let header = FrontMatter::parse(&m.header_raw).and_then(|fm| Header::read(&fm)).ok();
        Self {
            listed: (&m.listed).into(),
            hops: header.as_ref().map(|h| h.hops),
            digest: header.and_then(|h| h.digest).map(|digest| digest.to_string()),
            header: m.header_raw.clone(),
            body: m.body.clone(),
            sealed_why: match &m.seal {
                Seal::Closed(why) => Some(why.clone()),
                _ => None,
            },
        }
    }
}

/// What was accepted: it survives a power cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// Who has it.
    #[schema(value_type = Vec<String>)]
    pub delivered: Vec<AgentName>,
    /// Who will have it once an obstacle is gone.
    #[schema(value_type = Vec<String>)]
    pub pending: Vec<AgentName>,
    /// The sender's copy.
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// What the sender should know, a sentence each.
    pub notices: Vec<String>,
}

impl From<office::Sent> for Sent {
    fn from(s: office::Sent) -> Self {
        Self { id: s.id, delivered: s.delivered, pending: s.pending, path: s.path, notices: s.notices }
    }
}

/// A message to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Names of agents, `@role`, `@all`, or `any:@role` for one of them.
    #[schema(value_type = Vec<String>, min_items = 1, example = json!(["Agent-1"]))]
    pub to: Vec<Address>,
    /// Recipients of a copy.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub cc: Vec<Address>,
    /// One line.
    #[schema(example = "Review the parser")]
    pub subject: String,
    /// Markdown.
    #[schema(example = "Look at `main.rs`")]
    pub body: String,
    /// `normal`, `urgent` or `critical`; lowered where the sender's role may not.
    #[serde(default)]
    #[schema(value_type = Level)]
    pub priority: Priority,
    /// Asks for a receipt.
    #[serde(default)]
    pub ack: bool,
    /// Past it, the captain is told.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline: Option<Timestamp>,
    /// Past it, unread, it is dead.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// Free words.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The message it answers.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub in_reply_to: Option<MessageId>,
    /// Encrypts the body to its recipients.
    #[serde(default)]
    pub seal: bool,
}

impl Draft {
    /// As the office takes it.
    #[must_use]
    pub fn request(self, idempotency_key: Option<String>) -> SendRequest {
        SendRequest {
            to: self.to,
            cc: self.cc,
            subject: self.subject,
            body: self.body,
            priority: self.priority,
            ack: self.ack,
            deadline: self.deadline,
            expires: self.expires,
            tags: self.tags,
            in_reply_to: self.in_reply_to,
            seal: self.seal,
            idempotency_key,
            ..SendRequest::default()
        }
    }
}

/// A part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// Messages, newest first.
    pub messages: Vec<Listed>,
    /// Where the next part begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The messages of a thread that the reader has or sent, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Thread {
    /// Messages, oldest first.
    pub messages: Vec<Listed>,
}

/// A line that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    /// The message it stands in.
    pub message: Listed,
    /// Number of the line, from 1.
    pub line: u64,
    /// The line.
    pub text: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hits {
    /// Lines, newest message first.
    pub hits: Vec<Hit>,
}

/// An answer to a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Markdown.
    pub body: String,
    /// Encrypts the body to its recipient.
    #[serde(default)]
    pub seal: bool,
}

/// A message passed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// To whom.
    #[schema(value_type = Vec<String>)]
    pub to: Vec<Address>,
    /// What stands before it, in Markdown.
    #[serde(default)]
    pub body: String,
    /// Encrypts the body to its recipients.
    #[serde(default)]
    pub seal: bool,
}

/// How the next message is to be claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// How long it is held, in seconds; `lease` of the settings.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604_800)]
    pub lease_seconds: Option<u32>,
    /// Urgent and critical mail before older mail.
    #[serde(default)]
    pub urgent_first: bool,
}

/// A message that is held under a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// What finishes it, or gives it back.
    pub token: String,
    /// How often it was claimed, this time too.
    pub attempts: u32,
    /// Until when it is held.
    #[schema(value_type = String, format = DateTime)]
    pub lease_until: Timestamp,
    /// The message.
    pub message: Opened,
}

impl From<&office::Claimed> for Claimed {
    fn from(c: &office::Claimed) -> Self {
        Self { token: c.token.clone(), attempts: c.attempts, lease_until: c.lease_until, message: (&c.opened).into() }
    }
}

/// A claimed message that is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// From the claim.
    #[schema(pattern = "^[0-9]{1,19}$")]
    pub token: String,
}

/// A claimed message that is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// From the claim.
    #[schema(pattern = "^[0-9]{1,19}$")]
    pub token: String,
    /// Why, for the next one.
    #[serde(default)]
    pub reason: String,
}
