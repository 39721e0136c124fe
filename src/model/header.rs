//! The keys of a header that the program knows, as types.

use jiff::Timestamp;

use super::front_matter::{FrontMatter, yaml_list, yaml_scalar};
use super::time::rfc3339;
use super::{Address, AgentName, Kind, MessageId, ModelError, Priority};

/// What the program reads from a header. Every key may be absent in a file
/// that somebody wrote by hand; an accepted message has `id`, `from`, `to`,
/// `date` and `digest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// ULID of the message.
    pub id: Option<MessageId>,
    /// The sender.
    pub from: Option<AgentName>,
    /// Recipients as written.
    pub to: Vec<Address>,
    /// More recipients, told for their knowledge.
    pub cc: Vec<Address>,
    /// One line; empty when absent.
    pub subject: String,
    /// Kind, derived from the two ends when absent.
    pub kind: Option<Kind>,
    /// Priority.
    pub priority: Priority,
    /// When it was accepted.
    pub date: Option<Timestamp>,
    /// Id of the first message of the thread.
    pub thread: Option<MessageId>,
    /// Id of the message this answers.
    pub in_reply_to: Option<MessageId>,
    /// Free words.
    pub tags: Vec<String>,
    /// Whether the sender asks for a receipt (`ack: required`).
    pub ack: bool,
    /// Past it the captain is told that it was not acknowledged.
    pub deadline: Option<Timestamp>,
    /// Past it the message is a dead letter.
    pub expires: Option<Timestamp>,
    /// How many replies and forwards led here.
    pub hops: u32,
    /// `sha256:` and 64 hexadecimal digits of the body.
    pub digest: Option<String>,
    /// Whether the body is sealed (`sealed: age`).
    pub sealed: bool,
    /// Whom the roles among the recipients meant when a signed message was
    /// accepted; empty where `to` and `cc` say it.
    pub addressed: Vec<AgentName>,
}

/// How a body is sealed, in the header.
const SEALED: &str = "age";

fn field<T>(key: &str, text: Option<&str>) -> Result<Option<T>, ModelError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.map(|t| t.parse::<T>().map_err(|e| ModelError::Field { key: key.to_owned(), why: e.to_string() })).transpose()
}

impl Header {
    /// Reads the known keys.
    ///
    /// # Errors
    /// [`ModelError::Field`] names the key with a value it may not have.
    pub fn read(fm: &FrontMatter) -> Result<Self, ModelError> {
        let addresses = |key: &str| -> Result<Vec<Address>, ModelError> {
            fm.list(key)
                .iter()
                .map(|a| {
                    a.parse::<Address>().map_err(|e| ModelError::Field { key: key.to_owned(), why: e.to_string() })
                })
                .collect()
        };
        let ack = match fm.scalar("ack")? {
            None | Some("none" | "no" | "false") => false,
            Some("required" | "yes" | "true") => true,
            Some(other) => {
                let why = format!("{other:?} is unknown; the only value is `required`");
                return Err(ModelError::Field { key: "ack".into(), why });
            }
        };
        Ok(Self {
            id: field("id", fm.scalar("id")?)?,
            from: field("from", fm.scalar("from")?)?,
            to: addresses("to")?,
            cc: addresses("cc")?,
            subject: fm.scalar("subject")?.unwrap_or_default().to_owned(),
            kind: field("kind", fm.scalar("kind")?)?,
            priority: field("priority", fm.scalar("priority")?)?.unwrap_or_default(),
            date: field("date", fm.scalar("date")?)?,
            thread: field("thread", fm.scalar("thread")?)?,
            in_reply_to: field("in_reply_to", fm.scalar("in_reply_to")?)?,
            tags: fm.list("tags"),
            ack,
            deadline: field("deadline", fm.scalar("deadline")?)?,
            expires: field("expires", fm.scalar("expires")?)?,
            hops: field("hops", fm.scalar("hops")?)?.unwrap_or_default(),
            digest: fm.scalar("digest")?.map(str::to_owned),
            // Another value of these two is a key of the sender's own, as in messages from before there were any.
            sealed: matches!(fm.scalar("sealed"), Ok(Some(SEALED))),
            addressed: fm.list("addressed").into_iter().filter_map(|name| AgentName::new(name).ok()).collect(),
        })
    }

    /// The keys as `(name, YAML)` in the order they are written. Absent ones
    /// are left out.
    #[must_use]
    pub fn yaml(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::with_capacity(16);
        let mut put = |key, value: Option<String>| out.extend(value.map(|v| (key, v)));
        let list = |items: &[Address]| {
            (!items.is_empty()).then(|| yaml_list(&items.iter().map(ToString::to_string).collect::<Vec<_>>()))
        };
        put("id", self.id.map(|id| id.to_string()));
        put("from", self.from.as_ref().map(|n| yaml_scalar(n.as_str())));
        put("to", list(&self.to));
        put("cc", list(&self.cc));
        put("subject", Some(yaml_scalar(&self.subject)));
        put("kind", self.kind.map(|k| k.to_string()));
        put("priority", Some(self.priority.to_string()));
        put("date", self.date.map(rfc3339));
        put("thread", self.thread.map(|id| id.to_string()));
        put("in_reply_to", self.in_reply_to.map(|id| id.to_string()));
        put("tags", (!self.tags.is_empty()).then(|| yaml_list(&self.tags)));
        put("ack", self.ack.then(|| "required".to_owned()));
        put("deadline", self.deadline.map(rfc3339));
        put("expires", self.expires.map(rfc3339));
        put("hops", Some(self.hops.to_string()));
        put("digest", self.digest.as_deref().map(yaml_scalar));
        put("sealed", self.sealed.then(|| SEALED.to_owned()));
        put("addressed", (!self.addressed.is_empty()).then(|| yaml_list(&self.addressed)));
        out
    }
}
