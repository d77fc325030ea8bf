//! The types of the history of runs.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::{AccountName, AssetId};
use crate::verdict::{Cause, Change, Finding, Outcome};

/// The field of a finding's event that says whether it is owed.
const OWED: &str = "owed";
/// The field of a finding's detail: the asset does not play in the source either.
const UNPUBLISHED: &str = "unpublished";

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its number: later runs have higher ones.
    pub number: i64,
    /// Its id, as in its summary.
    pub id: String,
    /// The account that was the source.
    pub source: AccountName,
    /// When it began.
    pub began: Timestamp,
    /// How it ended; `None`: it was killed, or is still running.
    pub ended: Option<RunEnd>,
    /// The number of its events in the ledger. Those of old runs are deleted.
    pub events: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// Its summary as JSON, without the lists of assets; `None` if it failed. Secrets are masked when it is written.
    pub summary: Option<Value>,
    /// Why it failed; `None` if it did not. Secrets are masked when it is written.
    pub error: Option<String>,
}

/// Something that a run changed or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The source asset; `None` if it does not concern a single asset.
    pub asset: Option<AssetId>,
    /// Its name then; `None` if it does not concern a single asset.
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The code of a cause, or the kind of a change.
    pub code: String,
    /// Its details by name; secrets are masked when it is written.
    pub detail: Map<String, Value>,
}

impl Event {
    /// An asset was changed on the target.
    pub fn changed(asset: &AssetId, name: &str, change: &Change) -> Self {
        Self::of(Some((asset, name)), change, "change")
    }

    /// A finding about an asset of that name, or about the run. `owed`: is it owed, and is its cause not accepted?
    pub fn found(asset: Option<(&AssetId, &str)>, finding: &Finding, owed: bool) -> Self {
        let mut event = Self::of(asset, finding, "code");
        event.detail.insert(OWED.to_owned(), owed.into());
        if finding.unpublished {
            event.detail.insert(UNPUBLISHED.to_owned(), true.into());
        }
        event
    }

    /// The change, if it is one of an asset.
    pub fn change(&self) -> Option<Change> {
        let mut change = self.detail.clone();
        change.insert("change".to_owned(), self.code.clone().into());
        serde_json::from_value(change.into()).ok()
    }

    /// The finding, if it is one, and whether it is owed.
    pub fn finding(&self) -> Option<(Finding, bool)> {
        let cause = Cause::of_code(&self.code)?;
        let detail = self.detail.get("detail").and_then(Value::as_str).unwrap_or_default();
        let owed = self.detail.get(OWED).and_then(Value::as_bool);
        let finding = Finding::new(cause, detail).of_unpublished(self.detail.contains_key(UNPUBLISHED));
        Some((finding, owed.unwrap_or_else(|| cause.owed())))
    }

    /// An event whose code is the value of the field that `code` names; the other fields are its detail.
    fn of(asset: Option<(&AssetId, &str)>, what: &impl serde::Serialize, code: &str) -> Self {
        let Ok(Value::Object(mut detail)) = serde_json::to_value(what) else {
            unreachable!("changes and findings are objects with text as keys")
        };
        let code = detail.remove(code).and_then(|code| code.as_str().map(str::to_owned)).expect("each has a code");
        detail.retain(|_, value| value != "");
        let (asset, name) = asset.map(|(asset, name)| (asset.clone(), name.to_owned())).unzip();
        Self { asset, name, at: crate::clock::now(), code, detail }
    }
}

/// The begin of a run, to be written.
#[derive(Debug)]
pub(super) struct RunBegin {
    pub(super) id: String,
    pub(super) at: Timestamp,
}
