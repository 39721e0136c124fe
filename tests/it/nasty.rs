//! The wake benchmark in small: every nasty program a few times, and the
//! zeros. The bench itself says whether they are zeros, by its exit code.

use std::process::Command;

use crate::harness::{size, text};

#[test]
#[ignore = "needs tmux: run tests/run"]
fn nasty_programs_are_woken_without_a_keystroke_elsewhere() {
    let count = size(64, 2_000).to_string();
    let raw = concat!(env!("CARGO_TARGET_TMPDIR"), "/nasty.jsonl");
    let out = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--quiet", "--bench", "nasty", "--", "--count", &count, "--raw", raw])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = text(&out);
    assert!(out.status.success(), "{said}");
    assert!(said.contains("faults 0;"), "{said}");
}
