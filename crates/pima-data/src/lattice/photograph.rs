//! From brightness to a photograph: the lens, the lamp, the sensor.

use rand::Rng;

use crate::rng::normal;

/// Turns brightness (side, side) into grey values in [0, 1], in steps of 1/255: uneven light, exposure, the sensor's curve, blur of the
/// lens, noise.
pub(super) fn expose<R: Rng + ?Sized>(image: &mut [f32], side: usize, noise: f32, rng: &mut R) {
    // One rig photographs all: lamp and exposure hardly change.
    let exposure = 1.15 * (0.03 * normal(rng)).exp();
    let (across, down) = (0.05 * normal(rng), 0.05 * normal(rng));
    let vignette = 0.06 + 0.04 * rng.random::<f32>();
    let scale = 2.0 / side as f32;
    for (row, line) in image.chunks_exact_mut(side).enumerate() {
        let y = row as f32 * scale - 1.0;
        for (column, pixel) in line.iter_mut().enumerate() {
            let x = column as f32 * scale - 1.0;
            let light = (1.0 + across * x + down * y) * (1.0 - vignette * (x * x + y * y));
            *pixel = (exposure * light * *pixel).max(0.0);
        }
    }
    blur(image, side, 0.7);
    for pixel in image.iter_mut() {
        // A camera's curve: bright values crowd together rather than being cut off.
        let linear = *pixel / (1.0 + 0.25 * *pixel);
        let grey = linear.powf(1.0 / 1.7) + noise * normal(rng);
        *pixel = (255.0 * grey.clamp(0.0, 1.0)).round() / 255.0;
    }
}

/// Gaussian blur with standard deviation `sigma` pixels; the edge repeats.
fn blur(image: &mut [f32], side: usize, sigma: f32) {
    const REACH: usize = 3;
    let kernel: Vec<f32> = (0..=REACH).map(|k| (-0.5 * (k as f32 / sigma).powi(2)).exp()).collect();
    let total = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    let mut copy = vec![0.0; side];
    let mut pass = |image: &mut [f32], start: usize, stride: usize| {
        for (i, copy) in copy.iter_mut().enumerate() {
            *copy = image[start + i * stride];
        }
        for i in 0..side {
            let mut sum = kernel[0] * copy[i];
            for (k, weight) in kernel.iter().enumerate().skip(1) {
                sum += weight * (copy[i.saturating_sub(k)] + copy[(i + k).min(side - 1)]);
            }
            image[start + i * stride] = sum / total;
        }
    };
    for i in 0..side {
        pass(image, i * side, 1);
    }
    for i in 0..side {
        pass(image, i, side);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_sum_and_has_the_width_asked_for() {
        let side = 21;
        let mut image = vec![0.0; side * side];
        image[10 * side + 10] = 1.0;
        blur(&mut image, side, 0.7);
        let sum: f32 = image.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        let variance: f32 = (0..side * side).map(|i| image[i] * ((i % side) as f32 - 10.0).powi(2)).sum();
        assert!((variance.sqrt() - 0.7).abs() < 0.01, "{}", variance.sqrt());
        let mut flat = vec![0.5; side * side];
        blur(&mut flat, side, 0.7);
        assert!(flat.iter().all(|x| (x - 0.5).abs() < 1e-6));
    }
}
