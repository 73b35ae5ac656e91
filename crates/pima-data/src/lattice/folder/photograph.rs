//! Photographs from files, in grey, as a square of the size wanted.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{ImageBuffer, ImageReader, Luma};

use super::{LatticeNote, error};
use crate::error::{Error, Result};

/// Reads a photograph: its middle square, (2 side, 2 side) grey values in [0, 1].
pub(super) fn read(path: &Path, side: usize, notes: &mut Vec<LatticeNote>) -> Result<Vec<f32>> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    let decoded = reader.decode().map_err(|problem| {
        let problem = problem.to_string().lines().collect::<Vec<_>>().join(" ");
        error(path, None, format!("cannot be read as an image: {problem}"))
    })?;
    let (width, height) = (decoded.width(), decoded.height());
    let shorter = width.min(height);
    if (shorter as usize) < side {
        let problem = format!(
            "is {width}x{height} pixels; its quadrants would have to be blown up more than twice to {side}x{side}: take \
             photographs of {} pixels a side or more, or lower side",
            2 * side
        );
        return Err(error(path, None, problem));
    }
    if decoded.color().has_color() {
        notes.push(LatticeNote::Grey { path: path.to_owned() });
    }
    if width != height {
        notes.push(LatticeNote::Cropped { path: path.to_owned(), width, height });
    }
    // Luma in f32 is linear in what the file holds, 16 bits as well as 8.
    let grey: ImageBuffer<Luma<f32>, Vec<f32>> = decoded.to_luma32f();
    let square = imageops::crop_imm(&grey, (width - shorter) / 2, (height - shorter) / 2, shorter, shorter).to_image();
    let wanted = 2 * side as u32;
    // A triangle as wide as the reduction: no detail finer than a pixel is left to make patterns.
    let resized =
        if shorter == wanted { square } else { imageops::resize(&square, wanted, wanted, FilterType::Triangle) };
    Ok(resized.into_raw().into_iter().map(|value| value.clamp(0.0, 1.0)).collect())
}
