//! How large a batch is, and the sizes that are measured.

use std::fmt;

/// Size of one batch of the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Samples, B.
    pub n_samples: usize,
    /// Latent dimensions, l.
    pub n_latent: usize,
    /// Clusters, N.
    pub n_clusters: usize,
    /// Modalities, M.
    pub n_modalities: usize,
}

impl Size {
    /// A size from B, l, N and M.
    pub const fn new(n_samples: usize, n_latent: usize, n_clusters: usize, n_modalities: usize) -> Self {
        Self { n_samples, n_latent, n_clusters, n_modalities }
    }

    /// The 36 sizes that are measured: B 128, 1,024 and 4,096; l 2, 3 and 10; N 10 and 100; M 2 and 3.
    pub fn all() -> impl Iterator<Item = Self> {
        let batches = [128, 1_024, 4_096].into_iter();
        batches.flat_map(|n_samples| {
            [2, 3, 10].into_iter().flat_map(move |n_latent| {
                [10, 100].into_iter().flat_map(move |n_clusters| {
                    [2, 3].into_iter().map(move |m| Self::new(n_samples, n_latent, n_clusters, m))
                })
            })
        })
    }

    /// Elements of the tables over samples, clusters and dimensions: B N l.
    pub const fn elements(self) -> u64 {
        (self.n_samples * self.n_clusters * self.n_latent) as u64
    }
}

/// `B128-l2-N10-M2`, as it stands in the names of benchmarks.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_samples, n_latent, n_clusters, n_modalities } = self;
        write!(f, "B{n_samples}-l{n_latent}-N{n_clusters}-M{n_modalities}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_distinct_and_name_their_parameters() {
        let names: Vec<String> = Size::all().map(|size| size.to_string()).collect();
        assert_eq!(names.len(), 36);
        assert_eq!((names[0].as_str(), names[35].as_str()), ("B128-l2-N10-M2", "B4096-l10-N100-M3"));
        assert!(names.iter().enumerate().all(|(i, name)| !names[..i].contains(name)));
        assert_eq!(Size::new(4, 3, 5, 2).elements(), 60);
    }
}
