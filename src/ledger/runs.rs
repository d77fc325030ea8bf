//! What the history of runs consists of.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::{AccountName, AssetId};
use crate::verdict::{Change, Finding};

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id, as in its summary.
    pub id: String,
    /// The account that was the source.
    pub source: AccountName,
    /// When it began.
    pub began: Timestamp,
    /// How it ended; `None`: it was killed, or is still running.
    pub ended: Option<RunEnd>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// The code of its outcome, such as `complete`.
    pub outcome: String,
    /// What it counted; `None`: it failed.
    pub counts: Option<RunCounts>,
}

/// What a run counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCounts {
    /// Assets by how they ended, an object of numbers.
    pub assets: Value,
    /// Requests sent.
    pub requests: u64,
    /// Bytes copied.
    pub bytes: u64,
}

/// Something that a run changed or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The source asset; `None`: it concerns no single asset.
    pub asset: Option<AssetId>,
    /// When.
    pub at: Timestamp,
    /// The code of a cause, or the kind of a change.
    pub code: String,
    /// What belongs to it, by name; secrets are masked when it is written.
    pub detail: Map<String, Value>,
}

impl Event {
    /// An asset was changed on the target.
    pub fn changed(asset: &AssetId, change: &Change) -> Self {
        Self::of(Some(asset), change, "change")
    }

    /// Something is wrong with an asset, or with the run.
    pub fn found(asset: Option<&AssetId>, finding: &Finding) -> Self {
        Self::of(asset, finding, "code")
    }

    /// An event whose code is the value of that name; the other values are its detail.
    fn of(asset: Option<&AssetId>, what: &impl serde::Serialize, code: &str) -> Self {
        let Ok(Value::Object(mut detail)) = serde_json::to_value(what) else {
            unreachable!("changes and findings are objects with text as keys")
        };
        let code = detail.remove(code).and_then(|code| code.as_str().map(str::to_owned)).expect("each has a code");
        detail.retain(|_, value| value != "");
        Self { asset: asset.cloned(), at: crate::clock::now(), code, detail }
    }
}

/// The begin of a run, to be written.
#[derive(Debug)]
pub(super) struct RunBegin {
    pub(super) id: String,
    pub(super) at: Timestamp,
}
