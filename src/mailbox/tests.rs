//! The mailbox's promises as far as one process can show them.

use std::time::Duration;

use crate::fsio::Dir;
use crate::model::front_matter::Limits;
use crate::model::{AgentName, Draft, Flags, Header, Message};

use super::*;

struct Home {
    _tmp: tempfile::TempDir,
    tree: Tree,
}

fn home() -> Home {
    let tmp = tempfile::tempdir().unwrap();
    let dir = Dir::open(tmp.path()).unwrap();
    let state = dir.child_or_create(".cellphone").unwrap();
    let tree = Tree::open(&dir, &state, Limits::default(), 100).unwrap();
    Home { _tmp: tmp, tree }
}

fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

fn message(home: &Home, subject: &str) -> Message {
    let from = agent("Agent-1");
    let name = Clock::new(&home.tree).issue(&from, subject).unwrap();
    let header = Header { subject: subject.into(), to: vec!["Agent-2".parse().unwrap()], ..Header::default() };
    Draft::new(header, "body\n").accept(&name, &from, &Limits::default()).unwrap()
}

#[test]
fn a_delivered_message_is_found_read_and_archived_unchanged() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    let sent = message(&home, "Hello: there");
    assert_eq!(mailbox.deliver(&sent).unwrap(), Delivery::Published);
    assert_eq!(mailbox.deliver(&sent).unwrap(), Delivery::AlreadyThere);
    let found = mailbox.find(&sent.id().to_string()[18..]).unwrap();
    assert_eq!((found.place, found.flags), (Place::New, Flags::NONE));
    let seen = mailbox.mark_seen(&found).unwrap();
    assert!(seen.file.ends_with(",S.md"), "{}", seen.file);
    let archived = mailbox.archive(&found).unwrap();
    assert_eq!(archived.place, Place::Archive);
    assert_eq!(mailbox.open(&found).unwrap().bytes, sent.bytes);
    assert!(mailbox.scan(Which::Inbox, None).unwrap().is_empty());
}

#[test]
fn names_grow_even_when_the_clock_file_is_lost() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    let future = "20991231T235959.000000Z".to_owned();
    let at = crate::model::time::parse_stamp(&future).unwrap();
    let from = agent("Agent-1");
    let name = crate::model::UniqueName::compose(at, &from, "x", crate::model::MessageId::compose(at, 7));
    let m = Draft::new(Header::default(), "").accept(&name, &from, &Limits::default()).unwrap();
    mailbox.deliver(&m).unwrap();
    assert!(message(&home, "later").name > name);
    assert!(message(&home, "later still").name > name);
}

#[test]
fn names_grow_after_a_power_cut_that_left_an_old_clock_file_and_a_clock_set_back() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    let early = message(&home, "early");
    let path = home.tree.locks.path().join("clock");
    let old = std::fs::read(&path).unwrap();
    // As if the clock had been an hour ahead, and the file's last hour not on the disk.
    let at = early.name.accepted() + jiff::SignedDuration::from_hours(1);
    let from = agent("Agent-1");
    let name = crate::model::UniqueName::compose(at, &from, "x", crate::model::MessageId::compose(at, 7));
    mailbox.deliver(&Draft::new(Header::default(), "").accept(&name, &from, &Limits::default()).unwrap()).unwrap();
    let write = |bytes: &[u8]| home.tree.locks.replace("clock", bytes, false).unwrap();
    // The same start of the machine: its file is believed.
    write(&old);
    assert!(message(&home, "believed").name < name);
    // Another one, and the file of an earlier version, which names none.
    let another: Vec<u8> = old[..8].iter().chain(&[7; 8]).copied().collect();
    for bytes in [another.as_slice(), &old[..8], &old[..3]] {
        write(bytes);
        assert!(message(&home, "later").name > name);
    }
}

#[test]
fn a_step_of_retention_that_cannot_be_taken_stops_no_other() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    let sent = [message(&home, "one"), message(&home, "two"), message(&home, "three")];
    for one in &sent {
        mailbox.deliver(one).unwrap();
        mailbox.mark_seen(&mailbox.find(&one.id().to_string()).unwrap()).unwrap();
    }
    let rules = RetentionRules { archive_after: Some(Duration::ZERO), archive_max_bytes: None };
    let plan = mailbox.plan(&rules, jiff::Timestamp::now()).unwrap();
    assert_eq!(plan.steps.len(), 3);
    let day = mailbox.place(Place::Archive, &crate::model::time::day(sent[0].name.accepted())).unwrap();
    day.create(&plan.steps[0].message.file, b"taken", false).unwrap();
    mailbox.place(Place::Cur, "").unwrap().remove(&plan.steps[1].message.file).unwrap();
    let applied = mailbox.apply(&plan);
    assert_eq!(applied.done, plan.steps[2..]);
    assert_eq!(applied.failed.len(), 1);
    assert!(applied.failed[0].1.to_string().contains("archive"), "{}", applied.failed[0].1);
}

#[test]
fn a_lease_is_fenced_and_failures_end_in_dead() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    let (first, second) = (message(&home, "one"), message(&home, "two"));
    mailbox.deliver(&first).unwrap();
    mailbox.deliver(&second).unwrap();
    let claim = |lease| mailbox.claim_next(lease, 2, false).unwrap();
    let (_, m, over) = claim(Duration::ZERO).claimed.unwrap();
    assert_eq!(m.id(), first.id());
    assert!(matches!(mailbox.done(first.id(), over.token), Err(MailboxError::LeaseLost(..))));
    assert_eq!(mailbox.return_expired(2).unwrap().messages, [(first.id(), None)]);
    let (_, m, lease) = claim(Duration::from_secs(60)).claimed.unwrap();
    assert_eq!((m.id(), lease.attempts), (first.id(), 2));
    assert!(matches!(mailbox.done(first.id(), over.token), Err(MailboxError::LeaseLost(..))));
    assert!(mailbox.release(first.id(), lease.token, 2).unwrap().unwrap().contains("2 times"));
    let (_, m, lease) = claim(Duration::from_secs(60)).claimed.unwrap();
    assert_eq!(m.id(), second.id());
    mailbox.done(second.id(), lease.token).unwrap();
    assert!(claim(Duration::from_secs(60)).claimed.is_none());
    let dead = mailbox.dead_letters().unwrap();
    assert_eq!(dead.len(), 1);
    assert!(dead[0].reason.as_ref().unwrap().reason.contains("never done"));
}

#[test]
fn a_message_that_cannot_be_given_back_holds_up_no_other() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    let sent = [message(&home, "one"), message(&home, "two")];
    for one in &sent {
        mailbox.deliver(one).unwrap();
        mailbox.claim_next(Duration::ZERO, 5, false).unwrap().claimed.unwrap();
    }
    // Its name is taken where it would go.
    let new = mailbox.place(Place::New, "").unwrap();
    new.create(&sent[0].name.file(Flags::NONE), b"taken", false).unwrap();
    let returned = mailbox.return_expired(5).unwrap();
    assert_eq!(returned.messages, [(sent[1].id(), None)]);
    assert_eq!(returned.failed.len(), 1);
    assert_eq!(returned.failed[0].0, sent[0].id());
}

#[test]
fn a_full_mailbox_says_so() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    for n in 0..100 {
        mailbox.deliver(&message(&home, &format!("{n}"))).unwrap();
    }
    assert!(matches!(mailbox.ensure_room(1), Err(MailboxError::Full { depth: 100, .. })));
    assert_eq!(mailbox.scan(Which::Inbox, Some(7)).unwrap().len(), 7);
}

#[test]
fn a_torn_message_is_recognised_and_buried_by_the_next_claim() {
    let home = home();
    let mailbox = home.tree.mailbox(&agent("Agent-2")).unwrap();
    let mut torn = message(&home, "torn");
    torn.bytes.truncate(torn.bytes.len() - 2);
    mailbox.deliver(&torn).unwrap();
    let whole = message(&home, "whole");
    mailbox.deliver(&whole).unwrap();
    let claim = mailbox.claim_next(Duration::from_secs(9), 3, true).unwrap();
    assert_eq!(claim.claimed.unwrap().1.id(), whole.id());
    assert!(claim.buried[0].1.contains("digest"), "{:?}", claim.buried);
}
