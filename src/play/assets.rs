//! The assets that are played or read: those in scope, each once.

use std::collections::{BTreeSet, HashSet};

use futures::{StreamExt, TryStreamExt};

use crate::connect::Pair;
use crate::engine::Options;
use crate::error::Error;
use crate::library::Pages;
use crate::model::{Asset, AssetId};

/// The source's assets in scope, page by page, without those that are to be skipped; these are counted in `left_out`.
pub(super) fn in_scope<'a>(
    pair: &'a Pair,
    options: &'a Options,
    skip: &'a BTreeSet<AssetId>,
    left_out: &'a std::sync::atomic::AtomicU64,
) -> Pages<'a, Asset> {
    let mut seen = HashSet::new();
    let pages = pair.source.library.assets().map_ok(move |page: Vec<Asset>| {
        let fresh = page.into_iter().filter(|asset| options.covers(asset) && !asset.is_scratch());
        let fresh = fresh.filter(|asset| seen.insert(asset.id.clone())).collect::<Vec<_>>();
        let (left, taken): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|asset| skip.contains(&asset.id));
        left_out.fetch_add(left.len() as u64, std::sync::atomic::Ordering::Relaxed);
        taken
    });
    pages.boxed()
}

/// Would the error occur for every other asset, too?
pub(super) fn ends_all(error: &Error) -> bool {
    error.disposition() == crate::error::Disposition::Fatal
}
