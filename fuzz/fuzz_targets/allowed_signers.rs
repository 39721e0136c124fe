//! Any bytes as `allowed_signers`. `cargo +nightly fuzz run allowed_signers`;
//! what must hold stands in `check_signers.rs`.
#![no_main]

#[path = "../check_signers.rs"]
mod check_signers;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check_signers::check(bytes);
});
