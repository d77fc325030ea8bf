//! The recipe of a generated library, such as `assets=60,blobs=20,seed=1`.

/// The largest number of assets: the service's limit for one account.
const MOST_ASSETS: u32 = 1_000_000;

/// The most blobs an asset can be given: far more than a media asset has, enough to test long listings.
const MOST_BLOBS: u32 = 1_000_000;

/// How large the blobs are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sizes {
    /// Log-normal, kilobytes to gigabytes, like real libraries.
    #[default]
    Real,
    /// 64 KiB each.
    Small,
    /// Like the real ones, but for recordings that are three times as long: feature films.
    Long,
    /// That many bytes each.
    Each(u64),
}

/// The recipe of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generate {
    /// The total number of assets.
    pub assets: u32,
    /// Blobs per asset: the mean over all assets; without the awkward and the real ones each has exactly this many.
    pub blobs: u32,
    /// The seed of all random values.
    pub seed: u64,
    /// How large the blobs are.
    pub sizes: Sizes,
    /// Awkward assets are included (as many as there are, while at least one ordinary asset remains).
    pub awkward: bool,
    /// The real asset `bars`, which plays, is included.
    pub real: bool,
    /// Assets are published: their blobs have file records, and they have locators. Otherwise there are only blobs.
    pub published: bool,
    /// How many of the assets have content keys, delivery policies, or both: with encryption and without, in turn.
    pub protected: u32,
}

impl Default for Generate {
    fn default() -> Self {
        Self {
            assets: 60,
            blobs: 20,
            seed: 1,
            sizes: Sizes::Real,
            awkward: true,
            real: false,
            published: true,
            protected: 0,
        }
    }
}

/// An error in a recipe, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} in the recipe of a library: {problem}")]
pub struct GenerateError {
    /// The part that is wrong.
    pub part: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Generate {
    /// Reads a recipe: `key=value` separated by commas, missing keys have their defaults.
    pub fn parse(recipe: &str) -> Result<Self, GenerateError> {
        let mut generate = Self::default();
        let mut seen = Vec::new();
        for part in recipe.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = |problem: &str| GenerateError { part: part.to_owned(), problem: problem.to_owned() };
            let (key, value) = part.split_once('=').ok_or_else(|| wrong("write key=value"))?;
            let (key, value) = (key.trim(), value.trim());
            if seen.contains(&key) {
                return Err(wrong("is given twice"));
            }
            seen.push(key);
            let number = |most: u32| {
                let number = value.parse().ok().filter(|n| (1..=most).contains(n));
                number.ok_or_else(|| wrong(&format!("write a whole number from 1 to {most}")))
            };
            let choice = || value.parse::<bool>().map_err(|_| wrong("write true or false"));
            match key {
                "assets" => generate.assets = number(MOST_ASSETS)?,
                "blobs" => generate.blobs = number(MOST_BLOBS)?,
                "seed" => generate.seed = value.parse().map_err(|_| wrong("write a whole number from 0 up"))?,
                "sizes" => {
                    generate.sizes = match value {
                        "real" => Sizes::Real,
                        "small" => Sizes::Small,
                        "long" => Sizes::Long,
                        bytes => Sizes::Each(
                            bytes.parse().map_err(|_| wrong("write real, small, long, or a number of bytes"))?,
                        ),
                    }
                }
                "awkward" => generate.awkward = choice()?,
                "real" => generate.real = choice()?,
                "published" => generate.published = choice()?,
                "protected" => {
                    generate.protected = value.parse().map_err(|_| wrong("write a whole number from 0 up"))?;
                }
                _ => return Err(wrong("there are assets, blobs, seed, sizes, awkward, real, published and protected")),
            }
        }
        Ok(generate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> Generate {
        Generate::parse(text).unwrap()
    }

    #[test]
    fn a_recipe_is_read_and_missing_keys_have_defaults() {
        let read = recipe("assets=3, blobs=4,seed=5,sizes=small,awkward=false,real=true");
        let meant = Generate {
            assets: 3,
            blobs: 4,
            seed: 5,
            sizes: Sizes::Small,
            awkward: false,
            real: true,
            ..Generate::default()
        };
        assert_eq!(read, meant);
        assert_eq!(recipe(""), Generate::default());
    }

    #[test]
    fn an_invalid_part_is_named_with_its_remedy() {
        for (text, part, remedy) in [
            ("assets=3,blob=4", "blob=4", "there are assets, blobs"),
            ("assets=many", "assets=many", "whole number"),
            ("assets=0", "assets=0", "from 1"),
            ("seed=-1", "seed=-1", "whole number"),
            ("sizes=big", "sizes=big", "small, long"),
            ("sizes=-5", "sizes=-5", "number of bytes"),
            ("awkward=maybe", "awkward=maybe", "true or false"),
            ("protected=some", "protected=some", "from 0 up"),
            ("assets=1,assets=2", "assets=2", "twice"),
            ("assets", "assets", "key=value"),
        ] {
            let error = Generate::parse(text).unwrap_err();
            assert_eq!(error.part, part);
            assert!(error.problem.contains(remedy), "{error}");
        }
    }
}
