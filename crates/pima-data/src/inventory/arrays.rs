//! Arrays that NumPy saved: which hold samples, which say something of them.

use std::path::{Path, PathBuf};

use super::{CURVE, Candidate, ID_NAMES, LABEL_NAMES, LabelCandidate, Seen, are_classes, distinct, is_one_of, plain};
use crate::error::Result;
use crate::npz::is_reserved;
use crate::npz_archive::{Archive, open_npy};
use crate::sources::{ModalityKind, NamesFile, NpyFile, NpzArray, Source, SourceReader};

/// What a sample of an array of this shape is most likely to be.
struct Guess {
    kind: ModalityKind,
    channels_last: bool,
    remark: String,
}

fn guess(shape: &[usize], has_axis: bool) -> Option<Guess> {
    let (kind, channels_last, remark) = match *shape {
        [_, c, _, w] => (ModalityKind::Image, c > 4 && w <= 4, String::new()),
        [_, 1, _] => (ModalityKind::Curve, false, String::new()),
        [_, a, b] if a >= 8 && b >= 8 && a.max(b) <= 4 * a.min(b) => (
            ModalityKind::Image,
            false,
            format!("taken for images of {a} by {b} pixels; \"curve\" if it is {a} curves of {b} points"),
        ),
        [_, a, b] => (ModalityKind::Curve, a > b, format!("taken for curves of {} points", a.max(b))),
        [_, n] if has_axis || n >= CURVE => {
            let remark = if has_axis {
                String::new()
            } else {
                format!("taken for a curve, having {n} values; \"vector\" if they have no order")
            };
            (ModalityKind::Curve, false, remark)
        }
        [_, _] | [_] => (ModalityKind::Vector, false, String::new()),
        _ => return None,
    };
    Some(Guess { kind, channels_last, remark })
}

pub(super) fn look_at_npz(path: &Path, seen: &mut Seen) -> Result<()> {
    let mut archive = Archive::open(path)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut shapes: Vec<(String, Vec<usize>, bool)> = Vec::new();
    for name in archive.names().into_iter().filter(|name| !is_reserved(name) || name == "label") {
        let mut array = archive.stream(&name)?;
        shapes.push((name, array.shape().to_vec(), array.numbers(0).is_ok()));
    }
    // As many samples as most arrays have rows.
    let rows = |shape: &[usize]| shape.first().copied().unwrap_or(0);
    let alike = |n: usize| shapes.iter().filter(|(_, shape, _)| rows(shape) == n).count();
    let n_samples = shapes.iter().map(|(_, shape, _)| rows(shape)).max_by_key(|&n| (alike(n), n)).unwrap_or(0);
    let is_list = |shape: &[usize]| shape == [n_samples];
    let id =
        shapes.iter().find(|(name, shape, is_number)| is_list(shape) && (is_one_of(&ID_NAMES, name) || !is_number));
    let id = id.map(|(name, ..)| name.clone());
    let ids = id.as_ref().map(|id| archive.stream(id)?.texts()).transpose()?.filter(|ids| distinct(ids) == ids.len());
    let id = id.filter(|_| ids.is_some());
    let has_axis = |archive: &mut Archive, name: &str| archive.rank(&format!("axis_{name}")).is_some();
    for (name, shape, is_number) in &shapes {
        if Some(name) == id.as_ref() {
            continue;
        }
        let n_classes = if is_list(shape) { distinct(&archive.stream(name)?.texts()?) } else { 0 };
        if is_list(shape) && (is_one_of(&LABEL_NAMES, name) || !is_number) && are_classes(n_classes, n_samples) {
            let labels =
                NamesFile { path: path.to_owned(), array: Some(name.clone()), id: id.clone(), ..NamesFile::default() };
            seen.labels.push(LabelCandidate { file: labels, ids: ids.clone(), n_samples, n_classes });
            continue;
        }
        if rows(shape) != n_samples || !is_number {
            let is_axis =
                shape.len() == 1 && shapes.iter().any(|(_, other, _)| other.len() > 1 && other.last() == shape.last());
            if !is_axis {
                seen.left_out.push(format!(
                    "{file}, array {name}: its shape is {shape:?}, and most arrays have {n_samples} rows"
                ));
            }
            continue;
        }
        let own_axis = has_axis(&mut archive, name);
        let axis_array = shapes.iter().find(|(_, other, number)| {
            *number && shape.len() > 1 && other.len() == 1 && other.last() == shape.last() && !is_list(other)
        });
        let axis_array = axis_array.map(|(name, ..)| name.clone()).filter(|_| !own_axis);
        let Some(Guess { kind, channels_last, remark }) = guess(shape, own_axis || axis_array.is_some()) else {
            seen.left_out.push(format!("{file}, array {name}: a shape of {shape:?} is no modality"));
            continue;
        };
        let source = NpzArray { path: path.to_owned(), array: Some(name.clone()), id: id.clone(), channels_last };
        let reader = SourceReader::open(&Source::Npz(source.clone()), name, Some(kind))?;
        seen.candidates.push(Candidate {
            name: plain(name),
            kind,
            shape: reader.shape(),
            n_samples,
            ids: ids.clone(),
            axis_array: axis_array.filter(|_| kind == ModalityKind::Curve),
            has_axis: own_axis,
            remark,
            source: Source::Npz(source),
        });
    }
    Ok(())
}

/// The `.npy` files of a folder: those that say ids or classes, then the others.
pub(super) fn look_at_npy(paths: &[PathBuf], seen: &mut Seen) -> Result<()> {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut ids: Option<(&PathBuf, Vec<String>)> = None;
    let mut others = Vec::new();
    for path in paths {
        let array = open_npy(path)?;
        if array.shape().len() == 1 && is_one_of(&ID_NAMES, &stem(path)) && ids.is_none() {
            ids = Some((path, array.texts()?));
        } else {
            others.push(path);
        }
    }
    for path in others {
        let mut array = open_npy(path)?;
        let shape = array.shape().to_vec();
        let n_samples = shape.first().copied().unwrap_or(0);
        let own_ids = ids.as_ref().filter(|(_, ids)| ids.len() == n_samples);
        let (ids_path, ids) = (own_ids.map(|(path, _)| (*path).clone()), own_ids.map(|(_, ids)| ids.clone()));
        let is_number = array.numbers(0).is_ok();
        let n_classes = if shape.len() == 1 { distinct(&open_npy(path)?.texts()?) } else { 0 };
        if shape.len() == 1 && (is_one_of(&LABEL_NAMES, &stem(path)) || !is_number) && are_classes(n_classes, n_samples)
        {
            let file = NamesFile { path: path.clone(), ids: ids_path, ..NamesFile::default() };
            seen.labels.push(LabelCandidate { file, ids, n_samples, n_classes });
            continue;
        }
        let Some(Guess { kind, channels_last, remark }) = guess(&shape, false).filter(|_| is_number) else {
            seen.left_out.push(format!("{}.npy: a shape of {shape:?} is no modality", stem(path)));
            continue;
        };
        let source = Source::Npy(NpyFile { path: path.clone(), ids: ids_path, channels_last });
        let reader = SourceReader::open(&source, "", Some(kind))?;
        let (shape, name) = (reader.shape(), plain(&stem(path)));
        let (axis_array, has_axis) = (None, false);
        seen.candidates.push(Candidate { name, source, kind, shape, n_samples, ids, axis_array, has_axis, remark });
    }
    Ok(())
}
