//! Snapshots of the working root, and the way back.
//!
//! [`exchange`] brings a restored copy of the tree back into the live one,
//! wherever that copy comes from: from a repository of ours, or from a
//! `restic restore` that a person ran.

pub mod exchange;
