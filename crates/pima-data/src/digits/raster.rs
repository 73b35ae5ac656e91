//! The paper: strokes drawn as grey values on a grid of pixels.

use super::pen::Dot;

/// Side of the image, pixels.
pub(super) const SIDE: usize = 28;

/// Draws paths whose coordinates are pixels (the centre of the upper left pixel is (0.5, 0.5)). `radius` is half the
/// stroke's width in pixels, times the width of each dot. Grey values in [0, 1] are the larger of what each segment
/// covers, so that crossing strokes do not add up.
pub(super) fn draw(paths: &[Vec<Dot>], radius: f32, page: &mut [f32; SIDE * SIDE]) {
    page.fill(0.0);
    for path in paths {
        for pair in path.windows(2) {
            segment(pair[0], pair[1], radius, page);
        }
    }
}

fn segment(a: Dot, b: Dot, radius: f32, page: &mut [f32; SIDE * SIDE]) {
    let reach = radius * a.width.max(b.width) + 1.0;
    let range = |p: f32, q: f32| {
        let first = (p.min(q) - reach).floor().clamp(0.0, SIDE as f32) as usize;
        let end = (p.max(q) + reach).ceil().clamp(0.0, SIDE as f32) as usize;
        first..end
    };
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let inverse = (dx * dx + dy * dy).max(1e-12).recip();
    for row in range(a.y, b.y) {
        for column in range(a.x, b.x) {
            let (px, py) = (column as f32 + 0.5 - a.x, row as f32 + 0.5 - a.y);
            let along = ((px * dx + py * dy) * inverse).clamp(0.0, 1.0);
            let distance = (px - along * dx).hypot(py - along * dy);
            let width = a.width + along * (b.width - a.width);
            // One pixel of transition from ink to paper.
            let ink = (radius * width - distance + 0.5).clamp(0.0, 1.0);
            let pixel = &mut page[row * SIDE + column];
            *pixel = pixel.max(ink);
        }
    }
}

/// Gaussian blur with this standard deviation in pixels, at most about one; the edge of the page is paper.
pub(super) fn blur(page: &mut [f32; SIDE * SIDE], deviation: f32) {
    let weight = |offset: f32| (-0.5 * (offset / deviation).powi(2)).exp();
    let (one, two) = (weight(1.0), weight(2.0));
    let norm = (1.0 + 2.0 * one + 2.0 * two).recip();
    let kernel = [norm * two, norm * one, norm, norm * one, norm * two];
    let mut line = [0.0_f32; SIDE + 4];
    let mut pass = |first: usize, stride: usize| {
        for at in 0..SIDE {
            line[at + 2] = page[first + at * stride];
        }
        for at in 0..SIDE {
            page[first + at * stride] = (0..5).map(|tap| kernel[tap] * line[at + tap]).sum();
        }
    };
    (0..SIDE).for_each(|row| pass(row * SIDE, 1));
    (0..SIDE).for_each(|column| pass(column, SIDE));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(x: f32, y: f32) -> Dot {
        Dot { x, y, width: 1.0 }
    }

    #[test]
    fn a_stroke_covers_its_area() {
        let mut page = [0.0; SIDE * SIDE];
        draw(&[vec![dot(6.0, 14.0), dot(14.0, 14.0), dot(22.0, 14.0)]], 1.5, &mut page);
        let ink: f32 = page.iter().sum();
        // 16 by 3 pixels and two half discs of radius 1.5.
        let area = 16.0 * 3.0 + std::f32::consts::PI * 1.5 * 1.5;
        assert!((ink / area - 1.0).abs() < 0.02, "{ink} of {area}");
        assert!(page.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
    }

    #[test]
    fn strokes_beyond_the_page_are_cut_off() {
        let mut page = [0.0; SIDE * SIDE];
        draw(&[vec![dot(-50.0, -3.0), dot(90.0, 40.0)]], 2.0, &mut page);
        assert!(page.iter().sum::<f32>() > 0.0);
        draw(&[vec![dot(-50.0, -50.0), dot(-40.0, 90.0)]], 2.0, &mut page);
        assert_eq!(page.iter().sum::<f32>(), 0.0);
    }

    #[test]
    fn blur_keeps_the_ink_and_spreads_it_evenly() {
        let mut page = [0.0; SIDE * SIDE];
        page[14 * SIDE + 14] = 1.0;
        blur(&mut page, 0.7);
        assert!((page.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let at = |row: usize, column: usize| page[row * SIDE + column];
        assert!(at(13, 14) > at(13, 13));
        assert!((at(13, 14) - at(14, 15)).abs() < 1e-7);
        let variance: f32 = (0..SIDE)
            .map(|column| {
                let offset = column as f32 - 14.0;
                offset * offset * (0..SIDE).map(|row| at(row, column)).sum::<f32>()
            })
            .sum();
        assert!((variance / 0.49 - 1.0).abs() < 0.05, "{variance}");
    }
}
