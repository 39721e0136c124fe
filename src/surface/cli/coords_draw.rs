//! Drawing the monitors and where the agents listen: in the terminal, as SVG
//! and as PNG.

use font8x8::UnicodeFonts as _;
use serde_json::{Value, json};

use crate::office::coords::{self, Area, Image, Point};
use crate::surface::render::drawing::Mark;
use crate::surface::render::{Drawing, Paint, Style, text};

/// Longest edge of a picture, in pixels, and its margin.
const EDGE: i32 = 1200;
const MARGIN: i32 = 24;
/// Cells that a drawing in the terminal takes at most.
const CELLS: (i32, i32) = (76, 22);
/// What agents are marked with in the terminal, in their order.
const MARKS: &str = "123456789abcdefghijklmnopqrstuvwxyz";
/// A letter of the font, doubled.
const LETTER: i32 = 16;

const PAPER: u32 = 0xf6_f7f9;
const SCREEN: u32 = 0xdd_e6f0;
const LINE: u32 = 0x50_5f73;
const INK: u32 = 0x1b_2430;
const CHAT: u32 = 0xc2_410c;
const ONBOARDING: u32 = 0x15_6f3c;

impl Drawing {
    /// For `--json`.
    pub(super) fn agents(&self) -> Vec<Value> {
        let one = |m: &Mark| json!({ "agent": m.name, "chat": m.chat, "onboarding": m.onboarding, "doubt": m.doubt });
        self.marks.iter().map(one).collect()
    }

    /// In the terminal: monitors as boxes, agents as marks with a legend.
    pub(super) fn terminal(&self, style: Style) -> String {
        let (left, top, width, height) = self.frame();
        // A cell is about twice as high as it is wide.
        let scale = f64::max(f64::from(width) / f64::from(CELLS.0), f64::from(height) / f64::from(CELLS.1) / 2.0);
        let cell = |(x, y): Point| {
            let (across, down) = (f64::from(x - left) / scale, f64::from(y - top) / scale / 2.0);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Within the cells, as scaled.
            (across.floor().max(0.0) as usize, down.floor().max(0.0) as usize)
        };
        let (across, down) = cell((left + width, top + height));
        let mut cells = vec![vec![' '; across + 1]; down + 1];
        for (name, m) in &self.monitors {
            let right = m.x.saturating_add_unsigned(m.width);
            let ((l, t), (r, b)) = (cell((m.x, m.y)), cell((right, m.y.saturating_add_unsigned(m.height))));
            for row in [t, b] {
                cells[row][l..=r].fill('─');
            }
            for row in &mut cells[t..=b] {
                (row[l], row[r]) = ('│', '│');
            }
            (cells[t][l], cells[t][r], cells[b][l], cells[b][r]) = ('┌', '┐', '└', '┘');
            let room = r.saturating_sub(l + 2);
            for (at, c) in text::line(&Self::title(name, m)).chars().take(room).enumerate() {
                cells[t][l + 2 + at] = c;
            }
        }
        let mut legend = String::new();
        for (mark, sign) in self.marks.iter().zip(MARKS.chars().chain(std::iter::repeat('*'))) {
            if let Some((x, y)) = mark.chat {
                let (column, row) = cell((x, y));
                cells[row][column] = sign;
                let doubt = mark.doubt.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
                let shown = format!("{}  {x},{y}{doubt}", mark.name);
                legend += &format!("{} {}\n", style.paint(Paint::Strong, &sign.to_string()), text::line(&shown));
            }
        }
        let mut out = String::new();
        for row in cells {
            out += row.into_iter().collect::<String>().trim_end();
            out.push('\n');
        }
        out += &legend;
        if let Some(remark) = &self.remark {
            out += &format!("{}\n", style.paint(Paint::Warn, &text::line(remark)));
        }
        out
    }

    /// How pixels of the screen become pixels of a picture, and its size.
    fn paper(&self) -> (impl Fn(Point) -> Point, i32, i32, f64) {
        let (left, top, width, height) = self.frame();
        let scale = f64::from(EDGE) / f64::from(width.max(height));
        #[allow(clippy::cast_possible_truncation)] // At most the edge.
        let to = move |n: i32| (f64::from(n) * scale).round() as i32;
        let place = move |(x, y): Point| (MARGIN + to(x - left), MARGIN + to(y - top));
        (place, to(width) + 2 * MARGIN, to(height) + 2 * MARGIN, scale)
    }

    /// Where the names stand: beside their points, and not over each other.
    fn labels(&self, place: &impl Fn(Point) -> Point, width: i32, height: i32) -> Vec<(Area, String)> {
        let paper = Area { x: 0, y: 0, width: width.unsigned_abs(), height: height.unsigned_abs() };
        let mut taken: Vec<(Area, String)> = Vec::new();
        for mark in &self.marks {
            let Some((x, y)) = mark.chat.map(place) else { continue };
            let wide = LETTER * i32::try_from(mark.name.len()).unwrap_or(64);
            let tries = [(12, -8), (-12 - wide, -8), (-wide / 2, 14), (-wide / 2, -30), (12, 14), (12, -30)];
            let area = |(dx, dy): (i32, i32)| Area {
                x: x + dx,
                y: y + dy,
                width: wide.unsigned_abs(),
                height: LETTER.unsigned_abs(),
            };
            let free = |a: &Area| paper.common(a) == Some(*a) && taken.iter().all(|(t, _)| t.common(a).is_none());
            let spot = tries.into_iter().map(area).find(free).unwrap_or_else(|| area(tries[0]));
            taken.push((spot, mark.name.clone()));
        }
        taken
    }

    /// As SVG.
    pub(super) fn svg(&self) -> String {
        let (place, width, height, scale) = self.paper();
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" \
             font-size=\"{LETTER}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#{PAPER:06x}\"/>\n"
        );
        for (name, m) in &self.monitors {
            let (x, y) = place((m.x, m.y));
            let (w, h) = (f64::from(m.width) * scale, f64::from(m.height) * scale);
            let stroke = if m.primary { 4 } else { 2 };
            out += &format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{w:.0}\" height=\"{h:.0}\" fill=\"#{SCREEN:06x}\" \
                 stroke=\"#{LINE:06x}\" stroke-width=\"{stroke}\"/>\n<text x=\"{}\" y=\"{}\" fill=\"#{LINE:06x}\">{}</text>\n",
                x + 10,
                y + 10 + LETTER,
                escaped(&Self::title(name, m))
            );
        }
        for mark in &self.marks {
            if let (Some(chat), Some(onboarding)) = (mark.chat, mark.onboarding) {
                let ((x, y), (ox, oy)) = (place(chat), place(onboarding));
                out += &format!(
                    "<line x1=\"{x}\" y1=\"{y}\" x2=\"{ox}\" y2=\"{oy}\" stroke=\"#{ONBOARDING:06x}\" \
                     stroke-dasharray=\"4\"/>\n<circle cx=\"{ox}\" cy=\"{oy}\" r=\"5\" fill=\"#{ONBOARDING:06x}\"/>\n"
                );
            }
            if let Some((x, y)) = mark.chat.map(&place) {
                out += &format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"7\" fill=\"#{CHAT:06x}\"/>\n");
            }
        }
        for (area, name) in self.labels(&place, width, height) {
            let (x, y, long) = (area.x, area.y + LETTER - 2, area.width);
            out += &format!(
                "<text x=\"{x}\" y=\"{y}\" textLength=\"{long}\" fill=\"#{INK:06x}\">{}</text>\n",
                escaped(&name)
            );
        }
        out + "</svg>\n"
    }

    /// As PNG.
    pub(super) fn png(&self) -> Result<Vec<u8>, String> {
        let (place, width, height, scale) = self.paper();
        let mut canvas = Canvas(Image::filled(width.unsigned_abs(), height.unsigned_abs(), PAPER));
        for (name, m) in &self.monitors {
            let (x, y) = place((m.x, m.y));
            #[allow(clippy::cast_possible_truncation)] // At most the edge.
            let (w, h) = ((f64::from(m.width) * scale) as i32, (f64::from(m.height) * scale) as i32);
            let thick = if m.primary { 4 } else { 2 };
            canvas.fill(x, y, w, h, LINE);
            canvas.fill(x + thick, y + thick, w - 2 * thick, h - 2 * thick, SCREEN);
            canvas.write(x + 10, y + 10, &Self::title(name, m), LINE);
        }
        for mark in &self.marks {
            if let (Some(chat), Some(onboarding)) = (mark.chat, mark.onboarding) {
                canvas.line(place(chat), place(onboarding), ONBOARDING);
                canvas.dot(place(onboarding), 5, ONBOARDING);
            }
            if let Some(chat) = mark.chat {
                canvas.dot(place(chat), 7, CHAT);
            }
        }
        for (area, name) in self.labels(&place, width, height) {
            canvas.write(area.x, area.y, &name, INK);
        }
        coords::png(&canvas.0, |_| false)
    }
}

fn escaped(text: &str) -> String {
    let safe: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    safe.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A picture that is drawn on; what falls outside is cut off.
struct Canvas(Image);

impl Canvas {
    fn dab(&mut self, x: i32, y: i32, colour: u32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x < self.0.width && y < self.0.height {
            let at = y as usize * self.0.width as usize + x as usize;
            self.0.pixels[at] = colour;
        }
    }

    fn fill(&mut self, x: i32, y: i32, width: i32, height: i32, colour: u32) {
        (y..y + height).for_each(|y| (x..x + width).for_each(|x| self.dab(x, y, colour)));
    }

    fn dot(&mut self, (x, y): Point, radius: i32, colour: u32) {
        for dy in -radius..=radius {
            for dx in -radius..=radius {
                if dx * dx + dy * dy <= radius * radius {
                    self.dab(x + dx, y + dy, colour);
                }
            }
        }
    }

    fn line(&mut self, (x, y): Point, (to_x, to_y): Point, colour: u32) {
        let steps = (to_x - x).abs().max((to_y - y).abs()).max(1);
        for step in (0..=steps).filter(|s| s % 8 < 4) {
            self.dab(x + (to_x - x) * step / steps, y + (to_y - y) * step / steps, colour);
        }
    }

    fn write(&mut self, x: i32, y: i32, text: &str, colour: u32) {
        for (at, c) in (0..).zip(text.chars()) {
            let Some(rows) = font8x8::BASIC_FONTS.get(c).or_else(|| font8x8::BASIC_FONTS.get('?')) else { continue };
            for (row, bits) in (0..).zip(rows) {
                for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                    self.fill(x + at * LETTER + column * 2, y + row * 2, 2, 2, colour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::office::coords::Monitor;

    fn desk() -> Drawing {
        let monitor = |x, width, primary| Monitor { x, y: 0, width, height: 1080, primary };
        let mark = |name: &str, chat, onboarding| Mark {
            name: name.into(),
            said: Some(chat),
            chat: Some(chat),
            onboarding,
            monitor: None,
            doubt: None,
        };
        Drawing {
            monitors: [("left".into(), monitor(-1280, 1280, false)), ("<main>".into(), monitor(0, 1920, true))].into(),
            marks: vec![
                mark("Agent-1", (-1269, 481), Some((-1200, 171))),
                mark("Agent-2", (652, 421), None),
                mark("Agent-3", (655, 430), None),
            ],
            remark: None,
        }
    }

    #[test]
    fn the_terminal_shows_monitors_and_marks() {
        let shown = desk().terminal(Style::PLAIN);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|l| l.chars().count() <= 80), "{shown}");
        assert!(
            lines[0].starts_with("┌─left 1280x1080 at -1280,0") && lines[0].contains("<main> 1920x1080"),
            "{shown}"
        );
        assert!(shown.contains("1 Agent-1  -1269,481") && shown.contains("2 Agent-2  652,421"), "{shown}");
        // The first agent stands at the left edge of the left monitor.
        assert!(lines.iter().any(|l| l.chars().take(2).any(|c| c == '1')), "{shown}");
        let nothing = Drawing { monitors: BTreeMap::new(), marks: vec![], remark: Some("why".into()) };
        assert!(nothing.terminal(Style::PLAIN).contains("why") && nothing.png().is_ok());
    }

    #[test]
    fn svg_is_escaped_and_names_do_not_cover_each_other() {
        let drawing = desk();
        let svg = drawing.svg();
        assert!(svg.contains("&lt;main&gt;") && !svg.contains("<main>"));
        assert_eq!((svg.matches("<circle").count(), svg.matches("</text>").count()), (4, 5));
        let (place, width, height, _) = drawing.paper();
        let labels = drawing.labels(&place, width, height);
        for (at, (one, _)) in labels.iter().enumerate() {
            assert!(labels[at + 1..].iter().all(|(other, _)| one.common(other).is_none()));
        }
    }

    #[test]
    fn the_png_has_the_colours_of_what_it_shows() {
        let drawing = desk();
        let bytes = drawing.png().unwrap();
        assert_eq!(&bytes[1..4], b"PNG");
        let (place, ..) = drawing.paper();
        let mut canvas = Canvas(Image::filled(9, 9, PAPER));
        canvas.dot((4, 4), 2, CHAT);
        canvas.write(-100, -100, "outside", INK);
        assert_eq!((canvas.0.pixels[4 * 9 + 4], canvas.0.pixels[0]), (CHAT, PAPER));
        assert_eq!(place((-1280, 0)), (MARGIN, MARGIN));
    }
}
