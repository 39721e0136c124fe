//! Tests through the real binary: every test has a HOME, a root and
//! processes of its own, waits for conditions with a deadline, and leaves
//! nothing running.
//!
//! Tests that need a tool or a privilege beyond Rust are marked ignored with
//! the reason; `tests/run` installs what they need and runs all of them.
//! `CELLPHONE_TEST_LONG=1` (`tests/run --long`) makes the storms full-size.
// A test that cannot go on has failed: it says so by panicking, also in the
// helpers, and it prepares trees with std's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, unreachable_pub)]

mod agent_hook;
mod agents;
mod agents_hooks;
mod claiming;
mod config;
mod config_layers;
mod coordinates;
mod corpus;
mod crash;
mod delivery;
mod demo;
mod drill;
mod drill_live;
mod forgery;
mod harness;
mod hooks;
mod hostile;
mod http;
mod http_client;
mod http_page;
mod identity;
mod identity_tools;
mod inject;
mod input;
mod integrate;
mod lost_root;
mod mcp;
mod metrics;
mod model;
mod nasty;
mod onboard;
mod parity;
mod policy;
mod reading;
mod reading_safely;
mod restore;
mod restore_faults;
mod restore_storm;
mod retry;
mod roles;
mod sandbox;
mod screen;
mod sealing;
mod secrets;
mod snapshot;
mod snapshot_remote;
mod snapshot_restic;
mod snapshot_schedule;
mod snapshot_storm;
mod tended;
mod tending;
mod tidy;
mod wake;
mod watch;
mod watching;
