//! What happens, as it happens: server-sent events that go on where they were
//! cut off.
//!
//! Whoever listens is first told what it missed, from the journal, and then
//! hears the one reader that follows the journal for all. That reader lives
//! only as long as somebody listens. Who is too slow for it reads the journal
//! again, so that nothing is left out and nothing comes twice.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::Event as Line;
use futures_util::future::{BoxFuture, Shared as SharedFuture};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::caller::{Caller, blocking};
use super::problem::{Asked, Refusal};
use crate::model::{AgentName, EventKind};
use crate::office::desk::Desk;
use crate::office::{ErrorKind, Filter, Record, Subscription};
use crate::surface::wire::Happened;

/// Who may listen at the same time.
const LISTENERS: usize = 256;
/// Events that somebody may be behind before the journal is read instead.
const BEHIND: usize = 1_024;
/// Lines of the journal that are read at a time for who was away.
const AT_ONCE: usize = 8_192;
/// Silence after which a sign of life is sent, and the token looked at again.
const KEEP: Duration = Duration::from_secs(15);
/// How often the reader looks whether anybody listens yet.
const LOOK: Duration = Duration::from_secs(5);
/// When a browser that was cut off tries again, in milliseconds.
const AGAIN: Duration = Duration::from_millis(1_000);

/// When the daemon ends.
pub type End = SharedFuture<BoxFuture<'static, ()>>;

/// The one reader of the journal, and those who hear it.
pub(super) struct Hub {
    desk: Arc<dyn Desk>,
    end: End,
    tell: broadcast::Sender<Arc<Record>>,
    /// Whether the reader lives.
    reading: Arc<Mutex<bool>>,
    room: Arc<Semaphore>,
}

impl Hub {
    pub(super) fn new(desk: Arc<dyn Desk>, end: End) -> Self {
        let (tell, _) = broadcast::channel(BEHIND);
        Self { desk, end, tell, reading: Arc::default(), room: Arc::new(Semaphore::new(LISTENERS)) }
    }

    /// Hears everything that happens from now on.
    fn join(&self) -> Result<broadcast::Receiver<Arc<Record>>, Refusal> {
        let heard = self.tell.subscribe();
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reading {
            let subscription = self.desk.office().subscribe(None)?;
            let (tell, mark) = (self.tell.clone(), Arc::clone(&self.reading));
            let begun = std::thread::Builder::new().name("http-events".to_owned());
            begun.spawn(move || read(subscription, &tell, &mark)).map_err(|e| {
                Refusal::busy(StatusCode::SERVICE_UNAVAILABLE, 5, format!("no thread follows the journal: {e}"))
            })?;
            *reading = true;
        }
        Ok(heard)
    }
}

/// Tells what happens until nobody listens.
fn read(mut journal: Subscription, tell: &broadcast::Sender<Arc<Record>>, reading: &Mutex<bool>) {
    loop {
        match journal.next_within(LOOK) {
            Ok(Some(record)) => {
                let _ = tell.send(Arc::new(record));
            }
            Ok(None) => {
                let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
                if tell.receiver_count() == 0 {
                    *reading = false;
                    return;
                }
            }
            Err(e) => {
                tracing::warn!(error = %e, "the journal could not be followed");
                std::thread::sleep(AGAIN);
            }
        }
    }
}

/// What is to be heard.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// From the event after this number on; the header `Last-Event-ID` goes
    /// before it. Without either, from now on.
    after: Option<u64>,
    /// Only of this kind, as `delivered`.
    event: Option<String>,
    /// Only about this agent.
    #[param(value_type = Option<String>)]
    agent: Option<AgentName>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Hear what happens, as server-sent events.
///
/// Each is a line of the journal as JSON; its `id` is the line's number.
#[utoipa::path(get, path = "/events", tag = "journal", params(Wanted),
    responses((status = 200, description = "Events without end", body = String, content_type = "text/event-stream")))]
async fn events(
    State(house): State<Shared>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Line, Infallible>>>, Refusal> {
    let place = Arc::clone(&house.hub.room).try_acquire_owned();
    let place = place.map_err(|_| {
        Refusal::busy(
            StatusCode::SERVICE_UNAVAILABLE,
            30,
            format!("{LISTENERS} listen already, which is all there may be"),
        )
    })?;
    let kinds = match wanted.event.as_deref() {
        None => Vec::new(),
        Some(word) => vec![EventKind::from_word(word).ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, ErrorKind::Usage, format!("there is no event {word:?}"))
        })?],
    };
    let asked = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).or(wanted.after);
    let access = caller.access();
    let inner = Arc::clone(&house);
    let (heard, last) = caller
        .work(move |office, _| {
            // Joined first: what is written from here on is heard.
            let heard = inner.hub.join();
            let newest = office.journal_end()?;
            Ok(heard.map(|heard| (heard, asked.map_or(newest, |asked| asked.min(newest)))))
        })
        .await??;
    let filter = Filter { kinds, agent: wanted.agent, ..Filter::default() };
    house.desk.note_http(&mut |http| http.listeners += 1);
    let listener =
        Listener { house, access, filter, heard, last, missed: Missed::Unread, greeted: false, _place: place };
    Ok(Sse::new(stream::unfold(listener, Listener::next)))
}

/// What somebody missed, as far as it is read.
enum Missed {
    /// The journal has to be read from `last` on.
    Unread,
    /// A part of it is read.
    Some(std::vec::IntoIter<Record>),
    /// All is read.
    None,
}

struct Listener {
    house: Shared,
    access: super::caller::Access,
    filter: Filter,
    heard: broadcast::Receiver<Arc<Record>>,
    last: u64,
    missed: Missed,
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.house.desk.note_http(&mut |http| http.listeners = http.listeners.saturating_sub(1));
    }
}

impl Listener {
    async fn next(mut self) -> Option<(Result<Line, Infallible>, Self)> {
        if !self.greeted {
            self.greeted = true;
            // With the number, so that who is cut off before the first event misses nothing.
            let hello = Line::default().event("ready").retry(AGAIN).id(self.last.to_string()).data("{}");
            return Some((Ok(hello), self));
        }
        loop {
            if let Some(record) = self.missed().await.ok()? {
                return Some(self.line(record));
            }
            let end = self.house.hub.end.clone();
            tokio::select! {
                () = end => return None,
                heard = tokio::time::timeout(KEEP, self.heard.recv()) => match heard {
                    Ok(Ok(record)) if record.seq > self.last => {
                        let record = Record::clone(&record);
                        if self.filter.takes(&record) {
                            return Some(self.line(record));
                        }
                        self.last = record.seq;
                    }
                    Ok(Ok(_)) => {}
                    Ok(Err(RecvError::Lagged(_))) => self.missed = Missed::Unread,
                    Ok(Err(RecvError::Closed)) => return None,
                    Err(_) => {
                        if !self.access.holds().await {
                            return None;
                        }
                        return Some((Ok(Line::default().comment("still here")), self));
                    }
                },
            }
        }
    }

    fn line(mut self, record: Record) -> (Result<Line, Infallible>, Self) {
        self.last = record.seq;
        let line = Line::default().id(record.seq.to_string());
        let text = serde_json::to_string(&Happened::from(record)).unwrap_or_default();
        (Ok(line.data(text)), self)
    }

    /// The next of what was missed; `None` when that is all.
    async fn missed(&mut self) -> Result<Option<Record>, Refusal> {
        loop {
            match &mut self.missed {
                Missed::None => return Ok(None),
                Missed::Some(ready) => match ready.next() {
                    Some(record) => return Ok(Some(record)),
                    // There may be more: only an empty part is the end.
                    None => self.missed = Missed::Unread,
                },
                Missed::Unread => {
                    let filter = Filter { after: self.last, ..self.filter.clone() };
                    let desk = Arc::clone(&self.house.desk);
                    let read = blocking(&self.house, move || Ok(desk.office().records_after(filter, AT_ONCE)?));
                    let part = read.await?;
                    self.missed = if part.is_empty() { Missed::None } else { Missed::Some(part.into_iter()) };
                }
            }
        }
    }
}
