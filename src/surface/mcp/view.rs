//! Mail as an agent is given it: what it needs to act, and no more.

use serde_json::{Map, Value, json};

use crate::office::{Listed, Opened, Seal, Sent};
use crate::surface::render::provenance;

/// Longest body that is handed over in one piece, in bytes; the rest is read
/// from the file. About 8,000 tokens.
const BODY: usize = 32 * 1024;

/// A line of a list.
pub(super) fn listed(m: &Listed) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("id", json!(m.id));
    put("from", json!(m.from));
    put("verified", json!(m.verified));
    if let Some(why) = &m.verified_why {
        put("verified_why", json!(why));
    }
    put("subject", json!(m.subject));
    put("date", json!(m.date));
    put("state", json!(m.state));
    put("priority", json!(m.priority));
    // What is usual is left out.
    if let Some(kind) = &m.kind {
        put("kind", json!(kind));
    }
    if m.ack {
        put("ack", json!(true));
    }
    if let Some(deadline) = &m.deadline {
        put("deadline", json!(deadline));
    }
    map
}

/// A message with its body, and whose words those are.
pub(super) fn opened(m: &Opened) -> Map<String, Value> {
    let l = &m.listed;
    let mut map = listed(l);
    map.insert("to".to_owned(), json!(l.to));
    if !l.cc.is_empty() {
        map.insert("cc".to_owned(), json!(l.cc));
    }
    map.insert("thread".to_owned(), json!(l.thread));
    if let Some(answered) = &l.in_reply_to {
        map.insert("in_reply_to".to_owned(), json!(answered));
    }
    if !l.tags.is_empty() {
        map.insert("tags".to_owned(), json!(l.tags));
    }
    if let Seal::Closed(why) = &m.seal {
        map.insert("sealed_why".to_owned(), json!(why));
    }
    let notice = provenance::warning(l.from.as_ref(), l.verified == "forged");
    map.insert("notice".to_owned(), json!(notice));
    let cut = m.body.floor_char_boundary(BODY.min(m.body.len()));
    map.insert("body".to_owned(), json!(&m.body[..cut]));
    if cut < m.body.len() {
        map.insert("body_cut".to_owned(), json!({ "bytes": m.body.len(), "shown": cut, "file": l.path }));
    }
    map
}

/// What was accepted.
pub(super) fn sent(s: &Sent) -> Value {
    let mut map = Map::new();
    map.insert("id".to_owned(), json!(s.id));
    map.insert("delivered".to_owned(), json!(s.delivered));
    if !s.pending.is_empty() {
        map.insert("pending".to_owned(), json!(s.pending));
    }
    if !s.notices.is_empty() {
        map.insert("notices".to_owned(), json!(s.notices));
    }
    Value::Object(map)
}
