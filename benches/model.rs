//! What reading and writing one message costs in memory: front matter, file
//! name, digest. `cargo bench --bench model`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use agent_cellphone::model::front_matter::{FrontMatter, Limits};
use agent_cellphone::model::{AgentName, Draft, Flags, Header, Message, MessageId, UniqueName};
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;

fn message() -> Message {
    let from = AgentName::new("Agent-1").unwrap();
    let at = Timestamp::from_microsecond(1_795_000_000_000_000).unwrap();
    let name = UniqueName::compose(at, &from, "Review the parser", MessageId::compose(at, 7));
    let header = Header {
        to: vec!["Agent-2".parse().unwrap(), "@reviewer".parse().unwrap()],
        subject: "Review the parser".into(),
        tags: vec!["coordination".into()],
        ..Header::default()
    };
    Draft::new(header, "Please look at the parser.\n".repeat(40)).accept(&name, &from, &Limits::default()).unwrap()
}

fn model(c: &mut Criterion) {
    let limits = Limits::default();
    let message = message();
    let file = message.name.file(Flags::NONE);
    let text = String::from_utf8(message.bytes.clone()).unwrap();
    let header = text.split("---\n").nth(1).unwrap().to_owned();
    c.bench_function("file name: parse", |b| b.iter(|| UniqueName::parse(black_box(&file)).unwrap()));
    c.bench_function("front matter: parse", |b| {
        b.iter(|| Header::read(&FrontMatter::parse(black_box(&header)).unwrap()).unwrap());
    });
    c.bench_function("message: parse and verify", |b| {
        b.iter(|| Message::parse(message.name.clone(), black_box(message.bytes.clone()), &limits).unwrap());
    });
    let from = message.from();
    c.bench_function("message: accept", |b| {
        b.iter(|| {
            let draft = Draft::new(message.header.clone(), black_box(message.body.clone()));
            draft.accept(&message.name, &from, &limits).unwrap()
        });
    });
}

criterion_group!(benches, model);
criterion_main!(benches);
