//! The chain under edits, torn tails, many writers and new segments.

use super::*;
use crate::model::{AgentName, EventKind, MessageId};
use jiff::Timestamp;

fn event(n: u64) -> Event {
    Event::new(Timestamp::UNIX_EPOCH, EventKind::Accepted).with("n", n).with("text", "a \"quoted\",\"hash\":\"word")
}

fn journal() -> (tempfile::TempDir, Journal) {
    let tmp = tempfile::tempdir().unwrap();
    let journal = Journal::open(&Dir::open(tmp.path()).unwrap());
    (tmp, journal)
}

fn file(tmp: &tempfile::TempDir) -> std::path::PathBuf {
    tmp.path().join(FOLDER).join(CURRENT)
}

fn put(path: &std::path::Path, bytes: &[u8]) {
    Dir::open(path.parent().unwrap()).unwrap().replace(CURRENT, bytes, false).unwrap();
}

#[test]
fn an_edited_or_removed_line_is_found() {
    let (tmp, journal) = journal();
    for n in 0..5 {
        journal.append(&[event(n), event(100 + n)]).unwrap();
    }
    assert_eq!(journal.verify().unwrap().unwrap(), Verified { lines: 10, first: 1, torn: false });
    let text = std::fs::read_to_string(file(&tmp)).unwrap();
    put(&file(&tmp), text.replace("\"n\":\"102\"", "\"n\":\"103\"").as_bytes());
    let broken = journal.verify().unwrap().unwrap_err();
    assert_eq!(broken.line, 6);
    assert!(broken.to_string().contains("was changed"), "{broken}");
    let without: String = text.lines().enumerate().filter(|(i, _)| *i != 3).map(|(_, l)| format!("{l}\n")).collect();
    put(&file(&tmp), without.as_bytes());
    let broken = journal.verify().unwrap().unwrap_err();
    assert!(broken.line == 4 && broken.why.contains("missing"), "{broken}");
}

#[test]
fn a_torn_last_line_is_repaired_and_said() {
    let (tmp, journal) = journal();
    journal.append(&[event(1), event(2)]).unwrap();
    let bytes = std::fs::read(file(&tmp)).unwrap();
    for tail in [&b"{\"seq\":3,\"at\":\"19"[..], &[0; 5_000][..]] {
        put(&file(&tmp), &[&bytes[..], tail].concat());
        assert!(journal.verify().unwrap().unwrap().torn);
        journal.append(&[event(3)]).unwrap();
        assert_eq!(journal.verify().unwrap().unwrap(), Verified { lines: 4, first: 1, torn: false });
        let last = journal.tail(2).unwrap();
        assert_eq!(last[0].event.event, EventKind::Repaired);
        assert_eq!(last[0].event.detail["bytes"], tail.len().to_string());
        assert_eq!(last[1].seq, 4);
    }
    put(&file(&tmp), b"{\"seq\":");
    journal.append(&[event(1)]).unwrap();
    assert_eq!(journal.verify().unwrap().unwrap().lines, 2);
}

#[test]
fn a_foreign_line_stays_and_is_pointed_at() {
    let (tmp, journal) = journal();
    journal.append(&[event(1)]).unwrap();
    let bytes = std::fs::read(file(&tmp)).unwrap();
    put(&file(&tmp), &[&bytes[..], b"hello\n"].concat());
    journal.append(&[event(2)]).unwrap();
    assert_eq!(journal.verify().unwrap().unwrap_err().line, 2);
    assert_eq!(journal.tail(9).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn what_happened_since_a_moment_is_read_from_the_end() {
    let (_tmp, journal) = journal();
    let at = |n: i64| Timestamp::from_second(n).unwrap();
    let events: Vec<Event> = (0..3_000).map(|n| Event::new(at(n), EventKind::Accepted)).collect();
    journal.append(&events).unwrap();
    // The one that was last, more than one reading holds, all, and none.
    for (since, first, count) in [(2_999, 3_000, 1), (500, 501, 2_500), (-5, 1, 3_000)] {
        let found = journal.since(at(since)).unwrap();
        assert_eq!((found[0].seq, found.len()), (first, count), "{since}");
    }
    assert!(journal.since(at(3_000)).unwrap().is_empty());
}

#[test]
fn writers_at_once_keep_the_chain_through_segments() {
    let (_tmp, journal) = journal();
    let journal = journal.with_segment(4_000);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let journal = journal.clone();
            scope.spawn(move || {
                for n in 0..25 {
                    journal.append(&[event(writer * 100 + n), event(n)]).unwrap();
                }
            });
        }
    });
    let done = journal.verify().unwrap().unwrap();
    let segments = finished(&journal.dir().unwrap()).unwrap();
    assert_eq!(segments.len(), KEPT.min(segments.len()));
    assert!(segments.len() > 3);
    assert_eq!(done.first + done.lines, 401);
    let all: Vec<u64> = journal.read(Filter::default()).unwrap().map(|r| r.seq).collect();
    assert_eq!(all, (done.first..=400).collect::<Vec<_>>());
    assert_eq!(journal.tail(40).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), (361..=400).collect::<Vec<_>>());
}

#[test]
fn filters_and_followers_give_what_they_are_asked_for() {
    let (_tmp, journal) = journal();
    let journal = journal.with_segment(3_000);
    let id = MessageId::compose(Timestamp::UNIX_EPOCH, 7);
    let name = AgentName::new("Agent-1").unwrap();
    let mut follower = journal.follow(None).unwrap();
    assert!(follower.next_batch().unwrap().is_empty());
    let mut seen = Vec::new();
    for n in 0..30 {
        let about = if n % 10 == 0 { event(n).id(id).agent(&name) } else { event(n) };
        journal.append(&[about]).unwrap();
        if n % 7 == 0 {
            seen.extend(follower.next_batch().unwrap());
        }
    }
    seen.extend(follower.next_batch().unwrap());
    assert!(follower.next_batch().unwrap().is_empty());
    assert_eq!(seen.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=30).collect::<Vec<_>>());
    let trace: Vec<u64> = journal.read(Filter::message(id)).unwrap().map(|r| r.seq).collect();
    assert_eq!(trace, [1, 11, 21]);
    let kinds = Filter { kinds: vec![EventKind::Dead], ..Filter::default() };
    assert_eq!(journal.read(kinds).unwrap().count(), 0);
}

#[test]
fn a_follower_goes_on_in_a_journal_that_was_begun_anew() {
    let (tmp, journal) = journal();
    let at = |n: i64| Event::new(Timestamp::from_second(n).unwrap(), EventKind::Accepted);
    for n in 0..10 {
        journal.append(&[at(n)]).unwrap();
    }
    let mut follower = journal.follow(None).unwrap();
    let mut told_the_number = journal.follow(Some(10)).unwrap();
    Dir::open(file(&tmp).parent().unwrap()).unwrap().remove(CURRENT).unwrap();
    journal.append(&[at(20), at(21)]).unwrap();
    assert_eq!(follower.next_batch().unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2]);
    journal.append(&[at(22)]).unwrap();
    assert_eq!(follower.next_batch().unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [3]);
    // Without the time of the last line it goes on from the end.
    assert!(told_the_number.next_batch().unwrap().is_empty());
    journal.append(&[at(23)]).unwrap();
    assert_eq!(told_the_number.next_batch().unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [4]);
}
