//! Fusion of the modalities' posteriors into one.

mod components;
mod mixture;
mod product;

pub use components::{Components, Fusion};
pub use mixture::MixturePosterior;
pub use product::product_of_experts;
pub(crate) use product::{Product, TILE};
