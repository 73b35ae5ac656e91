#![doc = include_str!("../README.md")]

// What can go wrong.
mod error;
// Buffers reused from batch to batch.
mod buffer;
// Checks of shapes and values that every entry point makes.
mod check;
// The shape of a modality: image, curve or vector.
mod shape;
// Vectors of numbers, and their exponential and logarithm.
mod simd;
// Softmax by log-sum-exp.
mod softmax;
// The Gaussian mixture prior and its responsibilities.
mod prior;
// Diagonal Gaussians: density, divergence, sampling.
mod gaussian;
// One modality's posterior refitted to all modalities'.
mod unimodal;
// Fusion of the modalities' posteriors.
mod fusion;
// The loss and its gradients: the kernel that trains.
mod elbo;
// M-steps as sums that stream over batches.
mod sums;
// Mean and variance of a mixture of decoders.
mod moments;
// Quantiles of mixtures, for intervals.
mod quantile;
// What a physics expert must be able to do.
mod expert;
// Where a parameter may lie, and how to move in it freely.
mod link;
// Experts whose parameters follow the latent point.
mod latent_expert;
// Clustering of points: k-means and Gaussian mixtures by EM.
mod cluster;
// Scores of a clustering against labels, and of predictions against the truth.
mod metrics;

pub use cluster::{
    FullMixture, GmmFit, GmmOptions, KMeans, bic, diagonal_mixture_parameters, fit_full_gmm, fit_gmm, kmeans,
    kmeans_plus_plus, mixture_bic,
};
pub use elbo::{ClusterPosterior, ElboTerms, ElboWorkspace};
pub use error::{Error, Location, Result};
pub use expert::{Expert, ExpertError, ExpertFit, Quantity};
pub use fusion::{Components, Fusion, MixturePosterior, product_of_experts};
pub use gaussian::{kl, log_density, sample};
pub use latent_expert::{
    LatentExpert, LatentFit, LatentFitOptions, LatentSamples, LatentSums, squared_error, squared_error_adjoint,
};
pub use link::Link;
pub use metrics::{
    ClusterAccuracy, Reliability, ReliabilityBin, ari, confusion_matrix, nmi, purity, rmse, unsupervised_accuracy,
};
pub use moments::mixture_moments;
pub use prior::{MixturePrior, most_probable};
pub use quantile::{mixture_cdf, mixture_quantile};
pub use shape::ModalityShape;
pub use sums::{CurveSums, MixtureSums, MixtureUpdate, VarianceUpdate};
pub use unimodal::{UnimodalLoss, UnimodalTarget, UnimodalWeights, unimodal_loss};
