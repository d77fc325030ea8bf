//! The verdict on an asset whose index tags could not be read, or that the target does not support.

use crate::blob::{BlobAccount, TagAccess};
use crate::engine::contents::Contents;
use crate::engine::contents::tagging::Tagging;
use crate::engine::run::Run;
use crate::model::{Asset, Side};
use crate::verdict::{Cause, Finding};

/// The reason why the copy's tags differ, or may differ, from the source's. `target`: the account of the copy. If the
/// source's account does not support tags, the target owes none.
pub(crate) fn finding(source: &Contents<'_>, target: Option<&BlobAccount>) -> Option<Finding> {
    let refuses = |side: Side, account: &BlobAccount| {
        let detail = format!("storage account {} of the {side} refuses to list them", account.name());
        Some(Finding::new(Cause::TagsUnreadable, detail))
    };
    match (source.tagging, source.account.tag_access(), target.map(BlobAccount::tag_access)) {
        (Tagging::Unreadable, ..) | (_, TagAccess::Refused, _) => refuses(Side::Source, source.account),
        (Tagging::NotOffered, ..) | (_, TagAccess::NotOffered, _) => None,
        (_, TagAccess::Readable, Some(TagAccess::Refused)) => refuses(Side::Target, target?),
        (Tagging::Some, TagAccess::Readable, Some(TagAccess::NotOffered)) => {
            let detail = format!("its blobs have index tags, and storage account {} has none", target?.name());
            Some(Finding::new(Cause::NotSupported, detail))
        }
        _ => None,
    }
}

/// Records it for the verdict of an asset whose contents are processed.
pub(crate) fn note(run: &Run, asset: &Asset, source: &Contents<'_>, target: Option<&BlobAccount>) {
    if let Some(finding) = finding(source, target) {
        run.finish_copy(&asset.id, asset.label(), finding);
    }
}
