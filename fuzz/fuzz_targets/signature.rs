//! Any bytes as a signed message. `cargo +nightly fuzz run signature`; what
//! must hold stands in `check_signature.rs`.
#![no_main]

#[path = "../check_signature.rs"]
mod check_signature;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check_signature::check(bytes);
});
