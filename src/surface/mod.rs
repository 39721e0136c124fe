//! What people and programs touch. Each surface parses, calls `office`, and
//! shows the answer; it decides nothing, so that all of them agree.

pub mod acting;
pub mod cli;
pub mod http;
pub mod mcp;
pub mod render;
pub mod wire;
