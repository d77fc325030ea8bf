//! The result of `ready --output json`, if the report shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ledger::Drill;

/// What would play from the target now. It only has the fields that the page shows.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Readiness {
    /// Assets by whether they play.
    pub assets: ReadyAssets,
    /// The target has everything that the source had this number of seconds ago; `null`: unknown.
    #[serde(default)]
    pub recovery_point_seconds: Option<u64>,
    /// The last drill; `null`: none is recorded.
    #[serde(default)]
    pub last_drill: Option<Drill>,
    /// Assets that do not play.
    #[serde(default)]
    pub not_ready: Vec<NotReady>,
}

/// Assets by whether they play.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ReadyAssets {
    /// All.
    pub total: u64,
    /// Those that play.
    pub ready: u64,
    /// Those that do not.
    pub not_ready: u64,
    /// Assets whose state is unknown.
    pub unknown: u64,
}

/// An asset that does not play.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct NotReady {
    /// Its id.
    pub asset: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The code of the cause.
    pub cause: String,
}
