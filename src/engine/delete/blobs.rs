//! Blobs that the source has deleted from an asset that it still has: confirms every night that the source lacks them,
//! and deletes those that are due.
//!
//! A blob is ours if a run saw it in the source and equal on the target, and no program has written to it since; the
//! ledger's fingerprints prove that. All other blobs in a copy may belong to another program.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::blob::{Deleted, WriteIf};
use crate::claims::Work;
use crate::clock;
use crate::engine::contents::Contents;
use crate::engine::contents::digest::{KeptSum, Sealed, same_blobs};
use crate::engine::contents::kept::KeptCopy;
use crate::engine::counts::PendingDeletion;
use crate::engine::run::Run;
use crate::engine::schedule::deletions::{due_on, first_night};
use crate::error::Error;
use crate::ledger::{AssetRow, KeptBlob};
use crate::model::BlobRef;
use crate::verdict::Change;

/// The number of blobs of one asset that are requested or deleted at once.
const AT_ONCE: usize = 16;

/// Checks the blobs that only the target has: reports those that the source lacks for the first time, and adds the
/// blobs to those that are due or pending.
pub(crate) async fn note(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
    kept: &[KeptCopy],
) -> Result<(), Error> {
    let (Some(after), Some(row)) = (run.options.policy.delete_after, &work.row) else { return Ok(()) };
    if work.adopting || !work.is_verified() || (kept.is_empty() && row.kept_seen.is_none()) {
        return Ok(());
    }
    let (now, known) = (clock::now(), Known::of(run, row, present).await?);
    let known = &known;
    // Owned: the compiler cannot prove that a stream of references is `Send`.
    let asked = stream::iter(kept.to_vec()).map(|kept| confirm(source, kept, known, now)).boxed();
    let confirmed: Vec<KeptBlob> = asked.buffered(AT_ONCE).collect().await;
    let (mut due, mut new, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for (kept, since) in kept.iter().zip(&confirmed).filter_map(|(kept, blob)| Some((kept, blob.since?))) {
        if since == now {
            new.push(kept);
        }
        if due_on(since, after) <= now { due.push(kept.clone()) } else { pending.push((kept, due_on(since, after))) }
    }
    if !new.is_empty() {
        let names = new.iter().map(|kept| kept.name.clone()).collect();
        let bytes = new.iter().map(|kept| kept.bytes).sum();
        run.changed(&work.asset, vec![Change::BlobsToDelete { names, bytes, on: due_on(now, after) }]);
    }
    if let Some(on) = pending.iter().map(|(_, on)| *on).min() {
        let bytes = pending.iter().map(|(kept, _)| kept.bytes).sum();
        let (asset, name) = (work.asset.id.clone(), work.asset.label().to_owned());
        let pending = PendingDeletion { asset, name, whole: false, blobs: pending.len() as u64, bytes, on };
        run.count(|tally| tally.pending.push(pending));
    }
    if !run.options.dry_run {
        record(run, work, now, known, confirmed).await?;
    }
    if !due.is_empty() {
        run.deletions.add_blobs(&work.asset, due);
    }
    Ok(())
}

/// The records of earlier runs about the kept blobs of an asset.
struct Known {
    before: HashMap<String, KeptBlob>,
    /// The time of the last check.
    seen: Option<Timestamp>,
    /// The state of the copy when it was last compared, if its extra blobs at that time are known.
    sealed: Option<Seal>,
}

/// The state of a copy when it was last compared.
enum Seal {
    /// Its present state.
    Same,
    Other(Sealed),
}

impl Known {
    async fn of(run: &Run, row: &AssetRow, present: &Contents<'_>) -> Result<Self, Error> {
        let (mut sum, before) = (KeptSum::default(), run.ledger.kept(&row.source).await?);
        for blob in &before {
            sum.add(&blob.name, &blob.etag);
        }
        let all_known = row.facts.kept_digest.as_ref().is_some_and(|digest| *digest == sum.text());
        let sealed = row.facts.target_digest.as_deref().filter(|_| all_known).and_then(|sealed| {
            if same_blobs(sealed, &present.seal) { Some(Seal::Same) } else { Sealed::parse(sealed).map(Seal::Other) }
        });
        let before = before.into_iter().map(|blob| (blob.name.clone(), blob)).collect();
        Ok(Self { before, seen: row.kept_seen, sealed })
    }

    /// The record of the same blob in the same state.
    fn before(&self, kept: &KeptCopy) -> Option<&KeptBlob> {
        self.before.get(&kept.name).filter(|blob| blob.etag == kept.etag)
    }

    /// Is it proven that the source had it, too?
    fn is_ours(&self, kept: &KeptCopy) -> bool {
        match (self.before.get(&kept.name), &self.sealed) {
            (Some(before), _) => before.ours && before.etag == kept.etag,
            (None, Some(Seal::Same)) => true,
            (None, Some(Seal::Other(sealed))) => !sealed.is_altered_copy(kept),
            (None, None) => false,
        }
    }
}

/// Asks the source for a blob that only the target has.
async fn confirm(source: &Contents<'_>, kept: KeptCopy, known: &Known, now: Timestamp) -> KeptBlob {
    let ours = known.is_ours(&kept);
    let at = BlobRef { container: source.container.clone(), name: kept.name.clone() };
    let is_deleted = ours
        && source.account.is_deleted(&at).await.unwrap_or_else(|error| {
            tracing::warn!(blob = %at, %error, "whether the source has it is not known; its time starts again");
            false
        });
    let since = known.before(&kept).and_then(|before| before.since).zip(known.seen);
    let since = is_deleted.then(|| first_night(since, now));
    KeptBlob { name: kept.name, etag: kept.etag, since, ours }
}

/// Records the present knowledge.
async fn record(run: &Run, work: &Work, now: Timestamp, known: &Known, blobs: Vec<KeptBlob>) -> Result<(), Error> {
    let mut removed: HashSet<&str> = known.before.keys().map(String::as_str).collect();
    let (mut written, any) = (Vec::new(), !blobs.is_empty());
    for blob in blobs {
        removed.remove(blob.name.as_str());
        if known.before.get(&blob.name) != Some(&blob) {
            written.push(blob);
        }
    }
    let removed = removed.into_iter().map(str::to_owned).collect();
    Ok(run.ledger.set_kept(&work.asset.id, any.then_some(now), written, removed).await?)
}

/// Deletes blobs that are due: each only if the source answers that it lacks it, and if it is unchanged on the target.
/// Returns the deleted blobs.
pub(crate) async fn delete(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
    due: Vec<KeptCopy>,
) -> Result<Vec<KeptCopy>, Error> {
    let each = stream::iter(due).map(|kept| async move {
        let of = |contents: &Contents<'_>| BlobRef { container: contents.container.clone(), name: kept.name.clone() };
        if run.stop.is_cancelled() || !source.account.is_deleted(&of(source)).await? {
            return Ok(None);
        }
        run.may_write()?;
        let deleted = present.account.delete_blob(&of(present), WriteIf::Etag(&kept.etag)).await?;
        Ok::<_, Error>((deleted == Deleted::Done).then_some(kept))
    });
    let deleted: Vec<KeptCopy> =
        each.buffered(AT_ONCE).try_filter_map(|kept| std::future::ready(Ok(kept))).try_collect().await?;
    let bytes = deleted.iter().map(|kept| kept.bytes).sum();
    run.count(|tally| tally.delete(0, deleted.len() as u64, bytes));
    let names = deleted.iter().map(|kept| kept.name.clone()).collect();
    let seen = work.row.as_ref().and_then(|row| row.kept_seen);
    run.ledger.set_kept(&work.asset.id, seen, Vec::new(), names).await?;
    Ok(deleted)
}
