//! Mailboxes made of plain files for coding agents, whose windows ring when
//! mail arrives, on a workspace that can always be restored.
//!
//! The program `cellphone` is a thin shell around this library: whatever a
//! command does, [`Office`] does, with the same checks and the same durability.
//! An office is a root opened for one actor; it is cheap, keeps no state of its
//! own, needs no daemon, and may be shared between threads.
//!
//! | to | call |
//! |---|---|
//! | make a root | [`office::setup::init`] |
//! | open it as somebody | [`Office::open`] |
//! | send one message, or many with shared barriers | [`Office::send`], [`Office::send_batch`] |
//! | list, read, search | [`Office::inbox`], [`Office::read`], [`Office::thread`], [`Office::search`] |
//! | answer, pass on, acknowledge, file | [`Office::reply`], [`Office::forward`], [`Office::ack`], [`Office::archive`] |
//! | work through mail under leases | [`Office::next`], [`Office::done`], [`Office::release`] |
//! | block until mail comes | [`Office::wait`] |
//! | hear of everything that happens | [`Office::subscribe`] |
//! | what happened to one message | [`Office::trace`] |
//! | bring a restored tree back, and take that back | [`Office::restore_plan`], [`Office::restore_apply`], [`Office::restore_undo_plan`] |
//!
//! ```standalone_crate
//! use std::time::Duration;
//!
//! use agent_cellphone::office::setup::init;
//! use agent_cellphone::{EventKind, InboxQuery, Office, SendRequest, Which};
//!
//! # let home = tempfile::tempdir()?;
//! # // Approved copies live in the user's home: the example gets one of its own.
//! # unsafe { std::env::set_var("XDG_STATE_HOME", home.path().join("state")) };
//! # let dir = home.path().join("team");
//! init(&dir, Some("ann"))?;
//! let ann = Office::open(Some(&dir), Some("ann"))?;
//! let agent = Office::open(Some(&dir), Some("Agent-2"))?;
//!
//! let mut events = ann.subscribe(None)?;
//! let sent = ann.send(SendRequest {
//!     to: vec!["Agent-2".parse()?],
//!     subject: "Review the parser".into(),
//!     body: "Please look at src/lexer.rs.\n".into(),
//!     ..SendRequest::default()
//! })?;
//! // From here on the message survives a power cut.
//!
//! let waiting = agent.inbox(InboxQuery { which: Which::Unread, limit: None })?;
//! assert_eq!(waiting[0].id, sent.id);
//! assert_eq!(agent.read(&sent.id.to_string(), false)?.body, "Please look at src/lexer.rs.\n");
//!
//! while let Some(record) = events.next_within(Duration::from_secs(10))? {
//!     println!("{} {:?}", record.event.event.word(), record.event.agent);
//!     if record.event.event == EventKind::Read && record.event.id == Some(sent.id) {
//!         return Ok(());
//!     }
//! }
//! panic!("nobody told that it was read");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Errors are [`OfficeError`]s: what happened, to which file, what sort of
//! failure it is ([`ErrorKind`], the exit codes of the command line) and what
//! to run next. `ARCHITECTURE.md` is the map of the house; the header of each
//! module is its theory.

pub mod config;
pub mod continuity;
pub mod daemon;
pub mod fsio;
pub mod hooks;
pub mod identity;
pub mod journal;
pub mod mailbox;
pub mod model;
pub mod nudge;
pub mod observe;
pub mod office;
pub mod post;
pub mod roster;
pub mod snapshot;
pub mod surface;

pub use model::{Address, AgentName, Event, EventKind, MessageId, Priority};
pub use office::{
    Claimed, ErrorKind, InboxQuery, Listed, Office, OfficeError, Opened, Record, SearchQuery, SendRequest, Sent,
    Subscription, Which,
};
