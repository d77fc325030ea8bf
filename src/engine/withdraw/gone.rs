//! The assets that are deleted or never published, according to the tables.

use crate::claims::Gone;
use crate::engine::run::Run;
use crate::error::Error;
use crate::model::{AssetEncryption, AssetId};

/// The number of rows that are read from the tables at once.
pub(super) const PAGE: usize = 500;

/// The copies in scope whose source asset is deleted.
pub(super) fn all_gone(run: &Run) -> Result<Vec<Gone>, Error> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = run.claims.spool.gone(after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after = *last;
        let gone = page.into_iter().map(|(_, gone)| gone);
        all.extend(gone.filter(|gone| run.options.covers_id(&gone.source, gone.copy.label())));
    }
}

/// Is a source asset never published on the target? Then no copy of another asset serves its locators either.
pub(super) fn is_never_published(run: &Run, asset: &AssetId) -> Result<bool, Error> {
    let Some((asset, _)) = run.claims.spool.source(asset)? else { return Ok(false) };
    let closed = run.claims.spool.screened(&asset.id)?.is_closed();
    Ok(closed || asset.encryption == AssetEncryption::Storage)
}
