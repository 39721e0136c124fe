//! The text as a selection, handed to one client only, and the human's
//! selection given back.
//!
//! A paste is a question from the window that has the focus: "give me the
//! selection". It is answered only when it comes from the client that owns
//! the verified window; a clipboard manager, or a window that took the focus
//! a moment ago, gets nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt, CreateWindowAux, EventMask, PropMode, SELECTION_NOTIFY_EVENT, SelectionNotifyEvent,
    SelectionRequestEvent, Window, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

use super::x11::Display;

/// What the human's selection may cost us to keep: larger ones are lost to
/// the nudge, which says so in its documentation.
const KEPT: u32 = 1 << 18;
/// How long an owner may take to hand over what it has.
const HANDOVER: Duration = Duration::from_millis(150);

/// Both selections: terminals paste PRIMARY on Shift+Insert, toolkits paste
/// CLIPBOARD.
const NAMES: [&str; 2] = ["PRIMARY", "CLIPBOARD"];

/// Owns both selections for the time of a nudge.
pub(super) struct Selection {
    display: Arc<Display>,
    window: Window,
    before: Vec<(Atom, Option<Vec<u8>>)>,
}

fn words(error: impl std::fmt::Display) -> String {
    format!("X selection: {error}")
}

impl Selection {
    /// Remembers what the human has selected and takes both over.
    pub(super) fn take(display: &Arc<Display>) -> Result<Self, String> {
        let connection = &display.connection;
        let window = connection.generate_id().map_err(words)?;
        let aux = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection
            .create_window(0, window, display.root, -1, -1, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux)
            .map_err(words)?;
        let mut selection = Self { display: Arc::clone(display), window, before: Vec::new() };
        for name in NAMES {
            let atom = display.atom(name)?;
            let before = selection.fetch(atom)?;
            selection.before.push((atom, before));
        }
        for (atom, _) in &selection.before {
            connection.set_selection_owner(window, *atom, x11rb::CURRENT_TIME).map_err(words)?;
        }
        connection.flush().map_err(words)?;
        Ok(selection)
    }

    /// What a selection holds now; `None` when nobody has it, or it is no
    /// text.
    fn fetch(&self, selection: Atom) -> Result<Option<Vec<u8>>, String> {
        let connection = &self.display.connection;
        let owner = connection.get_selection_owner(selection).map_err(words)?.reply().map_err(words)?.owner;
        if owner == x11rb::NONE {
            return Ok(None);
        }
        let (utf8, property) = (self.display.atom("UTF8_STRING")?, self.display.atom("CELLPHONE_KEPT")?);
        connection.convert_selection(self.window, selection, utf8, property, x11rb::CURRENT_TIME).map_err(words)?;
        connection.flush().map_err(words)?;
        let end = Instant::now() + HANDOVER;
        while Instant::now() < end {
            match connection.poll_for_event().map_err(words)? {
                Some(Event::SelectionNotify(notify)) if notify.selection == selection => {
                    if notify.property == x11rb::NONE {
                        return Ok(None);
                    }
                    let reply = connection
                        .get_property(true, self.window, property, AtomEnum::ANY, 0, KEPT)
                        .map_err(words)?
                        .reply()
                        .map_err(words)?;
                    return Ok((reply.type_ == utf8 && reply.bytes_after == 0).then_some(reply.value));
                }
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        Ok(None)
    }

    /// Whether both selections are still ours: a window may have selected
    /// something of its own when it was clicked, and would paste that.
    pub(super) fn is_ours(&self) -> Result<bool, String> {
        for (atom, _) in &self.before {
            let owner = self.display.connection.get_selection_owner(*atom).map_err(words)?;
            if owner.reply().map_err(words)?.owner != self.window {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until `client`'s window has been given `text`; false when it did
    /// not ask in time.
    pub(super) fn give(&self, text: &str, client: Window, limit: Duration) -> Result<bool, String> {
        let connection = &self.display.connection;
        // The upper bits of an id name the client that made it.
        let mask = !connection.setup().resource_id_mask;
        let end = Instant::now() + limit;
        while Instant::now() < end {
            match connection.poll_for_event().map_err(words)? {
                Some(Event::SelectionRequest(request)) => {
                    let known = request.requestor & mask == client & mask;
                    if answer(&self.display, &request, known.then_some(text.as_bytes()))? {
                        return Ok(true);
                    }
                }
                Some(_) => {}
                None => std::thread::sleep(Duration::from_micros(200)),
            }
        }
        Ok(false)
    }

    /// Gives back what the human had selected. A selection lives in a
    /// process: a thread keeps it until somebody selects something else.
    pub(super) fn give_back(mut self) {
        let connection = &self.display.connection;
        self.before.retain(|(atom, text)| {
            if text.is_none() {
                drop(connection.set_selection_owner(x11rb::NONE, *atom, x11rb::CURRENT_TIME));
            }
            text.is_some()
        });
        drop(connection.flush());
        if self.before.is_empty() {
            return;
        }
        std::thread::spawn(move || self.keep());
    }

    fn keep(mut self) {
        while !self.before.is_empty() {
            match self.display.connection.wait_for_event() {
                Ok(Event::SelectionRequest(request)) => {
                    let text = self.before.iter().find(|(atom, _)| *atom == request.selection);
                    drop(answer(&self.display, &request, text.and_then(|(_, text)| text.as_deref())));
                }
                Ok(Event::SelectionClear(clear)) => self.before.retain(|(atom, _)| *atom != clear.selection),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// Answers a request; true when the text itself was handed over.
fn answer(display: &Display, request: &SelectionRequestEvent, text: Option<&[u8]>) -> Result<bool, String> {
    let connection = &display.connection;
    let (utf8, targets) = (display.atom("UTF8_STRING")?, display.atom("TARGETS")?);
    let plain = Atom::from(AtomEnum::STRING);
    // Old clients leave the property out and mean the target's name.
    let property = if request.property == x11rb::NONE { request.target } else { request.property };
    let (mut given, mut done) = (x11rb::NONE, false);
    if let Some(text) = text {
        if request.target == targets {
            let list = [targets, utf8, plain];
            connection
                .change_property32(PropMode::REPLACE, request.requestor, property, AtomEnum::ATOM, &list)
                .map_err(words)?;
            given = property;
        } else if request.target == utf8 || request.target == plain {
            connection
                .change_property8(PropMode::REPLACE, request.requestor, property, request.target, text)
                .map_err(words)?;
            given = property;
            done = true;
        }
    }
    let notify = SelectionNotifyEvent {
        response_type: SELECTION_NOTIFY_EVENT,
        sequence: 0,
        time: request.time,
        requestor: request.requestor,
        selection: request.selection,
        target: request.target,
        property: given,
    };
    connection.send_event(false, request.requestor, EventMask::NO_EVENT, notify).map_err(words)?;
    connection.flush().map_err(words)?;
    Ok(done)
}
