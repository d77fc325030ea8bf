//! How many assets are processed at once, by how many blobs they have.
//!
//! An asset takes several requests one after the other, so that many small ones have to be on their way together; with large ones
//! fewer keep all connections busy, and each of them holds its listings in memory.

use std::sync::atomic::{AtomicU64, Ordering};

/// Assets at once, however large they are.
const FEWEST: usize = 64;
/// Assets at once, however small they are.
const MOST: usize = 256;
/// The blobs of all assets at once, between these.
const BLOBS: u64 = 2_560;

/// The sizes of the assets so far.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    assets: AtomicU64,
    blobs: AtomicU64,
}

impl Sizes {
    /// Notes that an asset has so many blobs.
    pub(crate) fn add(&self, blobs: u64) {
        self.assets.fetch_add(1, Ordering::Relaxed);
        self.blobs.fetch_add(blobs, Ordering::Relaxed);
    }

    /// Had none of them any blob?
    pub(crate) fn is_nothing(&self) -> bool {
        self.blobs.load(Ordering::Relaxed) == 0
    }

    /// How many are processed at once.
    pub(crate) fn assets_at_once(&self) -> usize {
        let (assets, blobs) = (self.assets.load(Ordering::Relaxed), self.blobs.load(Ordering::Relaxed));
        let fit = (BLOBS * assets).checked_div(blobs);
        fit.map_or(FEWEST, |fit| usize::try_from(fit).unwrap_or(MOST).clamp(FEWEST, MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_blobs_assets_have_the_more_are_processed_at_once() {
        let of = |sizes: &[u64]| {
            let all = Sizes::default();
            for blobs in sizes {
                all.add(*blobs);
            }
            all.assets_at_once()
        };
        assert_eq!((of(&[]), of(&[0, 0])), (FEWEST, FEWEST));
        assert_eq!((of(&[2, 2]), of(&[20]), of(&[10, 30]), of(&[1_000])), (MOST, 128, 128, FEWEST));
    }
}
