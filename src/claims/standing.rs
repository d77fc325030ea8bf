//! Whose a target asset is, whether its source asset may be published, and what a locator on the target is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::error::Error;
use crate::model::{AccountName, Asset, AssetEncryption, AssetId, ContainerName, Locator, Mark, Protection};

/// A target asset as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetAsset {
    /// Its id.
    pub(crate) id: AssetId,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its alternate id, and the mark in it.
    pub(crate) alternate_id: Option<String>,
    pub(crate) mark: Option<Mark>,
    /// Where it is stored, if the service says.
    pub(crate) storage_account: Option<AccountName>,
    /// Its container, if the service says.
    pub(crate) container: Option<ContainerName>,
    /// Whose it is.
    pub(crate) standing: Standing,
    /// Metadata of its container, where that is part of the library.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl TargetAsset {
    /// The name to show.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(self.id.as_str())
    }

    /// A target asset outside of a listing: what the service answered to its creation or to a request for it.
    pub(crate) fn of(asset: Asset, source: &AccountName) -> Self {
        let (standing, mark) = target_standing(&asset, source);
        let Asset { id, name, alternate_id, storage_account, container, metadata, .. } = asset;
        Self { id, name, alternate_id, mark, storage_account, container, standing, metadata }
    }
}

impl From<TargetAsset> for Asset {
    fn from(copy: TargetAsset) -> Self {
        let TargetAsset { id, name, alternate_id, storage_account, container, metadata, .. } = copy;
        let (created, encryption) = (None, AssetEncryption::None);
        Self { id, name, alternate_id, created, encryption, storage_account, container, metadata }
    }
}

/// Whose a target asset is, by its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Foreign: it has no mark, a mark of another source account, or a cloned mark of another asset.
    Foreign,
    /// A copy of ours that was made complete.
    Ours,
    /// A copy of ours whose mark does not name it yet, and on which no locator of somebody else is.
    Unfinished,
}

impl Standing {
    /// All of them, by their number.
    pub(crate) const ALL: [Self; 3] = [Self::Foreign, Self::Ours, Self::Unfinished];
}

/// Whose a target asset is, before its locators are known, and its mark.
pub(super) fn target_standing(asset: &Asset, source: &AccountName) -> (Standing, Option<Mark>) {
    let mark = asset.alternate_id.as_deref().and_then(Mark::parse);
    let standing = match &mark {
        Some(mark) if mark.account != *source => Standing::Foreign,
        Some(Mark { own: None, .. }) => Standing::Unfinished,
        Some(Mark { own: Some(own), .. }) if *own == asset.id => Standing::Ours,
        _ => Standing::Foreign,
    };
    (standing, mark)
}

/// A streaming locator of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    /// As it is listed.
    pub(crate) locator: Locator,
    /// Does it hang on an access policy of ours?
    pub(crate) ours: bool,
}

/// Whether an asset is protected in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Screened {
    /// It has neither content keys nor delivery policies.
    #[default]
    Clear,
    /// It has.
    Protected,
    /// It could not be read.
    Unreadable,
    /// Whether it is does not matter: the operator withholds it.
    Withheld,
    /// It is not, and has no blobs.
    Empty,
}

impl Screened {
    /// All of them, by their number.
    pub(crate) const ALL: [Self; 5] = [Self::Clear, Self::Protected, Self::Unreadable, Self::Withheld, Self::Empty];

    /// What the answer of the source says.
    pub(super) fn of(answer: Result<Protection, Error>) -> Self {
        match answer {
            Ok(Protection::None) => Self::Clear,
            Ok(Protection::Protected { .. }) => Self::Protected,
            Err(error) => {
                tracing::warn!(%error, "whether an asset is protected is not known");
                Self::Unreadable
            }
        }
    }

    /// Are locators of ours removed from its copy, although the source publishes them?
    pub(crate) fn is_barred(self) -> bool {
        matches!(self, Self::Protected | Self::Withheld)
    }

    /// Is it never published on the target?
    pub(crate) fn is_closed(self) -> bool {
        self.is_barred() || self == Self::Empty
    }
}

/// Do both locators promise the same? Services keep times to the millisecond at best.
pub(crate) fn same_terms(source: &Locator, target: &Locator) -> bool {
    let close = |a: Timestamp, b: Timestamp| (a.as_millisecond() - b.as_millisecond()).abs() < 1_000;
    let starts = match (source.start, target.start) {
        (Some(a), Some(b)) => close(a, b),
        (None, None) => true,
        _ => false,
    };
    starts && close(source.expiry, target.expiry) && source.name == target.name
}

/// The asset of `account` that this one is a copy of.
pub(super) fn original_of(asset: &Asset, account: &AccountName) -> Option<AssetId> {
    let mark = asset.alternate_id.as_deref().and_then(Mark::parse)?;
    (mark.account == *account && mark.own.as_ref() == Some(&asset.id)).then_some(mark.source)
}
