//! Fills our copy with blobs: which ones, in which order, and again if the source changed meanwhile.

use futures::TryStreamExt;

use super::look;
use crate::blob::BlobAccount;
use crate::claims::Work;
use crate::engine::contents::Contents;
use crate::engine::contents::needs::to_copy;
use crate::engine::contents::stages::Part;
use crate::engine::copy::{CopyResult, Route, copy_blobs};
use crate::engine::methods::Situation;
use crate::engine::run::Run;
use crate::error::Error;
use crate::monitor::RunEvent;

/// How often both sides of an asset are listed again because a manifest changed after it was listed: it may name
/// segments that were not listed. The limit is needed because a live playlist changes every few seconds.
const MOST_ROUNDS: u32 = 4;

/// Copies the blobs that are missing or different on the target. Afterwards `source` is the state that was copied.
pub(super) async fn copy_missing<'a>(
    run: &'a Run,
    work: &Work,
    source: &mut Contents<'a>,
    present: &Contents<'_>,
) -> Result<CopyResult, Error> {
    let asset = &work.asset;
    // If some blobs exist already, these numbers are upper limits: a large container is not compared twice.
    run.monitor.event(RunEvent::AssetStarted {
        asset: asset.id.clone(),
        name: asset.label().to_owned(),
        blobs: source.count,
        bytes: source.bytes,
    });
    let mut copied = copy_stages(run, work, source, present).await?;
    for _ in 1..MOST_ROUNDS {
        if copied.outrun == 0 {
            break;
        }
        // The changes of this round are in the new listings.
        let Ok(listed) = look::look_at_source(&run.pair, work).await? else { break };
        *source = listed;
        let present = Contents::list(present.place()).await?;
        let again = copy_stages(run, work, source, &present).await?;
        copied = CopyResult { planned: copied.planned - copied.outrun as u64 + again.planned, ..again };
    }
    Ok(copied)
}

/// Copies stage by stage. If one is not complete, the next one does not start.
async fn copy_stages(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
) -> Result<CopyResult, Error> {
    let route = Route {
        source: source.account,
        from: &source.container,
        target: present.account,
        to: &present.container,
        extent: &present.extent,
        priority: run.next_priority(),
        started_before: work.target.is_some(),
        situation: situation(run, work, source.account, Some(present.account)),
        renews: true,
    };
    let stages = source.stages;
    let mut copied = CopyResult::default();
    for stage in stages.all() {
        let blobs = to_copy(work, source, present).try_filter(move |blob| std::future::ready(stages.of(blob) == stage));
        let situation = if stage.other_kind { route.situation.keeping_kind() } else { route.situation };
        let route = Route { situation, renews: stage.part == Part::Media, ..route };
        copied = copied.and(copy_blobs(run, &work.asset, route, blobs).await?);
        if !copied.is_whole() {
            break;
        }
    }
    Ok(copied)
}

/// The facts that decide by which method a blob is copied.
pub(super) fn situation(run: &Run, work: &Work, from: &BlobAccount, to: Option<&BlobAccount>) -> Situation {
    Situation {
        asked: run.options.copy_method,
        same_account: to.is_some_and(|to| to.name() == from.name()),
        live: work.is_live(),
        lacks_put: to.is_some_and(BlobAccount::lacks_put_from_url),
        keeps_kind: false,
    }
}
