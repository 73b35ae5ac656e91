//! What is inferred of test samples from one modality: the modality that was seen, and the predicted one beside the truth.

use anyhow::{Result, ensure};
use pima_core::ModalityShape;

use super::axes::{Axes, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::cells::{self, Row, frame};
use super::palette::{self, Marker};
use super::scene::{Anchor, INK, Item, MUTED, Point, Scene, size};
use super::ticks;
use crate::run_directory::{InferenceExamples, InferredValues};
use crate::summary::{ExpertSummary, Summary};

const WIDTH: f64 = 1600.0;
/// Room for the names of modalities on the left, and for those of parameters where there are any.
const LEFT: [f64; 2] = [190.0, 280.0];
/// Points of a curve that are drawn at most.
const MOST_POINTS: usize = 40;
/// What an expert identified: quantities that are written out, and the height of a line.
const MOST_PARAMETERS: usize = 6;
const LINE: f64 = 26.0;

/// Draws a band for each pair of modalities: a column per sample, in it what was seen, what was inferred, and for images the truth.
pub(crate) fn scene(caption: &Caption, examples: &InferenceExamples, summary: &Summary) -> Result<Scene> {
    ensure!(!examples.predicted.is_empty(), "nothing was inferred from one modality alone");
    let n = examples.truth.values().map(|truth| truth.nrows()).max().unwrap_or(0).min(8);
    let bands: Vec<_> =
        examples.predicted.iter().map(|(pair, values)| Band::new(pair, values, examples, summary)).collect();
    let has_parameters = bands.iter().any(|band| !band.parameters().is_empty());
    let left = LEFT[usize::from(has_parameters)];
    let step = (WIDTH - left - 20.0) / n as f64;
    let cell = step - 26.0;
    let height = TITLE_HEIGHT + bands.iter().map(|band| band.height(cell)).sum::<f64>() + 50.0;
    let mut scene = Scene::new(WIDTH, height);
    caption.draw(&mut scene, "Inferred from one modality", "test split", &[]);
    let mut top = TITLE_HEIGHT + 16.0;
    for band in &bands {
        band.draw(&mut scene, n, (left, step), cell, top);
        top += band.height(cell);
    }
    let mut note =
        "Curves: points are what was measured, the line is the predictive mean, the band its 90 % interval.".to_owned();
    if has_parameters {
        note.push_str(" Parameters: what the expert identified from what was seen, ± standard deviation.");
    }
    scene.text(&note, (36.0, height - 18.0), fitted(&note, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
    Ok(scene)
}

/// Draws the cell of a sample between two corners.
type DrawCell<'a> = dyn Fn(&mut Scene, usize, (Point, Point)) + 'a;

/// One pair of modalities.
struct Band<'a> {
    seen: Row<'a>,
    /// Decoded: the predictive mean. Mean: the truth.
    inferred: Row<'a>,
    values: &'a InferredValues,
    /// What decodes it, if it is an expert.
    expert: Option<&'a ExpertSummary>,
}

impl<'a> Band<'a> {
    fn new(
        (given, predicted): &(String, String),
        values: &'a InferredValues,
        examples: &'a InferenceExamples,
        summary: &'a Summary,
    ) -> Self {
        let row = |name: &str, decoded, mean| {
            let axes = summary.modality_axes.get(name);
            let length = examples.truth.get(name).map_or(0, |truth| truth.ncols());
            Row {
                name: name.to_owned(),
                shape: summary.modality_shapes.get(name).copied().unwrap_or(ModalityShape::Vector { length }),
                decoded,
                mean,
                members: None,
                grid: axes.map_or(&[], |axes| &axes.grid),
                x_name: axes.map_or_else(String::new, |axes| axes.x.clone()),
                y_name: axes.map_or_else(String::new, |axes| axes.y.clone()),
                expert: None,
            }
        };
        Self {
            seen: row(given, examples.truth.get(given), None),
            inferred: row(predicted, Some(&values.mean), examples.truth.get(predicted)),
            values,
            expert: summary.experts.get(predicted),
        }
    }

    /// Names of what the expert identified, with units.
    fn parameters(&self) -> Vec<String> {
        let (Some(expert), Some([mean, _])) = (self.expert, &self.values.parameters) else { return Vec::new() };
        let name = |(q, name): (usize, &String)| match expert.units.get(q).filter(|unit| !unit.is_empty()) {
            Some(unit) => format!("{name} ({unit})"),
            None => name.clone(),
        };
        expert.parameters.iter().enumerate().take(MOST_PARAMETERS.min(mean.ncols())).map(name).collect()
    }

    /// An image is shown beside the truth; in one cell both would hide each other.
    fn truth_apart(&self) -> bool {
        self.inferred.is_image()
    }

    fn height(&self, cell: f64) -> f64 {
        let below = |row: &Row| if row.is_image() { 18.0 } else { 52.0 };
        let truth = if self.truth_apart() { self.inferred.height(cell) + 18.0 } else { 0.0 };
        let parameters = LINE * self.parameters().len() as f64;
        self.seen.height(cell)
            + below(&self.seen)
            + self.inferred.height(cell)
            + below(&self.inferred)
            + truth
            + parameters
            + 34.0
    }

    fn draw(&self, scene: &mut Scene, n: usize, (from, step): (f64, f64), cell: f64, top: f64) {
        let mut top = top;
        let mut row = |scene: &mut Scene, what: &str, row: &Row, draw: &DrawCell<'_>| {
            let height = row.height(cell);
            for k in 0..n {
                let left = from + step * k as f64;
                draw(scene, k, ((left, top), (left + cell, top + height)));
            }
            let middle = top + height / 2.0;
            let (first, second) = (row.name.as_str(), what);
            scene.text(first, (36.0, middle - 4.0), fitted(first, size::LABEL, from - 110.0), Anchor::Start, INK);
            scene.text(second, (36.0, middle + 24.0), fitted(second, size::SMALL, from - 110.0), Anchor::Start, MUTED);
            top += height + if row.is_image() { 18.0 } else { 52.0 };
        };
        row(scene, "seen", &self.seen, &|scene, k, corners| cells::draw(scene, &self.seen, k, corners, k == 0));
        if let ModalityShape::Curve { channels, length } = self.inferred.shape {
            row(scene, "inferred", &self.inferred, &|scene, k, corners| {
                self.curves(scene, k, corners, channels, length);
            });
            self.identified(scene, n, (from, step), cell, top);
        } else if self.truth_apart() {
            row(scene, "inferred", &self.inferred, &|scene, k, corners| {
                cells::draw(scene, &self.inferred, k, corners, k == 0);
            });
            let truth =
                Row { decoded: self.inferred.mean, mean: None, name: self.inferred.name.clone(), ..self.blank() };
            row(scene, "truth", &truth, &|scene, k, corners| cells::draw(scene, &truth, k, corners, k == 0));
        } else {
            row(scene, "inferred", &self.inferred, &|scene, k, corners| {
                cells::draw(scene, &self.inferred, k, corners, k == 0);
            });
        }
    }

    /// What the expert identified of each sample, a line for each quantity.
    fn identified(&self, scene: &mut Scene, n: usize, (from, step): (f64, f64), cell: f64, top: f64) {
        let Some([mean, deviation]) = &self.values.parameters else { return };
        let names = self.parameters();
        // As small as the longest must be: names of different sizes look as if they weighed differently.
        let of_names = names.iter().map(|name| fitted(name, size::SMALL, from - 50.0)).fold(size::SMALL, f64::min);
        for (q, name) in names.iter().enumerate() {
            let y = top + LINE * q as f64 + 8.0;
            scene.text(name, (36.0, y), of_names, Anchor::Start, MUTED);
            for k in 0..n.min(mean.nrows()) {
                let text = ticks::with_error(mean[[k, q]], deviation[[k, q]]);
                let middle = from + step * k as f64 + cell / 2.0;
                scene.text(&text, (middle, y), fitted(&text, size::SMALL, step - 8.0), Anchor::Middle, INK);
            }
        }
    }

    /// The predicted row without its values.
    fn blank(&self) -> Row<'a> {
        Row {
            name: String::new(),
            shape: self.inferred.shape,
            decoded: None,
            mean: None,
            members: None,
            grid: self.inferred.grid,
            x_name: self.inferred.x_name.clone(),
            y_name: self.inferred.y_name.clone(),
            expert: None,
        }
    }

    fn curves(&self, scene: &mut Scene, k: usize, corners: (Point, Point), channels: usize, length: usize) {
        let t = if self.inferred.grid.len() == length {
            self.inferred.grid.to_vec()
        } else {
            (0..length).map(|t| t as f64).collect()
        };
        let InferredValues { mean, lower, upper, .. } = self.values;
        let truth = self.inferred.mean;
        let all = lower.iter().chain(upper).chain(truth.into_iter().flatten()).copied();
        let axes = Axes::new(corners.0, corners.1, range_of(t.iter().copied(), 0.02), range_of(all, 0.06));
        frame(scene, &axes, k == 0, Some(&self.inferred.x_name));
        for channel in 0..channels {
            let at = |i: usize| channel * length + i;
            let colour = palette::class(channel);
            let ends = (0..length).map(|i| axes.at(t[i], lower[[k, at(i)]]));
            let back = (0..length).rev().map(|i| axes.at(t[i], upper[[k, at(i)]]));
            let points: Vec<Point> = ends.chain(back).collect();
            if points.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
                scene.items.push(Item::Polygon { points, colour: colour.fade(0.3) });
            }
            if let Some(truth) = truth {
                for i in (0..length).step_by(length.div_ceil(MOST_POINTS).max(1)) {
                    axes.marker(scene, (t[i], truth[[k, at(i)]]), Marker::Disc, 3.4, colour.mix(INK, 0.25));
                }
            }
            axes.curve(scene, (0..length).map(|i| (t[i], mean[[k, at(i)]])), INK, 2.2, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plots::fixture::Plan;

    #[test]
    fn what_an_expert_identified_stands_below_its_curve() {
        let plan = Plan::default();
        let folder = tempfile::tempdir().unwrap();
        let run = plan.write(&folder.path().join("run"));
        let summary = run.read_summary().unwrap();
        let mut examples = run.read_inference(&summary.modalities).unwrap();
        let caption = Caption::of(&run, Some(&summary), None);
        let drawn = scene(&caption, &examples, &summary).unwrap();
        let count = |scene: &Scene| scene.words().iter().filter(|word| **word == "1319 ± 36").count();
        let identified = examples.predicted.values().filter_map(|values| values.parameters.as_ref());
        let expected: usize = identified.map(|[mean, _]| mean.ncols() * mean.nrows().min(8)).sum();
        assert!(expected > 0 && count(&drawn) == expected, "{} of {expected}", count(&drawn));
        assert!(drawn.words().iter().any(|word| word.contains("± standard deviation")));
        examples.predicted.values_mut().for_each(|values| values.parameters = None);
        let without = scene(&caption, &examples, &summary).unwrap();
        assert_eq!(count(&without), 0);
    }
}
