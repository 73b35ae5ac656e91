//! MNIST from the four files its makers published, and where to look for them.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use pima_core::ModalityShape;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::idx::{read_idx_images, read_idx_labels};
use crate::labels::Labels;
use crate::modality::ModalityData;

/// The four files, as their makers named them: training images and labels, test images and labels.
pub const MNIST_FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Reads the four files from a folder, each plain or with `.gz`: the training rows first and then the test rows, which
/// are marked as held out. Pixels are divided by 255, so they lie in [0, 1].
///
/// MNIST itself gives 60,000 and 10,000 images of 28x28 in one modality, `image`; any other set in the same files
/// reads as well.
///
/// # Errors
/// [`Error::MnistNotFound`] lists the files that are missing and how to get them; [`Error::Io`], [`Error::Gzip`],
/// [`Error::Idx`], [`Error::ImageLabelCount`] and [`Error::ImageSize`] name the file.
pub fn load_mnist(folder: &Path) -> Result<Dataset> {
    let [train_images, train_labels, test_images, test_labels] = locate(folder)?;
    let train = read_pair(&train_images, &train_labels)?;
    let test = read_pair(&test_images, &test_labels)?;
    let (height, width) = (train.0.height, train.0.width);
    if (test.0.height, test.0.width) != (height, width) {
        return Err(Error::ImageSize {
            path: test_images,
            height,
            width,
            got_height: test.0.height,
            got_width: test.0.width,
        });
    }
    let (n_train, n_test) = (train.1.len(), test.1.len());
    let mut values = Vec::with_capacity((n_train + n_test) * height * width);
    for pixels in [train.0.pixels, test.0.pixels] {
        values.extend(pixels.into_iter().map(|pixel| f32::from(pixel) / 255.0));
    }
    let shape = ModalityShape::Image { channels: 1, height, width };
    let values =
        Array2::from_shape_vec((n_train + n_test, shape.size()), values).expect("both files hold whole images");
    let labels = Labels::new([train.1, test.1].concat(), 10)?;
    let held_out = (0..n_train + n_test).map(|row| row >= n_train).collect();
    let image = ModalityData::new("image", shape, values)?;
    Dataset::new("MNIST", vec![image], Some(labels))?.with_held_out(held_out)
}

/// Where the files may lie below a folder that is named; the last is torchvision's place.
const BELOW: [&str; 2] = ["mnist", "MNIST/raw"];

/// Finds the folder that holds the four files. A folder asked for (by `--datasets` or `PIMA_DATASETS`, read by the
/// caller) is the only one tried, itself and its subfolders `mnist` and `MNIST/raw`; without one, `default` is.
///
/// # Errors
/// [`Error::MnistNotFound`] with the folders tried and the files missing from the first.
pub fn find_mnist(explicit: Option<&Path>, default: &Path) -> Result<PathBuf> {
    let folder = explicit.unwrap_or(default);
    if let Some(inner) = BELOW.map(|below| folder.join(below)).into_iter().find(|inner| locate(inner).is_ok()) {
        return Ok(inner);
    }
    match locate(folder) {
        Ok(_) => Ok(folder.to_owned()),
        Err(Error::MnistNotFound { tried, names }) => {
            let below = BELOW.map(|below| folder.join(below).display().to_string()).join(", ");
            Err(Error::MnistNotFound { tried: format!("{tried} nor in {below}"), names })
        }
        Err(other) => Err(other),
    }
}

/// The paths of the four files, plain before gzipped.
fn locate(folder: &Path) -> Result<[PathBuf; 4]> {
    let found = MNIST_FILES
        .map(|name| [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file()));
    let missing: Vec<&str> =
        MNIST_FILES.into_iter().zip(&found).filter_map(|(name, path)| path.is_none().then_some(name)).collect();
    if let [Some(a), Some(b), Some(c), Some(d)] = found {
        return Ok([a, b, c, d]);
    }
    Err(Error::MnistNotFound { tried: folder.display().to_string(), names: missing.join(", ") })
}

fn read_pair(images: &Path, labels: &Path) -> Result<(crate::IdxImages, Vec<usize>)> {
    let (read_images, read_labels) = (read_idx_images(images)?, read_idx_labels(labels)?);
    if read_images.n_images() != read_labels.len() {
        return Err(Error::ImageLabelCount {
            images: images.to_owned(),
            n_images: read_images.n_images(),
            labels: labels.to_owned(),
            n_labels: read_labels.len(),
        });
    }
    Ok((read_images, read_labels))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes IDX files of `n` images of 2x2 (every pixel of image `i` is `i`) and labels `i % 10`.
    fn write(folder: &Path, which: usize, n: u8, height: u8) {
        let mut images = vec![0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, height, 0, 0, 0, 2];
        images.extend((0..n).flat_map(|i| vec![i; 2 * usize::from(height)]));
        let mut labels = vec![0, 0, 8, 1, 0, 0, 0, n];
        labels.extend((0..n).map(|i| i % 10));
        fs::write(folder.join(MNIST_FILES[which]), images).unwrap();
        fs::write(folder.join(MNIST_FILES[which + 1]), labels).unwrap();
    }

    #[test]
    fn training_rows_come_first_and_test_rows_are_held_out() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 0, 12, 2);
        write(folder.path(), 2, 3, 2);
        let data = load_mnist(folder.path()).unwrap();
        assert_eq!((data.name(), data.n_samples()), ("MNIST", 15));
        assert_eq!(data.held_out().unwrap().iter().filter(|&&held| held).count(), 3);
        let image = data.modality("image").unwrap();
        assert_eq!(image.values().unwrap()[[11, 0]], 11.0 / 255.0);
        assert_eq!(image.values().unwrap()[[13, 3]], 1.0 / 255.0);
        assert_eq!(data.labels().unwrap().values()[10..], [0, 1, 0, 1, 2]);
    }

    #[test]
    fn files_that_do_not_belong_together_are_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 0, 12, 2);
        write(folder.path(), 2, 3, 3);
        let error = load_mnist(folder.path()).unwrap_err().to_string();
        assert!(error.contains("t10k-images-idx3-ubyte: images are 3x2"), "{error}");
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 1, 1];
        fs::write(folder.path().join(MNIST_FILES[1]), labels).unwrap();
        let error = load_mnist(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holds 12 images but") && error.contains("2 labels"), "{error}");
    }

    #[test]
    fn an_empty_folder_says_what_was_looked_for_and_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = find_mnist(Some(folder.path()), Path::new("datasets/mnist")).unwrap_err().to_string();
        for part in MNIST_FILES.into_iter().chain(["cargo xtask setup", "PIMA_DATASETS", "--datasets"]) {
            assert!(error.contains(part), "{error}");
        }
        assert!(error.contains(&*folder.path().join("mnist").to_string_lossy()), "{error}");
        write(folder.path(), 0, 1, 2);
        let error = load_mnist(folder.path()).unwrap_err().to_string();
        assert!(error.contains("t10k-labels") && !error.contains("train-labels"), "{error}");
    }

    #[test]
    fn the_files_are_found_in_the_folder_its_subfolder_or_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("mnist");
        fs::create_dir(&inner).unwrap();
        write(&inner, 0, 1, 2);
        write(&inner, 2, 1, 2);
        let nowhere = Path::new("no/such/folder");
        assert_eq!(find_mnist(Some(folder.path()), nowhere).unwrap(), inner);
        assert_eq!(find_mnist(Some(&inner), nowhere).unwrap(), inner);
        assert_eq!(find_mnist(None, &inner).unwrap(), inner);
        let raw = folder.path().join("torchvision/MNIST/raw");
        fs::create_dir_all(&raw).unwrap();
        write(&raw, 0, 1, 2);
        write(&raw, 2, 1, 2);
        assert_eq!(find_mnist(Some(&folder.path().join("torchvision")), nowhere).unwrap(), raw);
        // What the user asked for is not replaced by something else.
        assert!(find_mnist(Some(nowhere), &inner).is_err());
    }
}
