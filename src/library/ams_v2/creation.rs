//! How a locator is made: an access policy with its duration, and the operations of its creation.

use serde_json::json;

use super::account::{AmsV2, WITH_URI};
use super::batch::{Changeset, Operation, Target};
use super::{entities, odata};
use crate::error::{Error, for_all};
use crate::model::Locator;

/// The duration of the policy for locators whose own duration has no policy: 30 days, as in the failover tutorial.
/// Their expiry is set afterwards.
const COMMON_MINUTES: u32 = 30 * 24 * 60;
/// The most durations with a policy: in a manually published library each locator has another duration, and the number
/// of an account's policies is limited (guess).
const KINDS: usize = 32;
/// The API's number of a streaming locator.
const STREAMING: u8 = 2;

/// A creation: the index of its locator, and the operations.
pub(super) type Creation = (usize, Changeset);

/// The requests that make some locators.
#[derive(Debug)]
pub(super) struct Creations {
    pub(super) sent: Vec<Creation>,
    /// The positions of those without a policy, and why.
    pub(super) refused: Vec<(usize, Result<Locator, Error>)>,
}

impl AmsV2 {
    /// How many policies [`Self::publish_all`] would make for those locators.
    pub(super) async fn policies_lacking(&self, locators: &[Locator]) -> Result<u64, Error> {
        let mut durations = self.durations_of_policies().await?;
        let mut lacking = 0;
        for locator in locators {
            let minutes = match exact_minutes(locator) {
                Some(minutes) if durations.contains(&minutes) || durations.len() < KINDS => minutes,
                _ => COMMON_MINUTES,
            };
            lacking += u64::from(durations.insert(minutes));
        }
        Ok(lacking)
    }

    /// The creations of the locators at these positions, and the errors of those without a policy. After the first
    /// policy that cannot be made, no other one is tried: a locator that moves does not work meanwhile.
    pub(super) async fn creations(&self, locators: &[Locator], at: Vec<usize>) -> Creations {
        let (mut sent, mut lacking, mut trouble) = (Vec::with_capacity(at.len()), Vec::new(), None);
        for at in at {
            let locator = &locators[at];
            let exact = exact_minutes(locator);
            let minutes = match exact {
                Some(minutes) if self.welcomes_policy(minutes, KINDS).await => minutes,
                _ => COMMON_MINUTES,
            };
            if trouble.is_some() && !self.knows_policy(minutes).await {
                lacking.push(at);
                continue;
            }
            match self.read_policy(minutes).await {
                Ok(policy) => sent.push((at, self.creation(locator, &policy, exact == Some(minutes)))),
                Err(error) => {
                    lacking.push(at);
                    trouble = Some(error);
                }
            }
        }
        let errors = trouble.map(|error| for_all(error, lacking.len())).unwrap_or_default();
        Creations { sent, refused: lacking.into_iter().zip(errors).collect() }
    }

    /// The operations that make a locator: its creation, and its expiry if it differs from the policy's duration.
    fn creation(&self, locator: &Locator, policy: &str, is_exact: bool) -> Changeset {
        let mut entity = json!({
            "Id": entities::wire_id(&locator.id),
            "AssetId": locator.asset.as_str(),
            "AccessPolicyId": policy,
            "Type": STREAMING,
        });
        if let Some(start) = locator.start {
            entity["StartTime"] = json!(odata::date(start));
        }
        if self.speaks(WITH_URI) {
            entity["Name"] = json!(locator.name);
        }
        let target = Target::Path("Locators".to_owned());
        let create = Operation { method: "POST", target, body: Some(entity), answer_used: true };
        if is_exact {
            return vec![create];
        }
        let expiry = json!({"ExpirationDateTime": odata::date(locator.expiry)});
        let target = Target::Made(0);
        vec![create, Operation { method: "MERGE", target, body: Some(expiry), answer_used: false }]
    }
}

/// The minutes from start to expiry, if both are given and the number is whole.
fn exact_minutes(locator: &Locator) -> Option<u32> {
    let seconds = locator.expiry.duration_since(locator.start?);
    let whole = seconds.subsec_nanos() == 0 && seconds.as_secs() % 60 == 0;
    whole.then(|| u32::try_from(seconds.as_secs() / 60).ok()).flatten().filter(|minutes| *minutes > 0)
}
