//! What a user should know of the files and of what was done to them: one line a kind, however many files.

use std::fmt;
use std::path::{Path, PathBuf};

use super::StressUnit;
use super::units::short;

/// How many names a line has.
const NAMES: usize = 5;

/// Something about the files of a folder that a user should know of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LatticeNote {
    /// What the curves reach, always said: a wrong unit shows in it.
    Reach {
        /// The greatest strain of all curves.
        strain: f64,
        /// Their greatest stress, MPa.
        stress: f64,
        /// The least and the greatest slope at the beginning of a curve, MPa.
        slopes: (f64, f64),
        /// Whether the files give strain in per cent.
        percent: bool,
        /// The files' unit of stress.
        unit: StressUnit,
    },
    /// The curves are as soft as rubber or go as far: foams do, and so do wrong units.
    Soft {
        /// The median slope at the beginning, MPa.
        slope: f64,
        /// The greatest stress, MPa.
        stress: f64,
        /// The greatest strain.
        strain: f64,
    },
    /// All curves end where this one does.
    Shortest {
        /// The file.
        path: PathBuf,
        /// Its last strain.
        strain: f64,
        /// The median of the curves' last strains.
        median: f64,
    },
    /// Curves do not begin at zero stress.
    Preload {
        /// How many.
        count: usize,
        /// The first of the files.
        first: PathBuf,
        /// Its stress at strain 0, MPa.
        stress: f64,
    },
    /// Curves bear next to nothing at first.
    Slack {
        /// How many.
        count: usize,
        /// The first of the files.
        first: PathBuf,
        /// The strain at which its load begins.
        strain: f64,
    },
    /// Photographs in colour were converted to grey.
    Grey {
        /// How many.
        count: usize,
        /// The first of the files.
        first: PathBuf,
    },
    /// Photographs were not square; their middle was kept.
    Cropped {
        /// How many.
        count: usize,
        /// The first of the files.
        first: PathBuf,
        /// Its width and height, pixels.
        size: (u32, u32),
    },
    /// Photographs were enlarged.
    Enlarged {
        /// How many.
        count: usize,
        /// The first of the files.
        first: PathBuf,
        /// Its width and height, pixels.
        size: (u32, u32),
        /// Pixels a side that all were brought to.
        side: usize,
    },
    /// Specimens lack one of the two.
    Missing {
        /// "photograph" or "curve".
        what: &'static str,
        /// The specimens.
        names: Vec<String>,
    },
    /// Files that cannot be read, of specimens that lack one of the two and of no other.
    Unread {
        /// How many.
        count: usize,
        /// The first of the files.
        first: PathBuf,
    },
    /// Specimens whose class is not in `labels.csv`.
    Unlabelled {
        /// The specimens.
        names: Vec<String>,
    },
}

impl fmt::Display for LatticeNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reach { strain, stress, slopes: (least, most), percent, unit } => {
                let strains = if *percent { "per cent" } else { "fractions" };
                let (least, most) = (short(*least), short(*most));
                let slopes = if least == most { least } else { format!("{least} to {most}") };
                write!(
                    f,
                    "strain to {} and stress to {} MPa (read as {strains} and {}); initial slopes {slopes} MPa",
                    short(*strain),
                    short(*stress),
                    unit.name()
                )
            }
            Self::Soft { slope, stress, strain } => write!(
                f,
                "as soft as rubber, or pressed together like a foam (median initial slope {} MPa, stress to {} MPa, strain to {}): if that cannot be, set \
                 percent or stress in [data.lattice_folder] as the files are",
                short(*slope),
                short(*stress),
                short(*strain)
            ),
            Self::Shortest { path, strain, median } if *strain < 0.5 * median => write!(
                f,
                "{}: ends at strain {}, and with it all curves do; the others reach {} (median): leave it out to keep the rest of them",
                path.display(),
                short(*strain),
                short(*median)
            ),
            Self::Shortest { path, strain, .. } => {
                write!(f, "{}: ends at strain {}, and with it all curves do", path.display(), short(*strain))
            }
            Self::Preload { count, first, stress } => {
                let verb = if *count == 1 { "does" } else { "do" };
                write!(
                    f,
                    "{} {verb} not begin at zero stress ({}{} MPa at strain 0): moduli will be wrong, for the laws pass through the origin; subtract the \
                     offset",
                    counted(*count, "curve"),
                    named(*count, first),
                    short(*stress)
                )
            }
            Self::Slack { count, first, strain } => {
                let verb = if *count == 1 { "bears" } else { "bear" };
                write!(
                    f,
                    "{} {verb} next to nothing at first ({}up to strain {}): moduli will be too small, for the laws pass through the origin; if that is \
                     slack, subtract it from the strain",
                    counted(*count, "curve"),
                    named(*count, first),
                    short(*strain)
                )
            }
            Self::Grey { count, first } => {
                write!(f, "{} in colour, converted to grey ({})", counted(*count, "photograph"), which(*count, first))
            }
            Self::Cropped { count, first, size: (width, height) } => write!(
                f,
                "{} not square, the middle was kept ({}{width}x{height} pixels)",
                counted(*count, "photograph"),
                named(*count, first)
            ),
            Self::Enlarged { count, first, size: (width, height), side } => write!(
                f,
                "{} smaller than {side}x{side} pixels, enlarged ({}{width}x{height}); a smaller side in [data.lattice_folder] keeps what they show",
                counted(*count, "photograph"),
                named(*count, first)
            ),
            Self::Missing { what, names } => {
                let verb = if names.len() == 1 { "has" } else { "have" };
                write!(f, "{} {verb} no {what}: {}", counted(names.len(), "specimen"), listed(names))
            }
            Self::Unread { count, first } => write!(
                f,
                "{} cannot be read ({}): photographs are png, jpg or tif, and curves csv; convert them",
                counted(*count, "file"),
                which(*count, first)
            ),
            Self::Unlabelled { names } => {
                write!(f, "the class of {} is not in labels.csv: {}", counted(names.len(), "specimen"), listed(names))
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn which(count: usize, first: &Path) -> String {
    if count == 1 { first.display().to_string() } else { format!("the first: {}", first.display()) }
}

fn named(count: usize, first: &Path) -> String {
    which(count, first) + ", "
}

fn listed(names: &[String]) -> String {
    let some = names[..names.len().min(NAMES)].join(", ");
    if names.len() > NAMES { format!("{some} and {} more", names.len() - NAMES) } else { some }
}
