//! How values look on a terminal.
//!
//! Whatever comes from a message or a file passes [`foreign`] before it is
//! printed, so nothing that an agent writes can move the cursor, recolour the
//! screen, turn the direction of reading, pose as a line of ours, or lead
//! elsewhere than it says.
//! Colour is an addition for terminals; no meaning rests on colour alone.

pub mod age;
pub mod diff;
pub mod drawing;
pub mod foreign;
pub mod json;
mod links;
#[cfg(test)]
mod links_tests;
pub mod provenance;
pub mod style;
pub mod table;
pub mod text;

pub use drawing::Drawing;
pub use style::{Paint, Style};
pub use table::{Column, Table};
