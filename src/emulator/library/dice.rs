//! Random values from a seed: guids, sizes and choices of a generated library.

use uuid::Uuid;

use super::plan::PlannedBlob;
use super::recipe::Sizes;
use crate::emulator::storage::Content;

/// `sizes=small`.
const SMALL: u64 = 64 * 1024;

/// The size of the largest generated blob: 8 GiB, above the largest renditions of real libraries.
const LARGEST: f64 = 8.0 * 1024.0 * 1024.0 * 1024.0;

/// Chance for one asset.
#[derive(Debug)]
pub(super) struct Dice {
    rng: fastrand::Rng,
    sizes: Sizes,
}

impl Dice {
    /// Random values that depend only on the library's seed and the asset's number.
    pub(super) fn for_asset(seed: u64, number: u64, sizes: Sizes) -> Self {
        // The odd constant (2^64 / golden ratio) distinguishes (1, 2) and (2, 1).
        let mut mixed = fastrand::Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number);
        Self { rng: fastrand::Rng::with_seed(mixed.u64(..)), sizes }
    }

    /// The median duration of the recordings, in seconds.
    pub(super) fn median_seconds(&self) -> f64 {
        match self.sizes {
            Sizes::Real | Sizes::Small | Sizes::Each(_) => 720.0,
            Sizes::Long => 2_160.0,
        }
    }

    pub(super) fn guid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid()
    }

    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.rng.usize(..from.len())]
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: u32) -> bool {
        self.rng.u32(..times) == 0
    }

    /// A number of the range.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        self.rng.u64(least..=most.max(least))
    }

    /// A log-normal number: half are above the median, two thirds within a factor of e^sigma of it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and below 2^53")]
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> u64 {
        // The sum of twelve uniform numbers, less six, is normal enough and needs no logarithm.
        let normal: f64 = (0..12).map(|_| self.rng.f64()).sum::<f64>() - 6.0;
        (median * (sigma * normal).exp()).clamp(1.0, LARGEST) as u64
    }

    /// A blob of synthetic bytes of this length, unless all blobs are small.
    pub(super) fn blob(&mut self, name: impl Into<String>, length: u64) -> PlannedBlob {
        let length = match self.sizes {
            Sizes::Real | Sizes::Long => length,
            Sizes::Small => SMALL,
            Sizes::Each(length) => length,
        };
        PlannedBlob::new(name, Content::Synthetic { seed: self.rng.u64(..), length })
    }
}
