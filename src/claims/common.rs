//! The last state in which a run found both sides of an asset equal. It shows a run in the other direction which side
//! has changed since then. Pure.

use jiff::Timestamp;

use super::digest::common_locators;
use crate::ledger::AssetRow;

/// The state of both sides when they were last found equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Common {
    /// Fingerprint of the blobs of this run's source.
    pub(crate) source_blobs: String,
    /// The longer fingerprint that identifies single blobs that changed since, if there is one.
    pub(crate) source_seal: Option<String>,
    /// Fingerprint of the blobs of this run's target.
    pub(crate) target_blobs: String,
    /// Fingerprint of the locators of both; `None`: they differed.
    pub(crate) locators: Option<String>,
    /// The name of both.
    pub(crate) name: Option<String>,
    /// The time of that state.
    pub(crate) at: Timestamp,
}

impl Common {
    /// The later of two states: that of a run in the `other` direction, and that of a run in `this` direction.
    pub(crate) fn latest(other: Option<&AssetRow>, this: Option<&AssetRow>) -> Option<Self> {
        let (other, this) = (other.and_then(Self::of_other), this.and_then(Self::of_this));
        [other, this].into_iter().flatten().max_by_key(|common| common.at)
    }

    /// The state of a row of the other direction, whose source is this run's target.
    fn of_other(row: &AssetRow) -> Option<Self> {
        let facts = row.complete().then_some(&row.facts)?;
        let seal = facts.target_digest.clone()?;
        Some(Self {
            source_blobs: without_seal(&seal).to_owned(),
            target_blobs: facts.source_digest.clone()?,
            source_seal: Some(seal),
            ..Self::begin(row)
        })
    }

    /// The state of a row of this direction.
    fn of_this(row: &AssetRow) -> Option<Self> {
        let facts = row.complete().then_some(&row.facts)?;
        Some(Self {
            source_blobs: facts.source_digest.clone()?,
            target_blobs: without_seal(facts.target_digest.as_deref()?).to_owned(),
            ..Self::begin(row)
        })
    }

    fn begin(row: &AssetRow) -> Self {
        Self {
            source_blobs: String::new(),
            source_seal: None,
            target_blobs: String::new(),
            locators: row.facts.locators_digest.as_deref().and_then(common_locators).map(str::to_owned),
            name: row.facts.name.clone(),
            at: row.updated,
        }
    }
}

/// The fingerprint at the beginning of a seal.
pub(crate) fn without_seal(seal: &str) -> &str {
    seal.split('@').next().unwrap_or(seal)
}
