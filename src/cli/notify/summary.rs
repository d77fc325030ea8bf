//! The result of a command as one JSON object: the last line of the events.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::super::failure::Fields;

/// How a command ended.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Summary<'a> {
    /// Its name.
    pub(super) command: &'a str,
    /// The word for how it ended.
    pub(super) outcome: &'a str,
    /// The run's id, if there was a run.
    pub(super) run: Option<&'a str>,
    /// The exit code.
    pub(super) exit_code: u8,
    /// The error that it ended with.
    pub(super) exit_error: Option<Fields<'a>>,
    /// What `--output json` prints, if it ended with a result.
    pub(super) result: Option<Value>,
    /// The number of events that were omitted because the reader was too slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events_left_out: Option<u64>,
}
