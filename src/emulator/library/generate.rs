//! (being built)
use super::LibraryError;
use crate::emulator::world::World;

/// How large the blobs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Log-normal, kilobytes to gigabytes, like real libraries.
    Real,
    /// 64 KiB each.
    Small,
}

/// The recipe of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generate {
    /// How many assets.
    pub assets: u32,
    /// Blobs per asset: the mean, or exactly so without the awkward ones.
    pub blobs: u32,
    /// The same seed makes the same library.
    pub seed: u64,
    /// How large the blobs are.
    pub sizes: Sizes,
    /// Adds the awkward assets.
    pub awkward: bool,
    /// Adds the real asset `bars`.
    pub real: bool,
}

/// What is wrong with a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GenerateError(String);

impl Generate {
    /// Reads a recipe.
    pub fn parse(_recipe: &str) -> Result<Self, GenerateError> {
        Err(GenerateError("not yet".to_owned()))
    }
}

pub(crate) async fn fill(_world: &World, _region: usize, _generate: &Generate) -> Result<(), LibraryError> {
    Ok(())
}
