//! Pictures as SVG inside the page: a few shapes with classes, which the
//! page's style sheet colours for light, dark and paper. Every picture has a
//! title and a description, and says nothing by colour alone.

use std::fmt::Write as _;

use super::escape::page;

/// How wide a picture is drawn: small screens get one of their own, since
/// text that is scaled down cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Wide,
    Narrow,
}

impl Width {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// Where a text stands against its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture that is being drawn.
pub(super) struct Picture {
    body: String,
    width: f64,
}

impl Picture {
    pub(super) const fn new(width: f64) -> Self {
        Self { body: String::new(), width }
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.put(format_args!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"));
    }

    pub(super) fn rect(&mut self, class: &str, (x, y): (f64, f64), w: f64, h: f64) {
        let w = w.max(1.5);
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>"
        ));
    }

    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), r: f64) {
        self.put(format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\"/>"));
    }

    pub(super) fn cross(&mut self, class: &str, (x, y): (f64, f64), r: f64) {
        let (l, t, d) = (x - r, y - r, 2.0 * r);
        self.put(format_args!("<path class=\"{class}\" d=\"M{l:.1} {t:.1}l{d:.1} {d:.1}m0 -{d:.1}l-{d:.1} {d:.1}\"/>"));
    }

    pub(super) fn diamond(&mut self, class: &str, (x, y): (f64, f64), r: f64) {
        let top = y - r;
        self.put(format_args!(
            "<path class=\"{class}\" d=\"M{x:.1} {top:.1}l{r:.1} {r:.1}l-{r:.1} {r:.1}l-{r:.1} -{r:.1}z\"/>"
        ));
    }

    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut d = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
        self.put(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
    }

    pub(super) fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let text = page(text);
        self.put(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{text}</text>"));
    }

    fn put(&mut self, shape: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.body.write_fmt(shape);
        self.body.push('\n');
    }

    /// The element. `id` is one of the page's own, as are its titles' ids.
    pub(super) fn finish(self, id: &str, which: Width, height: f64, title: &str, description: &str) -> String {
        let Self { body, width } = self;
        let (id, title, description) = (format!("{id}-{}", which.word()), page(title), page(description));
        format!(
            "<svg class=\"{}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
             <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>\n{body}</svg>\n",
            which.word()
        )
    }
}

/// About how wide a text of a picture is, at its 11 px.
pub(super) fn text_width(text: &str) -> f64 {
    // Half an em and a bit is the mean of digits and small letters.
    unicode_width::UnicodeWidthStr::width(text) as f64 * 6.1
}
