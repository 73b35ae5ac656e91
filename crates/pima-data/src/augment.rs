//! Images moved, turned, scaled and mirrored at random: what an encoder should not care about.

use rand::Rng;
use serde::{Deserialize, Serialize};

/// How far an image may be changed before its encoder sees it. Every number is drawn uniformly and anew each time.
///
/// Only what is encoded changes; what is to be decoded stays as measured. So the loss remains a bound of the evidence of the data, one with a posterior `q(z|T(x))` for
/// each change `T`, and the encoder learns to say the same of an image wherever the specimen happened to lie.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Moved along each axis by up to so many pixels.
    pub shift: f64,
    /// Turned by up to so many degrees.
    pub rotation: f64,
    /// Made larger or smaller by a factor of up to 1 + scale.
    pub scale: f64,
    /// Mirrored along each axis, or not, with equal probability.
    pub flip: bool,
}

/// One change of an image: the offset from the middle of the image at which a pixel is taken is a linear map of the pixel's own offset, plus a shift.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    /// Rows: vertical, horizontal.
    map: [[f32; 2]; 2],
    shift: [f32; 2],
}

impl Augmentation {
    /// What is wrong with the numbers, if anything is.
    pub fn problem(&self) -> Option<String> {
        let Self { shift, rotation, scale, .. } = *self;
        for (name, value) in [("shift", shift), ("rotation", rotation), ("scale", scale)] {
            if !(value.is_finite() && value >= 0.0) {
                return Some(format!("{name} is {value}: it must be a number of at least 0"));
            }
        }
        None
    }

    fn draw(&self, rng: &mut impl Rng) -> Change {
        let mut uniform = |most: f64| most * (2.0 * rng.random::<f64>() - 1.0);
        let shift = [uniform(self.shift) as f32, uniform(self.shift) as f32];
        let (sin, cos) = uniform(self.rotation).to_radians().sin_cos();
        let factor = (1.0 + self.scale).powf(uniform(1.0));
        let mut map = [[cos / factor, -sin / factor], [sin / factor, cos / factor]].map(|row| row.map(|x| x as f32));
        if self.flip {
            for row in &mut map {
                if rng.random::<bool>() {
                    *row = row.map(|x| -x);
                }
            }
        }
        Change { map, shift }
    }

    /// Changes one image, (channels, height, width) flat, into `out`: linear between pixels; beyond the edge, the edge's pixel goes on.
    pub(crate) fn apply(&self, image: &[f32], (height, width): (usize, usize), out: &mut [f32], rng: &mut impl Rng) {
        let change = self.draw(rng);
        for (image, out) in image.chunks_exact(height * width).zip(out.chunks_exact_mut(height * width)) {
            change.apply(image, (height, width), out);
        }
    }
}

impl Change {
    fn apply(&self, image: &[f32], (height, width): (usize, usize), out: &mut [f32]) {
        let last = [(height - 1) as f32, (width - 1) as f32];
        let middle = last.map(|last| 0.5 * last);
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let down = i as f32 - middle[0];
            let start = [0, 1].map(|axis| self.map[axis][0] * down + middle[axis] - self.shift[axis]);
            for (j, out) in out.iter_mut().enumerate() {
                let right = j as f32 - middle[1];
                let y = (self.map[0][1] * right + start[0]).clamp(0.0, last[0]);
                let x = (self.map[1][1] * right + start[1]).clamp(0.0, last[1]);
                // Both are at least 0, so truncation rounds down.
                let (top, left) = (y as usize, x as usize);
                let (below, beside) = ((top + 1).min(height - 1), (left + 1).min(width - 1));
                let (v, u) = (y - top as f32, x - left as f32);
                let row = |at: usize| image[at * width + left] * (1.0 - u) + image[at * width + beside] * u;
                *out = row(top) * (1.0 - v) + row(below) * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const SIZE: (usize, usize) = (5, 7);

    fn image() -> Vec<f32> {
        (0..35).map(|i| ((i * i) % 23) as f32).collect()
    }

    fn changed(change: Change) -> Vec<f32> {
        let mut out = vec![f32::NAN; 35];
        change.apply(&image(), SIZE, &mut out);
        out
    }

    const SAME: [[f32; 2]; 2] = [[1.0, 0.0], [0.0, 1.0]];

    #[test]
    fn nothing_asked_for_changes_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut out = vec![f32::NAN; 35];
        Augmentation::default().apply(&image(), SIZE, &mut out, &mut rng);
        assert_eq!(out, image());
    }

    #[test]
    fn whole_pixels_are_moved_and_the_edge_goes_on() {
        let (image, out) = (image(), changed(Change { map: SAME, shift: [1.0, -2.0] }));
        for (i, j) in (0..5).flat_map(|i| (0..7).map(move |j| (i, j))) {
            assert_eq!(out[i * 7 + j], image[i.saturating_sub(1) * 7 + (j + 2).min(6)]);
        }
        let half = changed(Change { map: SAME, shift: [0.0, 0.5] });
        assert_eq!(half[1], 0.5 * (image[0] + image[1]));
    }

    #[test]
    fn mirrors_and_turns_are_about_the_middle() {
        let image = image();
        let mirrored = changed(Change { map: [[1.0, 0.0], [0.0, -1.0]], shift: [0.0; 2] });
        let turned = changed(Change { map: [[-1.0, 0.0], [0.0, -1.0]], shift: [0.0; 2] });
        for (i, j) in (0..5).flat_map(|i| (0..7).map(move |j| (i, j))) {
            assert_eq!(mirrored[i * 7 + j], image[i * 7 + 6 - j]);
            assert_eq!(turned[i * 7 + j], image[(4 - i) * 7 + 6 - j]);
        }
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let about = Augmentation { shift: 3.0, rotation: 20.0, scale: 0.25, flip: true };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut most, mut flipped) = ([0.0f32; 3], 0);
        for _ in 0..2000 {
            let Change { map, shift } = about.draw(&mut rng);
            let determinant = map[0][0] * map[1][1] - map[0][1] * map[1][0];
            let factor = determinant.abs().sqrt();
            flipped += usize::from(determinant < 0.0);
            let angle = (map[0][1] / factor).abs().asin().to_degrees();
            let values = [shift[0].abs().max(shift[1].abs()), angle, factor.max(1.0 / factor)];
            assert!(values[0] <= 3.0 && values[1] <= 20.001 && values[2] <= 1.25001, "{values:?}");
            most.iter_mut().zip(values).for_each(|(most, value)| *most = most.max(value));
        }
        assert!(most[0] > 2.9 && most[1] > 19.0 && most[2] > 1.24, "{most:?}");
        assert!((900..1100).contains(&flipped), "{flipped}");
    }

    #[test]
    fn numbers_that_make_no_sense_are_named() {
        let about = Augmentation { rotation: -1.0, ..Augmentation::default() };
        assert_eq!(about.problem().unwrap(), "rotation is -1: it must be a number of at least 0");
        assert!(Augmentation { shift: f64::NAN, ..about }.problem().unwrap().starts_with("shift is NaN"));
        assert_eq!(Augmentation { shift: 2.0, flip: true, ..Augmentation::default() }.problem(), None);
    }
}
