//! Clustering of points: seeds, k-means, and Gaussian mixtures by expectation-maximisation with restarts.

// How many clusters.
mod criterion;
// Gaussian mixtures with full covariances.
mod full;
// Gaussian mixtures by EM, with restarts.
mod gmm;
// Seeds by k-means++ and Lloyd's algorithm.
mod kmeans;

pub use criterion::{bic, diagonal_mixture_parameters, mixture_bic};
pub use full::{FullMixture, fit_full_gmm};
pub use gmm::{GmmFit, GmmOptions, fit_gmm};
pub use kmeans::{KMeans, kmeans, kmeans_plus_plus};
