//! File records: read for many assets at once, and updated with as few requests as possible.
//!
//! Records are first created without reading, one changeset per asset: either all are new, or the whole changeset is
//! refused. Then the asset's records are read and only differences are changed. Both can be repeated safely.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use futures::future::join_all;

use super::account::AmsV2;
use super::batch::{CHANGESET_OPERATIONS, Changeset, Operation, Target};
use super::bulk::{ROUNDS, Refused, Wrong};
use super::calls::safe;
use super::entities::FileRow;
use super::listing::{self, Query};
use super::odata;
use super::wire::{Ask, Content, Verb};
use super::{diff, entities};
use crate::error::{CallError, Error, Failure};
use crate::library::{FileSet, OtherRecords};
use crate::model::{AssetFile, AssetId};
use crate::retry::Idempotency;

/// The number of parents in one filter: a clause takes about 90 characters of a URL that must be shorter than 2,000.
const PARENTS: usize = 15;
/// Characters that are not allowed in the name of a new record (documented). The slash is not among them: blobs in
/// folders have no separate records.
const REFUSED: &str = "!*'();:@&=+$,?%#[]\"";
/// The action as in "failed to …".
const REGISTER: &str = "register the files of asset";

impl AmsV2 {
    /// The records of some assets with their ids, in the requested order.
    pub(super) async fn file_rows(&self, assets: &[AssetId]) -> Result<Vec<Vec<FileRow>>, Error> {
        let groups = join_all(assets.chunks(PARENTS).map(|group| self.group_rows(group))).await;
        let mut by_asset: HashMap<String, Vec<FileRow>> = HashMap::new();
        for group in groups {
            for row in group? {
                by_asset.entry(row.file.asset.as_str().to_ascii_lowercase()).or_default().push(row);
            }
        }
        Ok(assets
            .iter()
            .map(|asset| by_asset.get(&asset.as_str().to_ascii_lowercase()).cloned().unwrap_or_default())
            .collect())
    }

    async fn group_rows(&self, group: &[AssetId]) -> Result<Vec<FileRow>, CallError> {
        if let [asset] = group {
            return self.rows_of_one(asset).await;
        }
        if !self.0.no_parent_filter.load(Ordering::Relaxed) {
            let clauses: Vec<_> =
                group.iter().map(|asset| format!("ParentAssetId eq {}", odata::literal(asset.as_str()))).collect();
            let query = Query {
                operation: "ListFiles",
                attempted: "list the file records of",
                subject: format!("{} assets", group.len()),
                path: "Files".to_owned(),
                filter: Some(clauses.join(" or ")),
            };
            match listing::all(self.wire(), query, |row| entities::file(row).map(Some)).await {
                Err(CallError { failure: Failure::Refused { status: 400, .. }, .. }) => {
                    self.0.no_parent_filter.store(true, Ordering::Relaxed);
                }
                listed => return listed,
            }
        }
        let lists = join_all(group.iter().map(|asset| self.rows_of_one(asset))).await;
        Ok(lists.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    async fn rows_of_one(&self, asset: &AssetId) -> Result<Vec<FileRow>, CallError> {
        let query = Query {
            operation: "ListFiles",
            attempted: "list the file records of asset",
            subject: asset.to_string(),
            path: format!("{}/Files", odata::entity("Assets", asset.as_str())),
            filter: None,
        };
        match listing::all(self.wire(), query, |row| entities::file(row).map(Some)).await {
            Err(error) if error.failure.is_absent() => Ok(Vec::new()),
            listed => listed,
        }
    }

    pub(super) async fn register(&self, sets: &[FileSet]) -> Vec<Result<(), Error>> {
        let mut results: Vec<Option<Result<(), Error>>> = sets.iter().map(|_| None).collect();
        // The first round only creates, without reading records.
        let mut open: Vec<usize> = (0..sets.len()).collect();
        let mut known: Vec<Vec<FileRow>> = open.iter().map(|_| Vec::new()).collect();
        // The sets for which the service was asked to make the records from their containers.
        let mut informed = vec![false; sets.len()];
        for round in 1..=ROUNDS {
            if !self.batches() {
                break;
            }
            let plan = |(&at, rows): (&usize, &Vec<FileRow>)| {
                if informed[at] { diff::plan(&informed_set(&sets[at]), rows) } else { diff::plan(&sets[at], rows) }
            };
            let plans: Vec<_> = open.iter().zip(&known).map(plan).collect();
            let Ok(outcomes) = self.send_plans(plans).await else { break };
            for (&at, outcome) in open.iter().zip(outcomes) {
                results[at] = match outcome {
                    // Reading the records shows whether there are others.
                    Ok(()) if round == 1 && sets[at].others == OtherRecords::Delete => None,
                    Ok(()) => Some(Ok(())),
                    // Some names of blobs are not allowed in new records, but the service itself can make their
                    // records.
                    Err(Wrong::Part(Failure::Refused { status: 400, .. }))
                        if round < ROUNDS && may_inform(&sets[at], informed[at]) =>
                    {
                        informed[at] = true;
                        self.create_file_infos(&sets[at]).await.err().map(|error| Err(error.into()))
                    }
                    Err(wrong) if round < ROUNDS && worth_reading(&wrong) => None,
                    Err(wrong) => Some(Err(wrong.into_error(REGISTER, sets[at].asset.to_string(), round).into())),
                };
            }
            open = (0..sets.len()).filter(|&at| results[at].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let assets: Vec<_> = open.iter().map(|&at| sets[at].asset.clone()).collect();
            match self.file_rows(&assets).await {
                Ok(rows) => known = rows,
                // They are read again one by one, so that each set has its own error.
                Err(_) => break,
            }
        }
        let rest = results.into_iter().zip(sets).map(|(result, set)| async move {
            match result {
                Some(result) => result,
                None => self.register_alone(set).await,
            }
        });
        join_all(rest).await
    }

    /// Sends each plan as separate changesets, in order; a plan's outcome is its first failure.
    async fn send_plans(&self, plans: Vec<Vec<Operation>>) -> Result<Vec<Result<(), Wrong>>, Refused> {
        let changesets: Vec<Vec<Changeset>> = plans.into_iter().map(in_changesets).collect();
        let sizes: Vec<usize> = changesets.iter().map(Vec::len).collect();
        let subject = format!("of {} assets", sizes.len());
        let flat: Vec<Changeset> = changesets.into_iter().flatten().collect();
        let mut outcomes =
            self.send_all(&flat, "register the files", &subject, Idempotency::Repeatable).await?.into_iter();
        Ok(sizes
            .into_iter()
            .map(|size| {
                // All of a plan's outcomes are consumed, also those after its first failure.
                let of_plan: Vec<_> = outcomes.by_ref().take(size).collect();
                of_plan.into_iter().try_for_each(|outcome| outcome.map(drop))
            })
            .collect())
    }

    /// Without `$batch`: the service makes the records from the container, and each difference is one request.
    async fn register_alone(&self, set: &FileSet) -> Result<(), Error> {
        if !set.files.is_empty() {
            self.create_file_infos(set).await?;
        } else if set.others != OtherRecords::Delete {
            return Ok(self.apply(set.asset.as_str(), diff::plan(set, &[])).await?);
        }
        let asset = set.asset.as_str();
        let set = informed_set(set);
        let mut round = 1;
        loop {
            let rows = self.rows_of_one(&set.asset).await?;
            match self.apply(asset, diff::plan(&set, &rows)).await {
                // Another program changed the records, or an answer to our own change was lost: so they are read and
                // compared once more.
                Err(error) if round < ROUNDS && matches!(error.failure.status(), Some(404 | 409)) => round += 1,
                applied => return Ok(applied?),
            }
        }
    }

    /// Makes one file of an asset its primary, and no other.
    pub(super) async fn set_primary(&self, asset: &AssetId, name: &str) -> Result<(), Error> {
        let rows = self.rows_of_one(asset).await?;
        let primary = |row: &FileRow| AssetFile { primary: row.file.name == name, ..row.file.clone() };
        let wanted = rows.iter().map(primary).collect();
        Ok(self.apply(asset.as_str(), diff::plan(&FileSet::new(asset.clone(), wanted), &rows)).await?)
    }

    /// Asks the service to make the records from the container.
    async fn create_file_infos(&self, set: &FileSet) -> Result<(), CallError> {
        let asset = set.asset.as_str();
        let ask = Ask::get(format!("CreateFileInfos?assetid='{}'", odata::escape(asset)));
        self.wire().act(safe("CreateFileInfos", REGISTER, asset), &ask).await
    }

    async fn apply(&self, asset: &str, plan: Vec<Operation>) -> Result<(), CallError> {
        for Operation { method, target, body, .. } in plan {
            let Target::Path(path) = target else { continue };
            let (operation, verb) = match method {
                "POST" => ("CreateFile", Verb::Post),
                "DELETE" => ("DeleteFile", Verb::Delete),
                _ if path.starts_with("Assets") => ("UpdateAsset", Verb::Merge),
                _ => ("UpdateFile", Verb::Merge),
            };
            let ask = Ask { verb, path, body: body.map_or(Content::None, Content::Json) };
            self.wire().act(safe(operation, REGISTER, asset), &ask).await?;
        }
        Ok(())
    }
}

/// The operations of a plan in changesets, in order.
fn in_changesets(mut plan: Vec<Operation>) -> Vec<Changeset> {
    let mut changesets = Vec::with_capacity(plan.len().div_ceil(CHANGESET_OPERATIONS));
    while plan.len() > CHANGESET_OPERATIONS {
        let rest = plan.split_off(CHANGESET_OPERATIONS);
        changesets.push(std::mem::replace(&mut plan, rest));
    }
    if !plan.is_empty() {
        changesets.push(plan);
    }
    changesets
}

/// Does the service accept a new record with that name?
pub(super) fn may_be_posted(name: &str) -> bool {
    !name.contains(|c| REFUSED.contains(c))
}

/// The same set after the service made records from the container, which it does for every blob.
fn informed_set(set: &FileSet) -> FileSet {
    let others = match set.others {
        OtherRecords::Keep => OtherRecords::Keep,
        OtherRecords::Delete | OtherRecords::DeleteMade => OtherRecords::Delete,
    };
    FileSet { others, ..set.clone() }
}

/// May the service be asked to make the records of the set? Not twice, and not if the set has no records.
fn may_inform(set: &FileSet, informed: bool) -> bool {
    !informed && !set.files.is_empty()
}

/// Can a retry succeed, after the records are read again?
fn worth_reading(wrong: &Wrong) -> bool {
    match wrong {
        Wrong::Part(failure) => matches!(failure.status(), Some(404 | 409)) || wrong.deserves_a_look(),
        Wrong::Call(_) => wrong.deserves_a_look(),
    }
}
