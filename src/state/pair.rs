//! The state of a pair of accounts that the target stores between runs: the active side, and the counts of the guards.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::holding::{self, blob};
use super::lock::TargetLock;
use crate::blob::{BlobAccount, WriteIf, Written};
use crate::clock;
use crate::error::Error;
use crate::model::{AccountName, BlobRef};

/// The version of the format. A change that an older release would lose or misread needs another version.
const VERSION: u32 = 1;
/// Nights are kept for as long as `--max-withdraw` counts.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long applied plans are kept: plans are too old to be applied well before that.
const PLANS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The largest state: a million adopted locators need about 40 MB.
const LIMIT: usize = 64 << 20;

/// The state of a pair of accounts, stored on its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairState {
    /// The version of the format; [`PairState::new`] sets it.
    pub version: u32,
    /// Which side is active.
    pub active: Active,
    /// What the runs of the last seven days did; older ones are dropped when the state is written.
    pub nights: Vec<Night>,
    /// What a guard held in the last run.
    pub held: Option<Held>,
    /// Ids of foreign locators that were adopted.
    pub adopted: BTreeSet<String>,
    /// Ids of foreign locators that play an asset under the source's id.
    pub theirs: BTreeSet<String>,
    /// Each entry of the configuration's `withhold` list with what it matched.
    pub withheld: BTreeMap<String, Withheld>,
    /// Retired copies that are to be deleted, by their ids.
    pub leaving: BTreeMap<String, Leaving>,
    /// Copies that are being deleted, by their ids. It is empty unless a run was killed.
    pub deleting: BTreeMap<String, Deleting>,
    /// Ids of the plans that were applied, and when; those of the last 90 days.
    pub plans: BTreeMap<String, Timestamp>,
}

/// A retired copy whose asset the source has confirmed as deleted, in every nightly run since then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    /// The first night.
    pub since: Timestamp,
    /// The last one.
    pub seen: Timestamp,
    /// The fingerprint of its blobs in the first night; `None`: some of them may be another program's, so the copy is
    /// kept.
    pub content: Option<String>,
    /// Its blobs then.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The possible remains of a copy that is being deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deleting {
    /// The storage account.
    pub account: String,
    /// The container.
    pub container: String,
}

/// What an entry of the `withhold` list matched. It is stored, so that the entry still applies after a rename.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Ids of source assets.
    pub assets: BTreeSet<String>,
    /// Ids of locators.
    pub locators: BTreeSet<String>,
}

/// Which side of a pair is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Active {
    /// The source: the target is its mirror.
    Source,
    /// The target, after a failover.
    Target,
}

/// The counts of one run for the guards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// When the run ended.
    pub at: Timestamp,
    /// Assets that were published on the target when the run started.
    pub published: u64,
    /// Assets that the run stopped from playing on the target.
    pub stopped: u64,
}

/// What a guard held in a run. The operator can allow exactly this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The run's id.
    pub run: String,
    /// Source assets whose copies were not withdrawn.
    pub withdraw: Vec<String>,
    /// Source assets whose copies were not withdrawn or retired because the source had lost too many.
    pub shrink: Vec<String>,
    /// Source assets whose copies were not overwritten.
    pub overwrite: Vec<String>,
    /// Source assets whose deletions on the target were held.
    pub delete: Vec<String>,
}

impl PairState {
    /// The state of a pair before its first sync: the source is active.
    pub fn new() -> Self {
        Self {
            version: VERSION,
            active: Active::Source,
            nights: Vec::new(),
            held: None,
            adopted: BTreeSet::new(),
            theirs: BTreeSet::new(),
            withheld: BTreeMap::new(),
            leaving: BTreeMap::new(),
            deleting: BTreeMap::new(),
            plans: BTreeMap::new(),
        }
    }

    /// Reads the state of a pair from the target's storage account, with its entity tag; `None` if the pair was never
    /// synced.
    ///
    /// # Errors
    /// [`StateError`] if the state is damaged or of another version: it is never treated as empty.
    pub async fn read(
        account: &BlobAccount,
        source: &AccountName,
        target: &AccountName,
    ) -> Result<Option<(Self, String)>, Error> {
        let blob = pair_blob(source, target);
        let Some(found) = holding::read(account, &blob, LIMIT).await? else { return Ok(None) };
        let state = Self::parse(&found.content).map_err(|unusable| unusable.of(account, &blob))?;
        Ok(Some((state, found.etag)))
    }

    /// Writes the state of the pair of that source and the lock's target, and returns the new entity tag. `etag` is
    /// that of the state that was read; `None` if it did not exist.
    ///
    /// # Errors
    /// [`Error::LockLost`]; [`StateError::Changed`] if it has changed since.
    pub async fn write(&self, lock: &TargetLock, source: &AccountName, etag: Option<&str>) -> Result<String, Error> {
        let (account, blob) = (lock.account(), pair_blob(source, lock.target()));
        let content = self.content(clock::now());
        lock.check()?;
        let condition = etag.map_or(WriteIf::Absent, WriteIf::Etag);
        if let Written::Done { etag } = account.write_small(&blob, content.clone(), condition).await? {
            return Ok(etag);
        }
        // An earlier attempt whose answer was lost may have written it.
        match holding::read(account, &blob, LIMIT).await? {
            Some(found) if found.content == content => Ok(found.etag),
            _ => Err(StateError::Changed { account: account.name().to_string(), blob: blob.to_string() }.into()),
        }
    }

    /// The content of the blob, without the nights that no guard counts any more and the plans that are too old to be applied.
    fn content(&self, now: Timestamp) -> Bytes {
        let nights = self.nights.iter().filter(|night| now.duration_since(night.at) <= KEPT).cloned().collect();
        let plans = self.plans.iter().filter(|(_, at)| now.duration_since(**at) <= PLANS_KEPT);
        let plans = plans.map(|(id, at)| (id.clone(), *at)).collect();
        let kept = Self { nights, plans, ..self.clone() };
        serde_json::to_vec(&kept).expect("text keys and plain fields are JSON").into()
    }

    fn parse(content: &[u8]) -> Result<Self, Unusable> {
        /// The field that every version has.
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let damaged = |error: serde_json::Error| Unusable::Damaged(error.to_string());
        let Versioned { version } = serde_json::from_slice(content).map_err(damaged)?;
        if version != u64::from(VERSION) {
            return Err(Unusable::UnknownVersion(version));
        }
        serde_json::from_slice(content).map_err(damaged)
    }
}

impl Default for PairState {
    fn default() -> Self {
        Self::new()
    }
}

/// Why the content of a blob is not a state.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    Damaged(String),
    UnknownVersion(u64),
}

impl Unusable {
    fn of(self, account: &BlobAccount, blob: &BlobRef) -> StateError {
        let (account, blob) = (account.name().to_string(), blob.to_string());
        match self {
            Self::Damaged(reason) => StateError::Damaged { account, blob, reason },
            Self::UnknownVersion(found) => StateError::UnknownVersion { account, blob, found, known: VERSION },
        }
    }
}

fn pair_blob(source: &AccountName, target: &AccountName) -> BlobRef {
    blob(format!("pair-{source}-{target}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state in which every field is used.
    fn full() -> PairState {
        let at = Timestamp::UNIX_EPOCH;
        let held = Held {
            run: "r1".to_owned(),
            withdraw: vec!["a".to_owned()],
            shrink: vec!["a".to_owned(), "d".to_owned()],
            overwrite: vec!["b".to_owned(), "c".to_owned()],
            delete: vec!["e".to_owned()],
        };
        let withheld =
            Withheld { assets: BTreeSet::from(["a".to_owned()]), locators: BTreeSet::from(["l3".to_owned()]) };
        let leaving = Leaving { since: at, seen: at, content: Some("0a".to_owned()), blobs: 1, bytes: 2 };
        let deleting = Deleting { account: "east".to_owned(), container: "asset-g".to_owned() };
        PairState {
            active: Active::Target,
            nights: vec![Night { at, published: 40, stopped: 2 }],
            held: Some(held),
            adopted: BTreeSet::from(["l1".to_owned()]),
            theirs: BTreeSet::from(["l2".to_owned()]),
            withheld: BTreeMap::from([("news".to_owned(), withheld)]),
            leaving: BTreeMap::from([("f".to_owned(), leaving)]),
            deleting: BTreeMap::from([("g".to_owned(), deleting)]),
            plans: BTreeMap::from([("p1".to_owned(), at)]),
            ..PairState::new()
        }
    }

    #[test]
    fn a_state_is_read_unchanged() {
        for state in [full(), PairState::new()] {
            let content = state.content(Timestamp::UNIX_EPOCH);
            assert_eq!(PairState::parse(&content), Ok(state));
        }
        let content = full().content(Timestamp::UNIX_EPOCH);
        let text = std::str::from_utf8(&content).unwrap();
        assert!(text.starts_with(r#"{"version":1,"active":"target","nights":[{"at":"1970-01-01T00:00:00Z""#), "{text}");
    }

    #[test]
    fn nights_older_than_seven_days_are_dropped_when_the_state_is_written() {
        let now: Timestamp = "2026-11-28T03:00:00Z".parse().unwrap();
        let night = |hours: i64| Night { at: now - SignedDuration::from_hours(hours), published: 1, stopped: 0 };
        // One is in the future, by the clock of another machine.
        let state = PairState { nights: [169, 168, 24, -1].map(night).into(), ..PairState::new() };
        let kept = PairState::parse(&state.content(now)).unwrap().nights;
        assert_eq!(kept, [168, 24, -1].map(night));
    }

    #[test]
    fn plans_that_were_applied_long_ago_are_dropped_when_the_state_is_written() {
        let now: Timestamp = "2026-11-28T03:00:00Z".parse().unwrap();
        let plan = |days: i64| (format!("p{days}"), now - SignedDuration::from_hours(days * 24));
        let state = PairState { plans: [plan(91), plan(90), plan(0)].into(), ..PairState::new() };
        let kept = PairState::parse(&state.content(now)).unwrap().plans;
        assert_eq!(kept, [plan(90), plan(0)].into());
    }

    #[test]
    fn content_truncated_anywhere_is_an_error() {
        let content = full().content(Timestamp::UNIX_EPOCH);
        for length in 0..content.len() {
            assert!(matches!(PairState::parse(&content[..length]), Err(Unusable::Damaged(_))), "{length} bytes");
        }
        for damaged in ["{}", "null", "{\"version\":1}", "{\"version\":\"1\"}", "{\"version\":-1}"] {
            assert!(matches!(PairState::parse(damaged.as_bytes()), Err(Unusable::Damaged(_))), "{damaged}");
        }
        let text = std::str::from_utf8(&content).unwrap();
        let more = text.replacen("\"held\"", "\"more\":1,\"held\"", 1);
        assert!(matches!(PairState::parse(more.as_bytes()), Err(Unusable::Damaged(_))), "an unknown field");
    }

    #[test]
    fn another_version_is_reported_with_any_other_content() {
        for (content, version) in [("{\"version\":2,\"fleets\":[]}", 2), ("{\"version\":0}", 0)] {
            assert_eq!(PairState::parse(content.as_bytes()), Err(Unusable::UnknownVersion(version)));
        }
    }
}
