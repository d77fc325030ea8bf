//! Compares a copy with its source immediately after it was written.

use futures::TryStreamExt;

use crate::claims::Work;
use crate::engine::contents::compare;
use crate::engine::contents::digest::{BlobsDigest, BlobsSum, KeptSum, to_record};
use crate::engine::contents::{Contents, compare_names};
use crate::error::Error;
use crate::ledger::Facts;
use crate::memory::Turn;
use crate::verdict::Cause;

/// The number of differences named in an error; the others are counted.
const DIFFERENCES_NAMED: usize = 3;

/// Lists the target and compares. Returns the fingerprints of both listings.
pub(crate) async fn verify_copy(work: &Work, source: &Contents<'_>, present: Contents<'_>) -> Result<Facts, Error> {
    let (asset, before) = (&work.asset, work.row.as_ref().map(|row| &row.facts));
    let place = present.place();
    // The memory for the copy's old state is freed before the new state is listed.
    drop(present);
    let target = Contents::list(place).await?;
    let (mut digest, mut sum) = (BlobsDigest::of(&source.extent), BlobsSum::default());
    let (mut named, mut more) = (Vec::new(), 0);
    let (mut archived, mut kept) = (None, KeptSum::default());
    let mut pairs = compare_names(source, &target, Turn::Compare);
    while let Some((blob, copy)) = pairs.try_next().await? {
        let Some(blob) = blob else {
            if let Some(copy) = copy {
                kept.add(&copy.name, &copy.etag);
            }
            continue;
        };
        digest.add(&blob);
        sum.add(&blob);
        // Blobs that only the target has do not belong to the mirror, and may be archived.
        archived = archived.or_else(|| copy.as_ref().filter(|copy| copy.is_archived()).map(|copy| copy.name.clone()));
        match compare::fault(&blob, copy.as_deref()) {
            Some(what) if named.len() < DIFFERENCES_NAMED => named.push(format!("{}: {what}", blob.name)),
            Some(_) => more += 1,
            None => {}
        }
    }
    drop(pairs);
    if !named.is_empty() {
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        let reason = format!("{}{more}", named.join("; "));
        return Err(Error::found(target.container.to_string(), Cause::DiffersAfterCopy, reason));
    }
    // A container that was listed again may differ from the one that was copied.
    if !source.is_of(sum) {
        return Err(Error::found(asset.label(), Cause::SourceChanging, ""));
    }
    if let Some(blob) = archived {
        return Err(Error::found(asset.label(), Cause::ArchivedInTarget, blob));
    }
    let source_digest = to_record(digest.text(), before.and_then(|facts| facts.source_digest.as_deref()));
    let target_digest = to_record(target.seal, before.and_then(|facts| facts.target_digest.as_deref()));
    Ok(Facts {
        source_digest: Some(source_digest),
        target_digest: Some(target_digest),
        kept_digest: Some(kept.text()),
        ..Facts::default()
    })
}
