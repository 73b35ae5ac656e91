//! Clustering of points: seeds, k-means, and Gaussian mixtures by expectation-maximisation with restarts.

// Seeds by k-means++ and Lloyd's algorithm.
mod kmeans;

pub use kmeans::{KMeans, kmeans, kmeans_plus_plus};
