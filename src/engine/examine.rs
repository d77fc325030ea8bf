//! Checks both libraries as a whole, before anything is written.

use crate::engine::run::Run;
use crate::engine::withdraw::{hidden, withhold};
use crate::error::Error;
use crate::verdict::Cause;

/// Checks the libraries as a whole, before anything is written.
pub(crate) async fn examine(run: &Run) -> Result<(), Error> {
    // If another run took the lock while the libraries were listed, the listings are no longer valid.
    run.may_write()?;
    find_objection(run)?;
    run.claims.spool.pause().await;
    if run.is_held() {
        return Ok(());
    }
    futures::try_join!(run.keeper.begin(run.options.plan.as_deref()), prepare(run))?;
    Ok(())
}

/// Finds the reason why a run must not write at all.
pub(crate) fn find_objection(run: &Run) -> Result<(), Error> {
    let census = run.claims.census()?;
    run.count(|tally| tally.published = census.published);
    if census.covered == 0 && !run.options.covers_all() {
        none_covered(run)?;
    }
    if let Some(objection) = run.options.base.as_ref().and_then(|base| base.objection.clone()) {
        run.find(objection);
    } else if run.claims.is_reversed()? {
        run.find(Cause::DirectionReversed.into());
    } else if let Some(objection) = run.keeper.objection(census.complete, run.options.rebuild) {
        run.find(objection);
    }
    Ok(())
}

/// No asset of the source is in scope: an error, unless assets were selected by id and the target still has copies of
/// them.
fn none_covered(run: &Run) -> Result<(), Error> {
    let Some(only) = &run.options.only else { return Err(Error::nothing_matched()) };
    for id in only.iter() {
        if !run.claims.spool.copies_of(id)?.is_empty() {
            return Ok(());
        }
    }
    Err(Error::none_left(only.len()))
}

/// Finds out whether the target plays anything, which assets are protected or withheld, which filters differ, and what
/// other programs publish on our copies.
pub(crate) async fn prepare(run: &Run) -> Result<(), Error> {
    if !run.claims.accounts.target_streams {
        run.find(Cause::TargetNotStreaming.into());
    }
    for (asset, name, finding) in run.options.base.iter().flat_map(|base| &base.left_alone) {
        run.finish_copy(asset, name, finding.clone());
    }
    let claims = &run.claims;
    let screened = (claims.screen(&run.pair), claims.screen_copies(&run.pair.target));
    let (_, (), unread) = futures::try_join!(screened.0, screened.1, claims.read_filters(&run.pair))?;
    if let Some(finding) = unread {
        run.find(finding);
    }
    withhold::withhold(run)?;
    withhold::name_foreign(run).await?;
    hidden::name_hidden(run).await
}
