//! The library of the first region: folders of real files, or a library generated from a seed.

mod awkward;
mod bars;
mod dice;
mod error;
pub(crate) mod generate;
pub(crate) mod load;
mod manifests;
mod ordinary;
mod plan;
mod protected;
mod recipe;
mod store;

pub use self::error::LibraryError;
pub use self::recipe::{Generate, GenerateError, Sizes};
