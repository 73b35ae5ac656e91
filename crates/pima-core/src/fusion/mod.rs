//! Fusion of the modalities' posteriors into one.

mod components;
mod mixture;
mod product;

pub use components::{Components, Fusion};
pub use mixture::MixturePosterior;
pub(crate) use product::Product;
pub use product::product_of_experts;
