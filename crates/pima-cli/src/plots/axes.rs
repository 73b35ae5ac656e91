//! A frame with two axes, and data drawn in it.

use super::palette::Marker;
use super::scene::{Anchor, Colour, GRID, INK, Item, Point, Scene, WHITE, size};
use super::ticks;

/// How values become lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Logarithmic,
}

/// A frame in the figure, from its upper left to its lower right corner, and the values at its borders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axes {
    pub(crate) from: Point,
    pub(crate) to: Point,
    pub(crate) x: (f64, f64),
    pub(crate) y: (f64, f64),
    pub(crate) y_scale: Scale,
}

/// What is written along the axes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names<'a> {
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    /// Whether the horizontal axis counts things.
    pub(crate) whole_x: bool,
}

impl Axes {
    /// Axes with linear scales. Empty ranges are widened, so that one value sits in the middle.
    pub(crate) fn new(from: Point, to: Point, x: (f64, f64), y: (f64, f64)) -> Self {
        Self { from, to, x: widened(x), y: widened(y), y_scale: Scale::Linear }
    }

    /// The same axes with a logarithmic vertical scale. The range must be positive.
    pub(crate) fn logarithmic(self) -> Self {
        Self { y_scale: Scale::Logarithmic, ..self }
    }

    /// Where a pair of values is in the figure, also beyond the frame.
    pub(crate) fn at(&self, x: f64, y: f64) -> Point {
        let across = (x - self.x.0) / (self.x.1 - self.x.0);
        let up = match self.y_scale {
            Scale::Linear => (y - self.y.0) / (self.y.1 - self.y.0),
            Scale::Logarithmic => (y / self.y.0).ln() / (self.y.1 / self.y.0).ln(),
        };
        (self.from.0 + across * (self.to.0 - self.from.0), self.to.1 - up * (self.to.1 - self.from.1))
    }

    /// Grid lines, frame, ticks and names.
    pub(crate) fn draw(&self, scene: &mut Scene, names: &Names) {
        let x_count = ((self.to.0 - self.from.0) / 115.0) as usize;
        let x_ticks = if names.whole_x { ticks::whole } else { ticks::linear }(self.x.0, self.x.1, x_count.max(2));
        let y_ticks = match self.y_scale {
            Scale::Linear => ticks::linear(self.y.0, self.y.1, (((self.to.1 - self.from.1) / 70.0) as usize).max(2)),
            Scale::Logarithmic => ticks::logarithmic(self.y.0, self.y.1),
        };
        scene.rect(self.from, self.to, WHITE);
        let mut widest: f64 = 0.0;
        for (value, name) in x_ticks {
            let x = self.at(value, self.y.0).0;
            scene.line(vec![(x, self.from.1), (x, self.to.1)], GRID, 1.0);
            scene.line(vec![(x, self.to.1), (x, self.to.1 + 7.0)], INK, 1.5);
            scene.text(name, (x, self.to.1 + 12.0 + 0.75 * size::TICK), size::TICK, Anchor::Middle, INK);
        }
        for (value, name) in y_ticks {
            let y = self.at(self.x.0, value).1;
            scene.line(vec![(self.from.0, y), (self.to.0, y)], GRID, 1.0);
            scene.line(vec![(self.from.0 - 7.0, y), (self.from.0, y)], INK, 1.5);
            widest = widest.max(super::render::text_width(&name, size::TICK));
            scene.text_beside(name, (self.from.0 - 12.0, y), size::TICK, Anchor::End, INK);
        }
        scene.outline(self.from, self.to, INK, 1.5);
        let middle = ((self.from.0 + self.to.0) / 2.0, (self.from.1 + self.to.1) / 2.0);
        let below = self.to.1 + 14.0 + size::TICK + size::LABEL;
        scene.text(names.x, (middle.0, below), size::LABEL, Anchor::Middle, INK);
        scene.text_upright(names.y, (self.from.0 - 24.0 - widest, middle.1), size::LABEL, INK);
    }

    /// A point of a class, if it is within the frame.
    pub(crate) fn marker(&self, scene: &mut Scene, (x, y): Point, marker: Marker, radius: f64, colour: Colour) {
        let centre = self.at(x, y);
        if !self.holds(centre) {
            return;
        }
        let corner = |dx: f64, dy: f64| (centre.0 + dx * radius, centre.1 + dy * radius);
        match marker {
            Marker::Disc => scene.disc(centre, radius, colour),
            Marker::Square => scene.rect(corner(-0.89, -0.89), corner(0.89, 0.89), colour),
            Marker::Triangle => {
                let points = vec![corner(0.0, -1.3), corner(1.1, 0.75), corner(-1.1, 0.75)];
                scene.items.push(Item::Polygon { points, colour });
            }
        }
    }

    /// A line through values, broken where one is not finite and cut off at the frame.
    pub(crate) fn curve(
        &self,
        scene: &mut Scene,
        values: impl IntoIterator<Item = Point>,
        colour: Colour,
        width: f64,
        dash: Option<(f64, f64)>,
    ) {
        let mut piece: Vec<Point> = Vec::new();
        let mut last: Option<Point> = None;
        let mut pieces = Vec::new();
        for (x, y) in values {
            let point = self.at(x, y);
            if !(point.0.is_finite() && point.1.is_finite()) {
                last = None;
                pieces.push(std::mem::take(&mut piece));
                continue;
            }
            if let Some((from, to)) = last.and_then(|last| self.cut(last, point)) {
                if piece.last() != Some(&from) {
                    pieces.push(std::mem::take(&mut piece));
                    piece.push(from);
                }
                piece.push(to);
            }
            last = Some(point);
        }
        pieces.push(piece);
        for points in pieces.into_iter().filter(|piece| piece.len() > 1) {
            scene.items.push(Item::Line { points, colour, width, dash });
        }
    }

    fn holds(&self, point: Point) -> bool {
        point.0 >= self.from.0 && point.0 <= self.to.0 && point.1 >= self.from.1 && point.1 <= self.to.1
    }

    /// The part of a straight line that is within the frame (Liang and Barsky 1984).
    fn cut(&self, a: Point, b: Point) -> Option<(Point, Point)> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        let sides = [(-dx, a.0 - self.from.0), (dx, self.to.0 - a.0), (-dy, a.1 - self.from.1), (dy, self.to.1 - a.1)];
        for (towards, room) in sides {
            if towards == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if towards < 0.0 {
                enter = enter.max(room / towards);
            } else {
                leave = leave.min(room / towards);
            }
        }
        // The ends of a line wholly inside stay what they are, to the last bit, so that pieces join.
        let at = |t: f64| (a.0 + t * dx, a.1 + t * dy);
        let from = if enter == 0.0 { a } else { at(enter) };
        let to = if leave == 1.0 { b } else { at(leave) };
        (enter <= leave).then_some((from, to))
    }
}

/// A range with some width.
fn widened((low, high): (f64, f64)) -> (f64, f64) {
    if high > low {
        return (low, high);
    }
    let half = if low == 0.0 { 1.0 } else { 0.05 * low.abs() };
    if low.is_finite() { (low - half, low + half) } else { (0.0, 1.0) }
}

/// The range of the finite values, with a margin of `margin` times its width on both sides.
pub(crate) fn range_of(values: impl IntoIterator<Item = f64>, margin: f64) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let margin = margin * (high - low);
    widened(if low.is_finite() { (low - margin, high + margin) } else { (0.0, 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plots::scene::Item;

    fn axes() -> Axes {
        Axes::new((100.0, 50.0), (300.0, 150.0), (0.0, 10.0), (-1.0, 1.0))
    }

    #[test]
    fn corners_map_to_corners() {
        assert_eq!(axes().at(0.0, -1.0), (100.0, 150.0));
        assert_eq!(axes().at(10.0, 1.0), (300.0, 50.0));
        let log = Axes::new((0.0, 0.0), (1.0, 100.0), (0.0, 1.0), (1.0, 100.0)).logarithmic();
        assert!((log.at(0.0, 10.0).1 - 50.0).abs() < 1e-9);
    }

    #[test]
    fn what_lies_beyond_the_frame_is_not_drawn() {
        let mut scene = Scene::new(400.0, 200.0);
        axes().marker(&mut scene, (11.0, 0.0), Marker::Disc, 3.0, INK);
        axes().marker(&mut scene, (f64::NAN, 0.0), Marker::Disc, 3.0, INK);
        assert!(scene.items.is_empty());
        // Up and out through the top, back in, a gap, and one stretch inside.
        let values = [(0.0, 0.0), (2.0, 2.0), (4.0, 0.0), (5.0, f64::NAN), (6.0, 0.5), (7.0, 0.5), (8.0, 0.5)];
        axes().curve(&mut scene, values, INK, 2.0, None);
        let lines: Vec<_> = scene
            .items
            .iter()
            .map(|item| match item {
                Item::Line { points, .. } => points.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], [(100.0, 100.0), (120.0, 50.0)]);
        assert_eq!(lines[1], [(160.0, 50.0), (180.0, 100.0)]);
        assert_eq!(lines[2].len(), 3);
    }

    #[test]
    fn ranges_are_never_empty() {
        assert_eq!(range_of([1.0, f64::NAN, 3.0], 0.5), (0.0, 4.0));
        for values in [vec![], vec![2.0], vec![0.0], vec![f64::NAN], vec![-3.0, -3.0]] {
            let (low, high) = range_of(values.iter().copied(), 0.1);
            assert!(low < high && low.is_finite() && high.is_finite(), "{values:?}");
        }
    }
}
