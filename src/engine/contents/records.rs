//! Decides which file records a run has to list.
//!
//! The ledger row of an asset has the state of its file records, so only those that changed since the last run that saw
//! every asset are listed. The list of changes does not contain deleted records; therefore all records are listed from
//! time to time, including those of the target, which another program may have damaged. (If the service deletes a file
//! with its blob, the container shows it immediately.)

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::claims::FilesWanted;
use crate::connect::Pair;
use crate::engine::contents::Contents;
use crate::error::Error;
use crate::ledger::{Ledger, Mark};
use crate::model::{AssetFile, AssetId};

/// Changes are requested from this long before the last run: this machine's clock may differ by up to the fifteen
/// minutes that storage accounts accept, and a change may become visible some time after its date.
const OVERLAP: SignedDuration = SignedDuration::from_mins(20);
/// How often all records are listed. The deletion of a record that belongs to no blob does not affect playback.
const WHOLE_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Decides from the ledger what a run has to list.
pub(crate) async fn wanted(ledger: &Ledger, now: Timestamp) -> Result<FilesWanted, Error> {
    if ledger.assets(None, 1).await?.is_empty() {
        return Ok(FilesWanted::None);
    }
    let (seen, whole) = (ledger.mark(Mark::FilesSeen).await?, ledger.mark(Mark::FilesListed).await?);
    Ok(match (seen, whole) {
        (Some(seen), Some(whole)) if now.duration_since(whole) < WHOLE_EVERY => {
            FilesWanted::ChangedSince(seen - OVERLAP)
        }
        _ => FilesWanted::BothSides,
    })
}

/// Records that a run that started then, with that listing, has processed every asset of the source.
pub(crate) async fn note(ledger: &Ledger, listed: FilesWanted, began: Timestamp) -> Result<(), Error> {
    if matches!(listed, FilesWanted::None | FilesWanted::BothSides) {
        ledger.set_mark(Mark::FilesListed, began).await?;
    }
    Ok(ledger.set_mark(Mark::FilesSeen, began).await?)
}

/// The differences between the file records of both sides, by file name. Records of blobs that only the target has are
/// kept with their blobs.
pub(crate) async fn file_differences(
    pair: &Pair,
    (asset, source): (&AssetId, &Contents<'_>),
    (copy, target): (&AssetId, &Contents<'_>),
) -> Result<Vec<(String, &'static str)>, Error> {
    let wanted = pair.source.library.files_of(std::slice::from_ref(asset)).await?.concat();
    let there = pair.target.library.files_of(std::slice::from_ref(copy)).await?.concat();
    let by_name: HashMap<&str, &AssetFile> = there.iter().map(|file| (file.name.as_str(), file)).collect();
    let differs = wanted.iter().filter_map(|file| {
        let what = match by_name.get(file.name.as_str()) {
            None => "the file record is missing on the target",
            Some(copy) if copy.size != file.size => "the file record has another size",
            Some(copy) if copy.mime_type != file.mime_type => "the file record has another MIME type",
            Some(copy) if copy.primary != file.primary => "only one of the two file records is the primary one",
            Some(_) => return None,
        };
        Some((file.name.clone(), what))
    });
    let names: HashSet<&str> = wanted.iter().map(|file| file.name.as_str()).collect();
    let extra: HashSet<&str> =
        there.iter().map(|file| file.name.as_str()).filter(|name| !names.contains(name)).collect();
    let on_target = target.which_of(extra.clone()).await?;
    let in_source = source.which_of(on_target.clone()).await?;
    let kept = |name: &str| on_target.contains(name) && !in_source.contains(name);
    let extra = there.iter().filter(|file| extra.contains(file.name.as_str()) && !kept(&file.name));
    Ok(differs.chain(extra.map(|file| (file.name.clone(), "the file record is only on the target"))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Facts, Status, Step};
    use crate::model::AssetId;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[tokio::test]
    async fn nothing_is_listed_for_an_empty_ledger_and_all_for_one_without_marks() {
        let ledger = Ledger::in_memory().unwrap();
        assert_eq!(wanted(&ledger, at(0)).await.unwrap(), FilesWanted::None);
        let asset = AssetId::new("a");
        ledger.record(&asset, Step::CreateTarget, Status::Started, Facts::default()).await.unwrap();
        assert_eq!(wanted(&ledger, at(0)).await.unwrap(), FilesWanted::BothSides);
    }

    #[tokio::test]
    async fn changes_are_listed_from_before_the_last_run_and_everything_once_a_week() {
        let ledger = Ledger::in_memory().unwrap();
        let asset = AssetId::new("a");
        ledger.record(&asset, Step::CreateTarget, Status::Started, Facts::default()).await.unwrap();
        note(&ledger, FilesWanted::None, at(0)).await.unwrap();
        let first = wanted(&ledger, at(24)).await.unwrap();
        assert_eq!(first, FilesWanted::ChangedSince(at(0) - OVERLAP));
        note(&ledger, first, at(24)).await.unwrap();
        assert_eq!(wanted(&ledger, at(48)).await.unwrap(), FilesWanted::ChangedSince(at(24) - OVERLAP));
        assert_eq!(wanted(&ledger, at(7 * 24)).await.unwrap(), FilesWanted::BothSides);
        note(&ledger, FilesWanted::BothSides, at(7 * 24)).await.unwrap();
        assert_eq!(wanted(&ledger, at(8 * 24)).await.unwrap(), FilesWanted::ChangedSince(at(7 * 24) - OVERLAP));
    }
}
