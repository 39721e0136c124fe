//! The program `cellphone`. Everything is in the library; this says only how
//! the process ends.

use std::process::ExitCode;

/// Faster than the C library's where many threads work, and the daemon of a
/// large root keeps less (`benches/http`).
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    agent_cellphone::surface::cli::main()
}
