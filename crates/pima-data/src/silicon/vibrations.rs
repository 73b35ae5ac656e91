//! From force constants to frequencies.

use ndarray::Array2;
use ndarray_linalg::{EigValsh, UPLO};

use super::force_constants::ForceConstants;
use crate::error::{Error, Result};

/// `sqrt(eV / (Angstrom^2 amu)) / 2 pi`, in THz.
const THZ: f64 = 15.633_302_1;

/// Frequencies of a structure's lattice waves.
#[derive(Debug, Clone, PartialEq)]
pub struct Vibrations {
    /// Frequencies of the stable modes, THz, ascending; the three translations of the whole are left out.
    pub frequencies: Vec<f64>,
    /// How many modes have a negative squared frequency and are left out.
    pub n_unstable: usize,
}

impl Vibrations {
    /// All modes: those kept and those left out as unstable.
    pub fn n_modes(&self) -> usize {
        self.frequencies.len() + self.n_unstable
    }

    /// Puts the modes of several wave vectors together.
    fn merge(mut parts: Vec<Self>) -> Self {
        let n_unstable = parts.iter().map(|part| part.n_unstable).sum();
        let mut frequencies: Vec<f64> = parts.iter_mut().flat_map(|part| part.frequencies.drain(..)).collect();
        frequencies.sort_unstable_by(f64::total_cmp);
        Self { frequencies, n_unstable }
    }
}

impl ForceConstants {
    /// The dynamical matrix (3n, 3n) for a wave vector whose fractional coordinates are 0 or 1/2 (`true`), where it is
    /// real: `D_ij(q) = sum_T H_ij(T) exp(2 pi i q . T) / m`, eV/(Angstrom^2 amu). `mass` is in atomic mass units.
    pub fn dynamical_matrix(&self, half: [bool; 3], mass: f64) -> Array2<f64> {
        let mut matrix = Array2::zeros((3 * self.n_atoms(), 3 * self.n_atoms()));
        for (i, j, shift, block) in self.blocks() {
            let turns: i32 = (0..3).filter(|&k| half[k]).map(|k| shift[k]).sum();
            let scale = if turns.rem_euclid(2) == 0 { mass.recip() } else { -mass.recip() };
            for a in 0..3 {
                for b in 0..3 {
                    matrix[[3 * i + a, 3 * j + b]] += scale * block[a][b];
                }
            }
        }
        matrix
    }

    /// Frequencies at one wave vector with coordinates 0 or 1/2; at 0 without the three translations, which are the
    /// three squared frequencies nearest to zero.
    ///
    /// # Errors
    /// [`Error::Eigenvalues`] if LAPACK finds none.
    pub fn vibrations_at(&self, half: [bool; 3], mass: f64) -> Result<Vibrations> {
        let matrix = self.dynamical_matrix(half, mass);
        let failed = |error: ndarray_linalg::error::LinalgError| Error::Eigenvalues {
            size: 3 * self.n_atoms(),
            reason: error.to_string(),
        };
        let mut squares = matrix.eigvalsh(UPLO::Lower).map_err(failed)?.to_vec();
        if half == [false; 3] {
            squares.sort_unstable_by(|x, y| x.abs().total_cmp(&y.abs()));
            squares.drain(..3);
        }
        let n_unstable = squares.iter().filter(|&&square| square < 0.0).count();
        let mut frequencies: Vec<f64> =
            squares.iter().filter(|&&square| square >= 0.0).map(|square| THZ * square.sqrt()).collect();
        frequencies.sort_unstable_by(f64::total_cmp);
        Ok(Vibrations { frequencies, n_unstable })
    }

    /// Frequencies at the eight wave vectors whose coordinates are 0 or 1/2: those of a cell twice as long each way at
    /// wave vector zero, for an eighth of the work each and none of it complex.
    ///
    /// # Errors
    /// As [`ForceConstants::vibrations_at`].
    pub fn vibrations(&self, mass: f64) -> Result<Vibrations> {
        let half = |corner: usize| std::array::from_fn(|k| corner >> k & 1 == 1);
        let parts = (0..8).map(|corner| self.vibrations_at(half(corner), mass)).collect::<Result<_>>()?;
        Ok(Vibrations::merge(parts))
    }
}
