//! How each digit is written: the movements of the pen, in a few styles per digit.
//!
//! Coordinates are in heights of the digit: x to the right, y down, the digit standing in about [0, 0.7] x [0, 1]. A
//! stroke is a smooth curve through its points; a point given twice is a corner.

/// One movement of the pen, from touching the paper to leaving it.
pub(super) type Stroke = &'static [(f32, f32)];

/// One way to write a digit, and how common it is among the ways to write that digit.
pub(super) struct Style {
    /// Relative frequency.
    pub(super) weight: f32,
    /// The strokes, in any order.
    pub(super) strokes: &'static [Stroke],
}

const fn style(weight: f32, strokes: &'static [Stroke]) -> Style {
    Style { weight, strokes }
}

/// The styles of the digits 0 to 9.
pub(super) const STYLES: [&[Style]; 10] =
    [ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE];

#[rustfmt::skip]
const ZERO: &[Style] = &[
    // Closed at the top.
    style(4.0, &[&[
        (0.42, 0.01), (0.16, 0.12), (0.03, 0.48), (0.10, 0.86), (0.34, 1.00), (0.60, 0.86), (0.70, 0.50),
        (0.62, 0.14), (0.40, 0.00),
    ]]),
    // Begun at the upper right, the end carried inwards past the start.
    style(2.0, &[&[
        (0.56, 0.10), (0.34, 0.02), (0.10, 0.26), (0.04, 0.64), (0.22, 0.97), (0.50, 0.92), (0.68, 0.60),
        (0.62, 0.22), (0.44, 0.06), (0.28, 0.12),
    ]]),
    // Narrow and drawn in one sweep.
    style(2.0, &[&[
        (0.36, 0.00), (0.16, 0.22), (0.10, 0.60), (0.24, 0.97), (0.46, 0.88), (0.56, 0.46), (0.48, 0.10),
        (0.33, 0.02),
    ]]),
];

#[rustfmt::skip]
const ONE: &[Style] = &[
    // A bare stroke.
    style(5.0, &[&[(0.36, 0.00), (0.35, 0.34), (0.34, 0.68), (0.34, 1.00)]]),
    // With a flag.
    style(2.5, &[&[(0.16, 0.20), (0.28, 0.11), (0.38, 0.00), (0.38, 0.00), (0.38, 0.50), (0.37, 1.00)]]),
    // With a flag and a foot.
    style(1.0, &[
        &[(0.16, 0.20), (0.28, 0.10), (0.38, 0.00), (0.38, 0.00), (0.38, 0.50), (0.37, 0.98)],
        &[(0.14, 0.99), (0.38, 0.98), (0.62, 0.98)],
    ]),
];

#[rustfmt::skip]
const TWO: &[Style] = &[
    // With a corner at the foot.
    style(3.0, &[&[
        (0.05, 0.22), (0.18, 0.05), (0.42, 0.00), (0.60, 0.14), (0.57, 0.38), (0.34, 0.68), (0.04, 0.97),
        (0.04, 0.97), (0.36, 0.95), (0.70, 0.97),
    ]]),
    // With a loop at the foot.
    style(3.0, &[&[
        (0.08, 0.20), (0.24, 0.03), (0.48, 0.04), (0.58, 0.22), (0.48, 0.50), (0.26, 0.82), (0.08, 0.95),
        (0.02, 0.84), (0.14, 0.76), (0.34, 0.88), (0.54, 0.96), (0.74, 0.88),
    ]]),
    // With a round shoulder and a wave for a foot.
    style(1.5, &[&[
        (0.02, 0.14), (0.26, 0.00), (0.52, 0.08), (0.54, 0.34), (0.30, 0.62), (0.06, 0.88), (0.06, 0.88),
        (0.26, 0.84), (0.46, 0.96), (0.70, 0.94),
    ]]),
];

#[rustfmt::skip]
const THREE: &[Style] = &[
    // Two bows that meet in a corner.
    style(4.0, &[&[
        (0.06, 0.14), (0.26, 0.00), (0.52, 0.07), (0.54, 0.28), (0.24, 0.46), (0.24, 0.46), (0.55, 0.55),
        (0.64, 0.76), (0.46, 0.97), (0.20, 0.99), (0.02, 0.86),
    ]]),
    // A flat top.
    style(1.0, &[&[
        (0.08, 0.03), (0.34, 0.02), (0.58, 0.02), (0.58, 0.02), (0.44, 0.22), (0.28, 0.40), (0.28, 0.40),
        (0.56, 0.50), (0.64, 0.75), (0.42, 0.98), (0.05, 0.90),
    ]]),
    // A small loop between the bows.
    style(2.0, &[&[
        (0.10, 0.10), (0.34, 0.00), (0.56, 0.12), (0.46, 0.36), (0.26, 0.48), (0.22, 0.42), (0.36, 0.43),
        (0.58, 0.58), (0.60, 0.82), (0.34, 1.00), (0.04, 0.90),
    ]]),
];

#[rustfmt::skip]
const FOUR: &[Style] = &[
    // Open at the top, two strokes.
    style(4.0, &[
        &[(0.14, 0.02), (0.09, 0.26), (0.05, 0.52), (0.05, 0.52), (0.34, 0.54), (0.66, 0.49)],
        &[(0.56, 0.04), (0.54, 0.40), (0.50, 0.70), (0.49, 1.00)],
    ]),
    // Closed at the top.
    style(1.5, &[
        &[(0.50, 0.00), (0.26, 0.32), (0.02, 0.62), (0.02, 0.62), (0.36, 0.62), (0.72, 0.60)],
        &[(0.50, 0.00), (0.50, 0.50), (0.49, 1.00)],
    ]),
    // One stroke: a bowl and then down.
    style(2.0, &[&[
        (0.08, 0.03), (0.04, 0.32), (0.16, 0.50), (0.42, 0.44), (0.58, 0.04), (0.58, 0.04), (0.56, 0.46),
        (0.52, 1.00),
    ]]),
];

#[rustfmt::skip]
const FIVE: &[Style] = &[
    // Down and round, then the bar on top.
    style(3.0, &[
        &[
            (0.16, 0.03), (0.13, 0.22), (0.10, 0.43), (0.10, 0.43), (0.38, 0.38), (0.62, 0.56), (0.58, 0.85),
            (0.32, 1.00), (0.02, 0.90),
        ],
        &[(0.15, 0.03), (0.40, 0.03), (0.68, 0.00)],
    ]),
    // One stroke with corners.
    style(2.0, &[&[
        (0.64, 0.01), (0.40, 0.02), (0.20, 0.04), (0.20, 0.04), (0.16, 0.24), (0.12, 0.44), (0.12, 0.44),
        (0.40, 0.40), (0.60, 0.60), (0.54, 0.88), (0.30, 1.00), (0.04, 0.92),
    ]]),
    // One stroke, round as an S with a long top.
    style(1.0, &[&[
        (0.72, 0.02), (0.42, 0.02), (0.20, 0.10), (0.16, 0.34), (0.36, 0.46), (0.54, 0.62), (0.50, 0.88),
        (0.26, 1.00), (0.02, 0.92),
    ]]),
];

#[rustfmt::skip]
const SIX: &[Style] = &[
    // A curved stem, the loop closed on itself.
    style(3.0, &[&[
        (0.54, 0.01), (0.26, 0.20), (0.07, 0.58), (0.12, 0.90), (0.36, 1.00), (0.58, 0.84), (0.53, 0.62),
        (0.34, 0.55), (0.12, 0.74),
    ]]),
    // A straight stem and a low loop.
    style(2.0, &[&[
        (0.28, 0.00), (0.14, 0.36), (0.06, 0.72), (0.22, 0.99), (0.50, 0.94), (0.58, 0.74), (0.40, 0.62),
        (0.18, 0.74), (0.12, 0.90),
    ]]),
    // A large loop.
    style(1.0, &[&[
        (0.46, 0.00), (0.16, 0.26), (0.04, 0.66), (0.20, 0.98), (0.50, 0.96), (0.66, 0.68), (0.50, 0.46),
        (0.24, 0.48), (0.06, 0.66),
    ]]),
];

#[rustfmt::skip]
const SEVEN: &[Style] = &[
    // A bar and a bent leg.
    style(4.0, &[&[
        (0.04, 0.07), (0.34, 0.05), (0.64, 0.02), (0.64, 0.02), (0.48, 0.40), (0.36, 0.70), (0.28, 1.00),
    ]]),
    // With a bar across the leg.
    style(1.5, &[
        &[(0.04, 0.06), (0.34, 0.05), (0.64, 0.02), (0.64, 0.02), (0.46, 0.40), (0.34, 0.70), (0.26, 1.00)],
        &[(0.18, 0.50), (0.38, 0.49), (0.62, 0.47)],
    ]),
    // With a hook at the left and a round shoulder.
    style(1.5, &[&[
        (0.04, 0.24), (0.07, 0.06), (0.07, 0.06), (0.34, 0.07), (0.60, 0.04), (0.62, 0.14), (0.46, 0.46),
        (0.34, 1.00),
    ]]),
];

#[rustfmt::skip]
const EIGHT: &[Style] = &[
    // One stroke, crossing in the middle.
    style(4.0, &[&[
        (0.58, 0.14), (0.38, 0.00), (0.14, 0.12), (0.18, 0.36), (0.44, 0.56), (0.58, 0.80), (0.36, 1.00),
        (0.12, 0.86), (0.20, 0.60), (0.44, 0.40), (0.58, 0.20), (0.54, 0.08),
    ]]),
    // Two rounds, one on the other.
    style(1.5, &[
        &[(0.36, 0.00), (0.15, 0.10), (0.16, 0.34), (0.36, 0.45), (0.56, 0.32), (0.55, 0.09), (0.34, 0.01)],
        &[(0.36, 0.45), (0.10, 0.58), (0.09, 0.88), (0.36, 1.00), (0.62, 0.86), (0.60, 0.58), (0.36, 0.45)],
    ]),
    // Begun at the crossing, left open at the top.
    style(1.5, &[&[
        (0.62, 0.06), (0.40, 0.00), (0.18, 0.14), (0.28, 0.38), (0.50, 0.62), (0.48, 0.90), (0.26, 0.99),
        (0.12, 0.84), (0.24, 0.58), (0.46, 0.36), (0.66, 0.16),
    ]]),
];

#[rustfmt::skip]
const NINE: &[Style] = &[
    // A round head and a straight stem.
    style(4.0, &[&[
        (0.56, 0.12), (0.36, 0.00), (0.12, 0.12), (0.10, 0.36), (0.30, 0.47), (0.52, 0.34), (0.58, 0.10),
        (0.58, 0.10), (0.57, 0.52), (0.52, 1.00),
    ]]),
    // A tail that curls back.
    style(1.5, &[&[
        (0.58, 0.14), (0.38, 0.00), (0.14, 0.14), (0.16, 0.40), (0.40, 0.46), (0.58, 0.22), (0.62, 0.22),
        (0.62, 0.60), (0.48, 0.92), (0.22, 1.00), (0.06, 0.90),
    ]]),
    // A small head on a slanting stem.
    style(2.0, &[&[
        (0.54, 0.08), (0.32, 0.02), (0.18, 0.18), (0.24, 0.36), (0.44, 0.32), (0.56, 0.08), (0.56, 0.08),
        (0.46, 0.54), (0.34, 1.00),
    ]]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_fills_the_height_and_has_curves_to_draw() {
        for (digit, styles) in STYLES.iter().enumerate() {
            for (which, style) in styles.iter().enumerate() {
                assert!(style.weight > 0.0);
                let points = || style.strokes.iter().flat_map(|stroke| stroke.iter());
                let least = points().map(|p| p.1).fold(f32::INFINITY, f32::min);
                let greatest = points().map(|p| p.1).fold(f32::NEG_INFINITY, f32::max);
                assert!(least < 0.05 && greatest > 0.95, "digit {digit}, style {which}");
                assert!(points().all(|p| (-0.05..=0.8).contains(&p.0)), "digit {digit}, style {which}");
                assert!(style.strokes.iter().all(|stroke| stroke.len() >= 2));
            }
        }
    }
}
