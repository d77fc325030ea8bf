//! Sets headers, metadata and index tags of copies in place, and seals copies.

use futures::TryStreamExt;

use crate::blob::{BlobAccount, Changed};
use crate::claims::Work;
use crate::engine::contents::Contents;
use crate::engine::contents::compare::{Mend, Need};
use crate::engine::contents::needs::{Needed, needs};
use crate::engine::run::Run;
use crate::error::Error;
use crate::model::{Blob, BlobRef};
use crate::verdict::Cause;

/// The number of blobs of one asset that are changed at once.
const AT_ONCE: usize = 16;

/// Updates headers, metadata and tags of every copy whose bytes match the source. A blob that was copied again has them
/// already.
pub(crate) async fn mend_blobs(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: &Contents<'_>,
) -> Result<(), Error> {
    needs(work, source, present)
        .try_filter_map(|needed| async move {
            Ok(match needed {
                Needed { blob, copy: Some(copy), need: Need::Mend(mend) } => Some((blob, copy, mend)),
                _ => None,
            })
        })
        .map_ok(|(blob, copy, mend)| async move {
            run.may_write()?;
            let at = BlobRef { container: present.container.clone(), name: blob.name.clone() };
            mend_one(present.account, &at, &blob, &copy, mend).await
        })
        .try_buffer_unordered(AT_ONCE)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
}

async fn mend_one(account: &BlobAccount, at: &BlobRef, blob: &Blob, copy: &Blob, mend: Mend) -> Result<(), Error> {
    let mut etag = copy.etag.clone();
    if mend.headers {
        etag = new_etag(at, etag, account.set_headers(at, &blob.properties, &copy.etag).await?)?;
    }
    if mend.metadata {
        let set = account.set_metadata(at, &blob.properties.metadata, &etag).await?;
        etag = new_etag(at, etag, set)?;
    }
    if mend.seal {
        let sealed = account.seal(at, &etag).await?;
        new_etag(at, etag, sealed)?;
    }
    if let Some(tags) = blob.properties.tags.read().filter(|_| mend.tags) {
        new_etag(at, String::new(), account.set_tags(at, tags).await?)?;
    }
    Ok(())
}

/// The entity tag after a change. If another program changed the copy meanwhile, the next run compares it again.
fn new_etag(at: &BlobRef, before: String, changed: Changed) -> Result<String, Error> {
    match changed {
        Changed::Done { etag } => Ok(etag.unwrap_or(before)),
        Changed::ConditionFailed => {
            Err(Error::found(at.to_string(), Cause::DiffersAfterCopy, "it was changed during the run"))
        }
        Changed::Missing => Err(Error::found(at.to_string(), Cause::DiffersAfterCopy, "it was deleted during the run")),
    }
}
