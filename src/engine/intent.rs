//! The fingerprint of what a run does to one asset. A plan contains it, and a run that applies the plan does nothing
//! else.
//!
//! Two comparisons that lead to the same requests have the same fingerprint. Differences that do not change the
//! requests are not part of it: a copy of a blob that the source has deleted, the entity tag of an equal blob, the
//! progress of an earlier run.

use crate::claims::{TargetAsset, Work};
use crate::engine::contents::Contents;
use crate::engine::contents::needs::Survey;
use crate::engine::run::Run;
use crate::model::{AssetId, FilterChange, Locator, LocatorId};
use crate::plan::{Action, Fingerprint, Fingerprints, Item};
use crate::verdict::Change;

/// The fingerprint of the changes of an asset. `present`: the content of its copy, if it has one; `replaced`: the copy
/// that lost its container.
pub(crate) fn of_asset(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: Option<&Contents<'_>>,
    replaced: Option<&TargetAsset>,
    survey: &Survey,
) -> Fingerprint {
    let mut parts = Fingerprints::default().with("copy", work.target.as_ref().map_or("", |copy| copy.id.as_str()));
    parts = parts.with_some("replaces", replaced.map(|old| old.id.as_str()));
    parts = parts.with_some("adopts", work.adopting.then_some(""));
    parts = match present {
        Some(_) => parts.with("blobs", survey.actions.to_le_bytes()),
        // All of them are copied.
        None => parts.with("source", &source.digest),
    };
    let (is_new, asset) = (present.is_none(), &work.asset);
    if is_new {
        let account = run.account_of_new_copy(asset).map(|account| account.name().as_str());
        parts =
            parts.with("account", account.unwrap_or_default()).with("encryption", format!("{:?}", asset.encryption));
    }
    if is_new || work.renamed {
        parts = parts.with_some("name", asset.name.as_deref()).with("mark", work.mark.text());
    }
    if is_new || work.other_metadata {
        parts = asset.metadata.iter().fold(parts, |parts, (key, value)| parts.with("metadata", key).with(key, value));
    }
    // The records themselves are read when they are written.
    let records = !is_new && (work.files_differ || !work.same_files);
    parts = parts.with_some("records", records.then_some(""));
    for change in &work.filters {
        parts = with_filter(parts, change);
    }
    for locator in &work.missing {
        parts = with_locator(parts, "make", locator);
    }
    for moved in &work.moved {
        parts = with_locator(parts, "move", &moved.locator).with("from", moved.from.as_str());
    }
    for outdated in &work.outdated {
        parts = with_locator(with_locator(parts, "change", &outdated.locator), "there", &outdated.there);
    }
    parts.finish()
}

/// The fingerprint of changes of filters of the target's account.
pub(crate) fn of_filters(changes: &[FilterChange]) -> Fingerprint {
    changes.iter().fold(Fingerprints::default(), with_filter).finish()
}

fn with_filter(parts: Fingerprints, change: &FilterChange) -> Fingerprints {
    match change {
        FilterChange::Create(wanted) | FilterChange::Update { wanted, .. } => {
            parts.with("filter", &wanted.name).with("rules", format!("{:?}", wanted.rules))
        }
        FilterChange::Delete(there) => parts.with("delete filter", &there.name),
    }
}

fn with_locator(parts: Fingerprints, what: &str, locator: &Locator) -> Fingerprints {
    // Services keep times with millisecond precision at best.
    let start = locator.start.map(|start| start.as_millisecond().to_le_bytes());
    parts
        .with(what, locator.id.as_str())
        .with_some("name", locator.name.as_deref())
        .with_some("start", start)
        .with("expiry", locator.expiry.as_millisecond().to_le_bytes())
}

/// The fingerprint of withdrawing a locator from a copy.
pub(crate) fn of_withdrawal(copy: &AssetId) -> Fingerprint {
    Fingerprints::default().with("copy", copy.as_str()).finish()
}

/// The withdrawal as an item of a plan.
pub(crate) fn withdrawal(source: &AssetId, copy: &TargetAsset, locator: &LocatorId, change: Change) -> Item {
    let item = Item::new(Action::Withdraw, source, copy.label(), vec![change], of_withdrawal(&copy.id));
    Item { locator: Some(locator.clone()), ..item }
}

/// The fingerprint of the date in the mark of a copy whose source asset is deleted.
pub(crate) fn of_retirement(copy: &TargetAsset) -> Fingerprint {
    Fingerprints::default().with("copy", copy.id.as_str()).with_some("mark", copy.alternate_id.as_deref()).finish()
}
