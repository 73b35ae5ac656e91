//! Folders of images.

use std::path::Path;

use pima_core::ModalityShape;

use super::{Candidate, Seen, entries, plain};
use crate::error::Result;
use crate::pixels;
use crate::sources::{ImageFolder, ModalityKind, Source, at_file};

/// Pixels to which the longer side of larger images is brought.
const SIDE: u32 = 64;

/// Takes a folder with images in it for a modality.
pub(super) fn look(folder: &Path, seen: &mut Seen) -> Result<()> {
    let is_image = |path: &Path| {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        pixels::ENDINGS.contains(&ending.as_str()) && path.is_file()
    };
    let files: Vec<_> = entries(folder)?.into_iter().filter(|path| is_image(path)).collect();
    let mut sizes = Vec::with_capacity(files.len());
    for path in &files {
        let size = image::image_dimensions(path).map_err(|problem| {
            let problem = problem.to_string().lines().collect::<Vec<_>>().join(" ");
            at_file(path, format!("cannot be read as an image: {problem}; save it again, or remove it"))
        })?;
        sizes.push(size);
    }
    let Some(&(width, height)) = sizes.first() else { return Ok(()) };
    let longer = width.max(height);
    let alike = sizes.iter().all(|size| *size == (width, height));
    let brought = |side: u32| ((f64::from(side) * f64::from(SIDE) / f64::from(longer)).round() as usize).max(1);
    let size = (longer > SIDE || !alike).then(|| [brought(height), brought(width)]);
    let [rows, columns] = size.unwrap_or([height as usize, width as usize]);
    let ids = files.iter().map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()).collect();
    let remark = match size {
        Some(_) if alike => format!("the images have {height} by {width} pixels"),
        Some(_) => "the images are of several sizes".to_owned(),
        None => String::new(),
    };
    seen.candidates.push(Candidate {
        name: plain(&folder.file_name().unwrap_or_default().to_string_lossy()),
        source: Source::ImageFolder(ImageFolder { path: folder.to_owned(), size, colour: false }),
        kind: ModalityKind::Image,
        shape: ModalityShape::Image { channels: 1, height: rows, width: columns },
        units: String::new(),
        n_samples: files.len(),
        ids: Some(ids),
        axis_array: None,
        has_axis: false,
        remark,
    });
    Ok(())
}
