//! Hearing of what happens: a subscription to the journal.
//!
//! Everything that is accepted, delivered, read, nudged and so on is a line
//! of the journal, whoever caused it: a command, the daemon or another program
//! with this library. Events of the file system wake the subscriber; where
//! there are none, it looks at the polling interval of the settings.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::fsio::watch::{Hint, Watcher, has_events};
use crate::journal::{Follower, Record};

use super::{Office, Result};

/// What happens from now on, in order, nothing twice and nothing left out. An
/// endless iterator that blocks; [`next_within`](Self::next_within) gives up.
#[derive(Debug)]
pub struct Subscription {
    follower: Follower,
    hints: Receiver<Hint>,
    /// `None` where the file system has no events.
    watcher: Option<Watcher>,
    /// Longest time between two looks.
    pause: Duration,
    ready: VecDeque<Record>,
}

impl Office {
    /// Subscribes to what happens in this root from now on; with `after`, from
    /// the event after that number on, so that nothing is missed between two
    /// subscriptions ([`Record::seq`]).
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn subscribe(&self, after: Option<u64>) -> Result<Subscription> {
        let folder = self.root().state().child_or_create("journal")?.path().to_owned();
        let (tell, hints) = mpsc::channel();
        let watcher = has_events(&folder).and_then(|()| {
            // A process that lives keeps the journal open: no close tells that it wrote.
            let mut watcher = Watcher::of_writes(move |hint: Hint| {
                // The subscriber may just have gone.
                let _ = tell.send(hint);
            })?;
            watcher.add(&folder)?;
            Ok(watcher)
        });
        let watch = &self.settings().watch;
        let (watcher, pause) = match watcher {
            Ok(watcher) => (Some(watcher), watch.rescan),
            Err(e) => {
                tracing::warn!(reason = %e, "no events here: looking now and then");
                (None, watch.poll)
            }
        };
        // Last: what is written from here on is either read or hinted at.
        let follower = self.journal().follow(after)?;
        Ok(Subscription { follower, hints, watcher, pause, ready: VecDeque::new() })
    }
}

impl Subscription {
    /// The next event; `None` when none came within `timeout`. Zero asks for
    /// what is there already.
    ///
    /// # Errors
    /// When the journal cannot be read. The next call tries again, from the
    /// same place.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Record>> {
        let end = Instant::now() + timeout;
        loop {
            if let Some(record) = self.look()? {
                return Ok(Some(record));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.doze(left.min(self.pause));
        }
    }

    /// Whether it has to look now and then, because the file system reports
    /// no changes; an event may then be heard as late as `watch.poll`.
    #[must_use]
    pub const fn is_polling(&self) -> bool {
        self.watcher.is_none()
    }

    fn look(&mut self) -> Result<Option<Record>> {
        if self.ready.is_empty() {
            // Each hint so far is answered by this one look.
            while self.hints.try_recv().is_ok() {}
            self.ready.extend(self.follower.next_batch()?);
        }
        Ok(self.ready.pop_front())
    }

    fn doze(&self, pause: Duration) {
        if self.watcher.is_some() {
            // A hint or the end of the pause: either way a look follows.
            let _ = self.hints.recv_timeout(pause);
        } else {
            std::thread::sleep(pause);
        }
    }
}

impl Iterator for Subscription {
    type Item = Result<Record>;

    /// Blocks until something happens.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.look() {
                Ok(None) => self.doze(self.pause),
                Ok(Some(record)) => return Some(Ok(record)),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{InboxQuery, SendRequest, Which};
    use super::*;
    use crate::config::testing::Home;
    use crate::model::EventKind;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn office(home: &Home, actor: &str) -> Office {
        Office::open(Some(&home.path("root")), Some(actor)).unwrap()
    }

    fn request(subject: &str) -> SendRequest {
        SendRequest {
            to: vec!["Agent-2".parse().unwrap()],
            subject: subject.to_owned(),
            body: "body\n".to_owned(),
            ..SendRequest::default()
        }
    }

    #[test]
    fn a_writer_that_goes_on_living_is_heard_at_once() {
        let home = Home::new();
        home.root();
        let sender = office(&home, "Agent-1");
        let mut heard = sender.subscribe(None).unwrap();
        for n in 0..3 {
            let id = sender.send(request(&n.to_string())).unwrap().id;
            // Much sooner than the look that needs no hint.
            assert!(PATIENCE < heard.pause);
            let told = std::iter::from_fn(|| heard.next_within(PATIENCE).unwrap());
            let mut delivered = told.filter(|record| record.event.event == EventKind::Delivered);
            assert_eq!(delivered.next().unwrap().event.id, Some(id));
        }
    }

    #[test]
    fn a_subscriber_hears_everything_once_and_in_order() {
        let home = Home::new();
        home.root();
        let sender = office(&home, "Agent-1");
        sender.send(request("before")).unwrap();
        let mut heard = sender.subscribe(None).unwrap();
        assert!(!heard.is_polling());
        assert_eq!(heard.next_within(Duration::ZERO).unwrap(), None, "only what happens from now on");
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let office = office(&home, &format!("Agent-{}", n + 3));
                std::thread::spawn(move || {
                    (0..25).map(|m| office.send(request(&format!("{n}-{m}"))).unwrap().id).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut delivered = Vec::new();
        let mut last = None;
        while delivered.len() < 100 {
            let record = heard.next_within(PATIENCE).unwrap().unwrap();
            assert!(last.is_none_or(|l| record.seq == l + 1), "{last:?}, then {}", record.seq);
            last = Some(record.seq);
            if record.event.event == EventKind::Delivered {
                delivered.push(record.event.id.unwrap());
            }
        }
        let mut sent: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        sent.sort_unstable();
        delivered.sort_unstable();
        assert_eq!(delivered, sent);
        // A second subscription goes on where the first one stopped.
        while heard.next_within(Duration::ZERO).unwrap().is_some() {}
        let reader = office(&home, "Agent-2");
        let id = reader.inbox(InboxQuery { which: Which::Unread, limit: Some(1) }).unwrap()[0].id;
        reader.read(&id.to_string(), false).unwrap();
        let first = heard.next_within(PATIENCE).unwrap().unwrap();
        let again = sender.subscribe(Some(first.seq - 1)).unwrap().next().unwrap().unwrap();
        assert_eq!((first.event.event, &again), (EventKind::Read, &first));
    }

    #[test]
    fn an_event_wakes_it_long_before_the_next_look() {
        let home = Home::new();
        home.root();
        let office = office(&home, "Agent-1");
        let mut heard = office.subscribe(None).unwrap();
        assert!(heard.pause >= Duration::from_secs(60), "so only an event can wake it within the patience");
        let waiter = std::thread::spawn(move || heard.next_within(PATIENCE).unwrap());
        office.send(request("ring")).unwrap();
        assert!(waiter.join().unwrap().is_some());
    }

    #[test]
    fn without_events_it_looks_now_and_then() {
        let home = Home::new();
        home.root();
        let office = office(&home, "Agent-1");
        let mut heard = office.subscribe(None).unwrap();
        heard.watcher = None;
        heard.pause = Duration::from_millis(20);
        assert_eq!(heard.next_within(Duration::from_millis(30)).unwrap(), None);
        office.send(request("found")).unwrap();
        assert!(heard.is_polling() && heard.next_within(PATIENCE).unwrap().is_some());
    }
}
