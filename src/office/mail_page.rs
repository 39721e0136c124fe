//! Lists in parts, newest first, for who does not want all of a mailbox at
//! once. A part ends at a message, and the next one begins behind it, wherever
//! that message was moved meanwhile.

use super::{Listed, Office, Result};
use crate::fsio::parallel;
use crate::mailbox::Which;
use crate::model::{AgentName, UniqueName};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shelf {
    /// Mail that nobody has seen.
    Unread,
    /// All of the inbox, claimed mail too.
    #[default]
    Inbox,
    /// The inbox and the archive.
    All,
    /// What was sent.
    Sent,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct MailPage {
    /// Messages, newest first.
    pub messages: Vec<Listed>,
    /// The last of them, when there are more behind it.
    pub next: Option<UniqueName>,
}

impl Office {
    /// Lists mail, newest first: at most `limit` messages that were accepted
    /// before `before`. `whose` is another's mail; nothing is marked.
    ///
    /// # Errors
    /// The actor may not, nobody has this name, or the mailbox cannot be read.
    pub fn mail_page(
        &self,
        whose: Option<&AgentName>,
        shelf: Shelf,
        limit: usize,
        before: Option<&UniqueName>,
    ) -> Result<MailPage> {
        let mailbox = match whose {
            Some(whose) => self.looking_into(whose)?,
            None => self.mailbox()?,
        };
        // One more than is shown tells whether there is more.
        let newest = if before.is_none() { Some(limit.saturating_add(1)) } else { None };
        let mut found = match shelf {
            Shelf::Unread => mailbox.scan(Which::Unread, newest)?,
            Shelf::Inbox => mailbox.scan(Which::Inbox, newest)?,
            Shelf::All => mailbox.scan(Which::All, newest)?,
            Shelf::Sent => {
                let mut sent = mailbox.scan_sent()?;
                sent.sort_by(|a, b| a.name.cmp(&b.name));
                sent
            }
        };
        if let Some(before) = before {
            found.truncate(found.partition_point(|one| one.name < *before));
        }
        let more = found.len() > limit;
        found.drain(..found.len().saturating_sub(limit));
        let next = found.first().filter(|_| more).map(|first| first.name.clone());
        let examiner = self.examiner(&mailbox, &found)?;
        let mut messages: Vec<Listed> = parallel::map(&found, |one| examiner.list(one)).into_iter().flatten().collect();
        messages.reverse();
        Ok(MailPage { messages, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;
    use crate::office::SendRequest;

    #[test]
    fn the_parts_of_a_list_are_the_list() {
        let home = Home::new();
        home.root();
        let office = |actor| Office::open(Some(&home.path("root")), Some(actor)).unwrap();
        let (one, two) = (office("Agent-1"), office("Agent-2"));
        let send = |n: usize| {
            let to = vec!["Agent-2".parse().unwrap()];
            one.send(SendRequest { to, subject: format!("{n}"), body: "x".into(), ..SendRequest::default() })
                .unwrap()
                .id
        };
        let mut ids: Vec<_> = (0..7).map(send).collect();
        ids.reverse();
        for (reader, shelf) in [(&two, Shelf::Unread), (&two, Shelf::All), (&one, Shelf::Sent)] {
            let (mut seen, mut before, mut parts) = (Vec::new(), None, 0);
            loop {
                let part = reader.mail_page(None, shelf, 3, before.as_ref()).unwrap();
                seen.extend(part.messages.iter().map(|m| m.id));
                parts += 1;
                // What was shown is read meanwhile: the rest stays where it is.
                if shelf == Shelf::All {
                    reader.archive(&part.messages[0].id.to_string()).unwrap();
                }
                before = part.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!((seen, parts), (ids.clone(), 3), "{shelf:?}");
        }
        assert!(two.mail_page(Some(one.actor.as_ref().unwrap()), Shelf::Inbox, 3, None).is_err(), "another's");
        assert_eq!(two.mail_page(None, Shelf::Inbox, 0, None).unwrap().messages.len(), 0);
    }
}
