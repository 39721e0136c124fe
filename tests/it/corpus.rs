//! The corpora of the fuzz targets, and what lies one step beside them: the same
//! promises without the fuzzer, which needs a nightly compiler.

#[path = "../../fuzz/check.rs"]
mod check;
#[path = "../../fuzz/check_signature.rs"]
mod check_signature;
#[path = "../../fuzz/check_signers.rs"]
mod check_signers;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::harness::names;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    names(&dir).into_iter().map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

/// Every part of what a target checks is reached by something in its corpus.
fn reaches<G: PartialEq + std::fmt::Debug>(target: &str, check: impl Fn(&[u8]) -> G, parts: &[G]) {
    let got: Vec<(String, G)> = corpus(target).into_iter().map(|(name, bytes)| (name, check(&bytes))).collect();
    for least in parts {
        assert!(got.iter().any(|(_, got)| got == least), "nothing reaches {least:?} alone: {got:?}");
    }
}

/// The corpus with every byte lost, doubled, or changed.
fn disturb<G>(target: &str, check: impl Fn(&[u8]) -> G) {
    for (_, bytes) in corpus(target) {
        for at in 0..bytes.len() {
            check(&bytes[..at]);
            check(&[&bytes[..at], &bytes[at + 1..]].concat());
            check(&[&bytes[..=at], &bytes[at..]].concat());
            for other in [b'\n', b'"', b'\'', b':', b' ', b'|', b'[', b'-', b'\\', b'#', b'\r', b',', b'=', 0xff] {
                let mut changed = bytes.clone();
                changed[at] = other;
                check(&changed);
            }
        }
    }
}

#[test]
fn the_corpora_keep_the_promises_and_reach_every_part() {
    use {check::Got, check_signature as signature, check_signers as signers};
    reaches("front_matter", check::check, &[Got::Nothing, Got::FrontMatter, Got::Header]);
    let parts = [signature::Got::Unsigned, signature::Got::Malformed, signature::Got::Signed];
    reaches("signature", signature::check, &parts);
    reaches("allowed_signers", signers::check, &[signers::Got::Nothing, signers::Got::Fault, signers::Got::Signer]);
}

#[test]
fn every_byte_of_the_corpora_lost_doubled_or_changed_keeps_them_too() {
    disturb("front_matter", check::check);
    disturb("signature", check_signature::check);
    disturb("allowed_signers", check_signers::check);
}

fn put_together(corpus: &[(String, Vec<u8>)], pieces: &[(usize, usize, usize)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (which, from, length) in pieces {
        let (_, source) = &corpus[which % corpus.len()];
        let from = (*from).min(source.len());
        bytes.extend_from_slice(&source[from..(from + length).min(source.len())]);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn pieces_of_the_corpora_put_together_keep_them_too(
        pieces in prop::collection::vec((0usize..64, 0usize..600, 0usize..600), 1..6),
    ) {
        check::check(&put_together(&corpus("front_matter"), &pieces));
        check_signature::check(&put_together(&corpus("signature"), &pieces));
        check_signers::check(&put_together(&corpus("allowed_signers"), &pieces));
    }
}
