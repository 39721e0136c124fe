//! The corpus of the fuzz target, and what lies one step beside it: the same
//! promises without the fuzzer, which needs a nightly compiler.

#[path = "../../fuzz/check.rs"]
mod check;

use std::fs;
use std::path::Path;

use check::{Got, check};
use proptest::prelude::*;

use super::harness::names;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/front_matter");
    names(&dir).into_iter().map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

#[test]
fn the_corpus_keeps_the_promises_and_reaches_every_part() {
    let got: Vec<(String, Got)> = corpus().into_iter().map(|(name, bytes)| (name, check(&bytes))).collect();
    for least in [Got::Nothing, Got::FrontMatter, Got::Header] {
        assert!(got.iter().any(|(_, got)| *got == least), "nothing in the corpus reaches {least:?} alone: {got:?}");
    }
}

#[test]
fn every_byte_of_the_corpus_lost_doubled_or_changed_keeps_them_too() {
    for (_, bytes) in corpus() {
        for at in 0..bytes.len() {
            check(&bytes[..at]);
            check(&[&bytes[..at], &bytes[at + 1..]].concat());
            check(&[&bytes[..=at], &bytes[at..]].concat());
            for other in [b'\n', b'"', b'\'', b':', b' ', b'|', b'[', b'-', b'\\', b'#', 0xff] {
                let mut changed = bytes.clone();
                changed[at] = other;
                check(&changed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn pieces_of_the_corpus_put_together_keep_them_too(
        pieces in prop::collection::vec((0usize..64, 0usize..600, 0usize..600), 1..6),
    ) {
        let corpus = corpus();
        let mut bytes = Vec::new();
        for (which, from, length) in pieces {
            let (_, source) = &corpus[which % corpus.len()];
            let from = from.min(source.len());
            bytes.extend_from_slice(&source[from..(from + length).min(source.len())]);
        }
        check(&bytes);
    }
}
