//! The monitors to scale, and where on them the agents listen; who may moves
//! them, through the same checks as `coords set`.

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::super::Shared;
use super::super::sign_in::rendered;
use super::{Around, Fault, Filled, PageAnswer, Shell, Visitor, line};
use crate::model::{Action, AgentName, Permission};
use crate::office::{Office, OfficeError, Result as OfficeResult};
use crate::surface::render::Drawing;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/layout", get(show)).route("/layout/{name}", post(place))
}

#[derive(askama::Template)]
#[template(path = "layout.html")]
struct LayoutPage {
    shell: Shell,
    fault: Option<String>,
    hint: Option<String>,
    remark: Option<String>,
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    /// Height of a letter, in pixels of the screen.
    unit: i32,
    monitors: Vec<Screen>,
    places: Vec<Spot>,
    /// Whether the visitor may move them.
    may: bool,
}

struct Screen {
    title: String,
    x: i32,
    y: i32,
    width: u32,
    height: u32,
}

struct Spot {
    name: String,
    monitor: String,
    /// As the file says it: what a form sets.
    said: (i32, i32),
    /// Where that is now.
    drawn: (i32, i32),
    doubt: Option<String>,
}

fn page(office: &Office, around: Around, fault: Option<OfficeError>) -> OfficeResult<LayoutPage> {
    let drawing = Drawing::of(office)?;
    let (left, top, width, height) = drawing.frame();
    let unit = (width.max(height) / 50).max(1);
    let places = drawing.marks.iter().filter_map(|mark| {
        Some(Spot {
            name: mark.name.clone(),
            monitor: mark.monitor.as_deref().map(line).unwrap_or_default(),
            said: mark.said?,
            drawn: mark.chat?,
            doubt: mark.doubt.as_deref().map(line),
        })
    });
    Ok(LayoutPage {
        places: places.collect(),
        monitors: drawing
            .monitors
            .iter()
            .map(|(name, m)| Screen {
                title: line(&Drawing::title(name, m)),
                x: m.x,
                y: m.y,
                width: m.width,
                height: m.height,
            })
            .collect(),
        remark: drawing.remark.as_deref().map(line),
        // A margin, so that what stands at an edge is seen whole.
        left: left.saturating_sub(unit),
        top: top.saturating_sub(unit),
        width: width.saturating_add(unit * 2),
        height: height.saturating_add(unit * 2),
        unit,
        hint: fault.as_ref().and_then(|e| e.hint.clone()),
        fault: fault.map(|e| e.message),
        may: !around.read_only && office.decide(Action::Use(Permission::Roster)).allowed,
        shell: around.shell,
    })
}

async fn show(visitor: Visitor) -> PageAnswer {
    Ok(rendered(&visitor.page("layout", false, move |office, around| page(office, around, None)).await?)?)
}

#[derive(Deserialize)]
struct Moved {
    #[serde(default)]
    proof: String,
    x: i32,
    y: i32,
}

async fn place(visitor: Visitor, Path(name): Path<String>, Filled(form): Filled<Moved>) -> Result<Response, Fault> {
    let made = visitor.checked(&form.proof)?.checked_page("layout", false, move |office, around| {
        let set = AgentName::new(&name).map_err(OfficeError::from);
        match set.and_then(|name| office.set_coordinates(&name, (form.x, form.y), None)) {
            Ok(_) => Ok(None),
            // What cannot be is said beside the drawing, in which nothing has moved.
            Err(e) => page(office, around, Some(e)).map(Some),
        }
    });
    Ok(match made.await? {
        None => Redirect::to("/layout?done=placed").into_response(),
        Some(page) => Html(rendered(&page)?.0).into_response(),
    })
}
