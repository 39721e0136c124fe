//! What a signature costs: signing at a send, judging at a reading, with the
//! key and the signers from their files, as a process finds them, and from
//! memory, as the daemon and a batch do. `cargo bench --bench identity`.
#![allow(missing_docs, clippy::unwrap_used)]

mod apart;

use std::hint::black_box;
use std::path::Path;

use agent_cellphone::config::Root;
use agent_cellphone::identity::{Known, Signers, seal};
use agent_cellphone::model::front_matter::Limits;
use agent_cellphone::model::{AgentName, Draft, Header, Message, MessageId, UniqueName, Verdict};
use agent_cellphone::office::setup::init;
use criterion::Criterion;
use jiff::Timestamp;

fn message(at: Timestamp, from: &AgentName) -> Message {
    let name = UniqueName::compose(at, from, "Review the parser", MessageId::compose(at, 7));
    let header =
        Header { to: vec!["Agent-2".parse().unwrap()], subject: "Review the parser".into(), ..Header::default() };
    Draft::new(header, "Please look at the parser.\n".repeat(40)).accept(&name, from, &Limits::default()).unwrap()
}

fn identity(c: &mut Criterion, place: &Path) {
    let root = Root::open(&init(&place.join("root"), Some("me")).unwrap().report.root).unwrap();
    let (from, limits) = (AgentName::new("Agent-1").unwrap(), Limits::default());
    let at = Timestamp::now();
    let plain = message(at, &from);
    let known = Known::default();
    let signer = known.signer(&root, &from, at).unwrap().unwrap();
    let signers = known.signers(&root).unwrap();
    let signed = signer.sign_message(plain.clone(), &limits).unwrap();

    c.bench_function("key from its file, and sign", |b| {
        b.iter(|| {
            let signer = Known::default().signer(&root, &from, at).unwrap().unwrap();
            signer.sign_message(black_box(plain.clone()), &limits).unwrap()
        });
    });
    c.bench_function("sign", |b| b.iter(|| signer.sign_message(black_box(plain.clone()), &limits).unwrap()));
    c.bench_function("signers from their files, and verify", |b| {
        b.iter(|| {
            let signers = Signers::load(&root).unwrap();
            assert_eq!(signers.judge(black_box(&signed.bytes), &from, at), Verdict::Verified);
        });
    });
    c.bench_function("verify", |b| {
        b.iter(|| assert_eq!(signers.judge(black_box(&signed.bytes), &from, at), Verdict::Verified));
    });
    c.bench_function("seal to two keys", |b| {
        let keys = [signer.public(), signers.keys_of(&AgentName::new("Agent-2").unwrap(), at)[0]];
        b.iter(|| seal::seal(black_box(&plain.body), &keys).unwrap());
    });
}

fn main() {
    apart::apart(|place| {
        let mut c = Criterion::default().configure_from_args();
        identity(&mut c, place);
        c.final_summary();
    });
}
