//! What both accounts report about themselves as a whole.
//!
//! It is requested beside the listings: afterwards, each answer would take one more round trip before the first asset.

use futures::future::join;

use super::observed::{Asked, Listed};
use crate::connect::Pair;
use crate::error::Error;
use crate::library::Library;
use crate::model::Side;
use crate::verdict::{Cause, Finding};

/// The answers of both accounts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accounts {
    /// May the source have protected assets?
    pub(super) source_protects: bool,
    /// May the target have them?
    pub(super) target_protects: bool,
    /// Can viewers play anything from the target?
    pub(crate) target_streams: bool,
}

impl Accounts {
    /// Nothing was requested: any asset may be protected.
    pub(super) const UNKNOWN: Self = Self { source_protects: true, target_protects: true, target_streams: true };

    /// Asks both accounts.
    pub(super) async fn ask(pair: &Pair) -> Result<Self, Error> {
        let (source, target) = (&*pair.source.library, &*pair.target.library);
        let (source_protects, target_protects, target_streams) =
            futures::join!(may_protect(source, Side::Source), may_protect(target, Side::Target), streams(target));
        Ok(Self { source_protects, target_protects, target_streams: target_streams? })
    }

    /// Asks only the target, and only about its assets.
    pub(super) async fn ask_target(pair: &Pair) -> Self {
        Self { target_protects: may_protect(&*pair.target.library, Side::Target).await, ..Self::UNKNOWN }
    }
}

/// May the account have protected assets? If it does not answer that, each of its assets is asked.
async fn may_protect(library: &dyn Library, side: Side) -> bool {
    library.has_protection().await.unwrap_or_else(|error| {
        tracing::warn!(%error, %side, "whether the account has protected assets is not known");
        true
    })
}

/// Does one of the account's streaming hosts run?
async fn streams(library: &dyn Library) -> Result<bool, Error> {
    if !library.capabilities().streaming_hosts {
        return Ok(true);
    }
    Ok(library.streaming_hosts().await?.iter().any(|host| host.running))
}

/// Requests the filters of both sides.
pub(super) async fn ask_for_filters(pair: &Pair) -> Asked {
    let [source, target] = [&*pair.source.library, &*pair.target.library];
    let lists = [source, target].map(|library| library.capabilities().filters);
    if lists == [false, false] {
        return None;
    }
    if let Some((library, _)) = [source, target].into_iter().zip(lists).find(|(_, lists)| !lists) {
        return Some(Err(unchecked(format!("account {} does not list them", library.account()))));
    }
    Some(match join(listed_by(source), listed_by(target)).await {
        (Ok(source), Ok(target)) => Ok([source, target]),
        (Err(error), _) | (_, Err(error)) => Err(unchecked(error.to_string())),
    })
}

async fn listed_by(library: &dyn Library) -> Result<Listed, Error> {
    futures::try_join!(library.account_filters(), library.asset_filters())
}

/// The finding if filters could not be read.
pub(super) fn unchecked(why: String) -> Finding {
    Finding::new(Cause::FiltersUnchecked, why)
}
