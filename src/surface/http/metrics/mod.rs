//! `/metrics`: figures for a monitoring system, as OpenMetrics text.
//!
//! Nothing is measured beforehand but the time that requests take: whoever
//! asks has what happened since the last time counted from the journal, and
//! what stands looked at. So it costs nothing while nobody asks. Every label
//! has a bounded number of values; names beyond that are left out, and no
//! text of a message is ever among them.
//!
//! Format: OpenMetrics 1.0. Names and units are explained in
//! `docs/telemetry.md`.

mod figures;
mod resources;
mod tally;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::figures::Figures;
use self::resources::Resources;
use self::tally::Tally;
use super::Shared;
use super::caller::Caller;
use super::problem::Refusal;
use crate::office::setup::Objectives;
use crate::office::status::DaemonStatus;
use crate::office::{ErrorKind, Filter, Office, OfficeError, Result};

/// Lines of the journal that are counted at a time.
const AT_ONCE: usize = 8_192;

/// Names and values of a figure's labels.
type Labels = Vec<(&'static str, String)>;

/// The figures of this daemon since its door was opened.
pub(super) struct Metrics {
    registry: Registry,
    /// Answers by door and code.
    answers: Family<Labels, Histogram>,
    objectives: Family<Labels, Counter>,
    kept: Mutex<Kept>,
}

struct Kept {
    tally: Tally,
    figures: Figures,
    resources: Resources,
    /// The last line of the journal that was counted.
    counted: u64,
}

/// Bounds of what takes half a millisecond to ten seconds.
fn short() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

impl Metrics {
    /// Counts from now on.
    pub(super) fn new(office: &Office) -> Self {
        let mut all = Registry::default();
        let resources = Resources::new(&mut all);
        let registry = all.sub_registry_with_prefix("cellphone");
        let objectives = Family::<Labels, Counter>::default();
        // From the first on: a part of nothing cannot be told from a part that is missing.
        for which in ["delivery", "response", "lookup"] {
            for met in ["yes", "no"] {
                drop(objectives.get_or_create(&objective(which, met)));
            }
        }
        let answers = Family::<Labels, Histogram>::new_with_constructor(short);
        registry.register(
            "objective",
            "How often what is aimed at was met, and how often it was not",
            objectives.clone(),
        );
        registry.register_with_unit("http_request", "Time that requests took", Unit::Seconds, answers.clone());
        let tally = Tally::new(registry, objectives.clone());
        let figures = Figures::new(registry);
        let counted = office.journal_end().unwrap_or(0);
        Self { registry: all, answers, objectives, kept: Mutex::new(Kept { tally, figures, resources, counted }) }
    }

    /// A request was answered.
    pub(super) fn answered(&self, door: &'static str, reads: bool, code: u16, took: Duration, aims: &Objectives) {
        let labels = vec![("door", door.to_owned()), ("code", format!("{}xx", code / 100))];
        self.answers.get_or_create(&labels).observe(took.as_secs_f64());
        if door == "api" && reads && code < 400 {
            meets(&self.objectives, "lookup", took <= aims.lookup);
        }
    }

    /// All figures as text.
    fn text(&self, office: &Office, daemon: &DaemonStatus) -> Result<String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { tally, figures, resources, counted } = &mut *kept;
        let aims = &office.settings().objectives;
        if office.journal_end()? < *counted {
            // Another journal than the one that was counted.
            *counted = 0;
        }
        loop {
            let lines = office.records_after(Filter { after: *counted, ..Filter::default() }, AT_ONCE)?;
            let Some(last) = lines.last() else { break };
            *counted = last.seq;
            for line in &lines {
                tally.add(&line.event, aims);
                figures.heed(&line.event);
            }
        }
        tally.late(Timestamp::now(), aims);
        figures.look(office, daemon);
        resources.look(office.root().path());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .map_err(|e| OfficeError::new(ErrorKind::Failed, format!("the figures could not be written: {e}")))?;
        Ok(text)
    }
}

/// Counts whether an objective was met.
fn meets(objectives: &Family<Labels, Counter>, which: &str, met: bool) {
    objectives.get_or_create(&objective(which, if met { "yes" } else { "no" })).inc();
}

fn objective(which: &str, met: &str) -> Labels {
    vec![("objective", which.to_owned()), ("met", met.to_owned())]
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(house): State<Shared>, caller: Caller) -> std::result::Result<impl IntoResponse, Refusal> {
    let text = caller.work(move |office, _| house.metrics.text(office, &house.desk.status())).await?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
