//! Deletes blobs of an asset that the source has deleted, when all other work on the asset is done.

use super::{AssetEnd, AssetOutcome, Present, Task, list_copy, look_at_copy, look_at_source, source_lost, write};
use crate::claims::Work;
use crate::engine::contents::kept::KeptCopy;
use crate::engine::contents::needs::Survey;
use crate::engine::run::Run;
use crate::engine::schedule::in_flight::InFlight;
use crate::error::Error;
use crate::verdict::{Change, Finding};

/// Deletes blobs that are due. Lists both sides again, compares the copy afterwards, and updates its file records. If
/// the asset changed meanwhile, the next run deletes them. Returns what is wrong with the asset now, if anything.
pub(crate) async fn delete_kept(
    run: &Run,
    work: Work,
    due: Vec<KeptCopy>,
    in_flight: InFlight,
) -> Result<Option<Finding>, Error> {
    let mut work = work.mirrored();
    let (looked, listed) = futures::join!(look_at_source(&run.pair, &work), list_copy(&run.pair, work.target.as_ref()));
    let source = match looked? {
        Ok(source) => source,
        Err(finding) => return Ok(Some(finding)),
    };
    let Present::Whole(present) = look_at_copy(&run.pair, &run.claims, &mut work, listed?).await? else {
        return Ok(None);
    };
    let survey = Survey::of(&work, &source, &present).await?;
    if let Some(lost) = source_lost(&run.pair, &work, &survey).await? {
        return Ok(Some(lost));
    }
    let due: Vec<KeptCopy> = due.into_iter().filter(|due| survey.kept.contains(due)).collect();
    if survey.copies() > 0 || due.is_empty() {
        return Ok(None);
    }
    let task = Box::new(Task { work, source, present: Some(present), replaced: None, survey, due });
    Ok(match Box::pin(write(run, task, in_flight)).await? {
        AssetEnd::With(AssetOutcome::Not(finding)) | AssetEnd::WithConflict(finding) => Some(finding),
        _ => None,
    })
}

/// The change of deleted blobs.
pub(super) fn change(deleted: &[KeptCopy]) -> Option<Change> {
    let names = deleted.iter().map(|kept| kept.name.clone()).collect();
    let bytes = deleted.iter().map(|kept| kept.bytes).sum();
    (!deleted.is_empty()).then_some(Change::BlobsDeleted { names, bytes })
}
