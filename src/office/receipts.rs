//! Receipts: one for each message and reader, however often it is
//! acknowledged, and whatever was lost meanwhile.
//!
//! The id of a receipt follows from the message and from who acknowledges it,
//! so that its file in `sent/` is the proof that it went; keys and journal may
//! be deleted.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::mailbox::{Mailbox, Scanned};
use crate::model::{Address, AgentName, Draft, Event, EventKind, Header, Kind, Message, MessageId, UniqueName};

use super::admission::Hand;
use super::{Office, Result, Sent};

impl Office {
    /// Sends the receipt of a message, once; to a sender without a mailbox it
    /// is only noted in the journal.
    pub(super) fn receipt(&self, original: &Message) -> Result<Sent> {
        let (to, by) = (original.from(), self.actor());
        let acked = Event::new(Timestamp::now(), EventKind::Acked).id(original.id()).agent(&by);
        let nothing = Sent {
            id: original.id(),
            path: std::path::PathBuf::new(),
            delivered: vec![],
            pending: vec![],
            notices: vec![],
        };
        if self.roster().get(to.as_str()).is_none() {
            self.note(&[acked]);
            return Ok(nothing);
        }
        let id = receipt_id(&original.name, &by);
        let mailbox = self.mailbox()?;
        if let Some(found) = self.receipt_of(&mailbox, &original.name)? {
            // The journal may be what was lost.
            self.note(&[acked]);
            return Ok(Sent { id, path: mailbox.path_of(&found), delivered: vec![to], ..nothing });
        }
        let header = Header {
            to: vec![Address::Agent(to)],
            subject: format!("Received: {}", original.header.subject),
            in_reply_to: Some(original.id()),
            thread: Some(original.thread()),
            hops: original.header.hops.saturating_add(1),
            kind: Some(Kind::Receipt),
            ..Header::default()
        };
        let draft = Draft::new(header, format!("{by} acknowledges {}.\n", original.id()));
        let (letter, notices) = self.admit(draft, by, Some(id.to_string()), Some(id), Hand::Ours)?;
        let posted = self.post.post(letter)?;
        let sent = self.sent(posted, notices);
        self.note(&[acked]);
        Ok(sent)
    }

    /// The copy of the receipt that the owner of a mailbox sent for a message.
    pub(super) fn receipt_of(&self, mailbox: &Mailbox, original: &UniqueName) -> Result<Option<Scanned>> {
        Ok(mailbox.find_sent(receipt_id(original, mailbox.agent()), original.accepted())?)
    }
}

/// A microsecond younger than the message, so that it sorts behind it.
fn receipt_id(original: &UniqueName, by: &AgentName) -> MessageId {
    let digest = Sha256::digest(format!("receipt\n{}\n{by}", original.id()).as_bytes());
    let random = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let at = Timestamp::from_microsecond(original.accepted().as_microsecond() + 1).unwrap_or_default();
    MessageId::compose(at, random)
}
