//! Arrays of a file: which hold samples, which say something of them.

use std::path::{Path, PathBuf};

use super::{
    CURVE, Candidate, ID_NAMES, LABEL_NAMES, LabelCandidate, Seen, are_classes, distinct, is_one_of, n_classes, plain,
};
use crate::error::Result;
use crate::npz::is_reserved;
use crate::npz_archive::{Archive, open_npy};
use crate::sources::hdf5::{Hdf5, last_part};
use crate::sources::{Hdf5Dataset, ModalityKind, NamesFile, NpyFile, NpzArray, Source, SourceReader};

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

/// A file of several arrays.
trait Arrays {
    /// The name, the shape and whether it holds numbers, of every array that a user put there.
    fn all(&mut self) -> Result<Vec<(String, Vec<usize>, bool)>>;
    /// A list of names or numbers, as text.
    fn texts(&mut self, name: &str) -> Result<Vec<String>>;
    /// Whether an array says where along a curve it was measured.
    fn has_axis(&mut self, name: &str) -> bool;
    /// The array as a source.
    fn source(&self, name: &str, id: Option<&str>, channels_last: bool) -> Source;
    /// The array as labels.
    fn labels(&self, name: &str, id: Option<&str>) -> NamesFile;
    /// What such an array is called.
    const WORD: &'static str;
}

impl Arrays for Archive {
    const WORD: &'static str = "array";

    fn all(&mut self) -> Result<Vec<(String, Vec<usize>, bool)>> {
        let names = self.names().into_iter().filter(|name| !is_reserved(name) || name == "label");
        let about = |name: String| {
            let mut array = self.stream(&name)?;
            Ok((name, array.shape().to_vec(), array.numbers(0).is_ok()))
        };
        names.map(about).collect()
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        self.stream(name)?.texts()
    }

    fn has_axis(&mut self, name: &str) -> bool {
        self.rank(&format!("axis_{name}")).is_some()
    }

    fn source(&self, name: &str, id: Option<&str>, channels_last: bool) -> Source {
        let (path, array) = (self.path().to_owned(), Some(name.to_owned()));
        Source::Npz(NpzArray { path, array, id: id.map(str::to_owned), channels_last })
    }

    fn labels(&self, name: &str, id: Option<&str>) -> NamesFile {
        let (path, array) = (self.path().to_owned(), Some(name.to_owned()));
        NamesFile { path, array, id: id.map(str::to_owned), ..NamesFile::default() }
    }
}

impl Arrays for Hdf5 {
    const WORD: &'static str = "data set";

    fn all(&mut self) -> Result<Vec<(String, Vec<usize>, bool)>> {
        let mut all = Vec::new();
        for name in self.names()? {
            let values = self.values(&name)?;
            all.push((name, values.shape().to_vec(), values.is_number()));
        }
        Ok(all)
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        self.values(name)?.texts()
    }

    fn has_axis(&mut self, _: &str) -> bool {
        false
    }

    fn source(&self, name: &str, id: Option<&str>, channels_last: bool) -> Source {
        let (path, dataset) = (self.path().to_owned(), Some(name.to_owned()));
        Source::Hdf5(Hdf5Dataset { path, dataset, id: id.map(str::to_owned), channels_last })
    }

    fn labels(&self, name: &str, id: Option<&str>) -> NamesFile {
        let (path, dataset) = (self.path().to_owned(), Some(name.to_owned()));
        NamesFile { path, dataset, id: id.map(str::to_owned), ..NamesFile::default() }
    }
}

pub(super) fn look_at_npz(path: &Path, seen: &mut Seen) -> Result<()> {
    look_at(path, &mut Archive::open(path)?, seen)
}

pub(super) fn look_at_hdf5(path: &Path, seen: &mut Seen) -> Result<()> {
    look_at(path, &mut Hdf5::open(path)?, seen)
}

fn look_at<A: Arrays>(path: &Path, archive: &mut A, seen: &mut Seen) -> Result<()> {
    let word = A::WORD;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let shapes = archive.all()?;
    // As many samples as most arrays have rows.
    let rows = |shape: &[usize]| shape.first().copied().unwrap_or(0);
    let alike = |n: usize| shapes.iter().filter(|(_, shape, _)| rows(shape) == n).count();
    let n_samples = shapes.iter().map(|(_, shape, _)| rows(shape)).max_by_key(|&n| (alike(n), n)).unwrap_or(0);
    let is_list = |shape: &[usize]| shape == [n_samples];
    let texts = |archive: &mut A, name: &str| archive.texts(name).ok();
    // What goes by such a name comes before any other text.
    let is_id = |name: &str| is_one_of(&ID_NAMES, last_part(name));
    let lists = || shapes.iter().filter(|(_, shape, _)| is_list(shape));
    let named = lists().filter(|(name, ..)| is_id(name));
    let mut candidates = named.chain(lists().filter(|(name, _, is_number)| !is_id(name) && !is_number));
    let found = candidates.find_map(|(name, ..)| {
        let ids = texts(archive, name)?;
        (distinct(&ids) == ids.len()).then(|| (name.clone(), ids))
    });
    let (id, ids) = found.unzip();
    for (name, shape, is_number) in &shapes {
        if Some(name) == id.as_ref() {
            continue;
        }
        let texts = if is_list(shape) { texts(archive, name) } else { None };
        let n_classes = texts.as_deref().map_or(0, n_classes);
        let is_label = is_one_of(&LABEL_NAMES, last_part(name)) || !is_number;
        if is_label && are_classes(n_classes, n_samples) {
            let labels = archive.labels(name, id.as_deref());
            seen.labels.push(LabelCandidate { file: labels, ids: ids.clone(), n_samples, n_classes });
            continue;
        }
        if rows(shape) != n_samples || !is_number {
            let is_axis =
                shape.len() == 1 && shapes.iter().any(|(_, other, _)| other.len() > 1 && other.last() == shape.last());
            if !is_axis {
                let why = match is_number {
                    true => format!("its shape is {shape:?}, and most have {n_samples} rows"),
                    false => "holds no numbers, and neither ids nor classes".to_owned(),
                };
                seen.left_out.push(format!("{file}, {word} {name}: {why}"));
            }
            continue;
        }
        let own_axis = archive.has_axis(name);
        let axis_array = shapes.iter().find(|(_, other, number)| {
            *number && shape.len() > 1 && other.len() == 1 && other.last() == shape.last() && !is_list(other)
        });
        let axis_array = axis_array.map(|(name, ..)| name.clone()).filter(|_| !own_axis);
        let Some(Guess { kind, channels_last, remark }) = guess(shape, own_axis || axis_array.is_some()) else {
            seen.left_out.push(format!("{file}, {word} {name}: a shape of {shape:?} is no modality"));
            continue;
        };
        let source = archive.source(name, id.as_deref(), channels_last);
        let reader = SourceReader::open(&source, name, Some(kind))?;
        seen.candidates.push(Candidate {
            name: plain(last_part(name)),
            kind,
            shape: reader.shape(),
            units: reader.units().to_owned(),
            n_samples,
            ids: ids.clone(),
            axis_array: axis_array.filter(|_| kind == ModalityKind::Curve),
            has_axis: own_axis,
            remark,
            source,
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
        let n_classes = if shape.len() == 1 { n_classes(&open_npy(path)?.texts()?) } else { 0 };
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
        let units = String::new();
        seen.candidates.push(Candidate {
            name,
            source,
            kind,
            shape,
            units,
            n_samples,
            ids,
            axis_array,
            has_axis,
            remark,
        });
    }
    Ok(())
}
