//! What protects assets: content keys and delivery policies. A copy of only the blobs would play without encryption.

use std::sync::atomic::Ordering;

use futures::future::{join, join_all};

use super::account::{AmsV2, WITH_DELIVERY_POLICIES};
use super::calls::safe;
use super::entities;
use super::listing::{self, Query};
use super::odata::{self, Row};
use super::wire::Ask;
use crate::error::{CallError, Error, Failure, for_all};
use crate::model::{AssetId, Protection};

/// The API's number of a content key that encrypts configurations of encoding tasks. It does not protect an asset.
const CONFIGURATION: u64 = 2;
/// The number of queries in one request, which every service should accept.
pub(super) const QUERIES: usize = 100;
/// The action as in "failed to …".
const READ: &str = "read the protection of asset";

impl AmsV2 {
    pub(super) async fn find_any_protection(&self) -> Result<bool, Error> {
        let (key, policy) = futures::join!(self.any_protecting_key(), self.any_delivery_policy());
        Ok(key? || policy?)
    }

    async fn any_delivery_policy(&self) -> Result<bool, Error> {
        if !self.speaks(WITH_DELIVERY_POLICIES) {
            return Ok(false);
        }
        let ask = Ask::get("AssetDeliveryPolicies?$top=1");
        let call = safe("ListDeliveryPolicies", "look for delivery policies of account", self.0.account.as_str());
        Ok(!self.wire().rows(call, &ask).await?.is_empty())
    }

    async fn any_protecting_key(&self) -> Result<bool, Error> {
        // Not a list of the types that protect, because unknown types count as protection, too.
        let filter = odata::escape(&format!("ContentKeyType ne {CONFIGURATION}"));
        let ask = Ask::get(format!("ContentKeys?$filter={filter}&$top=1"));
        let call = safe("ListContentKeys", "look for content keys of account", self.0.account.as_str());
        match self.wire().rows(call, &ask).await {
            Ok(rows) => Ok(!rows.is_empty()),
            // The service does not have this filter: all keys are read instead.
            Err(CallError { failure: Failure::Refused { status: 400 | 501, .. }, .. }) => {
                let query = self.query("ListContentKeys", "list the content keys", "ContentKeys");
                Ok(!listing::all(self.wire(), query, protecting).await?.is_empty())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn find_protection(&self, assets: &[AssetId]) -> Vec<Result<Protection, Error>> {
        let sets = self.protecting_sets();
        let groups = assets.chunks(QUERIES / sets.len()).map(|group| self.protection_of_group(group, sets));
        join_all(groups).await.into_iter().flatten().collect()
    }

    /// The names of an asset's navigation properties with its protection.
    fn protecting_sets(&self) -> &'static [&'static str] {
        if self.speaks(WITH_DELIVERY_POLICIES) { &["ContentKeys", "DeliveryPolicies"] } else { &["ContentKeys"] }
    }

    async fn protection_of_group(
        &self,
        group: &[AssetId],
        sets: &'static [&'static str],
    ) -> Vec<Result<Protection, Error>> {
        let paths: Vec<String> = group.iter().flat_map(|asset| sets.iter().map(|set| nested(asset, set))).collect();
        // One asset needs at most two requests, so a batch saves nothing.
        let batched =
            if paths.len() <= 2 { Ok(vec![None; paths.len()]) } else { self.query_together(&paths, READ).await };
        let answers: Vec<Option<usize>> = match batched {
            Ok(answers) => answers.into_iter().map(|rows| rows.and_then(|rows| count(&rows).ok())).collect(),
            Err(error) => return for_all(error.into(), group.len()),
        };
        let single = group.iter().zip(answers.chunks(sets.len())).map(|(asset, answers)| async move {
            match answers.iter().copied().collect::<Option<Vec<usize>>>() {
                Some(counts) => Ok(protection(&counts)),
                // Results that the batch does not have are requested separately, with their own retries and errors.
                None => self.protection_of_one(asset, sets).await,
            }
        });
        join_all(single).await
    }

    /// The rows of each query, as [`Self::ask_together`].
    pub(super) async fn query_together(
        &self,
        paths: &[String],
        attempted: &'static str,
    ) -> Result<Vec<Option<Vec<Row>>>, CallError> {
        self.ask_together(paths, attempted, odata::rows).await
    }

    /// The answer to each query, if its part of the batch has it. There are none if the service does not accept batches
    /// of queries.
    pub(super) async fn ask_together<T>(
        &self,
        paths: &[String],
        attempted: &'static str,
        read: fn(&str) -> Option<T>,
    ) -> Result<Vec<Option<T>>, CallError> {
        let unanswered = || paths.iter().map(|_| None).collect();
        if self.0.no_query_batch.load(Ordering::Relaxed) {
            return Ok(unanswered());
        }
        let subject = format!("of {} queries", paths.len());
        match self.wire().queries(safe("Batch", attempted, &subject), paths, read).await {
            Ok(parts) => Ok(parts.into_iter().map(Result::ok).collect()),
            Err(error) if matches!(error.failure.status(), Some(400 | 404 | 405 | 415 | 501)) => {
                tracing::info!(%error, "the service takes no batches of queries; each is a request of its own");
                self.0.no_query_batch.store(true, Ordering::Relaxed);
                Ok(unanswered())
            }
            Err(error) => Err(error),
        }
    }

    async fn protection_of_one(&self, asset: &AssetId, sets: &'static [&'static str]) -> Result<Protection, Error> {
        let keys = self.count_of(asset, sets[0]);
        let policies = async {
            match sets.get(1) {
                Some(set) => self.count_of(asset, set).await,
                None => Ok(0),
            }
        };
        let (keys, policies) = join(keys, policies).await;
        Ok(protection(&[keys?, policies?]))
    }

    async fn count_of(&self, asset: &AssetId, set: &'static str) -> Result<usize, CallError> {
        let query = Query {
            operation: "ListProtection",
            attempted: READ,
            subject: asset.to_string(),
            path: nested(asset, set),
            filter: None,
        };
        Ok(listing::all(self.wire(), query, protecting).await?.len())
    }
}

pub(super) fn nested(asset: &AssetId, set: &str) -> String {
    format!("{}/{set}", odata::entity("Assets", asset.as_str()))
}

/// Is the row a delivery policy, or a content key that protects an asset? Unknown types of keys count as protection.
fn protecting(row: &Row) -> Result<Option<()>, Failure> {
    entities::id(row)?;
    Ok((row.whole("ContentKeyType") != Some(CONFIGURATION)).then_some(()))
}

fn count(rows: &[Row]) -> Result<usize, Failure> {
    rows.iter().map(|row| Ok(usize::from(protecting(row)?.is_some()))).sum()
}

/// Makes it from the number of keys and, if the version has them, of delivery policies.
fn protection(counts: &[usize]) -> Protection {
    let number = |at: usize| counts.get(at).map_or(0, |count| u32::try_from(*count).unwrap_or(u32::MAX));
    match (number(0), number(1)) {
        (0, 0) => Protection::None,
        (keys, policies) => Protection::Protected { keys, policies },
    }
}
