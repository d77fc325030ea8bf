//! Generates a library from a recipe; the same recipe makes the same library.

use super::dice::Dice;
use super::error::LibraryError;
use super::plan::PlannedAsset;
use super::recipe::Generate;
use super::store::store_all;
use super::{awkward, bars, ordinary, protected};
use crate::emulator::world::World;

impl Generate {
    /// The assets one by one, the real one first, then the awkward ones, the protected ones, and the ordinary ones.
    pub(super) fn plans(&self) -> impl Iterator<Item = PlannedAsset> + '_ {
        let real = u32::from(self.real).min(self.assets);
        let room = (self.assets - real).saturating_sub(1) as usize;
        let awkward = if self.awkward { &awkward::ALL[..room.min(awkward::ALL.len())] } else { &[] };
        let room = u32::try_from(room - awkward.len()).unwrap_or(u32::MAX);
        let protected = (0..self.protected.min(room))
            .map(|number| protected::asset(&mut self.dice(u64::from(number) + FIRST_PROTECTED), number));
        let special: Vec<_> = (0..real)
            .map(|_| bars::asset())
            .chain(awkward.iter().zip(0..).map(|(recipe, number)| recipe(&mut self.dice(number))))
            .chain(protected)
            .collect();
        let used: u64 = special.iter().map(|asset| asset.blobs.len() as u64).sum();
        let ordinary = u64::from(self.assets) - special.len() as u64;
        // Awkward assets have few blobs, so ordinary ones get more, to reach the requested mean.
        let blobs = (u64::from(self.assets) * u64::from(self.blobs)).saturating_sub(used).max(ordinary);
        let first = special.len();
        let varied = first > 0;
        let plans = special.into_iter().chain(shares(blobs, ordinary, varied, self.seed).zip(1..).map(
            move |(share, number)| ordinary::asset(&mut self.dice(u64::from(number) + FIRST_ORDINARY), number, share),
        ));
        plans.map(|asset| if self.published { asset } else { asset.unpublished() })
    }

    /// The guid of the first locator of the asset of that name.
    #[cfg(test)]
    pub(crate) fn locator_of(&self, name: &str) -> String {
        let asset = self.plans().find(|asset| asset.name == name).expect("an asset of that name");
        asset.locators[0].guid.to_string()
    }

    fn dice(&self, number: u64) -> Dice {
        Dice::for_asset(self.seed, number, self.sizes)
    }
}

/// The number of the first ordinary asset, which does not depend on the number of awkward ones.
const FIRST_ORDINARY: u64 = 1000;
/// The number of the first protected asset, larger than all others.
const FIRST_PROTECTED: u64 = 1 << 40;

/// Distributes `blobs` among the assets, at least one each; equally, or varied between half and twice the mean.
fn shares(blobs: u64, assets: u64, varied: bool, seed: u64) -> impl Iterator<Item = u32> {
    let mut left = blobs;
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..assets).rev().map(move |after| {
        let mean = left / (after + 1);
        // The first ones get the remainder; the last one gets the rest.
        let even = mean + u64::from(!left.is_multiple_of(after + 1));
        let swing = mean / 2;
        let wanted = if varied && after > 0 && swing > 0 { rng.u64(mean - swing..=mean + swing) } else { even };
        let share = if after == 0 { left } else { wanted.min(left - after).max(1) };
        left -= share;
        u32::try_from(share).unwrap_or(u32::MAX)
    })
}

/// Fills a region with the library of a recipe.
pub(crate) async fn fill(world: &World, region: usize, generate: &Generate) -> Result<(), LibraryError> {
    store_all(world, region, generate.plans().map(Ok)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> Generate {
        Generate::parse(text).unwrap()
    }

    fn blobs(generate: &Generate) -> Vec<usize> {
        generate.plans().map(|asset| asset.blobs.len()).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_library_and_another_seed_another() {
        let plans = |text: &str| format!("{:?}", recipe(text).plans().collect::<Vec<_>>());
        assert_eq!(plans("assets=30,seed=7"), plans("assets=30,seed=7"));
        assert_ne!(plans("assets=30,seed=7"), plans("assets=30,seed=8"));
    }

    #[test]
    fn without_awkward_assets_every_asset_has_the_requested_number_of_blobs() {
        for count in [1, 2, 3, 5, 20, 33] {
            let generate = recipe(&format!("assets=7,blobs={count},awkward=false"));
            assert_eq!(blobs(&generate), [count; 7]);
        }
    }

    #[test]
    fn the_mean_with_awkward_assets_is_the_requested_one() {
        let generate = recipe("assets=60,blobs=20,real=true");
        let counts = blobs(&generate);
        assert_eq!(counts.len(), 60);
        assert_eq!(counts.iter().sum::<usize>(), 1200);
        assert_eq!(counts[0], 5, "the real one comes first");
        assert!(counts[13..].iter().any(|n| *n != counts[13]), "the ordinary ones vary");
    }

    #[test]
    fn protected_assets_do_not_change_the_other_assets() {
        let plans = |text: &str| recipe(text).plans().collect::<Vec<_>>();
        let plain = plans("assets=20,blobs=4,sizes=small,awkward=false");
        let mixed = plans("assets=24,blobs=4,sizes=small,awkward=false,protected=4");
        assert!(plain.iter().all(|asset| asset.protection.is_none()));
        assert_eq!(mixed.iter().filter(|asset| asset.protection.is_some()).count(), 4);
        let names = |plans: &[PlannedAsset]| plans.iter().map(|a| (a.name.clone(), a.guid)).collect::<Vec<_>>();
        assert_eq!(names(&mixed[4..]), names(&plain));
        assert_eq!(plans("assets=3,protected=9").len(), 3, "one ordinary asset remains");
    }

    #[test]
    fn names_and_guids_are_unique() {
        use std::collections::HashSet;
        let plans: Vec<_> = recipe("assets=500,blobs=3,real=true,protected=200").plans().collect();
        assert_eq!(plans.iter().map(|a| &a.name).collect::<HashSet<_>>().len(), 500);
        assert_eq!(plans.iter().map(|a| a.guid).collect::<HashSet<_>>().len(), 500);
        let locators: Vec<_> = plans.iter().flat_map(|a| &a.locators).map(|l| l.guid).collect();
        assert_eq!(locators.iter().collect::<HashSet<_>>().len(), locators.len());
        for asset in &plans {
            let names: HashSet<_> = asset.blobs.iter().map(|blob| &blob.name).collect();
            assert_eq!(names.len(), asset.blobs.len(), "{}", asset.name);
        }
    }

    #[test]
    fn real_sizes_range_from_kilobytes_to_gigabytes_and_small_ones_are_equal() {
        use crate::emulator::storage::Content;
        let lengths = |text: &str| -> Vec<u64> {
            recipe(text)
                .plans()
                .flat_map(|asset| asset.blobs)
                .filter_map(|blob| match blob.content {
                    Content::Synthetic { length, .. } => Some(length),
                    Content::Bytes(_) => None,
                })
                .collect()
        };
        let real = lengths("assets=100,awkward=false");
        assert!(real.iter().any(|n| *n < 20_000) && real.iter().any(|n| *n > 1 << 30));
        assert!(lengths("assets=9,sizes=small,awkward=false").iter().all(|n| *n == 65_536));
    }
}
