//! A folder of images: one sample a file, called by the file's name without its ending.

use std::path::PathBuf;

use ndarray::{Array2, ArrayView1};
use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use super::files::{find, ids};
use super::{Samples, at_file};
use crate::error::{Error, Result};
use crate::pixels::{self, Channel};

/// Pixels a side at most.
const LARGEST: usize = 4096;

/// Which images are a modality, and at what size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder; its PNG, JPEG and TIFF files are read, in the natural order of their names.
    pub path: PathBuf,
    /// Height and width in pixels to which every image is brought, by cutting out its middle and resizing; without it, all images are of
    /// one size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// Red, green and blue instead of grey.
    #[serde(default)]
    pub colour: bool,
}

/// Reads a folder of images, with values in [0, 1].
///
/// # Errors
/// [`Error::Io`]; [`Error::Parameter`] for a size of zero or beyond 4096 pixels; [`Error::Table`], which names the file, for one that
/// cannot be read as an image, sizes that differ where none is asked for, two images of one name, and a folder without images.
pub fn read_images(folder: &ImageFolder) -> Result<Samples> {
    if let Some(side) = folder.size.iter().flatten().find(|side| !(1..=LARGEST).contains(*side)) {
        return Err(Error::Parameter { name: "size", value: *side as f64, requirement: "from 1 to 4096 pixels" });
    }
    let files = find(&folder.path, &pixels::ENDINGS)?;
    let channels = if folder.colour { 3 } else { 1 };
    let mut size = folder.size.map(|[height, width]| (height, width));
    let mut values: Option<Array2<f32>> = None;
    for (row, path) in files.iter().enumerate() {
        let decoded = pixels::decode(path, |problem| at_file(path, problem))?;
        let own = (decoded.height() as usize, decoded.width() as usize);
        let (height, width) = *size.get_or_insert(own);
        if folder.size.is_none() && own != (height, width) {
            let problem = format!(
                "is {} pixels high and {} wide, but {} is {height} by {width}; set size = [height, width], to which all are brought",
                own.0,
                own.1,
                files[0].display()
            );
            return Err(at_file(path, problem));
        }
        if height.max(width) > LARGEST {
            let problem = format!("is {height}x{width} pixels; set size = [height, width] to something smaller");
            return Err(at_file(path, problem));
        }
        let values = values.get_or_insert_with(|| Array2::zeros((files.len(), channels * height * width)));
        let parts: Vec<Channel> = if folder.colour {
            let colour = decoded.to_rgb32f();
            let channel = |k: usize| {
                Channel::from_fn(colour.width(), colour.height(), |x, y| image::Luma([colour.get_pixel(x, y).0[k]]))
            };
            (0..3).map(channel).collect()
        } else {
            vec![decoded.to_luma32f()]
        };
        let pixels: Vec<f32> = parts.iter().flat_map(|part| pixels::fit(part, height as u32, width as u32)).collect();
        values.row_mut(row).assign(&ArrayView1::from(&pixels));
    }
    let (Some(values), Some((height, width))) = (values, size) else {
        let problem = format!("no images in it ({})", pixels::ENDINGS.join(", "));
        return Err(at_file(&folder.path, problem));
    };
    let ids = ids(&files);
    let shape = ModalityShape::Image { channels, height, width };
    let present = vec![true; files.len()];
    let path = folder.path.clone();
    Ok(Samples { path, shape, values: values.into(), present, ids: Some(ids), axis: None, units: String::new() })
}
