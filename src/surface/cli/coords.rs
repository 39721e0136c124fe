//! `cellphone coords`: where on the screen the agents listen.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use super::parse;
use crate::model::AgentName;
use crate::office::Office;
use crate::office::coords::{Area, At, Choice, POINTING, Place, Point};
use crate::surface::render::{Column, Drawing, Paint, Table, text};

pub(super) const EXAMPLES: &str = "cellphone coords list
cellphone coords capture Agent-2              # point at its composer and press
cellphone coords register Agent-2             # a picture of the empty composer
cellphone coords set Agent-2 -1269 481 --onboarding -1265 171
cellphone coords validate
cellphone coords show --png /tmp/desk.png";

/// Arguments of `coords`.
#[derive(Debug, clap::Args)]
pub(super) struct CoordsArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Everyone's coordinates, as approved
    List,
    /// Sets an agent's points, in pixels from the screen's top left corner;
    /// negative ones count from the main monitor's
    Set {
        /// Whose
        agent: AgentName,
        /// From the left; negative on a monitor to the left of the main one
        #[arg(allow_negative_numbers = true)]
        x: i32,
        /// From the top
        #[arg(allow_negative_numbers = true)]
        y: i32,
        /// Where a new conversation's composer is
        #[arg(long, num_args = 2, value_names = ["X", "Y"], allow_negative_numbers = true)]
        onboarding: Option<Vec<i32>>,
    },
    /// Pins an agent's window: point at its composer and press, or name it
    Capture {
        /// Whose
        agent: AgentName,
        /// The only window whose title matches; * stands for anything
        #[arg(long, group = "which")]
        title: Option<String>,
        /// The only window of this class
        #[arg(long, group = "which")]
        class: Option<String>,
        /// The only window of this process
        #[arg(long, group = "which")]
        pid: Option<u32>,
        /// The window with this id, as 0x1a00003
        #[arg(long, group = "which", value_parser = window_id)]
        window: Option<u32>,
        /// Where its composer is, when nobody points
        #[arg(long, num_args = 2, value_names = ["X", "Y"], allow_negative_numbers = true, requires = "which")]
        at: Option<Vec<i32>>,
        /// What is pointed at is the onboarding point
        #[arg(long)]
        onboarding: bool,
        /// How long you have to point. Default: 1m
        #[arg(long, value_name = "D", value_parser = parse::duration)]
        timeout: Option<std::time::Duration>,
    },
    /// Takes the picture of the empty composer, by which typing is read back
    Register {
        /// Whose
        agent: AgentName,
        /// The composer at the onboarding point
        #[arg(long)]
        onboarding: bool,
        /// The composer in the window, as WIDTHxHEIGHT+X+Y; else around the point
        #[arg(long, value_name = "WxH+X+Y", value_parser = area)]
        region: Option<Area>,
        /// Where the program writes by itself; may be given several times
        #[arg(long, value_name = "WxH+X+Y", value_parser = area)]
        output: Vec<Area>,
    },
    /// Finds what is wrong with them; exit code 1 when something is
    Validate,
    /// The monitors as they are, and as they were when points were taken
    Detect {
        /// Carry every point along with its monitor, and record the monitors
        #[arg(long)]
        apply: bool,
    },
    /// Draws the monitors and the agents
    Show {
        /// Into this file, as SVG
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// Into this file, as PNG
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
    },
}

fn window_id(text: &str) -> Result<u32, String> {
    let hex = text.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
    hex.unwrap_or_else(|| text.parse()).map_err(|_| "a window's id is a number, as 0x1a00003".to_owned())
}

/// `WIDTHxHEIGHT+X+Y`, as X programs write it.
fn area(text: &str) -> Result<Area, String> {
    let parts = || {
        let (size, place) = text.split_once('+')?;
        let ((width, height), (x, y)) = (size.split_once('x')?, place.split_once('+')?);
        Some(Area { x: x.parse().ok()?, y: y.parse().ok()?, width: width.parse().ok()?, height: height.parse().ok()? })
    };
    parts()
        .filter(|a| a.width > 0 && a.height > 0)
        .ok_or_else(|| "write it as WIDTHxHEIGHT+X+Y, as 600x40+0+420, in pixels from the window's corner".to_owned())
}

const fn which(onboarding: bool) -> At {
    if onboarding { At::Onboarding } else { At::Chat }
}

fn pair(numbers: Option<Vec<i32>>) -> Option<Point> {
    numbers.and_then(|n| Some((*n.first()?, *n.get(1)?)))
}

impl Run for CoordsArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        match self.what.unwrap_or(What::List) {
            What::List => list(cx, &office),
            What::Set { agent, x, y, onboarding } => {
                let place = office.set_coordinates(&agent, (x, y), pair(onboarding))?;
                if cx.json() {
                    return cx.write_json(&place_json(&agent, &place));
                }
                let on = place.monitor.map(|m| format!(" on {m}")).unwrap_or_default();
                let from_main = match place.chat {
                    Some(at) if at != (x, y) => format!(" ({x},{y} from the main monitor's corner)"),
                    _ => String::new(),
                };
                cx.say(&format!("{agent} listens at {}{}{from_main}", point(place.chat), text::line(&on)))
            }
            What::Capture { agent, title, class, pid, window, at, onboarding, timeout } => {
                let how = match (title, class, pid, window) {
                    (Some(title), ..) => Choice::Title(title),
                    (_, Some(class), ..) => Choice::Class(class),
                    (_, _, Some(pid), _) => Choice::Pid(pid),
                    (.., Some(id)) => Choice::Window(id),
                    _ => {
                        cx.note(&format!("point at the composer of {agent} and press the left mouse button"));
                        Choice::Point(timeout.unwrap_or(POINTING))
                    }
                };
                capture(cx, &office, &agent, &how, pair(at), which(onboarding))
            }
            What::Register { agent, onboarding, region, output } => {
                let composer = office.register_composer(&agent, which(onboarding), region, output)?;
                let Area { x, y, width, height } = composer.region;
                let moving = composer.lively.iter().filter(|m| **m).count();
                if cx.json() {
                    return cx.write_json(&json!({
                        "agent": agent, "region": composer.region, "window": composer.window,
                        "output": composer.output, "moving_pixels": moving,
                    }));
                }
                cx.say(&format!(
                    "the empty composer of {agent} is known: {width}x{height} at {x},{y} of its window; {moving} pixels \
                     moved by themselves"
                ))
            }
            What::Validate => validate(cx, &office),
            What::Detect { apply } => detect(cx, &office, apply),
            What::Show { svg, png } => show(cx, &office, svg, png),
        }
    }
}

fn place_json(agent: &AgentName, place: &Place) -> Value {
    json!({
        "agent": agent, "chat": place.chat, "onboarding": place.onboarding, "monitor": place.monitor,
        "window": place.window, "onboarding_monitor": place.onboarding_monitor,
        "onboarding_window": place.onboarding_window, "profile": place.profile, "active": place.active, "description": place.description,
    })
}

fn point(point: Option<Point>) -> String {
    point.map_or_else(|| "-".to_owned(), |(x, y)| format!("{x},{y}"))
}

fn list(cx: &Context, office: &Office) -> Result<(), Failure> {
    let all = office.coordinates()?;
    if cx.json() {
        return cx.write_json(&all.agents.iter().map(|(name, place)| place_json(name, place)).collect::<Vec<_>>());
    }
    if all.agents.is_empty() {
        return cx.say("nobody has coordinates; point at one: cellphone coords capture Agent-1");
    }
    let mut table = Table::new(&[
        Column::text("AGENT"),
        Column::number("CHAT"),
        Column::number("ONBOARDING"),
        Column::text("MONITOR"),
        Column::text("READ BACK"),
        Column::flexible("WINDOW"),
    ]);
    for (name, place) in &all.agents {
        let window = place.window.as_ref().map(|w| format!("{:#x} {} (process {})", w.id, w.class, w.pid));
        let known = |at| office.composer(name, at).map(|picture| picture.is_some());
        let picture = match (known(At::Chat)?, known(At::Onboarding)?) {
            (true, true) => "by picture, both",
            (true, false) => "by picture",
            (false, true) => "onboarding only",
            (false, false) => "no picture",
        };
        let shown = if place.active { name.to_string() } else { format!("{name} (not active)") };
        table.painted(vec![
            (shown, Some(Paint::Strong)),
            (point(place.chat), None),
            (point(place.onboarding), None),
            (place.monitor.clone().unwrap_or_default(), None),
            (picture.to_owned(), None),
            (window.unwrap_or_default(), None),
        ]);
    }
    cx.print(&table.render(cx.style))
}

fn capture(
    cx: &Context,
    office: &Office,
    agent: &AgentName,
    how: &Choice,
    at: Option<Point>,
    of: At,
) -> Result<(), Failure> {
    let done = office.capture(agent, how, at, of)?;
    if cx.json() {
        return cx.write_json(&json!({
            "agent": agent, "window": done.window, "title": done.title, "point": done.point,
            "monitor": done.monitor, "registered": done.registered, "channel_added": done.channel_added,
        }));
    }
    let mut out = format!(
        "{agent}: window {:#x} {} {:?}, process {}",
        done.window.id, done.window.class, done.title, done.window.pid
    );
    if let Some((x, y)) = done.point {
        out += &format!(", at {x},{y}");
    }
    cx.say(&text::line(&out))?;
    if done.channel_added {
        cx.note(&format!("{agent} had no screen channel; one was added after its others"));
    }
    if !done.registered {
        let option = if of == At::Onboarding { " --onboarding" } else { "" };
        cx.note(&format!(
            "nothing is typed there before its empty composer is known: cellphone coords register {agent}{option}"
        ));
    }
    Ok(())
}

fn validate(cx: &Context, office: &Office) -> Result<(), Failure> {
    let found = office.check_coordinates()?;
    if cx.json() {
        let list: Vec<Value> =
            found.iter().map(|f| json!({ "agent": f.agent, "kind": f.kind, "message": f.words })).collect();
        cx.write_json(&json!({ "valid": found.is_empty(), "findings": list }))?;
        return if found.is_empty() { Ok(()) } else { Err(Failure::Silent(1)) };
    }
    if found.is_empty() {
        return cx.say(&cx.paint(Paint::Good, "the coordinates are right"));
    }
    for finding in &found {
        let who = finding.agent.as_ref().map_or_else(String::new, |a| format!("{a}: "));
        cx.say(&format!("{} {}", cx.paint(Paint::Bad, finding.kind), text::line(&format!("{who}{}", finding.words))))?;
    }
    let what = if found.len() == 1 { "finding" } else { "findings" };
    Err(Failure::new(Code::Failed, format!("{} {what}", found.len())))
}

fn detect(cx: &Context, office: &Office, apply: bool) -> Result<(), Failure> {
    let layout = if apply { office.adopt_monitors()? } else { office.monitor_layout()? };
    if cx.json() {
        let points: Vec<Value> = layout
            .points
            .iter()
            .map(|p| json!({ "agent": p.agent, "then": p.then, "now": p.now.point, "doubt": p.now.doubt }))
            .collect();
        return cx.write_json(&json!({
            "monitors": layout.now, "recorded": layout.recorded, "differences": layout.differences,
            "points": points, "applied": apply,
        }));
    }
    for (name, m) in &layout.now {
        let main = if m.primary { "  the main one" } else { "" };
        cx.say(&text::line(&format!("{name}  {}x{} at {},{}{main}", m.width, m.height, m.x, m.y)))?;
    }
    for difference in &layout.differences {
        cx.note(&format!("when the coordinates were taken, the monitors were others: {difference}"));
    }
    for carried in layout.points.iter().filter(|p| p.now.point != p.then || p.now.doubt.is_some()) {
        let ((x, y), (nx, ny)) = (carried.then, carried.now.point);
        let doubt = carried.now.doubt.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        cx.say(&text::line(&format!("{}: {x},{y} is {nx},{ny} now{doubt}", carried.agent)))?;
    }
    if layout.differences.is_empty() || apply {
        return Ok(());
    }
    cx.note("points are carried along with their monitors; to write them anew: cellphone coords detect --apply");
    Ok(())
}

fn show(cx: &Context, office: &Office, svg: Option<PathBuf>, png: Option<PathBuf>) -> Result<(), Failure> {
    let drawing = Drawing::of(office)?;
    let mut written = Vec::new();
    if let Some(path) = svg {
        office.keep_drawing(&path, drawing.svg().as_bytes())?;
        written.push(path);
    }
    if let Some(path) = png {
        let bytes = drawing.png().map_err(|why| Failure::new(Code::Failed, why))?;
        office.keep_drawing(&path, &bytes)?;
        written.push(path);
    }
    if cx.json() {
        return cx.write_json(&json!({ "monitors": drawing.monitors, "agents": drawing.agents(), "files": written }));
    }
    if written.is_empty() {
        return cx.print(&drawing.terminal(cx.style));
    }
    for path in written {
        cx.say(&text::line(&format!("drawn: {}", path.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_a_window() {
        assert_eq!(area("600x40+0+420"), Ok(Area { x: 0, y: 420, width: 600, height: 40 }));
        for wrong in ["600x40", "600x40+0", "0x40+0+0", "axb+1+1", "-1x4+0+0"] {
            assert!(area(wrong).is_err(), "{wrong}");
        }
        assert_eq!((window_id("0x1a"), window_id("26")), (Ok(26), Ok(26)));
        assert!(window_id("x").is_err());
    }
}
