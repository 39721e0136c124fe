//! What must hold for any text as `allowed_signers`: nothing panics or takes
//! long; each line is a signer or a fault, never both; what is read is written
//! so that it is read again the same; ending one key's time changes no other
//! line. Shared by the fuzz target and by the test that runs the corpus.

use agent_cellphone::identity::allowed::{parse, parse_revoked, with_end};
use jiff::Timestamp;

/// How far the text got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Got {
    /// No line that says anything.
    Nothing,
    /// Lines that cannot be used.
    Fault,
    /// A signer.
    Signer,
}

/// Panics when a promise is broken.
pub fn check(bytes: &[u8]) -> Got {
    let text = String::from_utf8_lossy(bytes);
    let (lines, faults) = parse(&text);
    let _ = parse_revoked(&text);
    let told = text.lines().filter(|line| {
        let line = line.trim_matches([' ', '\t', '\r']);
        !line.is_empty() && !line.starts_with('#')
    });
    assert_eq!(lines.len() + faults.len(), told.count(), "a line is neither signer nor fault");
    for line in &lines {
        let written = line.to_string();
        assert_eq!(parse(&written), (vec![line.clone()], vec![]), "not read back: {written:?}");
        let _ = line.is_for("Agent-1") || line.is_of("Agent-1");
    }
    if let Some(first) = lines.first() {
        let at = Timestamp::from_second(1_800_000_000).expect("a time");
        let (after, still) = parse(&with_end(&text, first.key, at));
        assert_eq!((after.len(), still.len()), (lines.len(), faults.len()));
        for (before, after) in lines.iter().zip(&after) {
            assert!(before == after || before.key == first.key && before.before.is_none() && after.before.is_some());
        }
    }
    match (lines.is_empty(), faults.is_empty()) {
        (false, _) => Got::Signer,
        (true, false) => Got::Fault,
        (true, true) => Got::Nothing,
    }
}
