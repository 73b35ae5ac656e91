//! A small chart as inline SVG. Its colours are classes of the style sheet, so that it is legible on a light and on a dark page and on paper.

use std::fmt::Write;

use askama::Template;

use crate::plots::{range_of, ticks};

/// Values of a curve that are drawn at most: more cannot be told apart at this size.
const MOST_VALUES: usize = 360;
/// The same for curves in the background, of which there are many.
const MOST_BACKGROUND: usize = 160;

/// How values become lengths along the vertical axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Logarithmic,
}

/// The size of a chart and what its axes are called.
pub(super) struct Frame<'a> {
    /// What the chart shows, for those who cannot see it.
    pub(super) label: &'a str,
    pub(super) size: (f64, f64),
    pub(super) x_name: &'a str,
    pub(super) y_name: &'a str,
    /// Whether the horizontal axis counts things.
    pub(super) whole_x: bool,
}

/// A tick with its name.
struct Tick {
    at: f64,
    name: String,
}

/// One path; the classes say how it looks.
struct Mark {
    class: String,
    path: String,
}

/// A name within the chart.
struct Label {
    x: f64,
    y: f64,
    text: String,
}

/// A strip of the chart that explains itself when pointed at.
struct Hint {
    x: f64,
    width: f64,
    text: String,
}

/// A frame with two axes, and what is drawn in it.
#[derive(Template)]
#[template(path = "report/chart.svg", escape = "html")]
pub(super) struct Chart {
    label: String,
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    x: (f64, f64),
    y: (f64, f64),
    scale: Scale,
    x_name: String,
    y_name: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    marks: Vec<Mark>,
    labels: Vec<Label>,
    hints: Vec<Hint>,
}

impl Chart {
    /// An empty chart of these ranges, which are widened where they are empty.
    pub(super) fn new(frame: &Frame<'_>, x: (f64, f64), y: (f64, f64), scale: Scale) -> Self {
        let (x, y) = (range_of([x.0, x.1], 0.0), range_of([y.0, y.1], 0.0));
        let (width, height) = frame.size;
        let small = width < 260.0;
        let y_ticks = match scale {
            Scale::Linear => ticks::linear(y.0, y.1, if small { 3 } else { 5 }),
            Scale::Logarithmic => ticks::logarithmic(y.0, y.1),
        };
        let widest = y_ticks.iter().map(|(_, name)| name.chars().count()).max().unwrap_or(0) as f64;
        let left = tenth(12.0 + 6.6 * widest + if frame.y_name.is_empty() { 0.0 } else { 17.0 });
        let (right, top) = (width - 12.0, 8.0);
        let bottom = height - if frame.x_name.is_empty() { 22.0 } else { 40.0 };
        let count = (((right - left) / 68.0) as usize).max(2);
        let x_ticks = if frame.whole_x { ticks::whole } else { ticks::linear }(x.0, x.1, count);
        let mut chart = Self {
            label: frame.label.to_owned(),
            width,
            height,
            left,
            top,
            right,
            bottom,
            x,
            y,
            scale,
            x_name: frame.x_name.to_owned(),
            y_name: frame.y_name.to_owned(),
            x_ticks: Vec::new(),
            y_ticks: Vec::new(),
            marks: Vec::new(),
            labels: Vec::new(),
            hints: Vec::new(),
        };
        let placed =
            |(value, name): (f64, String), at: f64| Tick { at: tenth(if value.is_finite() { at } else { 0.0 }), name };
        chart.x_ticks = x_ticks.into_iter().map(|tick| placed(tick.clone(), chart.at(tick.0, y.0).0)).collect();
        chart.y_ticks = y_ticks.into_iter().map(|tick| placed(tick.clone(), chart.at(x.0, tick.0).1)).collect();
        chart
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let across = (x - self.x.0) / (self.x.1 - self.x.0);
        let up = match self.scale {
            Scale::Linear => (y - self.y.0) / (self.y.1 - self.y.0),
            Scale::Logarithmic => (y / self.y.0).ln() / (self.y.1 / self.y.0).ln(),
        };
        // What is far outside is cut off by the frame, but its digits need not be written.
        let up = up.clamp(-3.0, 4.0);
        (self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top))
    }

    fn mark(&mut self, class: &str, path: String) {
        if !path.is_empty() {
            self.marks.push(Mark { class: class.to_owned(), path });
        }
    }

    /// A line through values, broken where one is not finite.
    pub(super) fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        self.curve(class, points, MOST_VALUES);
    }

    /// A thin line behind others.
    pub(super) fn background(&mut self, class: &str, points: &[(f64, f64)]) {
        self.curve(&format!("thin {class}"), points, MOST_BACKGROUND);
    }

    fn curve(&mut self, class: &str, points: &[(f64, f64)], most: usize) {
        let mut path = String::new();
        let mut pen = 'M';
        for (x, y) in thinned(points, most) {
            let (x, y) = self.at(x, y);
            if x.is_finite() && y.is_finite() {
                let _ = write!(path, "{pen}{} {}", tenth(x), tenth(y));
                pen = 'L';
            } else {
                pen = 'M';
            }
        }
        self.mark(&format!("line {class}"), path);
    }

    /// The area between two lines over the same abscissae; nothing where a value is not finite.
    pub(super) fn band(&mut self, class: &str, lower: &[(f64, f64)], upper: &[(f64, f64)]) {
        let stride = lower.len().div_ceil(MOST_VALUES).max(1);
        let back = upper.iter().step_by(stride).rev();
        let outline: Vec<_> = lower.iter().step_by(stride).chain(back).map(|&(x, y)| self.at(x, y)).collect();
        if outline.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
            return;
        }
        let corners = outline
            .iter()
            .enumerate()
            .map(|(k, &(x, y))| format!("{}{} {}", if k == 0 { 'M' } else { 'L' }, tenth(x), tenth(y)));
        self.mark(&format!("band {class}"), corners.collect());
    }

    /// Points: lines of no length with round ends.
    pub(super) fn points(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let placed = points.into_iter().map(|(x, y)| self.at(x, y)).filter(|(x, y)| x.is_finite() && y.is_finite());
        let path = placed.map(|(x, y)| format!("M{} {}h0", tenth(x), tenth(y))).collect();
        self.mark(&format!("points {class}"), path);
    }

    /// A bar from zero.
    pub(super) fn bar(&mut self, class: &str, (from, to): (f64, f64), value: f64) {
        if value.is_finite() {
            let ((x0, y), (x1, zero)) = (self.at(from, value), self.at(to, 0.0));
            self.mark(
                &format!("bar {class}"),
                format!("M{} {}H{}V{}H{}Z", tenth(x0), tenth(zero), tenth(x1), tenth(y), tenth(x0)),
            );
        }
    }

    /// A name at a place.
    pub(super) fn text(&mut self, (x, y): (f64, f64), text: String) {
        let (x, y) = self.at(x, y);
        self.labels.push(Label { x: tenth(x), y: tenth(y), text });
    }

    /// An explanation of what lies between two abscissae.
    pub(super) fn hint(&mut self, (from, to): (f64, f64), text: String) {
        let (x0, x1) = (self.at(from, self.y.0).0.max(self.left), self.at(to, self.y.0).0.min(self.right));
        self.hints.push(Hint { x: tenth(x0), width: tenth((x1 - x0).max(0.0)), text });
    }
}

/// Rounded to a tenth of a pixel.
fn tenth(x: f64) -> f64 {
    (10.0 * x).round() / 10.0
}

/// A curve of many values by the least and the largest of each stretch, in their order: spikes stay.
fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(most / 2);
    let mut kept = Vec::with_capacity(most);
    for part in points.chunks(stretch) {
        let place = |wanted: fn(f64, f64) -> bool| {
            let finite = (0..part.len()).filter(|&k| part[k].1.is_finite());
            finite.reduce(|best, k| if wanted(part[k].1, part[best].1) { k } else { best })
        };
        match (place(|a, b| a < b), place(|a, b| a > b)) {
            (Some(low), Some(high)) if low == high => kept.push(part[low]),
            (Some(low), Some(high)) => kept.extend([part[low.min(high)], part[low.max(high)]]),
            _ => kept.push(part[0]),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let frame = Frame { label: "a < b", size: (400.0, 240.0), x_name: "t", y_name: "y & z", whole_x: false };
        Chart::new(&frame, (0.0, 10.0), (0.0, 1.0), Scale::Linear)
    }

    #[test]
    fn text_is_escaped_and_values_that_are_none_break_lines() {
        let mut chart = chart();
        chart.line("c0", &[(0.0, 0.0), (1.0, f64::NAN), (2.0, 0.5), (3.0, 1.0)]);
        chart.hint((0.0, 1.0), "\"<script>".to_owned());
        let svg = chart.render().unwrap();
        assert!(!svg.contains("a < b") && !svg.contains("<script") && !svg.contains("y & z"), "{svg}");
        assert_eq!(chart.marks[0].path.matches('M').count(), 2);
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn a_spike_of_a_long_curve_is_not_lost() {
        let mut points: Vec<_> = (0..10_000).map(|k| (f64::from(k), 0.0)).collect();
        points[7777].1 = 5.0;
        let kept = thinned(&points, MOST_VALUES);
        assert!(kept.len() <= MOST_VALUES && kept.iter().any(|p| p.1 == 5.0), "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thinned(&points[..5], MOST_VALUES), points[..5]);
    }

    #[test]
    fn ends_of_the_axes_are_the_corners() {
        let chart = chart();
        assert_eq!(chart.at(0.0, 0.0), (chart.left, chart.bottom));
        assert_eq!(chart.at(10.0, 1.0), (chart.right, chart.top));
        let nothing = Chart::new(
            &Frame { label: "", size: (200.0, 100.0), x_name: "", y_name: "", whole_x: true },
            (f64::NAN, f64::NAN),
            (3.0, 3.0),
            Scale::Linear,
        );
        assert!(!nothing.render().unwrap().contains("NaN"));
    }
}
