//! All randomness of a run, drawn by position instead of by history.
//!
//! Every use has its own generator, named by the run's seed, what it is for, the epoch and the batch. A run that is resumed therefore draws what the
//! uninterrupted one would have drawn, without any generator's state in the checkpoint: the position is the state.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Weights = 1,
    Start = 2,
    Shuffle = 3,
    Batch = 4,
    Em = 5,
    Evaluation = 6,
    Inference = 7,
    Refit = 8,
    Generation = 9,
    Peers = 10,
}

/// The generator for `purpose` at a position; positions count from 0 and stay below 2^28 each.
pub(crate) fn generator(seed: u64, purpose: Purpose, epoch: usize, batch: usize) -> ChaCha8Rng {
    const MASK: u64 = (1 << 28) - 1;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((purpose as u64) << 56) | ((epoch as u64 & MASK) << 28) | (batch as u64 & MASK));
    rng
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use std::collections::HashSet;

    #[test]
    fn positions_do_not_share_numbers() {
        let mut seen = HashSet::new();
        for purpose in [Purpose::Weights, Purpose::Shuffle, Purpose::Batch] {
            for (epoch, batch) in (0..20).flat_map(|e| (0..20).map(move |b| (e, b))) {
                assert!(seen.insert(generator(1, purpose, epoch, batch).random::<u64>()));
            }
        }
        assert_eq!(generator(1, Purpose::Em, 3, 4).random::<u64>(), generator(1, Purpose::Em, 3, 4).random::<u64>());
        assert_ne!(generator(1, Purpose::Em, 3, 4).random::<u64>(), generator(2, Purpose::Em, 3, 4).random::<u64>());
    }
}
