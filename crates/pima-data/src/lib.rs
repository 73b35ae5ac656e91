#![doc = include_str!("../README.md")]

/// Images changed at random before they are encoded.
mod augment;
/// Rows gathered into reusable buffers, normalised on the way.
mod batch;
/// The same samples seen by several modalities.
mod dataset;
/// Handwriting made up by a program.
mod digits;
/// What can go wrong, one line each.
mod error;
/// Modalities taken away from samples.
mod hide;
/// The file format of MNIST.
mod idx;
/// What a folder of files holds.
mod inventory;
/// Known classes, to judge by and not to train on.
mod labels;
/// Metal lattices: photographs and stress-strain curves, from files or made up.
mod lattice;
/// Curves made from labels: the papers' noisy lines.
mod manufactured;
/// MNIST and where to look for it.
mod mnist;
/// One modality's values, axis, units and gaps.
mod modality;
/// A shift and a scale per coordinate, fitted on training rows.
mod normalise;
/// Datasets as NumPy archives.
mod npz;
/// The arrays of a NumPy archive as streams.
mod npz_archive;
/// NumPy archives some rows at a time.
mod npz_rows;
/// Curves made from labels: the cubic oscillator.
mod oscillator;
/// Images from files.
mod pixels;
/// Seeded generators and shuffles.
mod rng;
/// Tables of numbers, in memory or on disk.
mod rows;
/// Lattice dynamics of silicon.
#[cfg(feature = "silicon")]
pub mod silicon;
/// Tables and folders of images, matched by ids.
mod sources;
/// A folder of made-up specimens.
mod specimens;
/// Spectra and stresses from a user's files.
mod spectra;
/// Training, validation and test rows.
mod split;
/// What generated samples were made with.
mod truth;

pub use augment::Augmentation;
pub use batch::{Batch, Batches};
pub use dataset::Dataset;
pub use digits::{DigitStyle, DigitsOptions, procedural_digits};
pub use error::{Error, IdxProblem, Place, Result};
pub use idx::{IdxImages, read_idx_images, read_idx_labels};
pub use inventory::{Candidate, Inventory, LabelCandidate, LatticeFiles, take_inventory};
pub use labels::Labels;
pub use lattice::{
    CompressionTest, GeneratedLattices, LatticeFolder, LatticeKind, LatticeNote, LatticeOptions, LatticeSpecimen,
    LoadedLattices, ScalingLaw, StressUnit, generate_lattices, load_lattices, load_lattices_onto, write_lattices,
};
pub use manufactured::{LineOptions, SlopeLaw, manufacture_lines};
pub use mnist::{MNIST_FILES, find_mnist, load_mnist};
pub use modality::{MeasurementAxis, ModalityData, ModalityDescription};
pub use normalise::{Normalisation, NormalisationMethod};
pub use npz::{read_npz, write_npz};
pub use npz_rows::{NpzRows, SkippedRow};
pub use oscillator::{
    Measured, OscillatorOptions, OscillatorTrajectories, ParameterLaw, manufacture_oscillators, oscillator_trajectories,
};
pub use rng::shuffle;
pub use sources::{
    AxisOptions, Block, Hdf5Dataset, ImageFolder, ModalityKind, Names, NamesFile, NpyFile, NpzArray, Samples, Source,
    SourceReader, TableColumns, TableFolder, match_sources, nearest_name, read_columns, read_images, read_names,
    read_table_folder,
};
pub use specimens::{SpecimensOptions, write_specimens};
pub use spectra::{SpectraFiles, load_spectra};
pub use split::{Split, SplitFractions};
pub use truth::Truth;
