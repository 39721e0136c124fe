//! Any bytes as a message file. `cargo +nightly fuzz run front_matter`; what
//! must hold stands in `check.rs`.
#![no_main]

#[path = "../check.rs"]
mod check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check::check(bytes);
});
