//! The values of one sample, or of one cluster's centre, as a reader sees them: a picture, curves, bars, or numbers.

use std::io::Cursor;

use anyhow::Result;
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use ndarray::ArrayView1;

use super::chart::{Chart, Frame, Scale};
use super::source::Form;
use crate::plots::{range_of, ticks};

/// Values that all pictures of a section may have together, so that a page of them stays small: noise does not compress.
const MOST_PICTURED: usize = 1_500_000;
/// Points of a curve that are drawn as points: more merge into a line of their own.
const MOST_POINTS: usize = 40;
/// A curve of more values than this is drawn with a fine line.
const LONG: usize = 250;
/// A vector of at most this many values is written out.
pub(super) const FEW_VALUES: usize = 8;

/// A picture within the page.
#[derive(Template)]
#[template(
    source = r#"<img class="picture" src="data:image/png;base64,{{ data }}" width="{{ width }}" height="{{ height }}" alt="{{ alt }}">"#,
    ext = "html"
)]
struct Picture<'a> {
    data: String,
    width: usize,
    height: usize,
    alt: &'a str,
}

/// Where a value is black and where it is white.
pub(super) fn grey_range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (low, high) = range_of(values, 0.0);
    if low > -0.05 && high < 1.05 { (0.0, 1.0) } else { (low, high) }
}

/// Pixels along the longer side that each of `n` pictures of so many channels may have.
pub(super) fn picture_side(n: usize, channels: usize) -> usize {
    let stored = if channels == 3 { 3 } else { 1 };
    (MOST_PICTURED / (n * stored).max(1)).isqrt().clamp(32, 160)
}

/// An image (channels, height, width), row-major, as PNG in the page, averaged where its longer side has more than `side` pixels. Three channels are red,
/// green and blue; the mean is shown of any other number.
pub(super) fn picture(
    values: ArrayView1<'_, f64>,
    [channels, height, width]: [usize; 3],
    side: usize,
    (low, high): (f64, f64),
    alt: &str,
) -> Result<String> {
    let factor = height.max(width).div_ceil(side).max(1);
    let (rows, columns) = (height.div_ceil(factor), width.div_ceil(factor));
    // The mean over a block of pixels, of one channel.
    let level = |channel: usize, i: usize, j: usize| {
        let (mut sum, mut n) = (0.0, 0.0);
        for y in i * factor..((i + 1) * factor).min(height) {
            for x in j * factor..((j + 1) * factor).min(width) {
                sum += values[(channel * height + y) * width + x];
                n += 1.0;
            }
        }
        let share = (sum / n - low) / (high - low);
        if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) }
    };
    let byte = |level: f64| (255.0 * level).round() as u8;
    let mut bytes = Vec::with_capacity(rows * columns * 3);
    for i in 0..rows {
        for j in 0..columns {
            if channels == 3 {
                bytes.extend((0..3).map(|channel| byte(level(channel, i, j))));
            } else {
                let sum: f64 = (0..channels).map(|channel| level(channel, i, j)).sum();
                bytes.push(byte(sum / channels.max(1) as f64));
            }
        }
    }
    let colour = if channels == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png).write_image(&bytes, columns as u32, rows as u32, colour)?;
    // Shown at a size that lets a picture of few pixels be seen; the style sheet keeps it within its column.
    let zoom = (84.0 / rows.max(columns) as f64).max(1.0);
    let shown =
        |pixels: usize| (zoom * pixels as f64).round().min(110.0 * pixels as f64 / rows.max(columns) as f64) as usize;
    let data = STANDARD.encode(png.into_inner());
    Ok(Picture { data, width: shown(columns), height: shown(rows), alt }.render()?)
}

/// What is drawn of a curve of several channels; arrays are (channels x length).
#[derive(Default)]
pub(super) struct Curves<'a> {
    /// What the model says.
    pub(super) line: Option<ArrayView1<'a, f64>>,
    /// What was measured.
    pub(super) points: Option<ArrayView1<'a, f64>>,
    /// Others beside it.
    pub(super) thin: Vec<ArrayView1<'a, f64>>,
    /// Lower and upper ends of an interval about the line.
    pub(super) band: Option<(ArrayView1<'a, f64>, ArrayView1<'a, f64>)>,
}

/// Draws curves of `channels` channels over the grid of their form, within `range`.
pub(super) fn curves(
    form: &Form<'_>,
    channels: usize,
    curves: &Curves<'_>,
    range: (f64, f64),
    label: &str,
    size: (f64, f64),
) -> Result<String> {
    let t = &form.grid;
    let named = size.0 >= 260.0;
    let y_name = if named { form.y_name.as_str() } else { "" };
    let frame = Frame { label, size, x_name: form.x_name, y_name, whole_x: false };
    let mut chart = Chart::new(&frame, range_of(t.iter().copied(), 0.02), range, Scale::Linear);
    for channel in 0..channels {
        let of = |values: &ArrayView1<'_, f64>| -> Vec<(f64, f64)> {
            t.iter().enumerate().filter_map(|(k, &t)| Some((t, *values.get(channel * form.grid.len() + k)?))).collect()
        };
        let colour = format!("c{}", channel % 10);
        if let Some((lower, upper)) = &curves.band {
            chart.band(&colour, &of(lower), &of(upper));
        }
        for thin in &curves.thin {
            chart.background(&colour, &of(thin));
        }
        if let Some(points) = &curves.points {
            let points = of(points);
            let stride = points.len().div_ceil(MOST_POINTS).max(1);
            chart.points(&colour, points.into_iter().step_by(stride));
        }
        if let Some(line) = &curves.line {
            // A heavy line of very many values is a blot.
            let fine = if t.len() > LONG { " fine" } else { "" };
            chart.line(&format!("{}{fine}", if channels == 1 { "ink" } else { &colour }), &of(line));
        }
    }
    Ok(chart.render()?)
}

/// Bars of a vector, with points beside them.
pub(super) fn bars(
    form: &Form<'_>,
    bars: ArrayView1<'_, f64>,
    points: Option<ArrayView1<'_, f64>>,
    (low, high): (f64, f64),
    label: &str,
    size: (f64, f64),
) -> Result<String> {
    let frame = Frame { label, size, x_name: "component", y_name: &form.y_name, whole_x: true };
    let x = (0.4, bars.len() as f64 + 0.6);
    let mut chart = Chart::new(&frame, x, (low.min(0.0), high.max(0.0)), Scale::Linear);
    for (k, &value) in bars.iter().enumerate() {
        chart.bar("c0", (k as f64 + 0.62, k as f64 + 1.38), value);
    }
    if let Some(points) = points {
        chart.points("ink", points.iter().enumerate().map(|(k, &value)| (k as f64 + 1.0, value)));
    }
    Ok(chart.render()?)
}

/// A number as it is read: four significant digits.
pub(super) fn number(value: f64) -> String {
    ticks::number(value, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    fn decoded(html: &str) -> image::DynamicImage {
        let data = html.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap()
    }

    #[test]
    fn a_picture_keeps_its_values() {
        let values = Array1::from(vec![0.0, 0.5, 1.0, 2.0, f64::NAN, -1.0]);
        let html = picture(values.view(), [1, 2, 3], 160, (0.0, 1.0), "a \"2\"").unwrap();
        assert_eq!(decoded(&html).to_luma8().into_raw(), [0, 128, 255, 255, 128, 0]);
        assert!(!html.contains("a \"2\""), "{html}");
        let colours = Array1::from(vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.5]);
        let html = picture(colours.view(), [3, 1, 2], 160, (0.0, 1.0), "").unwrap();
        assert_eq!(decoded(&html).to_rgb8().into_raw(), [255, 0, 0, 0, 255, 128]);
    }

    #[test]
    fn a_large_picture_is_averaged() {
        let values = Array1::from_shape_fn(400 * 300, |k| f64::from(u8::from(k % 2 == 0)));
        let html = picture(values.view(), [1, 400, 300], picture_side(8, 1), (0.0, 1.0), "").unwrap();
        let image = decoded(&html).to_luma8();
        assert_eq!(image.dimensions(), (100, 134));
        assert_eq!([picture_side(8, 1), picture_side(400, 1), picture_side(400, 3)], [160, 61, 35]);
        assert!(image.as_raw()[..100].iter().all(|&grey| (85..=171).contains(&grey)));
    }
}
