//! The program `cellphone`. Everything is in the library; this says only how
//! the process ends.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_cellphone::surface::cli::main()
}
