//! Colours of classes, distinguishable with every common kind of colour vision.

use super::scene::WHITE;

pub(crate) use super::scene::Colour;

/// Ten colours found by a search that kept the least distance between any two, in OKLab and under normal, protanopic,
/// deuteranopic and tritanopic vision, as large as possible. The tests hold the distance; the order puts unlike colours
/// side by side.
const CLASSES: [Colour; 10] = [
    Colour::hex(0x68_93_f8),
    Colour::hex(0xba_39_09),
    Colour::hex(0x16_77_6d),
    Colour::hex(0xff_86_a5),
    Colour::hex(0x40_39_7d),
    Colour::hex(0xc7_d2_48),
    Colour::hex(0x8e_48_c0),
    Colour::hex(0x0e_d1_ff),
    Colour::hex(0x72_23_28),
    Colour::hex(0x9e_9a_2f),
];

/// The same for a dark page, found in the same way. Close in hue to the ones above where that could be had.
const CLASSES_ON_DARK: [Colour; 10] = [
    Colour::hex(0xaa_c0_ee),
    Colour::hex(0xbe_5b_07),
    Colour::hex(0x57_a4_9c),
    Colour::hex(0x8b_58_a4),
    Colour::hex(0x4a_33_ff),
    Colour::hex(0xf3_ff_35),
    Colour::hex(0xb9_7c_fc),
    Colour::hex(0xa1_ff_ff),
    Colour::hex(0xf8_c0_91),
    Colour::hex(0xe8_8b_0a),
];

/// A class without a name: samples whose label is not known.
pub(crate) const UNKNOWN: Colour = Colour::hex(0xb5_b5_b5);

/// Number of colours before they repeat; later classes are told apart by the shape of their [`marker`].
pub(crate) const N_COLOURS: usize = CLASSES.len();

/// Colour of class `index`.
pub(crate) fn class(index: usize) -> Colour {
    CLASSES[index % N_COLOURS]
}

/// Colour of class `index` on a dark page.
pub(crate) fn class_on_dark(index: usize) -> Colour {
    CLASSES_ON_DARK[index % N_COLOURS]
}

/// Shape of the points of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Disc,
    Square,
    Triangle,
}

/// Shape of the points of class `index`: discs for the first ten, then squares, then triangles.
pub(crate) fn marker(index: usize) -> Marker {
    [Marker::Disc, Marker::Square, Marker::Triangle][(index / N_COLOURS) % 3]
}

/// From white to dark blue as `share` goes from 0 to 1.
pub(crate) fn shade(share: f64) -> Colour {
    const MIDDLE: Colour = Colour::hex(0x5b_9b_d0);
    const DARK: Colour = Colour::hex(0x0b_2f_66);
    let share = share.clamp(0.0, 1.0);
    if share < 0.5 { WHITE.mix(MIDDLE, 2.0 * share) } else { MIDDLE.mix(DARK, 2.0 * share - 1.0) }
}

/// Number of colours between which [`amount`] and [`amount_on_dark`] run.
pub(crate) const N_STOPS: usize = 5;

const AMOUNTS: [Colour; N_STOPS] = [
    Colour::hex(0x3b_0f_63),
    Colour::hex(0x2f_55_92),
    Colour::hex(0x1f_8d_89),
    Colour::hex(0x68_bf_4f),
    Colour::hex(0xf0_d8_1e),
];

const AMOUNTS_ON_DARK: [Colour; N_STOPS] = [
    Colour::hex(0x7a_3f_b8),
    Colour::hex(0x5a_7a_d6),
    Colour::hex(0x2f_ab_b0),
    Colour::hex(0x7d_d0_5f),
    Colour::hex(0xff_ec_5c),
];

/// From dark violet by way of green to yellow as `share` goes from 0 to 1: for amounts that are points, which white would hide.
pub(crate) fn amount(share: f64) -> Colour {
    along(&AMOUNTS, share)
}

/// The same for a dark page.
pub(crate) fn amount_on_dark(share: f64) -> Colour {
    along(&AMOUNTS_ON_DARK, share)
}

fn along(stops: &[Colour], share: f64) -> Colour {
    let place = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let at = (place as usize).min(stops.len() - 2);
    stops[at].mix(stops[at + 1], place - at as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear RGB as seen with normal, protanopic, deuteranopic and tritanopic vision: Machado, Oliveira and Fernandes
    /// (2009), severity 1.
    const VISION: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    /// OKLab coordinates (Ottosson 2020) of linear RGB.
    fn oklab([r, g, b]: [f64; 3]) -> [f64; 3] {
        let l = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b).cbrt();
        let m = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b).cbrt();
        let s = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b).cbrt();
        [
            0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
            1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
            0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
        ]
    }

    fn seen(colour: Colour, vision: [[f64; 3]; 3]) -> [f64; 3] {
        let rgb = colour.linear();
        oklab(vision.map(|row| (0..3).map(|j| row[j] * rgb[j]).sum::<f64>().clamp(0.0, 1.0)))
    }

    fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
        (0..3).map(|j| (a[j] - b[j]).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn ten_classes_are_distinct_to_every_kind_of_colour_vision() {
        // Matplotlib's "tab10" falls to 0.007 here, Okabe and Ito's eight colours with grey and purple to 0.019.
        for vision in VISION {
            for i in 0..N_COLOURS {
                for j in 0..i {
                    let distance = distance(seen(class(i), vision), seen(class(j), vision));
                    assert!(distance > 0.125, "classes {i} and {j}: {distance}");
                }
                let white = distance(seen(class(i), vision), seen(WHITE, vision));
                assert!(white > 0.16, "class {i} against white: {white}");
            }
        }
    }

    #[test]
    fn so_are_those_of_a_dark_page() {
        const PAGE: Colour = Colour::hex(0x14_18_1d);
        for vision in VISION {
            for i in 0..N_COLOURS {
                for j in 0..i {
                    let distance = distance(seen(class_on_dark(i), vision), seen(class_on_dark(j), vision));
                    assert!(distance > 0.125, "classes {i} and {j}: {distance}");
                }
                let page = distance(seen(class_on_dark(i), vision), seen(PAGE, vision));
                assert!(page > 0.3, "class {i} against the page: {page}");
            }
        }
    }

    #[test]
    fn thirty_classes_differ_in_colour_or_marker() {
        for i in 0..3 * N_COLOURS {
            for j in 0..i {
                assert!(class(i) != class(j) || marker(i) != marker(j), "classes {i} and {j}");
            }
        }
    }

    #[test]
    fn amounts_brighten_to_every_kind_of_colour_vision() {
        for vision in VISION {
            let lightness = |amount: fn(f64) -> Colour| -> Vec<f64> {
                (0..=20).map(|i| seen(amount(f64::from(i) / 20.0), vision)[0]).collect()
            };
            let (light, dark) = (lightness(amount), lightness(amount_on_dark));
            for lightness in [&light, &dark] {
                assert!(lightness.windows(2).all(|pair| pair[1] > pair[0] + 0.008), "{lightness:?}");
            }
            assert!(light[20] < 0.93, "hard to see on white");
            assert!(dark[0] > 0.4, "hard to see on black");
        }
    }

    #[test]
    fn shades_darken_with_the_share() {
        let luminance: Vec<f64> = (0..=20).map(|i| shade(f64::from(i) / 20.0).luminance()).collect();
        assert!(luminance.windows(2).all(|pair| pair[1] < pair[0]), "{luminance:?}");
        assert_eq!(shade(0.0), WHITE);
    }
}
