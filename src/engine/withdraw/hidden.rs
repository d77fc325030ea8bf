//! Published assets that the source's listing of assets leaves out, although its listing of locators shows them. What plays
//! them on the target may be something else, so the run is not complete.

use futures::{StreamExt, stream};

use crate::claims::Claims;
use crate::connect::Pair;
use crate::engine::run::Run;
use crate::error::Error;
use crate::model::{Asset, AssetId};
use crate::verdict::{Cause, Finding};

/// Assets that the source is asked for. A listing that leaves out more is named as a whole.
const ASKED: usize = 200;
/// Assets that it is asked for at once.
const AT_ONCE: usize = 16;

/// What the source answers for assets that its listing leaves out.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    /// They are there.
    pub(crate) assets: Vec<Asset>,
    /// They could not be asked for.
    pub(crate) errors: Vec<(AssetId, Error)>,
    /// There are more of them than were asked for.
    pub(crate) more: bool,
}

impl Hidden {
    /// The finding of one that is there.
    pub(crate) fn finding() -> Finding {
        Finding::new(Cause::ListingIncomplete, "the source's listing lacks it")
    }

    /// The finding where there are more than were asked for.
    pub(crate) fn finding_of_more(&self) -> Option<Finding> {
        let detail = format!("the source's listing lacks more than {ASKED} assets that have locators");
        self.more.then(|| Finding::new(Cause::ListingIncomplete, detail))
    }
}

/// Asks the source for each published asset that its listing leaves out. One that was deleted or created while the source
/// was listed is no such one.
pub(crate) async fn hidden(pair: &Pair, claims: &Claims) -> Result<Hidden, Error> {
    let unlisted = claims.spool.unlisted(ASKED + 1)?;
    let more = unlisted.len() > ASKED;
    ask(pair, claims, unlisted, more).await
}

/// Asks the source for these assets, as many as may be asked for.
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

/// Names those that are part of the run.
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
