//! Seeded generators: every random number of this crate comes from a ChaCha8 stream that is named by a seed and a row.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Generators for the rows of one data set: row `i` draws from stream `i` of the seed, so what it gets depends neither
/// on the number of rows nor on the order or the threads in which they are made.
#[derive(Debug, Clone)]
pub(crate) struct RowGenerators(ChaCha8Rng);

impl RowGenerators {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn row(&self, row: usize) -> ChaCha8Rng {
        let mut generator = self.0.clone();
        generator.set_stream(row as u64);
        generator
    }
}

/// A standard normal draw.
pub(crate) fn normal<R: Rng + ?Sized>(rng: &mut R) -> f32 {
    StandardNormal.sample(rng)
}

/// Shuffles rows in place (Fisher-Yates). Written out, on 64-bit draws, so that a seed means the same order on every
/// platform and in every release of the generator's crate.
///
/// Store the state of `rng` before the call and the same order can be had again: that is how a run resumes in the
/// middle of an epoch.
pub fn shuffle<R: Rng + ?Sized>(rows: &mut [usize], rng: &mut R) {
    for last in (1..rows.len()).rev() {
        let at = below(last as u64 + 1, rng) as usize;
        rows.swap(last, at);
    }
}

/// A uniform draw from `0..n` by multiplication, rejecting the few values that would favour some results (Lemire 2019).
fn below<R: Rng + ?Sized>(n: u64, rng: &mut R) -> u64 {
    let threshold = n.wrapping_neg() % n;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(n);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngCore;

    use super::*;

    #[test]
    fn a_seed_means_the_same_order_everywhere() {
        let mut rows: Vec<usize> = (0..10).collect();
        shuffle(&mut rows, &mut ChaCha8Rng::seed_from_u64(7));
        assert_eq!(rows, GOLDEN);
    }

    /// Written down once; a change here means that every stored split and every resumed run has changed.
    const GOLDEN: [usize; 10] = [4, 6, 2, 0, 8, 3, 7, 5, 9, 1];

    #[test]
    fn every_order_of_three_is_as_likely() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = std::collections::HashMap::new();
        for _ in 0..6000 {
            let mut rows = vec![0, 1, 2];
            shuffle(&mut rows, &mut rng);
            *counts.entry(rows).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Chi-squared with 5 degrees of freedom: above 20.5 once in a thousand seeds.
        let chi: f64 = counts.values().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 20.5, "chi-squared {chi}");
    }

    #[test]
    fn rows_have_streams_of_their_own() {
        let generators = RowGenerators::new(3);
        let draw = |row| generators.row(row).next_u64();
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert_ne!(draw(0), RowGenerators::new(4).row(0).next_u64());
    }
}
