//! The report of a run: one versioned JSON document made from the ledger, and the page that is rendered only from that
//! document.
//!
//! The document has everything that the page shows, including texts, so that a later release renders an older document
//! in the same way. It sends no requests.

mod chart;
mod collect;
mod cost;
mod document;
mod figures;
mod page;
mod ready;
#[cfg(test)]
mod tests;
mod units;

use std::io;
use std::path::Path;

pub use collect::collect;
pub use document::{
    AssetReport, ChangeCount, ChangeReport, Cost, FORMAT, FindingReport, MESSAGE_TYPE, ProblemCount, Report,
    RunFigures, RunReport,
};
pub use page::page;
pub use ready::{NotReady, Readiness, ReadyAssets};
pub use units::{counted, thousands};

use crate::files;

/// The largest document that is read: one with about 100,000 assets.
const LARGEST: u64 = 256 << 20;

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It is not a report.
    #[error("it is not a report: {0}")]
    NotAReport(String),
    /// A later release wrote it.
    #[error("its format is {0}, and this release knows formats up to {FORMAT}")]
    Newer(u64),
}

/// Reads the document of a report from a file.
///
/// # Errors
/// The file cannot be read, or is something else.
pub fn read(path: &Path) -> Result<Report, ReadError> {
    parse(&files::read(path, LARGEST)?)
}

/// Reads a document.
fn parse(text: &str) -> Result<Report, ReadError> {
    let no_report = |error: serde_json::Error| ReadError::NotAReport(error.to_string());
    let value: serde_json::Value = serde_json::from_str(text).map_err(no_report)?;
    let named = |key: &str| value.get(key);
    if named("message_type").and_then(|named| named.as_str()) != Some(MESSAGE_TYPE) {
        return Err(ReadError::NotAReport(format!("its message_type is not {MESSAGE_TYPE:?}")));
    }
    match named("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format > u64::from(FORMAT) => Err(ReadError::Newer(format)),
        _ => serde_json::from_value(value).map_err(no_report),
    }
}

/// Reads what `ready --output json` printed.
///
/// # Errors
/// The file cannot be read, or is something else.
pub fn read_readiness(path: &Path) -> Result<Readiness, ReadError> {
    let text = files::read(path, LARGEST)?;
    serde_json::from_str(&text).map_err(|error| ReadError::NotAReport(error.to_string()))
}
