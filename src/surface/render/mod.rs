//! How values look on a terminal.
//!
//! Whatever comes from a message or a file passes [`text::line`] or
//! [`text::block`] before it is printed, so nothing that an agent writes can
//! move the cursor, recolour the screen or turn the direction of reading.
//! Colour is an addition for terminals; no meaning rests on colour alone.

pub mod age;
pub mod diff;
pub mod json;
pub mod style;
pub mod table;
pub mod text;

pub use style::{Paint, Style};
pub use table::{Column, Table};
