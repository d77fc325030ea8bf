//! Streaming locators: published with given ids, and with the start, the expiry and the name of the source's locator.
//!
//! With the id, the result of a creation can be read: this is always done before a creation is sent again.

use std::collections::HashMap;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::account::{AmsV2, LOCATORS_OF_AN_ASSET, WITH_URI};
use super::assets::unreadable;
use super::batch::{Changeset, Operation};
use super::bulk::Wrong;
use super::calls::{call, safe};
use super::creation::{Creation, Creations};
use super::entities;
use super::listing::{self, Query};
use super::odata::{self, Row};
use super::wire::Ask;
use crate::error::{Asked, CallError, Disposition, Error, Failure, for_all};
use crate::model::{Locator, LocatorId, LocatorKind};
use crate::retry::Idempotency;
use crate::verdict::Cause;

/// The number of ids in one filter: a clause takes about 75 characters of a URL that must be shorter than 2,000.
const IDS: usize = 20;
/// The action as in "failed to …".
const PUBLISH: &str = "publish locator";
/// Two dates with a smaller difference are equal: the service stores some of them in steps of 1/300 s.
const DATE_STEP: SignedDuration = SignedDuration::from_millis(4);

/// A locator that was created.
#[derive(Debug)]
struct Made {
    /// As it was then.
    row: Option<Row>,
    /// Its expiry was set afterwards, in the same changeset.
    expiry_set: bool,
}

impl Made {
    /// Its current terms, if the answer can be read.
    fn locator(&self, wanted: &Locator) -> Option<Locator> {
        let locator = entities::locator(self.row.as_ref()?).ok()??;
        Some(if self.expiry_set { Locator { expiry: wanted.expiry, ..locator } } else { locator })
    }
}

impl AmsV2 {
    pub(super) async fn find_locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error> {
        let ask = Ask::get(odata::entity("Locators", &entities::wire_id(id)));
        let row = self.wire().find(safe("GetLocator", "read locator", id.as_str()), &ask).await?;
        let Some(row) = row else { return Ok(None) };
        entities::locator(&row).map_err(|failure| unreadable("read locator", id.as_str(), failure).into())
    }

    /// Several locators, with as many ids per request as fit into a URL.
    pub(super) async fn find_locators(&self, ids: &[LocatorId]) -> Result<Vec<Option<Locator>>, Error> {
        let groups = join_all(ids.chunks(IDS).map(|group| self.find_group(group))).await;
        let mut found = HashMap::new();
        for group in groups {
            found.extend(group?.into_iter().map(|locator| (locator.id.clone(), locator)));
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn find_group(&self, group: &[LocatorId]) -> Result<Vec<Locator>, Error> {
        if group.len() > 1 {
            let clauses: Vec<String> =
                group.iter().map(|id| format!("Id eq {}", odata::literal(&entities::wire_id(id)))).collect();
            let query = Query {
                operation: "ListLocators",
                attempted: "read back",
                subject: format!("{} locators", group.len()),
                path: "Locators".to_owned(),
                filter: Some(clauses.join(" or ")),
            };
            match listing::all(self.wire(), query, entities::locator).await {
                // The service does not have this filter: they are read one by one.
                Err(CallError { failure: Failure::Refused { status: 400 | 501, .. }, .. }) => {}
                listed => return Ok(listed?),
            }
        }
        let found = join_all(group.iter().map(|id| self.find_locator(id))).await;
        Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    pub(super) async fn merge_locator(&self, locator: &Locator) -> Result<(), Error> {
        let mut changes = Map::new();
        changes.insert("StartTime".to_owned(), json!(locator.start.map(odata::date)));
        changes.insert("ExpirationDateTime".to_owned(), json!(odata::date(locator.expiry)));
        if self.speaks(WITH_URI) {
            changes.insert("Name".to_owned(), json!(locator.name));
        }
        self.change(locator, changes).await
    }

    async fn change(&self, locator: &Locator, changes: Map<String, Value>) -> Result<(), Error> {
        let path = odata::entity("Locators", &entities::wire_id(&locator.id));
        let ask = Ask::merge(path, Value::Object(changes));
        Ok(self.wire().act(safe("UpdateLocator", "update locator", &subject(locator)), &ask).await?)
    }

    pub(super) async fn publish_all(&self, locators: &[Locator]) -> Vec<Result<Locator, Error>> {
        let mut results: Vec<Option<Result<Locator, Error>>> = locators.iter().map(refuse_sas).collect();
        // A call whose answer is lost is not repeated automatically: the rounds are the retries of the policy.
        let rounds = self.wire().caller().most_attempts();
        for round in 1..=rounds {
            let open: Vec<usize> = (0..locators.len()).filter(|&at| results[at].is_none()).collect();
            if open.is_empty() {
                break;
            }
            if round > 1 {
                self.wire().caller().wait_before_retry(round - 1).await;
            }
            let Creations { sent: creations, refused } = self.creations(locators, open).await;
            for (at, result) in refused {
                results[at] = Some(result);
            }
            let outcomes = self.send_creations(&creations).await;
            let judged: Vec<(usize, Judged)> = creations
                .iter()
                .zip(outcomes)
                .map(|((at, _), outcome)| (*at, judge(&locators[*at], outcome, round)))
                .collect();
            let looks = self.looks(locators, &judged).await;
            let settled = join_all(judged.into_iter().zip(looks).map(|((at, judged), there)| async move {
                (at, self.settle(&locators[at], judged, there, (round, rounds)).await)
            }));
            for (at, result) in settled.await {
                results[at] = result;
            }
        }
        let never = |locator: &Locator| {
            let failure = Failure::Interrupted("its result is not known".to_owned());
            Error::from(Wrong::Part(failure).into_error(PUBLISH, subject(locator), rounds))
        };
        results.into_iter().zip(locators).map(|(result, l)| result.unwrap_or_else(|| Err(never(l)))).collect()
    }

    /// Sends creations, one changeset each, or one request each if the service does not accept batches.
    async fn send_creations(&self, creations: &[Creation]) -> Vec<Result<Made, Wrong>> {
        if self.batches() {
            let changesets: Vec<Changeset> = creations.iter().map(|(_, changeset)| changeset.clone()).collect();
            let subject = format!("{} locators", changesets.len());
            if let Ok(outcomes) = self.send_all(&changesets, "publish", &subject, Idempotency::LookFirst).await {
                let made = |rows: Vec<Option<Row>>| Made {
                    expiry_set: rows.len() > 1,
                    row: rows.into_iter().next().flatten(),
                };
                let sent = outcomes.into_iter().zip(&changesets).map(|(outcome, changeset)| async move {
                    match outcome {
                        // A service without references within a changeset can do it in two steps.
                        Err(Wrong::Part(failure))
                            if changeset.len() > 1 && matches!(failure.status(), Some(400 | 404)) =>
                        {
                            self.create_alone(&changeset[0]).await
                        }
                        outcome => outcome.map(made),
                    }
                });
                return join_all(sent).await;
            }
        }
        join_all(creations.iter().map(|(_, changeset)| self.create_alone(&changeset[0]))).await
    }

    async fn create_alone(&self, creation: &Operation) -> Result<Made, Wrong> {
        let entity = creation.body.clone().unwrap_or_default();
        let subject = entity["Id"].as_str().unwrap_or_default().to_owned();
        let call = call("CreateLocator", PUBLISH, &subject, Idempotency::LookFirst);
        let row = self.wire().row(call, &Ask::post("Locators", entity)).await.map_err(Wrong::Call)?;
        Ok(Made { row: Some(row), expiry_set: false })
    }

    /// Reads the locators whose creation must be checked, in few requests. One entry for each judged one.
    async fn looks(&self, locators: &[Locator], judged: &[(usize, Judged)]) -> Vec<Result<Option<Locator>, Error>> {
        let wanted = |judged: &Judged| matches!(judged, Judged::Look(_));
        let ids: Vec<LocatorId> =
            judged.iter().filter(|(_, judged)| wanted(judged)).map(|(at, _)| locators[*at].id.clone()).collect();
        let mut found = match self.find_locators(&ids).await {
            Ok(found) => found.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => for_all(error, ids.len()),
        }
        .into_iter();
        judged
            .iter()
            .map(|(_, judged)| if wanted(judged) { found.next().unwrap_or(Ok(None)) } else { Ok(None) })
            .collect()
    }

    /// The final result of a judged outcome: done, failed, or (`None`) missing and to be sent again.
    async fn settle(
        &self,
        wanted: &Locator,
        judged: Judged,
        there: Result<Option<Locator>, Error>,
        (round, rounds): (u32, u32),
    ) -> Option<Result<Locator, Error>> {
        let wrong = match judged {
            Judged::Made(there) => return Some(self.adopt(wanted, *there).await),
            Judged::Failed(error) => return Some(Err(error)),
            Judged::Look(wrong) => wrong,
        };
        let there = match there {
            Ok(there) => there,
            Err(error) => return Some(Err(error)),
        };
        match (there, wrong) {
            (Some(there), _) => Some(self.adopt(wanted, there).await),
            (None, None) => None,
            (None, Some(wrong)) => match wrong.failure() {
                Failure::Refused { status: 403, message, .. } => Some(Err(elsewhere(wanted, message))),
                Failure::Refused { status: 409, message, .. } => Some(Err(self.in_the_way(wanted, message).await)),
                _ if round >= rounds => Some(Err(wrong.into_error(PUBLISH, subject(wanted), round).into())),
                _ => None,
            },
        }
    }

    /// Handles an existing locator with the wanted id: it is updated if it belongs to the wanted asset.
    async fn adopt(&self, wanted: &Locator, there: Locator) -> Result<Locator, Error> {
        if there.asset != wanted.asset || there.kind != LocatorKind::Streaming {
            return Err(self.taken(wanted, &there).await);
        }
        let mut changes = Map::new();
        if !same(Some(there.expiry), Some(wanted.expiry)) {
            changes.insert("ExpirationDateTime".to_owned(), json!(odata::date(wanted.expiry)));
        }
        if !same(there.start, wanted.start) {
            changes.insert("StartTime".to_owned(), json!(wanted.start.map(odata::date)));
            // A changed start can change the expiry, too.
            changes.insert("ExpirationDateTime".to_owned(), json!(odata::date(wanted.expiry)));
        }
        if self.speaks(WITH_URI) && there.name != wanted.name {
            changes.insert("Name".to_owned(), json!(wanted.name));
        }
        // Dates are returned in the precision of the service.
        let expiry = if changes.contains_key("ExpirationDateTime") { wanted.expiry } else { there.expiry };
        let start = if changes.contains_key("StartTime") { wanted.start } else { there.start };
        if !changes.is_empty() {
            self.change(wanted, changes).await?;
        }
        Ok(Locator { path: there.path, policy: there.policy, start, expiry, ..wanted.clone() })
    }

    /// The conflict with a locator of another asset.
    async fn taken(&self, wanted: &Locator, there: &Locator) -> Error {
        let asset = self.find_asset(&there.asset).await.ok().flatten();
        let owner = match asset.as_ref().and_then(|asset| asset.name.as_deref()) {
            Some(name) => format!("\"{name}\" ({})", there.asset),
            None => there.asset.to_string(),
        };
        let kind = if there.kind == LocatorKind::Sas { "a SAS locator" } else { "a locator" };
        let reason = format!("account {} already has {kind} with that id, for asset {owner}", self.0.account);
        Error::found(format!("locator {}", wanted.id), Cause::LocatorIdTaken, reason)
    }

    /// The meaning of a 409 if there is no locator with that id.
    async fn in_the_way(&self, wanted: &Locator, message: &str) -> Error {
        let ask = Ask::get(format!("{}/Locators", odata::entity("Assets", wanted.asset.as_str())));
        let call = safe("ListLocators", "list the locators of asset", wanted.asset.as_str());
        let full = self.wire().rows(call, &ask).await.is_ok_and(|rows| rows.len() >= LOCATORS_OF_AN_ASSET);
        let message = if full {
            format!(
                "the asset has {LOCATORS_OF_AN_ASSET} locators already, which is the service's limit; remove one of them"
            )
        } else {
            message.to_owned()
        };
        let failure = Failure::Refused { status: 409, code: None, message, retry_after: None, source_refusal: None };
        let disposition = Disposition::Permanent;
        CallError {
            attempted: PUBLISH,
            subject: subject(wanted),
            failure,
            attempts: 1,
            disposition,
            asked: Asked::Service,
        }
        .into()
    }
}

/// The result of a creation according to an answer.
enum Judged {
    /// It is there.
    Made(Box<Locator>),
    /// It must be checked, with the error if there was one.
    Look(Option<Wrong>),
    /// It failed.
    Failed(Error),
}

fn judge(wanted: &Locator, outcome: Result<Made, Wrong>, round: u32) -> Judged {
    match outcome {
        Ok(made) => made.locator(wanted).map_or(Judged::Look(None), |there| Judged::Made(Box::new(there))),
        Err(wrong) if matches!(wrong.failure().status(), Some(403 | 409)) || wrong.deserves_a_look() => {
            Judged::Look(Some(wrong))
        }
        Err(wrong) => Judged::Failed(wrong.into_error(PUBLISH, subject(wanted), round).into()),
    }
}

/// A locator for people.
fn subject(locator: &Locator) -> String {
    format!("{} of asset {}", locator.id, locator.asset)
}

/// The conflict with a locator of another account.
fn elsewhere(wanted: &Locator, message: &str) -> Error {
    let note = if message.is_empty() { String::new() } else { format!(" (the service: {message})") };
    let reason = format!("it belongs to another account of the same data centre{note}");
    Error::found(format!("locator {}", wanted.id), Cause::LocatorIdTaken, reason)
}

fn refuse_sas(locator: &Locator) -> Option<Result<Locator, Error>> {
    (locator.kind == LocatorKind::Sas).then(|| {
        let reason = "a SAS locator names a storage account and cannot be published elsewhere".to_owned();
        Err(Error::found(format!("locator {}", locator.id), Cause::NotSupported, reason))
    })
}

/// Are two dates equal at the precision of the service?
fn same(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.duration_since(other).abs() <= DATE_STEP,
        (None, None) => true,
        _ => false,
    }
}
