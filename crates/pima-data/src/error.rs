//! What can go wrong with data: one line each, with the file or the modality, the place in it and what to do.

use std::path::PathBuf;

/// The result of anything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong with a file of data or with the data in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A gzip file whose contents do not match its checksum, or that is not a whole gzip stream.
    #[error("{path}: damaged gzip file ({reason}); fetch it again", path = path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        reason: String,
    },
    /// An IDX file that does not hold what it should.
    #[error("{path}: {problem}", path = path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: IdxProblem,
    },
    /// Images and labels that do not belong together.
    #[error("{images} holds {n_images} images but {labels} holds {n_labels} labels", images = images.display(), labels = labels.display())]
    ImageLabelCount {
        /// The file of images.
        images: PathBuf,
        /// How many images it holds.
        n_images: usize,
        /// The file of labels.
        labels: PathBuf,
        /// How many labels it holds.
        n_labels: usize,
    },
    /// Training and test images of different sizes.
    #[error("{path}: images are {got_height}x{got_width}, but the training images are {height}x{width}", path = path.display())]
    ImageSize {
        /// The file of the test images.
        path: PathBuf,
        /// Height of the training images, pixels.
        height: usize,
        /// Width of the training images, pixels.
        width: usize,
        /// Height found, pixels.
        got_height: usize,
        /// Width found, pixels.
        got_width: usize,
    },
    /// The four MNIST files are not where they were looked for.
    #[error(
        "MNIST is not in {tried}: looked for {names}, each plain or with .gz; get them with `cargo xtask setup`, or name their folder with --datasets or PIMA_DATASETS"
    )]
    MnistNotFound {
        /// The folders that were tried, separated by commas.
        tried: String,
        /// The files that are missing.
        names: String,
    },
    /// A dataset without rows or without modalities.
    #[error("dataset '{dataset}' has no {what}")]
    Empty {
        /// The dataset.
        dataset: String,
        /// What it has none of.
        what: &'static str,
    },
    /// Two modalities of one name.
    #[error("dataset '{dataset}' has two modalities named '{modality}'; give each its own name")]
    DuplicateModality {
        /// The dataset.
        dataset: String,
        /// The name given twice.
        modality: String,
    },
    /// A modality that is asked for and is not there.
    #[error("no modality '{modality}'; the dataset has {known}")]
    UnknownModality {
        /// The name asked for.
        modality: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// Something that should have one entry per row, coordinate or label has another number of them.
    #[error("{what}: expected {expected} entries, got {got}")]
    Length {
        /// What has the wrong length.
        what: String,
        /// How many entries it should have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// NaN or infinity in a row that is said to be present.
    #[error(
        "modality '{modality}', row {row}, column {column}: {value} is not finite; if the sample was not measured, mark it as missing"
    )]
    NotFinite {
        /// The modality.
        modality: String,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// What stands there.
        value: f32,
    },
    /// A row with no modality present at all.
    #[error("row {row} has no modality present; leave it out")]
    NothingPresent {
        /// The row, from 0.
        row: usize,
    },
    /// A label out of range.
    #[error("row {row}: label {label} is not below the {n_labels} labels there are")]
    Label {
        /// The row, from 0.
        row: usize,
        /// The label found.
        label: usize,
        /// How many labels there are.
        n_labels: usize,
    },
    /// A label that is needed and not known.
    #[error("row {row}: its label is not known, and what is made from labels needs one of each row; leave the row out")]
    NoLabel {
        /// The row, from 0.
        row: usize,
    },
    /// A row index beyond the dataset.
    #[error("row {row} asked for, but there are only {n_samples} rows")]
    Row {
        /// The row asked for, from 0.
        row: usize,
        /// How many rows there are.
        n_samples: usize,
    },
    /// Fractions that do not make a split.
    #[error("split {train}/{validation}/{test} (train/validation/test) of {n_samples} rows: {problem}")]
    Split {
        /// Fraction of training rows.
        train: f64,
        /// Fraction of validation rows.
        validation: f64,
        /// Fraction of test rows.
        test: f64,
        /// How many rows were to be split.
        n_samples: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// No row to fit a normalisation on.
    #[error("modality '{modality}' is present in none of the {n_rows} training rows, so it cannot be normalised")]
    NothingToFit {
        /// The modality.
        modality: String,
        /// How many rows were looked at.
        n_rows: usize,
    },
    /// A parameter out of its range.
    #[error("{name} = {value}: {requirement}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        requirement: &'static str,
    },
    /// A trajectory that leaves the range of numbers, or that cannot be followed for another reason.
    #[error(
        "the trajectory of label {label} cannot be followed beyond t = {time}: {reason}; shorten it or change its parameters"
    )]
    Trajectory {
        /// The label whose parameters it has.
        label: usize,
        /// How far it was followed, in units of time.
        time: f64,
        /// What ended it.
        reason: String,
    },
    /// A file of a folder of lattices that cannot be used.
    #[error("{place}: {problem}", place = place(path, *line))]
    Lattice {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where there is one.
        line: Option<u64>,
        /// What is wrong with it.
        problem: String,
    },
    /// An npz file that does not hold a dataset.
    #[error("{path}: {problem}", path = path.display())]
    Npz {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// What cannot be a structure of atoms.
    #[error("not a structure of atoms: {problem}")]
    Structure {
        /// What is wrong.
        problem: String,
    },
    /// Atoms that do not come to rest.
    #[error("atoms not at rest after {n_steps} steps: a force of {force:.1e} eV/A is left, the limit is {limit:.1e}")]
    Relaxation {
        /// Steps taken.
        n_steps: u64,
        /// The largest component of a force that is left, eV/Angstrom.
        force: f64,
        /// The limit on the norm of all forces, eV/Angstrom.
        limit: f64,
    },
    /// LAPACK found no eigenvalues.
    #[error("no eigenvalues of a {size}x{size} dynamical matrix ({reason})")]
    Eigenvalues {
        /// Rows of the matrix.
        size: usize,
        /// What LAPACK said.
        reason: String,
    },
    /// A recipe for a generated data set that cannot be followed.
    #[error("recipe: {problem}")]
    Recipe {
        /// What is wrong, and where.
        problem: String,
    },
    /// No structure that will do, however often it was drawn.
    #[error("structure {index} of class '{class}': none of {attempts} draws will do, at last because: {reason}")]
    Drawing {
        /// The structure, from 0.
        index: usize,
        /// Its process class.
        class: String,
        /// How often it was drawn.
        attempts: usize,
        /// What was wrong with the last.
        reason: String,
    },
    /// A file of partial results that cannot be taken up.
    #[error("{path}: {problem}; remove it to begin anew", path = path.display())]
    PartialResults {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Stopped because the caller wished so.
    #[error("stopped after {done} of {total}")]
    Stopped {
        /// How many are done.
        done: usize,
        /// How many were asked for.
        total: usize,
    },
    /// A table of numbers, or a place in it, that cannot be used.
    #[error("{path}{place}: {problem}", path = path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong.
        problem: String,
    },
}

/// A place in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// No place in particular.
    File,
    /// A line of a text file, from 1, as editors count.
    Line(u64),
    /// A row of an array, from 0, as NumPy counts.
    Row(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Row(row) => write!(f, ", row {row}"),
        }
    }
}

fn place(path: &std::path::Path, line: Option<u64>) -> String {
    line.map_or_else(|| path.display().to_string(), |line| format!("{}, line {line}", path.display()))
}

/// What can be wrong in an IDX file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdxProblem {
    /// The first four bytes are not those of the kind of file expected.
    #[error("not an IDX file of {expected_kind}: starts with {got:#010x}, expected {expected:#010x}")]
    Magic {
        /// "images" or "labels".
        expected_kind: &'static str,
        /// The number an intact file starts with.
        expected: u32,
        /// The number found.
        got: u32,
    },
    /// The file ends before its header says.
    #[error("truncated: {got} bytes where the header promises {expected}")]
    Truncated {
        /// Bytes promised, header included.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// The file goes on after its header says it ends.
    #[error("trailing bytes after the {expected} that the header promises")]
    Trailing {
        /// Bytes promised, header included.
        expected: u64,
    },
    /// A dimension of zero, or dimensions whose product is beyond any such file.
    #[error("impossible dimensions {dimensions:?} in the header")]
    Dimensions {
        /// The dimensions as the header has them.
        dimensions: Vec<u32>,
    },
    /// A label that is none of the ten digits.
    #[error("label {label} at row {row} (byte {offset}) is not one of 0 to 9")]
    Label {
        /// The row, from 0.
        row: usize,
        /// The label found.
        label: u8,
        /// Where it stands in the uncompressed file.
        offset: usize,
    },
}
