//! The document: everything about a run, as data. Its fields are documented on the page `report` of the manual.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ready::Readiness;
use crate::model::{AccountName, AssetId};
use crate::verdict::Outcome;

/// The type of the document.
pub const MESSAGE_TYPE: &str = "report";

/// The version of its format. Fields are only ever added within one.
pub const FORMAT: u32 = 1;

/// The report of a run.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Report {
    /// `report`.
    pub message_type: String,
    /// The version of the format.
    pub format: u32,
    /// The release that made it.
    pub version: String,
    /// When it was made.
    pub made: Timestamp,
    /// The run.
    pub run: RunReport,
    /// Its summary, as `sync --output json` prints it, without `problems`; `null`: the run failed or did not end.
    pub summary: Option<Value>,
    /// Findings that do not concern a single asset.
    pub findings: Vec<FindingReport>,
    /// The number of assets by cause: owed causes first.
    pub problems: Vec<ProblemCount>,
    /// The number of assets by kind of change.
    pub changes: Vec<ChangeCount>,
    /// Assets that were changed, or that have a cause: those with a cause first, then those from which something was
    /// removed.
    pub assets: Vec<AssetReport>,
    /// The number of assets that are left out.
    pub assets_left_out: u64,
    /// The ledger has deleted what the run changed and found: it keeps this only for the last runs.
    pub events_deleted: bool,
    /// The last runs in this direction, the oldest first; this run is the last one.
    pub runs: Vec<RunFigures>,
    /// What its requests cost; `null`: no prices are configured.
    #[serde(default)]
    pub cost: Option<Cost>,
    /// What would play from the target now; `null` without --ready.
    #[serde(default)]
    pub ready: Option<Readiness>,
}

/// Which run it was and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct RunReport {
    /// Its id.
    pub id: String,
    /// The account it mirrored.
    pub source: AccountName,
    /// The account it mirrored to.
    pub target: AccountName,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `null`: it was killed, or is still in progress.
    pub ended: Option<Timestamp>,
    /// How it ended; `null`: it was killed, or is still in progress.
    pub outcome: Option<Outcome>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A cause, and how many assets have it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ProblemCount {
    /// Its code.
    pub code: String,
    /// The kind of verdict, such as `failed`.
    pub result: String,
    /// What is wrong.
    pub sentence: String,
    /// What to do.
    pub remedy: String,
    /// Assets that have it.
    pub assets: u64,
    /// Those for which it is owed and not accepted.
    pub owed: u64,
}

/// A kind of change, and how many assets have it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ChangeCount {
    /// The kind, such as `new`.
    pub change: String,
    /// The number of assets or locators.
    pub count: u64,
}

/// An asset that was changed, or that has a cause.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct AssetReport {
    /// Its id in the source.
    pub asset: AssetId,
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub findings: Vec<FindingReport>,
    /// What was changed.
    pub changes: Vec<ChangeReport>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct FindingReport {
    /// When it was found.
    pub at: Timestamp,
    /// The code of its cause.
    pub code: String,
    /// What is wrong.
    pub sentence: String,
    /// The part that it concerns, and the service's message; may be empty.
    pub detail: String,
    /// What to do.
    pub remedy: String,
    /// Is it owed, and not accepted?
    pub owed: bool,
}

/// Something that was changed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ChangeReport {
    /// When.
    pub at: Timestamp,
    /// The kind, such as `new`.
    pub change: String,
    /// The change in words.
    pub text: String,
    /// The details by name.
    #[serde(flatten)]
    pub detail: Map<String, Value>,
}

/// The figures of a run, to compare it with others.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct RunFigures {
    /// Its id.
    pub id: String,
    /// When it began.
    pub began: Timestamp,
    /// How it ended; `null`: it was killed, or is still in progress.
    pub outcome: Option<Outcome>,
    /// How long it took.
    pub elapsed_seconds: Option<f64>,
    /// Requests that it sent.
    pub requests: Option<u64>,
    /// Bytes that it copied.
    pub bytes_copied: Option<u64>,
    /// Assets in scope.
    pub assets: Option<u64>,
    /// Assets that it did not mirror: skipped, failed, in conflict, held, or not checked.
    pub not_mirrored: Option<u64>,
}

/// What the requests of a run cost, by the configured prices.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Cost {
    /// The currency of the prices, as the configuration names it.
    pub currency: String,
    /// Reads that are charged, including those of copies in the source.
    pub reads: u64,
    /// Writes that are charged.
    pub writes: u64,
    /// Gigabytes (10^9 bytes) that left the region of the source.
    pub gigabytes: f64,
    /// The price of 10,000 reads.
    pub price_of_reads: f64,
    /// The price of 10,000 writes.
    pub price_of_writes: f64,
    /// The price of a gigabyte.
    pub price_of_gigabytes: f64,
    /// The total price.
    pub amount: f64,
}
