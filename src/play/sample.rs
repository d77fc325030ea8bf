//! Selects a part of a library. The same seed always chooses the same things.

use sha2::{Digest as _, Sha256};

/// A sample, chosen by a hash of the seed and each name.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Between 0 and 1; 1 = all.
    pub part: f64,
    /// Another seed chooses others.
    pub seed: String,
}

impl Sample {
    /// All things.
    pub fn all() -> Self {
        Self { part: 1.0, seed: String::new() }
    }

    /// Is the item with that position chosen?
    pub(super) fn takes(&self, place: u64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a part of a library needs no more digits")]
        let place = place as f64 / u64::MAX as f64;
        self.part >= 1.0 || place < self.part
    }

    /// The position of an item, evenly distributed. If nothing is chosen, the item with the lowest position is used.
    pub(super) fn place(&self, asset: &str, item: &str) -> u64 {
        let mut hash = Sha256::new();
        for part in [self.seed.as_str(), asset, item] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.iter().take(8).fold(0, |place, byte| place << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(part: f64, seed: &str) -> Vec<usize> {
        let sample = Sample { part, seed: seed.to_owned() };
        (0..1_000).filter(|index| sample.takes(sample.place("films", &index.to_string()))).collect()
    }

    #[test]
    fn a_seed_always_chooses_the_same_part_and_another_seed_another_one() {
        let chosen = taken(0.05, "2026-11-30");
        assert!((30..75).contains(&chosen.len()), "{}", chosen.len());
        assert_eq!(chosen, taken(0.05, "2026-11-30"));
        assert_ne!(chosen, taken(0.05, "2026-12-01"));
        assert_eq!(taken(1.0, "x").len(), 1_000);
        let more = taken(0.1, "2026-11-30");
        assert!(chosen.iter().all(|one| more.contains(one)), "a larger part has the smaller one in it");
    }
}
