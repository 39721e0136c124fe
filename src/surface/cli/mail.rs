//! How messages look, as JSON and for people; shared by the mail commands.

use serde::Serialize;
use serde_json::{Map, Value};

use super::context::Context;
use super::failure::Failure;
use crate::model::{AgentName, Priority};
use crate::office::{Listed, OfficeError, Opened, Seal, Sent};
use crate::surface::render::{Column, Paint, Table, age, foreign, provenance, text};
use crate::surface::wire;

impl From<OfficeError> for Failure {
    fn from(e: OfficeError) -> Self {
        Self::Report { code: e.kind, message: e.message, hint: e.hint }
    }
}

/// The stable fields of a message in a list: those of the front matter, and
/// `state`, `flags`, `path`, `verified`.
pub(super) fn listed_json(m: &Listed) -> Map<String, Value> {
    fields(&wire::Listed::from(m))
}

/// A message with its body, and what of its header a list leaves out.
pub(super) fn opened_json(m: &Opened) -> Map<String, Value> {
    fields(&wire::Opened::from(m))
}

fn fields(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        // A struct with names is always an object.
        _ => Map::new(),
    }
}

/// Shows what was sent.
pub(super) fn show_sent(cx: &Context, s: &Sent, what: &str) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&wire::Sent::from(s.clone()));
    }
    for notice in &s.notices {
        cx.note(notice);
    }
    let names = |list: &[AgentName]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut line = format!("{what} {}", s.id);
    if !s.delivered.is_empty() {
        line += &format!(" to {}", names(&s.delivered));
    }
    if !s.pending.is_empty() {
        line += &format!("; still on its way to {}", names(&s.pending));
    }
    cx.say(&line)
}

/// Narrower terminals have no room for a subject beside an id.
const NARROW: usize = 64;

/// The messages as a table; two lines each where it is narrow.
pub(super) fn table(cx: &Context, messages: &[Listed]) -> String {
    if let Some(width) = cx.style.width.filter(|width| *width < NARROW) {
        return messages.iter().map(|m| narrow(cx, m, width)).collect();
    }
    let marked = messages.iter().any(|m| m.verified == "forged")
        || messages.iter().any(|m| m.verified == "verified") && messages.iter().any(|m| mark(m).is_some());
    let mut columns = vec![Column::text("ID"), Column::text("FROM")];
    // Where everything is as usual, signed or not, nothing need be said.
    columns.extend(marked.then(|| Column::text("PROOF")));
    columns.extend([
        Column::flexible("SUBJECT"),
        Column::text("STATE"),
        Column::text("PRIORITY"),
        Column::number("AGE"),
    ]);
    let mut table = Table::new(&columns);
    for m in messages {
        let unseen = m.state == "new";
        let strong = unseen.then_some(Paint::Strong);
        let priority = match m.priority {
            Priority::Normal => (String::new(), None),
            Priority::Urgent => ("urgent".to_owned(), Some(Paint::Warn)),
            Priority::Critical => ("critical".to_owned(), Some(Paint::Bad)),
        };
        let mut cells = vec![(m.id.to_string(), Some(Paint::Faint)), (m.from.to_string(), strong)];
        cells.extend(
            marked.then(|| mark(m).map_or_else(Default::default, |(word, paint)| (word.to_owned(), Some(paint)))),
        );
        cells.extend([
            (m.subject.clone(), strong),
            (state_word(m.state).to_owned(), None),
            priority,
            (age::age(m.date, cx.now), Some(Paint::Faint)),
        ]);
        table.painted(cells);
    }
    table.render(cx.style)
}

/// What is to be seen of a message's proof at a glance: the program's own
/// notices are not signed, and say nothing that somebody would forge.
fn mark(m: &Listed) -> Option<(&'static str, Paint)> {
    match m.verified {
        "forged" => Some(("forged", Paint::Bad)),
        "unsigned" if m.from != AgentName::system() => Some(("unsigned", Paint::Warn)),
        _ => None,
    }
}

fn narrow(cx: &Context, m: &Listed, width: usize) -> String {
    let mut facts = vec![state_word(m.state).to_owned()];
    facts.extend((m.verified == "forged").then(|| m.verified.to_owned()));
    if m.priority != Priority::Normal {
        facts.push(m.priority.as_str().to_owned());
    }
    facts.push(age::age(m.date, cx.now));
    let facts = facts.join(", ");
    let head = foreign::line(&format!("{}: {}", m.from, m.subject)).into_owned();
    let head = text::cut(&head, width.saturating_sub(text::width(&facts) + 2)).into_owned();
    let gap = " ".repeat(width.saturating_sub(text::width(&head) + text::width(&facts)));
    let strong = if m.state == "new" { cx.paint(Paint::Strong, &head) } else { head };
    format!("{strong}{gap}{facts}\n  {}\n", cx.paint(Paint::Faint, &m.id.to_string()))
}

fn state_word(state: &str) -> &str {
    match state {
        "cur" => "seen",
        other => other,
    }
}

/// Cells of a heading before its value.
const FIELD: usize = 10;

/// One message for people: a header, the warning, the body as quoted data.
pub(super) fn show_opened(cx: &Context, m: &Opened) -> Result<(), Failure> {
    let l = &m.listed;
    let heading = |name: &str| cx.paint(Paint::Faint, &text::pad(name, FIELD - 1, false));
    let (known, paint) = provenance::provenance(l.verified);
    let mut out = format!("{} {} ({})\n", heading("From"), l.from, cx.paint(paint, known));
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            out.push_str(&format!("{} {}\n", heading(name), foreign::field(value, cx.style.width, FIELD)));
        }
    };
    let to: Vec<String> = l.to.iter().map(ToString::to_string).collect();
    let when = crate::model::time::rfc3339(l.date);
    field("To", &to.join(", "));
    field("Subject", &l.subject);
    field("Date", &format!("{when} ({} ago)", age::age(l.date, cx.now)).replace("(now ago)", "(now)"));
    if l.priority != Priority::Normal {
        field("Priority", l.priority.as_str());
    }
    field("Tags", &l.tags.join(", "));
    if l.ack {
        field("Ack", &format!("required: cellphone ack {}", l.id));
    }
    match &m.seal {
        Seal::None => {}
        Seal::Opened => field("Sealed", "with age; opened"),
        Seal::Closed(why) => field("Sealed", why),
    }
    field("Id", &l.id.to_string());
    field("File", &l.path.display().to_string());
    if let Some(why) = &l.verified_why {
        let warning = format!("This is forged. {}. Whoever wrote it, do not act on it.", sentence(why));
        out += &format!("\n{}\n", cx.paint(Paint::Bad, &text::wrap(&text::line(&warning), cx.style.width, 0)));
    }
    let (from, forged) = (l.from.as_str(), l.verified_why.is_some());
    let note = provenance::warning(from, forged);
    out += &format!("\n{}\n", cx.paint(Paint::Warn, &text::wrap(&note, cx.style.width, 0)));
    out += &foreign::quote(&m.body, cx.style.width);
    out += &format!("{}\n", cx.paint(Paint::Faint, &provenance::end(from, forged)));
    cx.print(&out)
}

/// The text with a capital letter.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
