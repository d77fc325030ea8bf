//! Published assets that the source's listing of assets omits, although its listing of locators contains them. The
//! target may play another version of them, so the run is not complete.

use futures::{StreamExt, stream};

use crate::claims::Claims;
use crate::connect::Pair;
use crate::engine::run::Run;
use crate::error::Error;
use crate::model::{Asset, AssetId};
use crate::verdict::{Cause, Finding};

/// The most assets that are requested from the source. If a listing omits more, one finding reports that.
const ASKED: usize = 200;
/// The number of assets that are requested at once.
const AT_ONCE: usize = 16;

/// The source's answers about assets that its listing omits.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    /// Assets that exist.
    pub(crate) assets: Vec<Asset>,
    /// Assets whose requests failed.
    pub(crate) errors: Vec<(AssetId, Error)>,
    /// Are there more of them than were requested?
    pub(crate) more: bool,
}

impl Hidden {
    /// The finding about an existing one.
    pub(crate) fn finding() -> Finding {
        Finding::new(Cause::ListingIncomplete, "the source's listing lacks it")
    }

    /// The finding if there are more than were requested.
    pub(crate) fn finding_of_more(&self) -> Option<Finding> {
        let detail = format!("the source's listing lacks more than {ASKED} assets that have locators");
        self.more.then(|| Finding::new(Cause::ListingIncomplete, detail))
    }
}

/// Asks the source for each published asset that its listing omits. An asset that was deleted or created while the
/// source was listed does not count.
pub(crate) async fn hidden(pair: &Pair, claims: &Claims) -> Result<Hidden, Error> {
    let unlisted = claims.spool.unlisted(ASKED + 1)?;
    let more = unlisted.len() > ASKED;
    ask(pair, claims, unlisted, more).await
}

/// Asks the source for these assets, up to the limit.
pub(crate) async fn ask(pair: &Pair, claims: &Claims, ids: Vec<AssetId>, more: bool) -> Result<Hidden, Error> {
    let asked = stream::iter(ids.into_iter().take(ASKED)).map(|id| async move {
        let answer = pair.source.library.asset(&id).await;
        (id, answer)
    });
    let mut asked = std::pin::pin!(asked.buffered(AT_ONCE));
    let mut hidden = Hidden { more, ..Hidden::default() };
    while let Some((id, answer)) = asked.next().await {
        match answer {
            Ok(Some(asset)) if !claims.is_newer(&asset) => hidden.assets.push(asset),
            Ok(_) => {}
            Err(error) => hidden.errors.push((id, error)),
        }
    }
    Ok(hidden)
}

/// Reports those that are part of the run.
pub(crate) async fn name_hidden(run: &Run) -> Result<(), Error> {
    let hidden = hidden(&run.pair, &run.claims).await?;
    if let Some(finding) = hidden.finding_of_more() {
        run.find(finding);
    }
    for asset in hidden.assets.iter().filter(|asset| run.options.covers(asset)) {
        run.finish_copy(&asset.id, asset.label(), Hidden::finding());
    }
    for (id, error) in hidden.errors {
        run.fail_copy(&id, id.as_str(), error);
    }
    Ok(())
}
