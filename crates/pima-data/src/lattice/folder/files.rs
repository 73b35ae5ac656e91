//! Which files of a folder are of which specimen.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{LABELS, LatticeNote, error};
use crate::error::{Error, Result};

/// Endings of photographs.
const IMAGES: [&str; 5] = crate::pixels::ENDINGS;
/// Endings of curves.
const CURVES: [&str; 1] = ["csv"];
/// Endings of photographs that cannot be read; a file with any other may be a curve.
const OTHER_IMAGES: &str = "bmp gif webp heic heif avif raw dng cr2 cr3 nef arw jp2 psd svg pdf eps";

/// The files of one specimen.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    pub(super) image: Option<PathBuf>,
    pub(super) curve: Option<PathBuf>,
    /// Of its name, and of endings that are not read.
    unread: Vec<PathBuf>,
}

/// The specimens of a folder by name, and photographs that are no specimen because they cannot be read.
pub(super) fn find(folder: &Path) -> Result<(BTreeMap<String, Files>, Vec<PathBuf>)> {
    if !folder.is_dir() {
        let problem = if folder.exists() { "is no folder" } else { "there is no such folder" };
        let advice = "name the folder of the specimens in data.folder; paths are relative to the config file";
        return Err(error(folder, None, format!("{problem}; {advice}")));
    }
    let mut specimens: BTreeMap<String, Files> = BTreeMap::new();
    for (place, optional) in [(folder.to_owned(), false), (folder.join("images"), true), (folder.join("curves"), true)]
    {
        if optional && !place.is_dir() {
            continue;
        }
        let io = |source| Error::Io { path: place.clone(), source };
        let mut paths = fs::read_dir(&place)
            .map_err(io)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<PathBuf>>>()
            .map_err(io)?;
        paths.sort();
        for path in paths {
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.file_name().is_some_and(|name| name == LABELS) || hidden || !path.is_file() {
                continue;
            }
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let files = specimens.entry(name).or_default();
            let slot = if IMAGES.contains(&ending.as_str()) {
                &mut files.image
            } else if CURVES.contains(&ending.as_str()) {
                &mut files.curve
            } else {
                files.unread.push(path);
                continue;
            };
            if let Some(other) = slot {
                let problem = format!("is for the same specimen as {}; keep one of them", other.display());
                return Err(error(&path, None, problem));
            }
            *slot = Some(path);
        }
    }
    // Files of other endings alone are no specimen: a protocol, say. Photographs should be told.
    let alone = specimens.values().filter(|files| files.image.is_none() && files.curve.is_none());
    let unread = alone.flat_map(|files| &files.unread).filter(|path| may_be(path, true)).cloned().collect();
    specimens.retain(|_, files| files.image.is_some() || files.curve.is_some());
    if specimens.is_empty() {
        let problem =
            format!("no photographs ({}) and no curves (csv) here; is it the right folder?", IMAGES.join(", "));
        return Err(error(folder, None, problem));
    }
    Ok((specimens, unread))
}

/// Refuses specimens that lack one of the two, or notes them where that is allowed.
pub(super) fn unmatched(specimens: &BTreeMap<String, Files>, allowed: bool) -> Result<Vec<LatticeNote>> {
    let (mut no_photograph, mut no_curve, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    for (name, files) in specimens {
        let (path, is_image) = match files {
            Files { image: Some(path), curve: None, .. } => (path, false),
            Files { image: None, curve: Some(path), .. } => (path, true),
            _ => continue,
        };
        let other = files.unread.iter().find(|path| may_be(path, is_image));
        if !allowed {
            let (what, ending) = if is_image { ("photograph", "png") } else { ("curve", "csv") };
            let lacks = format!("specimen '{name}' has no {what}, {name}.{ending}; add it");
            let problem = match other.and_then(|path| path.file_name()) {
                Some(other) => {
                    let read = if is_image { "PNG, JPEG and TIFF are" } else { "csv is" };
                    format!(
                        "specimen '{name}' has no {what}: {} is there, but only {read} read; convert it",
                        other.display()
                    )
                }
                None => format!("{lacks}, or set allow_missing = true in [data.lattice_folder]"),
            };
            return Err(error(path, None, problem));
        }
        unread.extend(other.cloned());
        if is_image { &mut no_photograph } else { &mut no_curve }.push(name.clone());
    }
    let missing = [("photograph", no_photograph), ("curve", no_curve)];
    let mut notes: Vec<LatticeNote> = missing
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| LatticeNote::Missing { what, names })
        .collect();
    let count = unread.len();
    notes.extend(unread.into_iter().next().map(|first| LatticeNote::Unread { count, first }));
    Ok(notes)
}

fn may_be(path: &Path, image: bool) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    image == OTHER_IMAGES.split(' ').any(|other| other == ending)
}
