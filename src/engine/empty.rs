//! A source container that is listed as empty: is there nothing to copy, or is the listing not to be believed?

use super::contents::Contents;
use crate::connect::Pair;
use crate::error::Error;
use crate::model::Asset;

/// Why an asset is not to be mirrored although its container can be listed. File records without a single blob are an
/// upload that never came, or a listing that shows nothing; published, either would play nowhere.
pub(super) async fn nothing_behind(pair: &Pair, asset: &Asset, source: &Contents<'_>) -> Result<Option<String>, Error> {
    if source.count > 0 {
        return Ok(None);
    }
    let records = pair.source.media.files_of(std::slice::from_ref(&asset.id)).await?.concat().len();
    Ok((records > 0).then(|| {
        format!(
            "its container {} is listed as empty, although it has {records} file records: nothing was copied, and what \
             the target has was left as it is",
            source.container
        )
    }))
}
