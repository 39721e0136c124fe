//! Many letters with shared barriers: their files, one sync of the file
//! system, the renames, one sync for each folder.

use crate::mailbox::Barrier;
use crate::model::UniqueName;

use super::{Letter, Post, PostError, Posted, Result};

impl Post {
    /// Posts letters in order. Those for one recipient and without a key share
    /// their barriers; the others go one by one, before them.
    ///
    /// # Errors
    /// The outer error is the barrier's: then nothing of the shared part is
    /// promised, though some of it may have been delivered. The inner ones
    /// are each letter's own.
    pub fn post_batch(&self, letters: Vec<Letter>) -> Result<Vec<Result<Posted>>> {
        let shared = |letter: &Letter| letter.key.is_none() && letter.id.is_none() && letter.recipients.len() == 1;
        let heads: Vec<_> = letters
            .iter()
            .filter(|letter| shared(letter))
            .map(|letter| (&letter.from, letter.draft.header.subject.as_str()))
            .collect();
        let mut names = self.clock.issue_many(&heads)?.into_iter();
        let mut barrier = Barrier::default();
        let mut outcomes = Vec::with_capacity(letters.len());
        let mut rooms: Vec<(crate::mailbox::Mailbox, u64)> = Vec::new();
        for letter in letters {
            let name = if shared(&letter) { names.next() } else { None };
            outcomes.push(match name {
                Some(name) => self.stage(letter, name, &mut barrier, &mut rooms),
                None => self.post(letter),
            });
        }
        barrier.publish()?;
        Ok(outcomes)
    }

    fn stage(
        &self,
        letter: Letter,
        name: UniqueName,
        barrier: &mut Barrier,
        rooms: &mut Vec<(crate::mailbox::Mailbox, u64)>,
    ) -> Result<Posted> {
        let recipient =
            letter.recipients.first().ok_or_else(|| PostError::Route("the letter has no recipient".into()))?;
        let at = match rooms.iter().position(|(m, _)| m.agent() == recipient) {
            Some(at) => at,
            None => {
                rooms.push((self.tree.mailbox(recipient)?, 0));
                rooms.len() - 1
            }
        };
        let (mailbox, staged) = &mut rooms[at];
        // The folder's own size does not know of what is staged, so each hundred is counted anew.
        if *staged % 100 == 0 {
            mailbox.ensure_room(*staged + 100).or_else(|_| mailbox.ensure_room(*staged + 1))?;
        }
        let message = self.stamp(&letter, Some(name))?;
        barrier.stage(mailbox, &message)?;
        *staged += 1;
        Ok(Posted { message, delivered: letter.recipients, pending: Vec::new(), duplicate: false })
    }
}
