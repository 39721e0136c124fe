//! Links the program so that it starts quickly: a `send` is a process, and at
//! the rate agents send, what the dynamic loader does costs more than the send.
//!
//! On Linux with glibc the program is linked at a fixed address (22,000
//! relocations and the hundred pages they touch are not needed then), and what
//! unwinds a panic comes from the compiler's archive instead of `libgcc_s.so`.
//! Measured: 0.95 ms of a send. The price is that the program's own text is
//! not placed at random; there is no `unsafe` code of ours in it.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|v| v.split(',').any(|v| v == value));
    let glibc = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if !glibc || is("CARGO_CFG_TARGET_FEATURE", "crt-static") {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-no-pie");
    if env::var("HOST") == env::var("TARGET") && has_archive() {
        use_archive();
    }
}

/// Whether the compiler that links has its unwinder as an archive.
fn has_archive() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    // A compiler without it prints the bare name back.
    asked.is_ok_and(|o| PathBuf::from(String::from_utf8_lossy(&o.stdout).trim()).is_absolute())
}

/// Lays a linker script in front of the shared library of that name.
#[allow(clippy::disallowed_methods)] // in the build's own folder
fn use_archive() {
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    if fs::write(out.join("libgcc_s.so"), "GROUP ( -lgcc_eh -lgcc )\n").is_ok() {
        println!("cargo:rustc-link-search=native={}", out.display());
    }
}
