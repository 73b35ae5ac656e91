//! Photographs from files, in grey, as a square of the size wanted.

use std::path::{Path, PathBuf};

use super::{LatticeNote, error};
use crate::error::Result;
use crate::pixels;

/// Values that differ by less are one grey: a step of 8 bits, and the half of one that JPEG may add.
const ONE_GREY: f32 = 1.5 / 255.0;

/// A photograph and what it was before.
#[derive(Debug)]
pub(super) struct Photograph {
    /// (2 side, 2 side) grey values in [0, 1].
    pub(super) values: Vec<f32>,
    path: PathBuf,
    size: (u32, u32),
    colour: bool,
}

/// Reads a photograph: its middle square, twice `side` pixels a side.
pub(super) fn read(path: &Path, side: usize) -> Result<Photograph> {
    let decoded = pixels::decode(path, |problem| error(path, None, problem))?;
    let (width, height) = (decoded.width(), decoded.height());
    if (width.min(height) as usize) < side {
        let problem = format!(
            "is {width}x{height} pixels; its quadrants would have to be blown up more than twice to {side}x{side}: take \
             photographs of {} pixels a side or more, or lower side in [data.lattice_folder]",
            2 * side
        );
        return Err(error(path, None, problem));
    }
    let colour = decoded.color().has_color();
    let values = pixels::fit(&decoded.to_luma32f(), 2 * side as u32, 2 * side as u32);
    let (least, most) = values.iter().fold((f32::MAX, f32::MIN), |(least, most), &v| (least.min(v), most.max(v)));
    if most - least < ONE_GREY {
        let problem = "is blank: its middle is of one grey; take the photograph again, or remove it";
        return Err(error(path, None, problem.to_owned()));
    }
    Ok(Photograph { values, path: path.to_owned(), size: (width, height), colour })
}

/// What was done to photographs, a note a kind.
pub(super) fn notes<'a>(all: impl Iterator<Item = &'a Photograph> + Clone, side: usize) -> Vec<LatticeNote> {
    let of = |is: &dyn Fn(&Photograph) -> bool| {
        let mut those = all.clone().filter(|photograph| is(photograph));
        let first = those.next()?;
        Some((1 + those.count(), first.path.clone(), first.size))
    };
    let side = 2 * side;
    let grey = of(&|p| p.colour).map(|(count, first, _)| LatticeNote::Grey { count, first });
    let cropped = of(&|p| p.size.0 != p.size.1).map(|(count, first, size)| LatticeNote::Cropped { count, first, size });
    let enlarged = of(&|p| (p.size.0.min(p.size.1) as usize) < side)
        .map(|(count, first, size)| LatticeNote::Enlarged { count, first, size, side });
    [grey, cropped, enlarged].into_iter().flatten().collect()
}
