//! Filters of dynamic packaging: a URL that names one plays only where the asset or the account has it.

use std::sync::PoisonError;

use futures::future::join;

use super::accounts::unchecked;
use super::catalog::Claims;
use super::judge::{Claim, Work};
use super::observed::{ByAsset, Filters};
use crate::connect::Pair;
use crate::error::Error;
use crate::library::Library;
use crate::model::{AssetId, FilterChange, Side};
use crate::verdict::{Cause, Finding};

/// The number of assets whose filters are requested at once.
const AT_ONCE: usize = 1_000;
/// The number of filters that a finding names.
const NAMED: usize = 10;

impl Claims {
    /// Compares the filters of both sides. Returns the finding if they could not be read.
    pub(crate) async fn read_filters(&self, pair: &Pair) -> Result<Option<Finding>, Error> {
        let asked = self.observed.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let [(of_source, source), (of_target, target)] = match asked {
            None => return Ok(None),
            Some(Err(finding)) => return Ok(Some(finding)),
            Some(Ok(listed)) => listed,
        };
        let of_assets = join(
            self.filters_of_assets(source, &*pair.source.library, Side::Source),
            self.filters_of_assets(target, &*pair.target.library, Side::Target),
        );
        let (source, target) = match of_assets.await {
            (Ok(source), Ok(target)) => (source, target),
            (Err(error), _) | (_, Err(error)) => return Ok(Some(unchecked(error.to_string()))),
        };
        let mut of_account = FilterChange::between(&of_source, &of_target);
        // A filter that only the target's account has may belong to another program, and changes no URL of the source.
        of_account.retain(|change| !matches!(change, FilterChange::Delete(_)));
        // A run reads them only once.
        let _ = self.observed.filters.set(Filters::new(of_account, source, target));
        Ok(None)
    }

    /// The changes that give the target's account the filters of the source's. None is deleted.
    pub(crate) fn filters_of_account(&self) -> &[FilterChange] {
        self.observed.filters.get().map_or(&[], |filters| &filters.of_account)
    }

    /// If the service does not list the filters of all assets, the published ones are asked, or their copies.
    async fn filters_of_assets(
        &self,
        listed: Option<ByAsset>,
        library: &dyn Library,
        side: Side,
    ) -> Result<ByAsset, Error> {
        if let Some(listed) = listed {
            return Ok(listed);
        }
        let (mut of_assets, mut after) = (ByAsset::new(), 0);
        loop {
            let page = self.spool.to_screen(after, AT_ONCE)?;
            let Some((last, _)) = page.last() else { return Ok(of_assets) };
            after = *last;
            let mut asked: Vec<AssetId> = Vec::with_capacity(page.len());
            for (_, published) in page {
                match side {
                    Side::Source => asked.push(published),
                    Side::Target => asked.extend(self.spool.copies_of(&published)?.into_iter().map(|copy| copy.id)),
                }
            }
            let filters = library.filters_of(&asked).await?;
            of_assets.extend(asked.into_iter().zip(filters).filter(|(_, filters)| !filters.is_empty()));
        }
    }

    /// Adds the changes of filters to the work on a published asset.
    pub(super) fn with_filters(&self, mut claim: Claim) -> Claim {
        if let Claim::Mirror(work) = &mut claim {
            self.compare_filters(work);
        }
        claim
    }

    /// Compares the filters of a published asset with those of its copy.
    pub(crate) fn compare_filters(&self, work: &mut Work) {
        if let Some(filters) = self.observed.filters.get().filter(|_| work.published) {
            work.filters = filters.changes(&work.asset.id, work.target.as_ref().map(|copy| &copy.id));
        }
    }
}

/// The finding about filters that differ.
pub(crate) fn filters_differ(changes: &[FilterChange]) -> Option<Finding> {
    (!changes.is_empty()).then(|| Finding::new(Cause::FiltersDiffer, listed(changes)))
}

/// How a filter of the target differs.
pub(crate) fn filter_difference(change: &FilterChange) -> &'static str {
    match change {
        FilterChange::Create(_) => "the filter is missing on the target",
        FilterChange::Update { .. } => "the filter has other rules on the target",
        FilterChange::Delete(_) => "the filter is only on the target",
    }
}

/// The first differences, and the number of the others.
fn listed(changes: &[FilterChange]) -> String {
    let one = |change: &FilterChange| format!("{:?}: {}", change.name(), filter_difference(change));
    let named = changes.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ");
    match changes.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
