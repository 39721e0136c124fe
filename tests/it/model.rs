//! The formats under generated input: what is written is read back the same,
//! and no sequence of bytes makes the parsers panic, hang or lie.

use std::time::{Duration, Instant};

use agent_cellphone::model::front_matter::{FrontMatter, Limits, split, yaml_list, yaml_scalar};
use agent_cellphone::model::lexer::Value;
use agent_cellphone::model::unique_name::slug;
use agent_cellphone::model::{
    Address, AgentName, Draft, Flag, Flags, Header, Message, MessageId, ModelError, Priority, UniqueName,
};
use jiff::Timestamp;
use proptest::prelude::*;

fn agent() -> impl Strategy<Value = AgentName> {
    "[A-Za-z0-9][A-Za-z0-9_-]{0,20}".prop_filter_map("a device name", |s| AgentName::new(s).ok())
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_102_444_800_000_000).prop_map(|us| Timestamp::from_microsecond(us).unwrap())
}

fn flags() -> impl Strategy<Value = Flags> {
    const ALL: [Flag; 6] = [Flag::Draft, Flag::Flagged, Flag::Passed, Flag::Replied, Flag::Seen, Flag::Trashed];
    proptest::collection::vec(proptest::sample::select(ALL.to_vec()), 0..6)
        .prop_map(|list| list.into_iter().fold(Flags::NONE, Flags::with))
}

fn header() -> impl Strategy<Value = Header> {
    (
        proptest::collection::vec(agent().prop_map(Address::Agent), 1..4),
        any::<String>(),
        proptest::collection::vec(any::<String>().prop_map(|s| s.replace('\0', "")), 0..4),
        any::<bool>(),
        proptest::option::of(moment()),
        0_u32..200,
        proptest::sample::select(vec![Priority::Normal, Priority::Urgent, Priority::Critical]),
    )
        .prop_map(|(to, subject, tags, ack, deadline, hops, priority)| Header {
            to,
            subject,
            tags,
            ack,
            deadline,
            hops,
            priority,
            ..Header::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_name_is_read_back_as_it_was_written(at in moment(), from in agent(), subject in any::<String>(), bits in any::<u128>(), flags in flags()) {
        let id = MessageId::compose(at, bits);
        let name = UniqueName::compose(at, &from, &subject, id);
        let file = name.file(flags);
        prop_assert!(file.len() <= 200, "{}", file.len());
        prop_assert!(file.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.,".contains(&b)), "{file}");
        let (back, back_flags) = UniqueName::parse(&file).unwrap();
        prop_assert_eq!(&back, &name);
        prop_assert_eq!(back_flags, flags);
        prop_assert_eq!(back.id(), id);
        prop_assert_eq!(back.accepted(), at);
    }

    #[test]
    fn names_and_ids_sort_as_acceptance_does(a in moment(), b in moment(), r in any::<[u128; 2]>(), from in agent(), s in any::<[String; 2]>()) {
        let of = |at, i: usize| UniqueName::compose(at, &from, &s[i], MessageId::compose(at, r[i]));
        if a < b {
            prop_assert!(of(a, 0).as_str() < of(b, 1).as_str());
            prop_assert!(of(a, 0).id().to_string() < of(b, 1).id().to_string());
        }
    }

    #[test]
    fn any_text_as_a_file_name_is_refused_or_read_back(text in "\\PC{0,80}") {
        if let Ok((name, flags)) = UniqueName::parse(&text) {
            prop_assert_eq!(name.file(flags), text);
        }
    }

    #[test]
    fn a_slug_is_short_and_plain(text in any::<String>()) {
        let slug = slug(&text);
        prop_assert!(slug.len() <= 40);
        prop_assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    }

    #[test]
    fn flags_are_read_back_and_only_in_their_order(set in flags(), letters in "[A-Z]{0,6}") {
        prop_assert_eq!(Flags::parse(&set.to_string()), Some(set));
        if let Some(read) = Flags::parse(&letters) {
            prop_assert_eq!(read.to_string(), letters);
        }
    }

    #[test]
    fn a_name_that_is_accepted_is_a_plain_path_component(text in any::<String>()) {
        if let Ok(name) = AgentName::new(text.clone()) {
            prop_assert!(name.as_str().len() <= 64);
            prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn any_text_survives_as_a_yaml_scalar(text in any::<String>()) {
        let fm = FrontMatter::parse(&format!("key: {}\n", yaml_scalar(&text))).unwrap();
        prop_assert_eq!(fm.scalar("key").unwrap().unwrap_or_default(), text);
    }

    #[test]
    fn any_texts_survive_as_a_yaml_list(items in proptest::collection::vec(any::<String>(), 1..6)) {
        let fm = FrontMatter::parse(&format!("key: {}\n", yaml_list(&items))).unwrap();
        prop_assert_eq!(fm.list("key"), items);
    }

    #[test]
    fn what_we_write_is_yaml_to_others(header in header()) {
        let text: String = header.yaml().iter().map(|(k, v)| format!("{k}: {v}\n")).collect();
        let other: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        prop_assert_eq!(other["subject"].as_str(), Some(header.subject.as_str()));
    }

    #[test]
    fn a_message_is_read_back_whole(header in header(), body in any::<String>(), at in moment(), bits in any::<u128>(), from in agent()) {
        let limits = Limits::default();
        let name = UniqueName::compose(at, &from, &header.subject, MessageId::compose(at, bits));
        let message = Draft::new(header, body.clone()).accept(&name, &from, &limits).unwrap();
        let back = Message::parse(name, message.bytes.clone(), &limits).unwrap();
        prop_assert_eq!(&back.header, &message.header);
        prop_assert_eq!(&back.body, &body);
        prop_assert_eq!(back.bytes, message.bytes);
    }

    #[test]
    fn a_torn_message_is_recognised(body in "[a-z\n]{1,200}", cut in any::<prop::sample::Index>(), at in moment()) {
        let limits = Limits::default();
        let from = AgentName::new("Agent-1").unwrap();
        let name = UniqueName::compose(at, &from, "s", MessageId::compose(at, 1));
        let whole = Draft::new(Header::default(), body).accept(&name, &from, &limits).unwrap().bytes;
        let torn = whole[..cut.index(whole.len())].to_vec();
        prop_assert!(Message::parse(name, torn, &limits).is_err());
    }

    #[test]
    fn unknown_keys_and_the_body_survive_byte_for_byte(value in "[ -~&&[^#:'\"\\[\\]{}|>*!%@`,&]]{1,30}", body in any::<String>(), at in moment()) {
        let limits = Limits::default();
        let from = AgentName::new("Agent-1").unwrap();
        let name = UniqueName::compose(at, &from, "s", MessageId::compose(at, 1));
        let own = format!("# mine\nx-own: k{value}\n");
        let file = format!("---\nto: Agent-2\n{own}---\n{body}");
        let message = Draft::parse(file.as_bytes(), &limits).unwrap().accept(&name, &from, &limits).unwrap();
        let text = String::from_utf8(message.bytes).unwrap();
        prop_assert!(text.contains(&own), "{text}");
        let end = format!("---\n{body}");
        prop_assert!(text.ends_with(&end));
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let limits = Limits { header: 256, body: 300 };
        let _ = Draft::parse(&bytes, &limits);
        let mut fenced = b"---\n".to_vec();
        fenced.extend(&bytes);
        fenced.extend(b"\n---\n");
        let _ = Draft::parse(&fenced, &limits);
    }

    #[test]
    fn hostile_yaml_never_panics_and_spans_cover_their_entries(text in "[-a-c:\\[\\]{}|>&*!'\"#, \t\r\n]{0,120}") {
        if let Ok(fm) = FrontMatter::parse(&text) {
            for entry in fm.entries() {
                prop_assert!(text.get(entry.span.clone()).is_some());
                prop_assert!(text[entry.span.clone()].contains(':'));
            }
            let mut changed = fm.clone();
            changed.set("b", "[x, y]").unwrap();
            prop_assert_eq!(changed.get("b"), Some(&Value::List(vec!["x".into(), "y".into()])));
            for entry in fm.entries().iter().filter(|e| e.key != "b") {
                prop_assert_eq!(changed.get(&entry.key), Some(&entry.value), "{}", changed.text());
            }
        }
    }
}

#[test]
fn names_that_no_file_system_can_hold_are_refused() {
    for bad in [
        "",
        "../../etc",
        "a/b",
        "a\\b",
        "CON",
        "con",
        "Com1",
        "LPT9",
        "nul",
        "-x",
        ".x",
        "a b",
        "a\0b",
        "é",
        &"a".repeat(65),
    ] {
        assert!(AgentName::new(bad).is_err(), "{bad:?}");
    }
    assert!(AgentName::new("Agent-1").unwrap().same("aGENT-1"));
}

#[test]
fn yaml_outside_the_subset_is_refused_with_its_line() {
    for (header, line) in [
        ("a: &x 1\n", 2),
        ("a: 1\nb: *x\n", 3),
        ("a: !!str 1\n", 2),
        ("a: {b: 1}\n", 2),
        ("a: 1\na: 2\n", 3),
        ("a: [[1]]\n", 2),
        ("a:\n  b: 1\n", 3),
        ("  a: 1\n", 2),
        ("a: \"open\n", 2),
    ] {
        match FrontMatter::parse(header) {
            Err(ModelError::FrontMatter { line: found, .. }) => assert_eq!(found, line, "{header:?}"),
            other => panic!("{header:?} gave {other:?}"),
        }
    }
}

#[test]
fn sizes_are_refused_before_anything_is_parsed() {
    let limits = Limits::default();
    let bomb = format!("---\n{}", "a: b\n".repeat(20_000_000));
    let start = Instant::now();
    assert!(matches!(split(bomb.as_bytes(), &limits), Err(ModelError::TooLarge { what: "header", .. })));
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    let body = format!("---\na: b\n---\n{}", "x".repeat(11 << 20));
    assert!(matches!(split(body.as_bytes(), &limits), Err(ModelError::TooLarge { what: "body", .. })));
}

#[test]
fn lines_of_another_system_are_read() {
    let limits = Limits::default();
    let draft = Draft::parse(b"---\r\nto: Agent-2\r\nsubject: hi\r\n---\r\nbody\r\n", &limits).unwrap();
    assert_eq!(draft.header.subject, "hi");
    assert_eq!(draft.body, "body\r\n");
    let draft = Draft::parse(b"---\npriority: regular\n---\n", &limits).unwrap();
    assert_eq!(draft.header.priority, Priority::Normal);
}

/// A dead letter that is sent again has no `expires` any more; what its writer
/// added stays, byte for byte.
#[test]
fn a_key_that_is_taken_out_of_a_draft_is_not_in_the_message() {
    let file = b"---\nto: Agent-2\n# mine\ncc: [Agent-3]\nexpires: 2020-01-01T00:00:00Z\nack: required\nmood:  good\n---\nbody\n";
    let mut draft = Draft::parse(file, &Limits::default()).unwrap();
    draft.header.expires = None;
    draft.header.cc.clear();
    draft.header.ack = false;
    let from = AgentName::new("Agent-1").unwrap();
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let name = UniqueName::compose(at, &from, "", MessageId::compose(at, 7));
    let message = draft.accept(&name, &from, &Limits::default()).unwrap();
    let text = String::from_utf8(message.bytes.clone()).unwrap();
    assert!(text.starts_with("---\nto: Agent-2\n# mine\nmood:  good\n"), "{text}");
    assert!(["cc:", "expires:", "ack:"].iter().all(|key| !text.contains(key)), "{text}");
    let again = Message::parse(name, message.bytes, &Limits::default()).unwrap();
    assert_eq!((again.header.expires, again.header.cc), (None, vec![]));
}
