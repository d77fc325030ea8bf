//! The owner of a target asset, whether its source asset may be published, and the owner of a locator on the target.

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
    /// Its storage account, if the service reports it.
    pub(crate) storage_account: Option<AccountName>,
    /// Its container, if the service reports it.
    pub(crate) container: Option<ContainerName>,
    /// Its owner.
    pub(crate) standing: Standing,
    /// Metadata of its container, if that is part of the library.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl TargetAsset {
    /// The name to show.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(self.id.as_str())
    }

    /// A target asset that was not listed: the service's answer to its creation or to a request for it.
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

/// The owner of a target asset, according to its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Foreign: it has no mark, a mark of another source account, or a cloned mark of another asset.
    Foreign,
    /// A complete copy of ours.
    Ours,
    /// A copy of ours whose mark does not name it yet, and which has no foreign locators.
    Unfinished,
}

impl Standing {
    /// All of them, by their number.
    pub(crate) const ALL: [Self; 3] = [Self::Foreign, Self::Ours, Self::Unfinished];
}

/// The owner of a target asset, before its locators are known, and its mark.
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
    /// Does it use an access policy of ours?
    pub(crate) ours: bool,
}

/// Whether an asset is protected in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Screened {
    /// It has neither content keys nor delivery policies.
    #[default]
    Clear,
    /// It has content keys or delivery policies.
    Protected,
    /// It could not be read.
    Unreadable,
    /// The operator withholds it, so its protection does not matter.
    Withheld,
    /// It is not protected, and has no blobs.
    Empty,
}

impl Screened {
    /// All of them, by their number.
    pub(crate) const ALL: [Self; 5] = [Self::Clear, Self::Protected, Self::Unreadable, Self::Withheld, Self::Empty];

    /// The result for the source's answer.
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

    /// Are our locators removed from its copy, although the source publishes them?
    pub(crate) fn is_barred(self) -> bool {
        matches!(self, Self::Protected | Self::Withheld)
    }

    /// Is it never published on the target?
    pub(crate) fn is_closed(self) -> bool {
        self.is_barred() || self == Self::Empty
    }
}

/// Do both locators have the same terms? Services keep times with millisecond precision at best.
pub(crate) fn same_terms(source: &Locator, target: &Locator) -> bool {
    let close = |a: Timestamp, b: Timestamp| (a.as_millisecond() - b.as_millisecond()).abs() < 1_000;
    let starts = match (source.start, target.start) {
        (Some(a), Some(b)) => close(a, b),
        (None, None) => true,
        _ => false,
    };
    starts && close(source.expiry, target.expiry) && source.name == target.name
}

/// The asset of `account` that this asset is a copy of.
pub(super) fn original_of(asset: &Asset, account: &AccountName) -> Option<AssetId> {
    let mark = asset.alternate_id.as_deref().and_then(Mark::parse)?;
    (mark.account == *account && mark.own.as_ref() == Some(&asset.id)).then_some(mark.source)
}
