//! What a window looks like, and what that says: pure values, no display.
//!
//! A [`Composer`] is learnt once, from several pictures of an empty composer:
//! what differs between them (a blinking cursor, an animation) is no sign
//! later. The largest thing that blinked is taken for the cursor; a composer
//! with text in it may differ from one look to the next by that much and no
//! more. Outside the composer nothing may change while text stands in it,
//! but where the registration says that the program writes by itself.

use serde::{Deserialize, Serialize};

/// Pixels that may differ outside a composer: terminals leave one of a
/// character behind when they redraw a row, and no question is that small.
const SPECK: usize = 4;
/// Share of the composer that may be in motion while it is registered.
const LIVELY: usize = 4;
/// Edge of the squares in which motion outside the composer is noted, pixels.
const TILE: u32 = 16;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
    /// To the right.
    pub width: u32,
    /// Down.
    pub height: u32,
}

impl Area {
    /// Whether a point lies inside.
    #[must_use]
    pub fn contains(&self, x: i32, y: i32) -> bool {
        x >= self.x && y >= self.y && x - self.x < self.wide() && y - self.y < self.high()
    }

    /// What both have in common, if anything.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let right = (self.x + self.wide()).min(other.x + other.wide());
        let bottom = (self.y + self.high()).min(other.y + other.high());
        let (width, height) = (u32::try_from(right - x).ok()?, u32::try_from(bottom - y).ok()?);
        (width > 0 && height > 0).then_some(Self { x, y, width, height })
    }

    /// The same, moved.
    #[must_use]
    pub fn moved(&self, x: i32, y: i32) -> Self {
        Self { x: self.x + x, y: self.y + y, ..*self }
    }

    fn wide(&self) -> i32 {
        i32::try_from(self.width).unwrap_or(i32::MAX / 2)
    }

    fn high(&self) -> i32 {
        i32::try_from(self.height).unwrap_or(i32::MAX / 2)
    }
}

/// A picture: `0x00RRGGBB`, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width` × `height` of them.
    pub pixels: Vec<u32>,
}

impl Image {
    /// A picture of one colour.
    #[must_use]
    pub fn filled(width: u32, height: u32, colour: u32) -> Self {
        Self { width, height, pixels: vec![colour; width as usize * height as usize] }
    }

    /// One row; empty outside.
    #[must_use]
    pub fn row(&self, y: u32) -> &[u32] {
        let at = y as usize * self.width as usize;
        self.pixels.get(at..at + self.width as usize).unwrap_or_default()
    }

    /// The part that `area` covers, cut at the edges.
    #[must_use]
    pub fn part(&self, area: &Area) -> Self {
        let whole = Area { x: 0, y: 0, width: self.width, height: self.height };
        let Some(inside) = whole.common(area) else { return Self::default() };
        let (from, to) = (inside.x as usize, inside.x as usize + inside.width as usize);
        let rows = inside.y as u32..inside.y as u32 + inside.height;
        let pixels = rows.flat_map(|y| self.row(y)[from..to].iter().copied()).collect();
        Self { width: inside.width, height: inside.height, pixels }
    }
}

/// The composer of a window, as it looks when it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composer {
    /// The window's size when the picture was taken; in another size the
    /// picture says nothing.
    pub window: (u32, u32),
    /// Where the composer is, from the window's top left corner.
    pub region: Area,
    /// The empty composer.
    pub empty: Image,
    /// Pixels of it that moved by themselves, as `empty.pixels`.
    pub lively: Vec<bool>,
    /// Where else in the window the program writes by itself.
    pub output: Vec<Area>,
}

impl Composer {
    /// Learns from pictures of the whole window, all with an empty composer.
    ///
    /// # Errors
    /// For a person: fewer than two pictures, different sizes, a region
    /// outside the window, or one in which too much moves.
    pub fn learn(shots: &[Image], region: Area, output: Vec<Area>) -> Result<Self, String> {
        let [first, rest @ ..] = shots else { return Err("no picture was taken".to_owned()) };
        let whole = Area { x: 0, y: 0, width: first.width, height: first.height };
        let Some(region) = whole.common(&region) else {
            return Err(format!(
                "the composer at {},{} lies outside the window of {}x{} pixels",
                region.x, region.y, first.width, first.height
            ));
        };
        if rest.is_empty() || rest.iter().any(|s| (s.width, s.height) != (first.width, first.height)) {
            return Err("the window changed its size while it was photographed".to_owned());
        }
        let empty = first.part(&region);
        let mut lively = vec![false; empty.pixels.len()];
        for shot in rest {
            let part = shot.part(&region);
            for (moved, (a, b)) in lively.iter_mut().zip(empty.pixels.iter().zip(&part.pixels)) {
                *moved |= a != b;
            }
        }
        let moving = lively.iter().filter(|m| **m).count();
        if moving * LIVELY > lively.len() {
            return Err("more than a quarter of the composer moves by itself; give its place with --region".to_owned());
        }
        let mut output: Vec<Area> = output.iter().filter_map(|area| whole.common(area)).collect();
        for y in (0..whole.height).step_by(TILE as usize) {
            for x in (0..whole.width).step_by(TILE as usize) {
                let tile = Area { x: x as i32, y: y as i32, width: TILE, height: TILE };
                let outside = tile.common(&region) != Some(tile);
                let tile = tile.common(&whole).unwrap_or(tile);
                if outside && rest.iter().any(|shot| changed(first, shot, &tile, &region, &[])) {
                    output.push(tile);
                }
            }
        }
        Ok(Self { window: (first.width, first.height), region, empty, lively, output })
    }

    /// Learns from a picture of the whole window without the focus: what of
    /// the composer looks otherwise then says nothing about its text. A
    /// picture in which too much does is not learnt from.
    #[must_use]
    pub fn without_focus(mut self, shot: &Image) -> Self {
        let part = shot.part(&self.region);
        if (shot.width, shot.height) != self.window || part.pixels.len() != self.lively.len() {
            return self;
        }
        let pairs = self.empty.pixels.iter().zip(&part.pixels);
        let lively: Vec<bool> = self.lively.iter().zip(pairs).map(|(moved, (a, b))| *moved || a != b).collect();
        if lively.iter().filter(|moved| **moved).count() * LIVELY <= lively.len() {
            self.lively = lively;
        }
        self
    }

    /// Whether a picture of the region shows it empty.
    #[must_use]
    pub fn is_empty(&self, seen: &Image) -> bool {
        self.differs(&self.empty, seen) == Some(None)
    }

    /// Whether two pictures of the region are the same but for a cursor.
    #[must_use]
    pub fn is_same(&self, a: &Image, b: &Image) -> bool {
        match self.differs(a, b) {
            None => false,
            Some(None) => true,
            Some(Some(apart)) => {
                let (width, height) = self.cursor();
                apart.width <= width && apart.height <= height
            }
        }
    }

    /// Whether two pictures of the whole window differ outside the composer,
    /// where the program does not write by itself.
    #[must_use]
    pub fn outside_changed(&self, a: &Image, b: &Image) -> bool {
        let whole = Area { x: 0, y: 0, width: a.width, height: a.height };
        (a.width, a.height) != (b.width, b.height) || changed(a, b, &whole, &self.region, &self.output)
    }

    /// The size of what blinks in the empty composer.
    fn cursor(&self) -> (u32, u32) {
        let moving = self.lively.iter().enumerate().filter(|(_, m)| **m).map(|(at, _)| at);
        bounds(moving, self.empty.width).map_or((0, 0), |area| (area.width, area.height))
    }

    /// What frames all differences; `None` when the sizes differ.
    #[allow(clippy::option_option)] // No size, no difference, a difference.
    fn differs(&self, a: &Image, b: &Image) -> Option<Option<Area>> {
        let sizes = [a, b].map(|i| (i.width, i.height, i.pixels.len()));
        if sizes != [(self.empty.width, self.empty.height, self.lively.len()); 2] {
            return None;
        }
        let apart = (0..a.pixels.len()).filter(|&at| a.pixels[at] != b.pixels[at] && !self.lively[at]);
        Some(bounds(apart, a.width))
    }
}

fn bounds(places: impl Iterator<Item = usize>, width: u32) -> Option<Area> {
    let width = (width as usize).max(1);
    let mut frame: Option<(usize, usize, usize, usize)> = None;
    for at in places {
        let (x, y) = (at % width, at / width);
        let (l, t, r, b) = frame.unwrap_or((x, y, x, y));
        frame = Some((l.min(x), t.min(y), r.max(x), b.max(y)));
    }
    frame.map(|(l, t, r, b)| Area { x: l as i32, y: t as i32, width: (r - l + 1) as u32, height: (b - t + 1) as u32 })
}

/// Whether two pictures differ inside `within`, but for these places, by more
/// than a [`SPECK`].
fn changed(a: &Image, b: &Image, within: &Area, but: &Area, also_but: &[Area]) -> bool {
    let mut apart = 0;
    for y in within.y..within.y + within.high() {
        let (from, to) = (within.x as usize, (within.x + within.wide()) as usize);
        let (Some(left), Some(right)) = (a.row(y as u32).get(from..to), b.row(y as u32).get(from..to)) else {
            return true;
        };
        // Most rows are the same, and found so at once.
        if left == right {
            continue;
        }
        let differs = (from..to).zip(left.iter().zip(right)).filter(|(x, (p, q))| {
            p != q && !but.contains(*x as i32, y) && !also_but.iter().any(|area| area.contains(*x as i32, y))
        });
        apart += differs.count();
        if apart > SPECK {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: Area = Area { x: 10, y: 40, width: 60, height: 16 };

    fn blot(image: &mut Image, area: Area, colour: u32) {
        for y in area.y..area.y + area.high() {
            for x in area.x..area.x + area.wide() {
                image.pixels[y as usize * image.width as usize + x as usize] = colour;
            }
        }
    }

    fn window(blots: &[Area]) -> Image {
        let mut image = Image::filled(100, 80, 0xff_ffff);
        blots.iter().for_each(|area| blot(&mut image, *area, 0x20_2020));
        image
    }

    fn at(x: i32, y: i32, width: u32, height: u32) -> Area {
        Area { x, y, width, height }
    }

    /// A cursor of 2×12 blinks at the composer's left edge.
    fn composer(output: Vec<Area>) -> Composer {
        Composer::learn(&[window(&[]), window(&[at(12, 42, 2, 12)]), window(&[])], REGION, output).unwrap()
    }

    #[test]
    fn a_blinking_cursor_is_no_text() {
        let composer = composer(vec![]);
        let look = |blots: &[Area]| window(blots).part(&REGION);
        assert!(composer.is_empty(&look(&[])) && composer.is_empty(&look(&[at(12, 42, 2, 12)])));
        let text = at(12, 42, 20, 12);
        assert!(!composer.is_empty(&look(&[text])));
        // The cursor blinks behind the text now; a further letter is wider than it.
        assert!(composer.is_same(&look(&[text]), &look(&[text, at(34, 42, 2, 12)])));
        assert!(!composer.is_same(&look(&[text]), &look(&[text, at(34, 42, 8, 12)])));
        assert!(!composer.is_same(&look(&[text]), &look(&[])));
        assert!(!composer.is_empty(&Image::default()) && !composer.is_same(&Image::default(), &Image::default()));
    }

    #[test]
    fn a_cursor_that_is_hollow_without_the_focus_is_no_text() {
        let solid = at(12, 42, 6, 12);
        let composer = Composer::learn(&[window(&[solid]), window(&[solid])], REGION, vec![]).unwrap();
        let aside = window(&[at(12, 42, 6, 1)]);
        assert!(!composer.is_empty(&aside.part(&REGION)));
        let composer = composer.without_focus(&aside);
        assert!(composer.is_empty(&aside.part(&REGION)) && composer.is_empty(&window(&[solid]).part(&REGION)));
        assert!(!composer.is_empty(&window(&[solid, at(30, 42, 2, 2)]).part(&REGION)));
        let all = composer.clone().without_focus(&window(&[REGION]));
        assert_eq!(all, composer, "that would be no picture any more");
    }

    #[test]
    fn a_still_composer_must_be_the_same_to_the_pixel() {
        let composer = Composer::learn(&[window(&[]), window(&[])], REGION, vec![]).unwrap();
        assert!(!composer.is_same(&window(&[]).part(&REGION), &window(&[at(30, 50, 1, 1)]).part(&REGION)));
    }

    #[test]
    fn outside_only_the_programs_own_output_may_change() {
        let plain = composer(vec![]);
        assert!(!plain.outside_changed(&window(&[]), &window(&[at(20, 44, 30, 8)])), "the composer itself");
        assert!(plain.outside_changed(&window(&[]), &window(&[at(80, 5, 3, 2)])));
        assert!(!plain.outside_changed(&window(&[]), &window(&[at(80, 5, 1, 2)])), "what a terminal forgot to clear");
        let open = composer(vec![at(0, 0, 100, 30)]);
        assert!(!open.outside_changed(&window(&[]), &window(&[at(80, 5, 9, 9)])));
        assert!(open.outside_changed(&window(&[]), &window(&[at(80, 60, 3, 3)])));
        assert!(plain.outside_changed(&window(&[]), &Image::filled(100, 81, 0xff_ffff)));
        // A clock that moved during the registration may move later too.
        let clock = at(70, 2, 10, 8);
        let learnt = Composer::learn(&[window(&[]), window(&[clock])], REGION, vec![]).unwrap();
        assert!(!learnt.outside_changed(&window(&[]), &window(&[clock])));
        assert!(learnt.outside_changed(&window(&[]), &window(&[at(2, 2, 8, 8)])));
    }

    #[test]
    fn what_cannot_be_learnt_is_refused() {
        let whole = at(10, 40, 60, 16);
        assert!(Composer::learn(&[window(&[]), window(&[whole])], REGION, vec![]).unwrap_err().contains("quarter"));
        assert!(Composer::learn(&[window(&[])], REGION, vec![]).is_err());
        assert!(Composer::learn(&[window(&[]), window(&[])], at(200, 10, 5, 5), vec![]).is_err());
        assert!(Composer::learn(&[window(&[]), Image::filled(9, 9, 0)], REGION, vec![]).is_err());
    }
}
