//! Images from files, as numbers in [0, 1] of the size wanted.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageBuffer, ImageReader, Luma};

use crate::error::{Error, Result};

/// Endings of the formats that can be read.
pub(crate) const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "tif", "tiff"];

/// Reads an image, whatever its ending says; `refuse` makes an error of what is wrong with it.
pub(crate) fn decode(path: &Path, refuse: impl FnOnce(String) -> Error) -> Result<DynamicImage> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    reader.decode().map_err(|problem| {
        let problem = problem.to_string().lines().collect::<Vec<_>>().join(" ");
        // A detector's 32-bit floats, say.
        let advice = if problem.contains("not support") || problem.contains("unsupported") {
            "save it with 8 or 16 bits a pixel, or the images as an array by numpy.savez"
        } else {
            "save it again, or remove it"
        };
        refuse(format!("cannot be read as an image: {problem}; {advice}"))
    })
}

/// One channel of values in [0, 1]. Luma in f32 is linear in what the file holds, 16 bits as well as 8.
pub(crate) type Channel = ImageBuffer<Luma<f32>, Vec<f32>>;

/// The middle of a channel in the proportions wanted, (height, width) values.
pub(crate) fn fit(channel: &Channel, height: u32, width: u32) -> Vec<f32> {
    let (has_width, has_height) = channel.dimensions();
    // As much as fits of the wanted proportions, to the nearest pixel.
    let of = |side: u32, wanted: u32, by: u32| {
        let exact = f64::from(side) * f64::from(wanted) / f64::from(by);
        (exact.round() as u32).max(1)
    };
    let cut_width = has_width.min(of(has_height, width, height));
    let cut_height = has_height.min(of(has_width, height, width));
    let (x, y) = ((has_width - cut_width) / 2, (has_height - cut_height) / 2);
    let cut = imageops::crop_imm(channel, x, y, cut_width, cut_height).to_image();
    // A triangle as wide as the reduction: no detail finer than a pixel is left to make patterns.
    let resized = if (cut_width, cut_height) == (width, height) {
        cut
    } else {
        imageops::resize(&cut, width, height, FilterType::Triangle)
    };
    resized.into_raw().into_iter().map(|value| value.clamp(0.0, 1.0)).collect()
}
