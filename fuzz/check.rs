//! What must hold for any bytes as a message file: nothing panics; what is
//! accepted survives being written and read again, and a key that is set
//! leaves every other entry as it was. Shared by the fuzz target and by the
//! test that runs the corpus (`tests/it/corpus.rs`).

use agent_cellphone::model::front_matter::{FrontMatter, Limits, split, yaml_scalar};
use agent_cellphone::model::{Draft, Header};

/// How far the bytes got, so that a test can tell that its corpus is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Got {
    /// No message, or one without a header.
    Nothing,
    /// A header of the subset.
    FrontMatter,
    /// A header whose known keys have values they may have.
    Header,
}

/// Panics when a promise is broken.
pub fn check(bytes: &[u8]) -> Got {
    let limits = Limits { header: 4 * 1024, body: 64 * 1024 };
    let _ = Draft::parse(bytes, &limits);
    let Ok(parts) = split(bytes, &limits) else { return Got::Nothing };
    let Some(header) = parts.header else { return Got::Nothing };
    let Ok(fm) = FrontMatter::parse(header) else { return Got::Nothing };
    assert_eq!(fm.text(), header);
    let mut changed = fm.clone();
    changed.set("subject", &yaml_scalar(parts.body)).expect("a scalar of ours is accepted");
    assert_eq!(changed.scalar("subject").expect("it is a scalar").unwrap_or_default(), parts.body);
    for entry in fm.entries().iter().filter(|e| e.key != "subject") {
        assert_eq!(changed.get(&entry.key), Some(&entry.value));
    }
    let Ok(read) = Header::read(&fm) else { return Got::FrontMatter };
    let text: String = read.yaml().iter().map(|(key, yaml)| format!("{key}: {yaml}\n")).collect();
    let again = Header::read(&FrontMatter::parse(&text).expect("a header of ours is accepted"));
    // As written: instants are kept to the microsecond.
    assert_eq!(again.expect("and read").yaml(), read.yaml());
    Got::Header
}
