//! What would play from the target now, as `ready --output json` prints it. The report shows it, if it is given one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ledger::Drill;

/// What would play from the target now. Fields that this page does not show are left out.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Readiness {
    /// Assets by whether they play.
    pub assets: ReadyAssets,
    /// Everything that the source had so many seconds ago is on the target; `null`: not known.
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
    /// Those of which it is not known.
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
