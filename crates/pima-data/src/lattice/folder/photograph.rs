//! Photographs from files, in grey, as a square of the size wanted.

use std::path::Path;

use super::{LatticeNote, error};
use crate::error::Result;
use crate::pixels;

/// Reads a photograph: its middle square, (2 side, 2 side) grey values in [0, 1].
pub(super) fn read(path: &Path, side: usize, notes: &mut Vec<LatticeNote>) -> Result<Vec<f32>> {
    let decoded = pixels::decode(path, |problem| error(path, None, problem))?;
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
    Ok(pixels::fit(&decoded.to_luma32f(), 2 * side as u32, 2 * side as u32))
}
