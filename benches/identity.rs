//! What a signature costs: signing at a send, judging at a reading, with the
//! key and the signers from their files, as a process finds them, and from
//! memory, as the daemon and a batch do. `cargo bench --bench identity`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use agent_cellphone::config::Root;
use agent_cellphone::identity::{Known, Signers, seal};
use agent_cellphone::model::front_matter::Limits;
use agent_cellphone::model::{AgentName, Draft, Header, Message, MessageId, UniqueName, Verdict};
use agent_cellphone::office::setup::init;
use criterion::{Criterion, criterion_group};
use jiff::Timestamp;

/// Where the child works.
const PLACE: &str = "CELLPHONE_BENCH_PLACE";

fn message(at: Timestamp, from: &AgentName) -> Message {
    let name = UniqueName::compose(at, from, "Review the parser", MessageId::compose(at, 7));
    let header =
        Header { to: vec!["Agent-2".parse().unwrap()], subject: "Review the parser".into(), ..Header::default() };
    Draft::new(header, "Please look at the parser.\n".repeat(40)).accept(&name, from, &Limits::default()).unwrap()
}

fn identity(c: &mut Criterion) {
    let place = std::env::var_os(PLACE).unwrap();
    let root = Path::new(&place).join("root");
    let root = Root::open(&init(&root, Some("me")).unwrap().report.root).unwrap();
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

criterion_group!(benches, identity);

/// Keys and approvals lie in the user's folders, so the measuring is done by
/// a child that has folders of its own.
fn main() {
    if std::env::var_os(PLACE).is_some() {
        benches();
        Criterion::default().configure_from_args().final_summary();
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(std::env::args_os().skip(1)).env(PLACE, place.path());
    for variable in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        child.env(variable, place.path().join("home"));
    }
    assert!(child.status().unwrap().success());
}
